"""One bench, three sets of parts: the fakes, and the adapters on real servers, with vectors in clear and sealed; each
with time that a test moves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID, uuid4

import asyncpg

from pazpaz_ai_client.signing import PrivateKey
from service.adapters.conversations.conversations import PgConversations
from service.adapters.conversations.feedback import PgFeedback
from service.adapters.erasure.eraser import PgEraser
from service.adapters.index.both_vectors import Kind, vectors_in
from service.adapters.index.chunk_store import PgChunkStore
from service.adapters.key_store import PgKeyStore
from service.adapters.work.work_queue import PgWorkQueue
from service.domain.erasure import Subject
from service.domain.identity import WorkspaceId
from service.domain.notes import Bag, Client, ManifestItem, Note, NoteRef
from service.domain.risk import RiskSpan
from service.domain.scope import ANYWHERE
from service.language.chunking import chunk_note
from service.ports.index import IndexedNote, IndexModels, Space
from service.ports.models import Vector
from service.ports.monolith import Event
from service.ports.work import Lease
from service.security.keys import digest
from service.vectors import DIMENSION
from tests.fakes import (
    CLIENT,
    NOW,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryConversations,
    InMemoryFeedback,
    InMemoryWorkQueue,
    a_bag,
)

MODEL = "model-of-tests"
INDEX_KEY = b"k" * 32
LEASE_SECONDS = 60.0
LONG = 100_000.0
"""More seconds than any lease or backoff lasts."""


def axis(number: int) -> list[float]:
    """A unit vector."""
    return [float(place == number) for place in range(DIMENSION)]


def an_event(
    key: UUID,
    *,
    entity: Literal["sessions", "clients", "workspaces", "users"] = "sessions",
    kind: Literal["upserted", "purged", "status"] = "upserted",
    workspace: WorkspaceId = WORKSPACE,
) -> Event:
    return Event(uuid4(), workspace, entity, key, kind)


def an_item(ref: NoteRef) -> ManifestItem:
    return ManifestItem(ref.entity, ref.id, CLIENT, "active", NOW)


def indexed(
    note: Note,
    *,
    vector: Vector | None = None,
    kept: Sequence[str] = (),
    model: str = MODEL,
    bag: Bag | None = None,
) -> IndexedNote:
    """A note in one space, with its chunks outside `kept`, all of them at one vector."""
    space = a_space(note, vector=vector, kept=kept, model=model)
    return IndexedNote(note, bag or a_bag(note, key=INDEX_KEY), [space])


def counted(note: Note) -> IndexedNote:
    """A draft as it stands where drafts are not indexed."""
    nothing = Bag(note.ref, note.client, note.day, (), ())
    return IndexedNote(note, nothing, (), is_searched=False)


def a_space(
    note: Note,
    *,
    vector: Vector | None = None,
    kept: Sequence[str] = (),
    model: str = MODEL,
) -> Space:
    chunks = [chunk for chunk in chunk_note(note) if chunk.field not in kept]
    return Space(
        model=model,
        digests={field: digest(INDEX_KEY, text) for field, text in note.fields.items()},
        kept=frozenset(kept),
        chunks=chunks,
        vectors=[vector or axis(0) for _ in chunks],
    )


@dataclass
class Bench:
    """The ports that share a database, and what a journey would do with them."""

    queue: PgWorkQueue | InMemoryWorkQueue
    store: PgChunkStore | InMemoryChunkStore
    conversations: PgConversations | InMemoryConversations
    eraser: PgEraser | InMemoryChunkStore
    feedback: PgFeedback | InMemoryFeedback

    async def later(self, seconds: float) -> None:
        """Lets time pass for the queue."""
        raise NotImplementedError

    def debounce(self, seconds: float, *, limit: float) -> None:
        """From now on a note must be quiet for so long."""
        raise NotImplementedError

    async def set_models(self, models: IndexModels) -> None:
        """From now on these are the workspace's, as a reindex leaves them."""
        raise NotImplementedError

    async def lease(self, ref: NoteRef) -> Lease:
        """The lease of a note that was just asked for; nothing else may be ready."""
        await self.queue.want([an_item(ref)], workspace=ref.workspace)
        (lease,) = await self.queue.claim(limit=1)
        assert lease.key == ref.id
        return lease

    async def index(self, *notes: IndexedNote | Note) -> None:
        for note in notes:
            made = indexed(note) if isinstance(note, Note) else note
            assert await self.store.replace(made, lease=await self.lease(made.note.ref))

    async def forget(self, ref: NoteRef) -> None:
        assert await self.store.forget(ref, lease=await self.lease(ref))

    async def erase(self, ref: NoteRef) -> None:
        """As ingestion does with a purged note or client."""
        await self.queue.accept(
            [an_event(ref.id, entity=ref.entity, kind="purged", workspace=ref.workspace)]
        )
        (lease,) = await self.queue.claim(limit=1)
        subject = Subject(ref.workspace, ref.entity, ref.id)
        assert await self.eraser.erase(subject, asked_by="event", lease=lease)

    async def put(
        self,
        client: Client,
        *,
        vector: Vector | None = None,
        risk: tuple[RiskSpan, ...] = (),
        wake: Sequence[UUID] = (),
    ) -> None:
        ref = client.profile.ref
        profile = replace(indexed(client.profile, vector=vector), risk=risk)
        made = profile if client.is_active else None
        assert await self.store.put_client(client, made, lease=await self.lease(ref), wake=wake)

    async def digests(self, ref: NoteRef) -> dict[str, dict[str, str]]:
        """Of one note, by model and field."""
        return (await self.store.digests_of([ref])).get(ref, {})

    async def waiting(self) -> int:
        """How many are to be looked at, in whatever rank."""
        depth = await self.queue.depth()
        return depth.waiting + depth.background

    async def forget_client(self, ref: NoteRef) -> None:
        assert await self.store.forget_client(ref, lease=await self.lease(ref))

    async def found(self, vector: Vector | None = None, **scope: object) -> set[UUID]:
        """The notes that a search finds at all."""
        asked = {"workspace": WORKSPACE, "model": MODEL, "within": ANYWHERE, "limit": 100, **scope}
        return {hit.ref.id for hit in await self.store.search(vector or axis(0), **asked)}


