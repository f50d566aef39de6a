"""The plain model: practices that share ids on purpose, each a little world of its own that no other touches."""

import random
from dataclasses import dataclass, field
from uuid import UUID

from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import Client, Note, NoteRef
from tests.fakes import (
    InMemoryChunkStore,
    InMemoryConversations,
    InMemoryFeedback,
    InMemoryNoteSource,
    a_client,
    a_note,
)

PRACTICES = 20
CLIENTS = [ClientId(UUID(int=1000 + n)) for n in range(3)]
SESSIONS = [UUID(int=2000 + n) for n in range(5)]
CONVERSATIONS = [UUID(int=3000 + n) for n in range(4)]
TURNS = [UUID(int=10**6 + n) for n in range(10**5)]
"""Each practice uses them up from the first: the same ids, at other times, in all of them."""
BAIT = ("knee", "sleep", "anxiety", "ברך", "שינה", "חרדה")
"""Words of every practice's notes: asked for, they would bring a neighbour's note first, if they could."""


@dataclass
class Practice:
    """What should be there of one workspace."""

    id: WorkspaceId
    number: int
    users: list[UserId]
    """Those whose conversations are made through the store."""
    askers: list[UserId]
    """Those who come over HTTP."""
    store: InMemoryChunkStore = field(default_factory=InMemoryChunkStore)
    source: InMemoryNoteSource = field(default_factory=InMemoryNoteSource)
    asked: dict[UUID, UserId] = field(default_factory=dict)
    """Conversations begun over HTTP, and whose they are."""
    scopes: dict[UUID, UUID | None] = field(default_factory=dict)
    """And whom they are about."""
    keys: bytes | None = None
    audit: int = 0
    """Rows in its trail."""
    open: set[UUID] = field(default_factory=set)
    """Chats without a closing row."""
    turns: int = 0
    """How many of the shared ids are used up."""

    def __post_init__(self) -> None:
        self.conversations = InMemoryConversations(self.store)
        self.feedback = InMemoryFeedback(self.conversations)
        for client in CLIENTS:
            self.source.take(self.client(client))

    @property
    def canary(self) -> str:
        """In every text of this practice, and in no other's."""
        return f"{self.mark} {self.mark_he}"

    @property
    def everybody(self) -> list[UserId]:
        return [*self.users, *self.askers]

    def now(self, ref: NoteRef) -> Note:
        """A note as PazPaz has it at this moment."""
        if ref.entity == "clients":
            return self.source.clients[ClientId(ref.id)].profile
        return self.source.sessions[ref.id]

    def turn(self) -> UUID:
        self.turns += 1
        return TURNS[self.turns]

    @property
    def mark(self) -> str:
        return f"canary{self.number}zz"

    @property
    def mark_he(self) -> str:
        return f"קנרית{self.number}זז"

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

    def forget_talks_about(self, client: UUID) -> None:
        """As an erased client leaves it."""
        self.asked = {id: user for id, user in self.asked.items() if self.scopes[id] != client}

    def forget_everything(self) -> None:
        """As an erasure leaves it."""
        self.store.indexed.clear()
        self.store.counted.clear()
        self.store.archived.clear()
        self.store.held.clear()
        self.conversations.held.clear()
        self.asked.clear()
        self.turns = 0
        self.keys = None


class World:
    """All practices, and the logins that PazPaz knows, each of one practice only."""

    def __init__(self, chance: random.Random, *, practices: int = PRACTICES) -> None:
        self.chance = chance
        self.practices = [self._practice(number) for number in range(practices)]
        self.by_id = {practice.id: practice for practice in self.practices}
        self.logins = {
            str(self._id()): (practice, user)
            for practice in self.practices
            for user in practice.everybody
        }
        self._marks = [self._of_others(practice) for practice in self.practices]
        self.told: list[tuple[UUID, str]] = []
        """PazPaz's own audit log: whose, and the line."""

    def _id(self) -> UUID:
        """From the seed, so that a run can be had again."""
        return UUID(int=self.chance.getrandbits(128), version=4)

    def _practice(self, number: int) -> Practice:
        users = [UserId(self._id()) for _ in range(4)]
        return Practice(WorkspaceId(self._id()), number, users[:2], users[2:])

    def any(self) -> Practice:
        return self.chance.choice(self.practices)

    def session_of(self, practice: Practice, user: UserId) -> str:
        return next(name for name, who in self.logins.items() if who == (practice, user))

    def strangers_marks(self, practice: Practice) -> list[str]:
        """What must not be in anything this practice is told."""
        return self._marks[practice.number]

    def _of_others(self, practice: Practice) -> list[str]:
        return [
            mark
            for other in self.practices
            if other is not practice
            for mark in (other.mark, other.mark_he, str(other.id), *map(str, other.everybody))
        ]


def ref(practice: Practice, session: UUID) -> NoteRef:
    return NoteRef(practice.id, "sessions", session)
