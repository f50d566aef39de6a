"""Work to be done: what should be looked at again, and who has it in hand."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from service.domain.erasure import AskedBy, Subject
from service.domain.identity import WorkspaceId
from service.domain.notes import ManifestItem
from service.ports.monolith import ChangesCursor, Event

WorkKind = Literal["sessions", "clients", "workspaces", "reconcile"]
"""What is looked at again; `reconcile` compares a whole workspace (its key) with PazPaz's list."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed piece of work: `token` must still be the row's when the effect is written."""

    kind: WorkKind
    key: UUID
    workspace: WorkspaceId
    token: int
    wanted: int
    attempts: int
    background: bool = False
    """Nobody's change asked for it, so what it leads to is background work too."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What operators watch: pieces that a change asked for, pieces in the background, pieces given up on, and the age
    in seconds of the oldest unmet want of a change."""

    waiting: int
    background: int
    parked: int
    lag: float


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What is still to be looked at in a workspace, and what was given up on, as (kind, key)."""

    waiting: frozenset[tuple[str, UUID]]
    parked: frozenset[tuple[str, UUID]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A piece of work that was given up on; `code` is of the closed list in `errors`, never a message."""

    workspace: WorkspaceId
    kind: WorkKind
    key: UUID
    code: str | None
    parked_at: datetime
    wanted_at: datetime


class WorkQueue(Protocol):
    """Durable desired state: what should be looked at again, and by whom it is being done."""

    async def accept(self, events: Sequence[Event], *, feed: ChangesCursor | None = None) -> int:
        """Stores unseen event ids, raises `wanted`, keeps the feed's cursor, in one transaction; how many are new."""
        ...

    async def cursor(self) -> ChangesCursor | None:
        """How far the feed was read; None when it never was."""
        ...

    async def want(
        self,
        items: Sequence[ManifestItem],
        *,
        workspace: WorkspaceId,
        background: bool = False,
    ) -> None:
        """Asks for these notes to be looked at again; in the background, after all that a change asked for."""
        ...

    async def want_whole(
        self, workspaces: Sequence[WorkspaceId], *, kind: Literal["workspaces", "reconcile"]
    ) -> None:
        """Asks for workspaces to be looked at, or, in the background, to be compared with PazPaz's list."""
        ...

    async def want_erased(self, subject: Subject, *, asked_by: AskedBy) -> None:
        """Sets a tombstone, which holds from now on, and asks a worker to erase what is there."""
        ...

    async def claim(self, *, limit: int) -> Sequence[Lease]:
        """Leases of one workspace, the next in turn; a piece that failed before comes alone."""
        ...

    async def renew(self, leases: Sequence[Lease]) -> None:
        """Holds on to leases that are still ours."""
        ...

    async def done(self, lease: Lease) -> bool:
        """Marks work done that wrote nothing."""
        ...

    async def failed(self, lease: Lease, *, code: str, retry_after: float | None) -> None:
        """Gives a lease back after an error: later, or parked after too many attempts."""
        ...

    async def purged(self, lease: Lease) -> bool:
        """Whether PazPaz said that this entity is gone for good."""
        ...

    async def buried(
        self, *, workspace: WorkspaceId, ids: Collection[UUID] | None = None
    ) -> frozenset[tuple[str, UUID]]:
        """The tombstones of a workspace, its own included, as (entity, id); of some ids only, if given."""
        ...

    async def release(self, leases: Sequence[Lease]) -> None:
        """Gives leases back untouched, as at shutdown."""
        ...

    async def depth(self) -> Depth: ...

    async def open_work(self, *, workspace: WorkspaceId) -> OpenWork: ...

    async def dead_letters(
        self,
        *,
        workspace: WorkspaceId | None = None,
        key: UUID | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[DeadLetter]:
        """Oldest first."""
        ...

    async def retry_dead_letters(
        self, *, workspace: WorkspaceId | None, key: UUID | None = None
    ) -> int:
        """Lets dead letters be tried anew, of all workspaces or one, all or one; how many."""
        ...

    async def drop_dead_letters(
        self, *, workspace: WorkspaceId | None, key: UUID | None = None
    ) -> int:
        """Stops wanting them, until something changes or reconciliation finds them again; how many."""
        ...

    async def forget_old_events(self, *, days: float) -> int:
        """Drops event ids that no repetition needs any more; how many."""
        ...
