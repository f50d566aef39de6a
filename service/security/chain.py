"""The audit trail's arithmetic: what a row's hash covers, how a chain is checked, how a checkpoint is signed. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeGuard

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.domain.audit import AuditEntry, AuditRow
from service.domain.identity import WorkspaceId

GENESIS = bytes(32)
"""What stands before a chain's first row."""
ROW_PREFIX = b"pazpaz-ai.audit-row.v1\n"
CHECKPOINT_PREFIX = b"pazpaz-ai.audit-checkpoint.v1\n"

Fault = Literal["altered", "missing", "unlinked", "truncated", "checkpoint", "foreign"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed word on a chain's length and last hash at some moment."""

    workspace: WorkspaceId
    seq: int
    hash: bytes
    at: datetime
    keyid: str
    signature: bytes = b""

    def signed_bytes(self) -> bytes:
        told: dict[str, Any] = {
            "workspace": str(self.workspace),
            "seq": self.seq,
            "hash": self.hash.hex(),
            "at": _instant(self.at),
            "keyid": self.keyid,
        }
        return CHECKPOINT_PREFIX + rfc8785.dumps(told)

    def signed_by(self, key: Ed25519PrivateKey) -> "Checkpoint":
        signature = key.sign(self.signed_bytes())
        return Checkpoint(self.workspace, self.seq, self.hash, self.at, self.keyid, signature)

    def holds(self, keys: Mapping[str, Ed25519PublicKey]) -> bool:
        """Whether a key we know signed exactly this."""
        try:
            keys[self.keyid].verify(self.signature, self.signed_bytes())
        except (KeyError, InvalidSignature):
            return False
        return True


@dataclass(frozen=True, slots=True)
class BadLink:
    """The first place at which a chain is not what it was."""

    workspace: WorkspaceId
    seq: int
    fault: Fault

    def __str__(self) -> str:
        return f"workspace {self.workspace}: row {self.seq}: {self.fault}"


def row_hash(
    entry: AuditEntry, *, workspace: WorkspaceId, seq: int, at: datetime, previous: bytes
) -> bytes:
    """SHA-256 over the row's canonical JSON (RFC 8785), the hash before it included."""
    told: dict[str, Any] = {
        "workspace": str(workspace),
        "seq": seq,
        "at": _instant(at),
        "action": entry.action,
        "user": str(entry.user) if entry.user else None,
        "chat": str(entry.chat) if entry.chat else None,
        "details": dict(entry.details),
        "previous": previous.hex(),
    }
    return hashlib.sha256(ROW_PREFIX + rfc8785.dumps(told)).digest()


def linked(
    entry: AuditEntry, *, workspace: WorkspaceId, seq: int, at: datetime, previous: bytes
) -> AuditRow:
    """The row as it is stored."""
    made = row_hash(entry, workspace=workspace, seq=seq, at=at, previous=previous)
    return AuditRow(workspace, seq, at, entry, previous, made)


@dataclass(slots=True)
class ChainCheck:
    """Walks one workspace's rows in order and stops at the first bad link.

    `length` is the head's count of rows. A chain that does not begin at row 1 was pruned: it must begin right after
    a checkpoint whose signed time is before `prunable_before`, so that nobody can pass off young rows as old ones.
    """

    workspace: WorkspaceId
    length: int
    checkpoints: Sequence[Checkpoint]
    keys: Mapping[str, Ed25519PublicKey]
    prunable_before: datetime

    before: AuditRow | None = None
    """The row followed last."""
    _known: Mapping[int, Checkpoint] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._known = {point.seq: point for point in self.checkpoints}

    def first_bad_link(self, rows: Iterable[AuditRow]) -> BadLink | None:
        """Of a whole chain."""
        faults = (fault for row in rows if (fault := self.follow(row)))
        return next(faults, None) or self.end()

    def follow(self, row: AuditRow) -> BadLink | None:
        """What is wrong with the next row, if anything; stop at the first."""
        fault = next(self._at_row(row, self.before), None)
        self.before = row
        return fault

    def end(self) -> BadLink | None:
        """A tail that went is seen by the head's count, or by a checkpoint that knew more."""
        last, known = self.before, self._known
        end = last.seq if last else self.length if self._is_pruning(known.get(self.length)) else 0
        if end < max([self.length, *known]):
            return self._bad(end + 1, "truncated")
        return self._bad(self.length + 1, "unlinked") if end > self.length else None

    def _at_row(self, row: AuditRow, before: AuditRow | None) -> Iterator[BadLink]:
        if row.workspace != self.workspace:
            yield self._bad(row.seq, "foreign")
        yield from self._at_link(row, before, self._known.get(row.seq - 1))
        if row.hash != _recomputed(row):
            yield self._bad(row.seq, "altered")
        point = self._known.get(row.seq)
        if point and not (point.hash == row.hash and point.holds(self.keys)):
            yield self._bad(row.seq, "checkpoint")

    def _at_link(
        self, row: AuditRow, before: AuditRow | None, point: Checkpoint | None
    ) -> Iterator[BadLink]:
        """Whether a row follows the one before it; the first row, its checkpoint or nothing."""
        if before is not None:
            expected, hash = before.seq + 1, before.hash
        elif self._is_pruning(point):
            expected, hash = row.seq, point.hash
        else:
            expected, hash = 1, GENESIS
        if row.seq != expected:
            yield self._bad(expected, "missing")
        if row.previous != hash:
            yield self._bad(row.seq, "unlinked")

    def _is_pruning(self, point: Checkpoint | None) -> TypeGuard[Checkpoint]:
        return point is not None and point.at < self.prunable_before and point.holds(self.keys)

    def _bad(self, seq: int, fault: Fault) -> BadLink:
        return BadLink(self.workspace, seq, fault)


def _recomputed(row: AuditRow) -> bytes:
    try:
        return row_hash(
            row.entry, workspace=row.workspace, seq=row.seq, at=row.at, previous=row.previous
        )
    except rfc8785.CanonicalizationError:  # details that no row of ours can hold
        return b""


def _instant(moment: datetime) -> str:
    """Always with microseconds, which is what Postgres keeps."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