class FakeBench(Bench):
    queue: InMemoryWorkQueue

    async def later(self, seconds: float) -> None:
        self.queue.now += seconds

    def debounce(self, seconds: float, *, limit: float) -> None:
        self.queue.debounce, self.queue.debounce_limit = seconds, limit

    async def set_models(self, models: IndexModels) -> None:
        assert isinstance(self.store, InMemoryChunkStore)
        self.store.held[WORKSPACE] = models


@dataclass
class RealBench(Bench):
    """On Postgres time passes by moving every moment the queue remembers into the past."""

    queue: PgWorkQueue
    owner: "asyncpg.Connection[asyncpg.Record]"

    async def later(self, seconds: float) -> None:
        moved = ", ".join(
            f"{column} = {column} - make_interval(secs => $1)"
            for column in ("lease_until", "not_before", "first_wanted_at", "parked_at")
        )
        await self.owner.execute(f"UPDATE work SET {moved}", seconds)

    def debounce(self, seconds: float, *, limit: float) -> None:
        self.queue = replace(self.queue, debounce=seconds, debounce_limit=limit)

    async def set_models(self, models: IndexModels) -> None:
        await self.owner.execute(
            "UPDATE index_models SET active = $2, beside = $3 WHERE workspace_id = $1",
            WORKSPACE,
            models.active,
            models.beside,
        )


def fake_bench() -> FakeBench:
    queue = InMemoryWorkQueue(lease_seconds=LEASE_SECONDS)
    store = InMemoryChunkStore(queue)
    talks = InMemoryConversations(store)
    return FakeBench(queue, store, talks, store, InMemoryFeedback(talks))


def real_bench(
    keys: PgKeyStore, owner: "asyncpg.Connection[asyncpg.Record]", vectors: Kind = "plain"
) -> RealBench:
    queue = PgWorkQueue(keys.database, lease_seconds=LEASE_SECONDS, debounce=0, debounce_limit=0)
    store = PgChunkStore(keys.database, keys, vectors_in(vectors, keys.database, keys))
    signing = PrivateKey.generate("ai-tests-1")
    eraser = PgEraser(keys.database, keys, lambda: signing)
    talks, feedback = PgConversations(keys.database, keys), PgFeedback(keys.database)
    return RealBench(queue, store, talks, eraser, feedback, owner)
