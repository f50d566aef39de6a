"""The trail of who used the assistant on what, and the copy of it that PazPaz keeps."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from service.domain.audit import AuditRow
from service.domain.identity import UserId, WorkspaceId


class AuditSink(Protocol):
    """PazPaz's own audit log, which keeps a copy of every row: what is rewritten here still stands there."""

    async def record(self, row: AuditRow) -> bool:
        """Hands a row on; the same row again is one row there. False when it is refused for good.

        Raises SourceUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class AuditHead:
    """How long a workspace's chain is, and how much of it PazPaz has and a checkpoint covers."""

    workspace: WorkspaceId
    seq: int
    forwarded: int
    checkpointed: int


@dataclass(frozen=True, slots=True)
class AuditDepth:
    """What operators watch: rows PazPaz lacks, questions without a closing row, and the oldest one's age in seconds."""

    waiting: int
    open: int
    oldest: float


@dataclass(frozen=True, slots=True)
class OpenChat:
    """A question without a closing row."""

    workspace: WorkspaceId
    chat: UUID
    user: UserId
