"""The audit trail's arithmetic: what a row's hash covers, how a chain is checked, how a checkpoint is signed. Pure."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

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
    """Walks one workspace's rows in order and names the first bad link.

    A chain that does not begin at row 1 was pruned: it must begin right after a checkpoint whose signed time is
    before `prunable_before`, so that nobody can pass off young rows as old ones.
    """

    workspace: WorkspaceId
    length: int
    """The head's count of rows."""
    checkpoints: Sequence[Checkpoint]
    keys: Mapping[str, Ed25519PublicKey]
    prunable_before: datetime
    forwarded: int = 0
    checkpointed: int = 0
    """How far, by the head, PazPaz has the rows and signatures reach: a tail that went is still known there."""
    seq: int = 0
    hash: bytes = GENESIS
    """The place up to which the chain is known to be good; a walk may begin at any such place."""
    _points: dict[int, Checkpoint] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._points = {point.seq: point for point in self.checkpoints}

    def step(self, row: AuditRow) -> BadLink | None:
        """Takes the next row; what is wrong with it, if anything."""
        if self.seq == 0:
            self._begin_after_pruning(row.seq - 1)
        bad = next(self._faults(row), None)
        self.seq, self.hash = row.seq, row.hash
        return bad

    def end(self) -> BadLink | None:
        """After the last row: what is missing behind it, if anything."""
        return next(self._faults_at_end(), None)

    def _begin_after_pruning(self, latest: int) -> None:
        """Where pruning may have cut: the last old checkpoint up to that row; none is before the first."""
        old = [point for point in self.checkpoints if point.seq <= latest and self._is_old(point)]
        if old:
            point = max(old, key=lambda point: point.seq)
            self.seq, self.hash = point.seq, point.hash

    def _is_old(self, point: Checkpoint) -> bool:
        return point.at < self.prunable_before and point.holds(self.keys)

    def _faults(self, row: AuditRow) -> Iterator[BadLink]:
        if row.workspace != self.workspace:
            yield self._bad(row.seq, "foreign")
        if row.seq > self.seq + 1:
            yield self._bad(self.seq + 1, "missing")
        if row.seq <= self.seq or row.previous != self.hash:
            yield self._bad(row.seq, "unlinked")
        if row.hash != _recomputed(row):
            yield self._bad(row.seq, "altered")
        point = self._points.get(row.seq)
        if point and not (point.hash == row.hash and point.holds(self.keys)):
            yield self._bad(row.seq, "checkpoint")

    def _faults_at_end(self) -> Iterator[BadLink]:
        """A tail that went is known to the head, to PazPaz's count or to a checkpoint that holds."""
        if self.seq == 0:
            self._begin_after_pruning(self.length)
        if self.seq > self.length:
            yield self._bad(self.length + 1, "unlinked")
        later = [point for point in self.checkpoints if point.seq > self.seq]
        known = [point.seq for point in later if point.holds(self.keys)]
        if self.seq < max([self.length, self.forwarded, *known]):
            yield self._bad(self.seq + 1, "truncated")
        if len(known) < len(later):
            yield self._bad(min({point.seq for point in later} - {*known}), "checkpoint")
        if self.checkpointed > max(self._points, default=0):
            yield self._bad(self.checkpointed, "checkpoint")

    def _bad(self, seq: int, fault: Fault) -> BadLink:
        return BadLink(self.workspace, seq, fault)


def _recomputed(row: AuditRow) -> bytes:
    if not isinstance(row.entry.details, Mapping):  # a list of pairs would make the same object
        return b""
    try:
        return row_hash(
            row.entry, workspace=row.workspace, seq=row.seq, at=row.at, previous=row.previous
        )
    except rfc8785.CanonicalizationError:  # details that no row of ours can hold
        return b""


def _instant(moment: datetime) -> str:
    """Always with microseconds, which is what Postgres keeps."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
