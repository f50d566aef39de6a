"""PazPaz replaced by a dictionary, so that a bench measures search and nothing else."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from uuid import UUID

from service.domain.identity import ClientId, UserId, WorkspaceId, WorkspaceStatus
from service.domain.notes import Client, ManifestItem, Note, NoteRef, Pulled


class NotesAtHand:
    """Keeps NoteSource: the notes it was given, of active clients with consent and without a profile."""

    def __init__(self, notes: Iterable[Note]) -> None:
        self._notes = {note.ref.id: note for note in notes}
        self._clients = {note.client: _client(note) for note in self._notes.values()}

    async def fetch(
        self,
        *,
        workspace: WorkspaceId,
        sessions: Sequence[UUID] = (),
        clients: Sequence[UUID] = (),
        actor: UserId | None = None,
    ) -> Pulled:
        return Pulled(
            sessions={one: self._notes[one] for one in sessions if one in self._notes},
            clients={one: self._clients[ClientId(one)] for one in clients if one in self._clients},
            unreadable={},
        )

    async def manifest(
        self,
        *,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        after: UUID | None = None,
    ) -> AsyncIterator[ManifestItem]:
        for note in self._notes.values():
            yield ManifestItem("sessions", note.ref.id, note.client, note.state, note.updated_at)

    async def workspaces(self) -> Mapping[WorkspaceId, WorkspaceStatus]:
        return {note.ref.workspace: "active" for note in self._notes.values()}

    async def workspace_status(self, *, workspace: WorkspaceId) -> WorkspaceStatus | None:
        return (await self.workspaces()).get(workspace)


def _client(note: Note) -> Client:
    ref = NoteRef(note.ref.workspace, "clients", note.client)
    profile = Note(ref, note.client, "active", {}, note.updated_at)
    number = note.client.int
    return Client(note.client, "Client", str(number), True, True, profile)
