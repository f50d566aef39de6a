"""PazPaz: its notes, its word on a login and its keys, and the feed of what changed there."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from service.domain.identity import ClientId, Introspection, UserId, WorkspaceId, WorkspaceStatus
from service.domain.notes import ManifestItem, Pulled

MAX_IDS = 50
"""The most sessions, and the most clients, of one call for their text."""


class NoteSource(Protocol):
    """PazPaz: the only place that has note text."""

    async def fetch(
        self,
        *,
        workspace: WorkspaceId,
        sessions: Sequence[UUID] = (),
        clients: Sequence[UUID] = (),
        actor: UserId | None = None,
    ) -> Pulled:
        """The current rows, any number of ids, `MAX_IDS` a call. With an actor it is for an answer, else to index.

        Raises SourceUnavailable; NotAllowed when PazPaz says the actor may not read there.
        """
        ...

    def manifest(
        self,
        *,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        after: UUID | None = None,
    ) -> AsyncIterator[ManifestItem]:
        """What exists, page by page, in the order of ids; behind `after`, if given."""
        ...

    async def workspaces(self) -> Mapping[WorkspaceId, WorkspaceStatus]:
        """Every workspace PazPaz lists. Raises SourceUnavailable."""
        ...

    async def workspace_status(self, *, workspace: WorkspaceId) -> WorkspaceStatus | None:
        """None for a workspace that PazPaz does not list."""
        ...


class PrincipalSource(Protocol):
    """PazPaz's live word on a login."""

    async def introspect(self, *, session: str, user: UserId) -> Introspection | None:
        """None when PazPaz does not know the user."""
        ...


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that checks tokens, with the one algorithm it is for (a cryptography key object)."""

    id: str
    algorithm: str
    key: Any = field(repr=False)


class VerificationKeys(Protocol):
    """PazPaz's published token keys."""

    async def find(self, kid: str) -> VerificationKey | None:
        """The key of that id, None when the present set has none.

        Raises SourceUnavailable when no set can be had.
        """
        ...


EventEntity = Literal["sessions", "clients", "workspaces", "users"]
EventKind = Literal["upserted", "purged", "status"]


@dataclass(frozen=True, slots=True)
class Event:
    """'Look again': PazPaz's hint that something changed."""

    id: UUID
    workspace: WorkspaceId
    entity: EventEntity
    entity_id: UUID
    kind: EventKind
    occurred_at: datetime | None = None
    """By PazPaz's clock; an order to lift a tombstone must be younger than the stone."""


@dataclass(frozen=True, slots=True)
class ChangesCursor:
    """How far PazPaz's outbox was read: its order is (txid, id), and below it nothing will appear any more."""

    txid: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of PazPaz's outbox, and where the next one begins."""

    events: Sequence[Event]
    next: ChangesCursor | None


class ChangesFeed(Protocol):
    """PazPaz's outbox as a feed: what the webhook may have lost."""

    async def changes(self, *, after: ChangesCursor | None, limit: int) -> Changes:
        """The events behind `after`, oldest first. Raises SourceUnavailable."""
        ...
