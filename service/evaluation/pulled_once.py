"""A source of notes that is asked for each row once: for measurements, which ask for the same ones again and again."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from service.domain.identity import ClientId, UserId, WorkspaceId, WorkspaceStatus
from service.domain.notes import Client, ManifestItem, Note, Pulled, UnreadableReason
from service.ports.monolith import NoteSource

T = TypeVar("T")


@dataclass(frozen=True)
class PulledOnce:
    """Keeps NoteSource, of one workspace and one actor, and what it pulled for as long as it lives."""

    source: NoteSource
    _sessions: dict[UUID, Note | None] = field(default_factory=dict)
    _clients: dict[UUID, Client | None] = field(default_factory=dict)
    _unreadable: dict[UUID, UnreadableReason] = field(default_factory=dict)

    async def fetch(
        self,
        *,
        workspace: WorkspaceId,
        sessions: Sequence[UUID] = (),
        clients: Sequence[UUID] = (),
        actor: UserId | None = None,
    ) -> Pulled:
        await self._pull(
            [one for one in sessions if one not in self._sessions],
            [one for one in clients if one not in self._clients],
            workspace=workspace,
            actor=actor,
        )
        return Pulled(
            sessions=_there(self._sessions, sessions),
            clients=_there(self._clients, clients),
            unreadable=_there(self._unreadable, [*sessions, *clients]),
        )

    async def _pull(
        self,
        sessions: Sequence[UUID],
        clients: Sequence[UUID],
        *,
        workspace: WorkspaceId,
        actor: UserId | None,
    ) -> None:
        if not sessions and not clients:
            return
        pulled = await self.source.fetch(
            workspace=workspace, sessions=sessions, clients=clients, actor=actor
        )
        self._sessions.update({one: pulled.sessions.get(one) for one in sessions})
        self._clients.update({one: pulled.clients.get(one) for one in clients})
        self._unreadable.update(pulled.unreadable)

    def manifest(
        self,
        *,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        after: UUID | None = None,
    ) -> AsyncIterator[ManifestItem]:
        return self.source.manifest(workspace=workspace, client=client, after=after)

    async def workspaces(self) -> Mapping[WorkspaceId, WorkspaceStatus]:
        return await self.source.workspaces()

    async def workspace_status(self, *, workspace: WorkspaceId) -> WorkspaceStatus | None:
        return await self.source.workspace_status(workspace=workspace)


def _there(rows: Mapping[UUID, T | None], ids: Iterable[UUID]) -> dict[UUID, T]:
    """Of those asked for, what there is."""
    return {one: row for one in ids if (row := rows.get(one)) is not None}
