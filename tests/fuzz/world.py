"""The plain model: practices that share ids on purpose, each a little world of its own that no other touches."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from service.domain.identity import (
    ClientId,
    Introspection,
    UserId,
    WorkspaceId,
    WorkspaceStatus,
)
from service.domain.notes import Client, ManifestItem, Note, NoteRef, Pulled
from tests.fakes import (
    InMemoryChunkStore,
    InMemoryConversations,
    InMemoryNoteSource,
    a_client,
    a_note,
)

PRACTICES = 20
CLIENTS = [ClientId(UUID(int=1000 + n)) for n in range(3)]
SESSIONS = [UUID(int=2000 + n) for n in range(5)]
CONVERSATIONS = [UUID(int=3000 + n) for n in range(4)]
BAIT = ("knee", "sleep", "anxiety", "ברך", "שינה", "חרדה")
"""Words of every practice's notes: asked for, they would bring a neighbour's note first, if they could."""


@dataclass
class Practice:
    """What should be there of one workspace."""

    id: WorkspaceId
    number: int
    store: InMemoryChunkStore = field(default_factory=InMemoryChunkStore)
    source: InMemoryNoteSource = field(default_factory=InMemoryNoteSource)
    asked: set[UUID] = field(default_factory=set)
    """Conversations begun over HTTP."""
    keys: bytes | None = None
    audit: int = 0
    """Rows in its trail."""

    def __post_init__(self) -> None:
        self.conversations = InMemoryConversations(self.store)
        self.users = [UserId(uuid4()), UserId(uuid4())]
        self.asker = UserId(uuid4())
        for client in CLIENTS:
            self.source.take(self.client(client))

    @property
    def canary(self) -> str:
        """In every text of this practice, and in no other's."""
        return f"canary{self.number}zz קנרית{self.number}זז"

    @property
    def mark(self) -> str:
        return f"canary{self.number}zz"

    def note(self, session: UUID, client: ClientId, chance: random.Random) -> Note:
        words = " ".join(chance.sample(BAIT, 2))
        return a_note(
            f"The {words} of {self.canary}.",
            id=session,
            workspace=self.id,
            client=client,
            plan=f"Again {chance.choice(BAIT)}. {self.canary}",
        )

    def client(self, client: ClientId) -> Client:
        return a_client(client, name=("Dana", self.mark), workspace=self.id, notes=self.canary)

    def forget_everything(self) -> None:
        """As an erasure leaves it."""
        self.store.indexed.clear()
        self.store.archived.clear()
        self.conversations.held.clear()
        self.asked.clear()
        self.keys = None


class World:
    """All practices; also PazPaz: it hands out rows and knows logins, each of one workspace only."""

    def __init__(self, chance: random.Random, *, practices: int = PRACTICES) -> None:
        self.chance = chance
        self.practices = [Practice(WorkspaceId(uuid4()), n) for n in range(practices)]
        self.by_id = {practice.id: practice for practice in self.practices}
        self.logins = {
            str(uuid4()): (practice, user)
            for practice in self.practices
            for user in (*practice.users, practice.asker)
        }

    def any(self) -> Practice:
        return self.chance.choice(self.practices)

    def session_of(self, practice: Practice, user: UserId) -> str:
        return next(name for name, who in self.logins.items() if who == (practice, user))

    def strangers_marks(self, practice: Practice) -> list[str]:
        """What must not be in anything this practice is told."""
        return [
            mark
            for other in self.practices
            if other is not practice
            for mark in (other.mark, f"קנרית{other.number}זז", str(other.id))
        ]

    async def fetch(
        self,
        *,
        workspace: WorkspaceId,
        sessions: Sequence[UUID] = (),
        clients: Sequence[UUID] = (),
        actor: UserId | None = None,
    ) -> Pulled:
        source = self.by_id[workspace].source
        return await source.fetch(
            workspace=workspace, sessions=sessions, clients=clients, actor=actor
        )

    async def manifest(
        self, *, workspace: WorkspaceId, client: ClientId | None = None
    ) -> AsyncIterator[ManifestItem]:
        async for item in self.by_id[workspace].source.manifest(workspace=workspace, client=client):
            yield item

    async def workspace_status(self, *, workspace: WorkspaceId) -> WorkspaceStatus | None:
        return "active" if workspace in self.by_id else None

    async def introspect(self, *, session: str, user: UserId) -> Introspection | None:
        found = self.logins.get(session)
        if found is None or found[1] != user:
            return None
        return Introspection(user, found[0].id, "owner", True, "active", False)


def ref(practice: Practice, session: UUID) -> NoteRef:
    return NoteRef(practice.id, "sessions", session)
