"""Forgetting for good: what, at whose word, and the proof that is kept of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from service.domain.identity import WorkspaceId

Erasable = Literal["sessions", "clients", "workspaces"]
AskedBy = Literal["event", "operator", "receipt"]
"""PazPaz's `purged`, a person at the command line or the operators' API, or a receipt after a restore."""

SHUT = "shut"
"""The tombstone of a workspace that we found suspended: lifted when PazPaz lists it as active again."""

REMAINS = (
    "ids only: in the audit trail, in the tombstone that refuses late events, and in receipts",
    "deleted rows: in database pages and in the write-ahead log until these are recycled",
    "backups of the database until they expire: vectors readable, sealed columns under the workspace's key",
    "questions in conversations about the whole practice whose answers used none of these notes, until those expire",
)
REMAINS_OF_WORKSPACE = (
    *REMAINS[:2],
    "backups of the database until they expire: vectors readable; sealed columns only with the key in that backup"
    " and the key-encryption key",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A session's note, a client with everything of theirs, or a workspace (then `id` is the workspace's)."""

    workspace: WorkspaceId
    entity: Erasable
    id: UUID


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure removed, and what a search of every table for its ids found afterwards."""

    id: UUID
    subject: Subject
    at: datetime
    asked_by: AskedBy
    removed: Mapping[str, int]
    """Rows by table, before."""
    found: Mapping[str, int]
    """Rows by table that still named it, in the same transaction; all are zero, or nothing was erased."""

    def told(self) -> dict[str, Any]:
        """As JSON: what is signed, and what an auditor reads."""
        whole = self.subject.entity == "workspaces"
        return {
            "id": str(self.id),
            "workspace": str(self.subject.workspace),
            "entity": self.subject.entity,
            "entity_id": str(self.subject.id),
            "at": self.at.isoformat(),
            "asked_by": self.asked_by,
            "removed": dict(self.removed),
            "found": dict(self.found),
            "remains": list(REMAINS_OF_WORKSPACE if whole else REMAINS),
        }


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt as it is kept, in the database and as a file: what is told, by whose key, and the signature."""

    told: Mapping[str, Any]
    keyid: str
    signature: bytes

    @property
    def id(self) -> UUID:
        return UUID(self.told["id"])

    @property
    def subject(self) -> Subject:
        told = self.told
        return Subject(
            WorkspaceId(UUID(told["workspace"])), told["entity"], UUID(told["entity_id"])
        )
