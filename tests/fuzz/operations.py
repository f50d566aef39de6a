"""What can be done to the service, each against the model: a registry that a new store method must join."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
from redis.asyncio import Redis

from pazpaz_ai_client.signing import PrivateKey, Signer
from service.adapters.key_rotation import PgKeyRotation, Resealed
from service.adapters.key_store import PgKeyStore
from service.adapters.limits.rate_limiter import RedisRateLimiter
from service.adapters.limits.switches import PgSwitches
from service.container import OUR_AUDIENCE, now
from service.domain.answers import Question
from service.domain.audit import AuditEntry, Trail
from service.domain.erasure import Subject
from service.domain.feedback import Feedback
from service.domain.identity import TokenClaims, UserId, WorkspaceId
from service.domain.notes import Bag, ManifestItem, NoteRef
from service.domain.risk import RiskSpan
from service.domain.scope import Place, Within
from service.domain.turns import Sentence, Source, Turn
from service.errors import (
    ChatAlreadyClosed,
    ConversationNotFound,
    NotAllowed,
    NotAuthenticated,
)
from service.ingestion.indexing import bag_of
from service.language.chunking import chunk_note
from service.language.detect import languages_of
from service.language.features import stem
from service.language.likeness import idf
from service.language.topic import Topic
from service.ports.index import IndexDelta, IndexedNote, Space
from service.ports.monolith import Event
from service.ports.work import Lease
from service.retrieval.people import NOBODY
from service.retrieval.scope import scope_of
from service.security.chain import Checkpoint
from service.security.keys import KeyEncryptionKey, digest, new_key
from service.vectors import DIMENSION
from service.vectors.bits import encode
from service.vectors.rows import ChunkRows
from tests.fakes import NOW, a_context
from tests.fuzz.builds import Build
from tests.fuzz.world import BAIT, CLIENTS, CONVERSATIONS, SESSIONS, TURNS, Practice, World, ref

Operation = Callable[["Run"], Awaitable[None]]
REGISTRY: dict[Operation, tuple[int, tuple[str, ...]]] = {}
"""Each operation with its weight and what it exercises."""


def covers(*names: str, weight: int = 3) -> Callable[[Operation], Operation]:
    """Puts an operation into the draw."""

    def register(operation: Operation) -> Operation:
        REGISTRY[operation] = (weight, names)
        return operation

    return register


class Leak(AssertionError):
    """The service said or kept something that the model of this practice alone does not."""


class Run:
    """A build beside its model, and an HTTP caller of the app around it."""

    def __init__(
        self,
        build: Build,
        world: World,
        http: httpx.AsyncClient,
        key: PrivateKey,
        served: dict[str, Any],
    ) -> None:
        self.served = served
        self.build, self.world, self.http = build, world, http
        self.chance = world.chance
        self.parts = build.container
        self.signer = Signer(key, audience=OUR_AUDIENCE)

    def same(self, said: Any, expected: Any) -> None:
        if said != expected:
            raise Leak(f"{said!r:.400} is not {expected!r:.400}")

    def clean(self, said: Any, practice: Practice) -> None:
        """Nothing of another practice, however deep inside."""
        told = said if isinstance(said, str) else repr(said)
        for mark in self.world.strangers_marks(practice):
            if mark in told:
                raise Leak(f"practice {practice.number} was told {mark}")

    async def key(self, practice: Practice) -> bytes:
        """The practice's index key: always the same one, and nobody else's."""
        keys = await self.parts.keys.keys(workspace=practice.id)
        if practice.keys is None:
            practice.keys, practice.audit = keys.index, practice.audit + 1
        self.same((keys.workspace, keys.index), (practice.id, practice.keys))
        return keys.index

    async def lease(self, of: NoteRef, *, kind: Any = None) -> Lease:
        """The one lease there is: nothing else is open between operations."""
        await self.parts.queue.accept(
            [Event(uuid4(), of.workspace, kind or of.entity, of.id, "upserted")]
        )
        (lease,) = await self.parts.queue.claim(limit=4)
        self.same((lease.key, lease.workspace), (of.id, of.workspace))
        return lease

    async def embed(self, words: str, practice: Practice) -> Any:
        key = await self.key(practice)
        return await self.parts.models.embedder.embed(
            [words], purpose="query", context=a_context(key=key)
        )

    async def indexed(self, note: Any, practice: Practice) -> IndexedNote:
        key = await self.key(practice)
        chunks = chunk_note(note)
        embedder = self.parts.models.embedder
        texts = [chunk.text for chunk in chunks]
        return IndexedNote(
            note=note,
            bag=bag_of(note, key=key),
            spaces=[
                Space(
                    model=embedder.model,
                    digests={name: digest(key, value) for name, value in note.fields.items()},
                    kept=frozenset(),
                    chunks=chunks,
                    vectors=await embedder.embed(
                        texts, purpose="document", context=a_context(key=key)
                    ),
                )
            ],
            risk=tuple(
                RiskSpan("violence", "past", name, 0, len(text))
                for name, text in note.fields.items()
            ),
        )

    async def epochs(self, *but: Practice) -> dict[UUID, int]:
        rows = await self.build.owner.fetch("SELECT workspace_id, epoch FROM index_epoch")
        return {row[0]: row[1] for row in rows if row[0] not in {one.id for one in but}}


# Chunks


@covers(
    "PgChunkStore.replace",
    *("PlainVectors.swap", "BothVectors.swap"),
    "PgWorkQueue.accept",
    "PgWorkQueue.claim",
    weight=8,
)
async def index_a_note(run: Run) -> None:
    await index_a_note_of(run, run.world.any())


async def index_a_note_of(run: Run, at: Practice) -> None:
    session, client = run.chance.choice(SESSIONS), run.chance.choice(CLIENTS)
    note = at.note(session, client, run.chance)
    at.source.take(note)
    indexed, before = await run.indexed(note, at), await run.epochs(at)
    lease = await run.lease(note.ref)
    run.same(await run.parts.store.replace(indexed, lease=lease), await at.store.replace(indexed))
    run.same(await run.epochs(at), before)


@covers("PgChunkStore.replace_all", "PgChunkStore.digests_of", weight=6)
async def index_a_batch(run: Run) -> None:
    """Some of them edits, some drafts that are only counted, one of them with a lease that was lost."""
    at, before = run.world.any(), await run.epochs()
    drawn = run.chance.sample(SESSIONS, min(len(SESSIONS), run.chance.randint(2, 4)))
    notes = [at.note(session, run.chance.choice(CLIENTS), run.chance) for session in drawn]
    batch = []
    for note in notes:
        if run.chance.random() < 0.25:
            draft = replace(note, state="draft")
            nothing = Bag(draft.ref, draft.client, draft.day, (), ())
            made = IndexedNote(draft, nothing, (), is_searched=False)
        else:
            made = await run.indexed(note, at)
        at.source.take(made.note)
        batch.append((made, await run.lease(note.ref)))
    lost = replace(batch[0][1], token=0) if run.chance.random() < 0.3 else batch[0][1]
    said = await run.parts.store.replace_all([(batch[0][0], lost), *batch[1:]])
    held = batch if lost is batch[0][1] else batch[1:]
    expected = list(await at.store.replace_all([(made, None) for made, _ in held]))
    run.same(list(said), expected if held is batch else [False, *expected])
    if held is not batch:
        await run.parts.store.replace_all([batch[0]])
        await at.store.replace_all([(batch[0][0], None)])
    refs = [note.ref for note in notes]
    stored, modelled = await run.parts.store.digests_of(refs), await at.store.digests_of(refs)
    run.same(
        {ref: said for ref, said in stored.items() if said},
        {ref: said for ref, said in modelled.items() if said},
    )
    after = await run.epochs()
    run.same({id for id in after if after[id] != before.get(id)} <= {at.id}, True)


@covers("PgChunkStore.replace", weight=3)
async def count_a_draft(run: Run) -> None:
    """It leaves the epoch where it is, unless it was searched before."""
    at = run.world.any()
    await run.key(at)
    note = at.note(run.chance.choice(SESSIONS), run.chance.choice(CLIENTS), run.chance)
    draft = replace(note, state="draft")
    at.source.take(draft)
    nothing = Bag(draft.ref, draft.client, draft.day, (), ())
    counted, before = IndexedNote(draft, nothing, (), is_searched=False), await run.epochs()
    held = at.store.epochs[at.id]
    lease = await run.lease(draft.ref)
    run.same(await run.parts.store.replace(counted, lease=lease), await at.store.replace(counted))
    moved = {at.id} if at.store.epochs[at.id] != held else set()
    after = await run.epochs()
    run.same({id for id in after if after[id] != before.get(id)}, moved)


@covers("PgChunkStore.forget")
async def forget_a_note(run: Run) -> None:
    at = run.world.any()
    gone, before = ref(at, run.chance.choice(SESSIONS)), await run.epochs(at)
    at.source.sessions.pop(gone.id, None)
    said = await run.parts.store.forget(gone, lease=await run.lease(gone))
    run.same(said, await at.store.forget(gone))
    run.same(await run.epochs(at), before)


@covers("PgChunkStore.put_client")
async def put_a_client(run: Run) -> None:
    at = run.world.any()
    await run.key(at)
    client = at.client(run.chance.choice(CLIENTS))
    indexed = await run.indexed(client.profile, at) if run.chance.random() < 0.8 else None
    lease = await run.lease(client.profile.ref)
    said = await run.parts.store.put_client(client, indexed, lease=lease)
    run.same(said, await at.store.put_client(client, indexed))


@covers("PgChunkStore.forget_client", weight=1)
async def forget_a_client(run: Run) -> None:
    at = run.world.any()
    gone = NoteRef(at.id, "clients", run.chance.choice(CLIENTS))
    said = await run.parts.store.forget_client(gone, lease=await run.lease(gone))
    run.same(said, await at.store.forget_client(gone))


@covers(
    *("PgEraser.erase", "PgEraser.lift", "PgEraser.keep"),
    *("PgEraser.receipts", "PgEraser.receipt_ids"),
    weight=3,
)
async def erase_for_good(run: Run) -> None:
    """A note or a client erased here is erased nowhere else, and the tombstone is of this practice."""
    at, before = run.world.any(), await run.epochs()
    await run.key(at)
    entity = run.chance.choice(["sessions", "clients"])
    id = run.chance.choice(SESSIONS if entity == "sessions" else CLIENTS)
    subject = Subject(at.id, entity, id)
    erased = await run.parts.eraser.erase(subject, asked_by="operator")
    await at.store.erase(subject)
    at.forget_talks_about(id)
    if erased and erased.receipt:
        at.audit += 1
        run.clean(erased.receipt.told, at)
        await run.parts.eraser.keep(erased.receipt)
        run.same(erased.receipt.id in await run.parts.eraser.receipt_ids(), True)
    run.clean(await run.parts.eraser.receipts(workspace=at.id), at)
    run.same(await run.parts.queue.buried(workspace=at.id), frozenset({(entity, id)}))
    run.same(await run.parts.eraser.lift(subject), True)
    at.audit += 1
    after = await run.epochs(at)
    run.same(after, {key: epoch for key, epoch in before.items() if key != at.id})


@covers(
    "PgChunkStore.search",
    *("PlainVectors.search", "SealedVectors.search", "BothVectors.search"),
    weight=14,
)
async def search(run: Run) -> None:
    await search_in(run, run.world.any())


async def search_in(run: Run, at: Practice) -> None:
    scope = run.chance.choice([None, *CLIENTS])
    [vector] = await run.embed(f"{run.chance.choice(BAIT)} {run.world.any().mark}", at)
    asked = {
        "workspace": at.id,
        "model": run.parts.models.embedder.model,
        "within": Within.client(scope),
    }
    said = await run.parts.store.search(vector, **asked, limit=500)
    expected = await at.store.search(vector, **asked, limit=500)
    run.same(places_of(said), places_of(expected))
    run.clean(said, at)


def places_of(hits: Any) -> Any:
    return sorted((str(hit.ref), str(hit.client), hit.field, hit.ordinal) for hit in hits)


@covers(
    "PgChunkStore.knows_client",
    "PgChunkStore.coverage",
    "PgChunkStore.sessions",
    weight=8,
)
async def look_into_the_catalogue(run: Run) -> None:
    at, client = run.world.any(), run.chance.choice(CLIENTS)
    real, model = run.parts.store, at.store
    run.same(
        await real.knows_client(client, workspace=at.id),
        await model.knows_client(client, workspace=at.id),
    )
    scope = run.chance.choice([None, client])
    said = await real.coverage(workspace=at.id, within=Within.client(scope))
    run.same(said, await model.coverage(workspace=at.id, within=Within.client(scope)))
    course = await real.sessions(workspace=at.id, within=Within.client(scope))
    run.same(course, await model.sessions(workspace=at.id, within=Within.client(scope)))
    run.clean(said, at)


@covers("PgChunkStore.bags", "PgChunkStore.epoch", "PgChunkStore.state", weight=8)
async def read_bags(run: Run) -> None:
    at = run.world.any()
    await run.key(at)
    epoch, bags = await run.parts.store.bags(workspace=at.id)
    _, expected = await at.store.bags(workspace=at.id)

    run.same(told_bags(bags), told_bags(expected))
    run.clean(bags, at)
    run.same(await run.parts.store.epoch(workspace=at.id), epoch)
    state = await run.parts.store.state(workspace=at.id)
    run.same((state.epoch, state.models), (epoch, await run.parts.store.models(workspace=at.id)))
    run.same((await run.epochs()).get(at.id, 0), epoch)


def told_chunks(rows: ChunkRows) -> Any:
    """Whatever there is of each chunk."""
    where, halves = rows.placed, rows.halves
    notes = [(where.clients[note], where.days[note]) for note in where.note.tolist()]
    told = zip(where.places, notes, halves, strict=True)
    return sorted((str(place), str(note), half.tobytes()) for place, note, half in told)


def told_delta(delta: IndexDelta[Any] | None, rows: Callable[[Any], Any]) -> Any:
    return delta and (delta.notes, delta.clients, rows(delta.rows))


def told_bags(some: Any) -> Any:
    return sorted((str(bag.ref), str(bag.client), list(bag.features)) for bag in some)


@covers(
    *("PgChunkStore.is_larger", "PgChunkStore.chunk_rows", "PgChunkStore.chunk_codes"),
    "PgChunkStore.halves",
    *(
        f"{table}Vectors.{method}"
        for table in ("Plain", "Sealed", "Both")
        for method in ("counted", "rows", "codes", "halves")
    ),
    weight=8,
)
async def read_vectors(run: Run) -> None:
    """Each chunk once, with its own vector; of a place that only another practice has, nothing."""
    await vectors_are_read(run, run.world.any())


async def vectors_are_read(run: Run, at: Practice) -> None:
    other, real = run.world.any(), run.parts.store
    await run.key(at)  # which reading makes, for a practice that has none or none any more
    asked: dict[str, Any] = {"workspace": at.id, "model": run.parts.models.embedder.model}
    epoch, rows = await real.chunk_rows(**asked)
    _, expected = await at.store.chunk_rows(**asked)
    run.same(told_chunks(rows), told_chunks(expected))
    run.same((await run.epochs()).get(at.id, 0), epoch)
    for than in (len(expected) - 1, len(expected)):
        run.same(await real.is_larger(than, **asked), await at.store.is_larger(than, **asked))
    if found := await real.chunk_codes(**asked):
        _, codes = found
        halves = await real.halves(list(codes.placed.places), **asked)
        run.same(told_chunks(ChunkRows(codes.placed, halves)), told_chunks(expected))
        signs, corrections = encode(halves)
        run.same(codes.signs.tobytes(), signs.tobytes())
        run.same(np.allclose(codes.corrections, corrections), True)
    _, foreign = await other.store.chunk_rows(workspace=other.id, model=asked["model"])
    places = [
        (NoteRef(at.id, note.entity, note.id), *rest)
        for note, *rest in (*expected.placed.places, *foreign.placed.places)
    ]
    run.chance.shuffle(places)
    said, model = await real.halves(places, **asked), await at.store.halves(places, **asked)
    run.same(said.tobytes(), model.tobytes())


@covers(
    *("PgChunkStore.changed_chunks", "PgChunkStore.changed_bags", "PgChunkStore.changed_clients"),
    *("PlainVectors.changed", "SealedVectors.changed", "BothVectors.changed"),
    weight=6,
)
async def follow_a_change(run: Run) -> None:
    """A note changed here and one changed elsewhere: the log tells of the first, whatever it was, and only of it."""
    at = run.world.any()
    await run.key(at)
    await changes_are_told(run, at)


async def changes_are_told(run: Run, at: Practice) -> None:
    other, real = run.world.any(), run.parts.store
    asked: dict[str, Any] = {"workspace": at.id, "model": run.parts.models.embedder.model}
    began, model_began = await real.epoch(workspace=at.id), at.store.epochs[at.id]
    await index_a_note_of(run, at)
    await index_a_note_of(run, other)
    chunks = await real.changed_chunks(**asked, since=began)
    bags = await real.changed_bags(workspace=at.id, since=began)
    if not began:  # nobody remembers what never was
        return
    expected = await at.store.changed_chunks(**asked, since=model_began)
    run.same(told_delta(chunks, told_chunks), told_delta(expected, told_chunks))
    expected_bags = await at.store.changed_bags(workspace=at.id, since=model_began)
    run.same(told_delta(bags, told_bags), told_delta(expected_bags, told_bags))
    run.same(
        await real.changed_clients(workspace=at.id, since=began),
        chunks and (chunks.epoch, chunks.clients),
    )
    epoch = await real.epoch(workspace=at.id)
    run.same((chunks and chunks.epoch, bags and bags.epoch), (epoch, epoch))


@covers("PgChunkStore.risks", weight=4)
async def read_where_notes_speak_of_danger(run: Run) -> None:
    at, clients = run.world.any(), run.chance.sample(CLIENTS, 2)
    await run.key(at)
    said = await run.parts.store.risks(workspace=at.id, clients=clients)
    run.same(said, await at.store.risks(workspace=at.id, clients=clients))


@covers("PgChunkStore.people", "People.named", "People.register", weight=8)
async def read_names(run: Run) -> None:
    at, other = run.world.any(), run.world.any()
    await run.key(at)
    epoch, people = await run.parts.store.people(workspace=at.id)
    _, expected = await at.store.people(workspace=at.id)

    def told(some: Any) -> Any:
        return sorted((str(one.client), one.first, one.last) for one in some)

    run.same(told(people), told(expected))
    run.clean(repr(told(people)), at)
    run.same((await run.epochs()).get(at.id, 0), epoch)
    asked = f"How is {other.mark}?"
    said = await run.parts.people.named(asked, workspace=at.id)
    run.same((await run.parts.people.register(workspace=at.id)).named(asked), said)
    run.same(said.sure | said.maybe, {one.client for one in expected if other is at})


@covers("LexicalIndex.search", weight=12)
async def search_words(run: Run) -> None:
    """The cache is hot for three practices of twenty, so nearly every look evicts somebody."""
    at, words = run.world.any(), f"{run.chance.choice(BAIT)} {run.world.any().canary}"
    scope = run.chance.choice([None, *CLIENTS])
    asked = {
        "key": await run.key(at),
        "workspace": at.id,
        "within": Within.client(scope),
        "limit": 100,
    }
    said = await run.build.finder.lexical.search(words, **asked)
    held = {note.note.ref for note in at.store.indexed.values() if note.bag.features}
    if not {one.ref for one in said} <= held:
        raise Leak("lexical search found a note that is not here")
    own = {i.note.ref for i in at.store.indexed.values() if scope in {None, i.note.client}}
    found = await run.build.finder.lexical.search(at.mark, **asked)
    run.same({one.ref for one in found}, own)


@covers("LexicalIndex.only_in", "LexicalIndex.matching", "LexicalIndex.rarity", weight=4)
async def count_by_bags(run: Run) -> None:
    """Languages, mentions and rarities are of this practice's notes alone."""
    at, other = run.world.any(), run.world.any()
    scope = run.chance.choice([None, *CLIENTS])
    asked = {"key": await run.key(at), "workspace": at.id}
    lexical, within = run.build.finder.lexical, Within.client(scope)
    own = [one.note for one in at.store.indexed.values() if within.holds(*place_of(one.note))]
    texts = ["\n".join(note.fields.values()) for note in own if note.ref.entity == "sessions"]
    alone = Counter(
        one for text in texts if len(languages_of(text)) == 1 for one in languages_of(text)
    )
    for language in ("he", "en"):
        run.same(await lexical.only_in(language, **asked, within=within), alone[language])
    found = await lexical.matching(Topic.of(other.mark), **asked, within=within)
    run.same(set(found), {note.ref for note in own} if other is at else set())
    rare = await lexical.rarity(**asked)
    run.same(rare(f"s{stem(at.mark)}"), idf(len(at.store.indexed), len(at.store.indexed)))


def place_of(note: Any) -> tuple[Any, Any, Any]:
    return note.ref, note.client, note.day


@covers("Finder.scope", weight=2)
async def fix_a_scope(run: Run) -> None:
    """A place in a course is taken from this practice's sessions."""
    at = run.world.any()
    await run.key(at)
    asked = Question("?", "en", client=run.chance.choice(CLIENTS), when=Place("newest"))
    within = await run.build.finder.scope(
        asked, context=await run.parts.contexts.of(workspace=at.id)
    )
    model = await scope_of(asked, NOBODY, workspace=at.id, store=at.store)
    run.same(within, model)


@covers("Finder.find", "Monolith.fetch", weight=6)
async def find_passages(run: Run) -> None:
    """What is found is indexed here, of the client asked about, and says what PazPaz says of it now."""
    at, scope = run.world.any(), run.chance.choice([None, *CLIENTS])
    await run.key(at)
    trail = Trail()
    found = await run.build.finder.find(
        Question(run.chance.choice(BAIT), "en", client=scope, min_similarity=0.0),
        context=await run.parts.contexts.of(workspace=at.id),
        actor=run.chance.choice(at.everybody),
        trail=trail,
    )
    run.clean(found, at)
    run.clean(trail, at)
    own = {i.note.ref for i in at.store.indexed.values() if scope in {None, i.note.client}}
    run.same(set(found.ranked) <= own, True)
    for passage in found.passages:
        run.same(passage.note.fields, at.now(passage.note.ref).fields)


@covers("Finder.find", weight=1)
async def find_as_somebody_elses_user(run: Run) -> None:
    """Even asked in a practice's name, PazPaz reads nothing out to another practice's user."""
    at, other = run.chance.sample(run.world.practices, 2)
    await run.key(at)
    asked = Question(at.mark, "en", client=None, min_similarity=0.0)
    context = await run.parts.contexts.of(workspace=at.id)
    named = {"context": context, "actor": run.chance.choice(other.everybody), "trail": Trail()}
    try:
        found = await run.build.finder.find(asked, **named)
    except NotAllowed:
        return
    run.same((found.passages, bool(at.store.indexed)), ((), False))


@covers("Monolith.manifest", "Monolith.workspace_status", weight=2)
async def ask_pazpaz_what_exists(run: Run) -> None:
    at = run.world.any()
    said = [item async for item in run.parts.notes.manifest(workspace=at.id)]
    expected = [item async for item in at.source.manifest(workspace=at.id)]
    run.same({(i.id, i.client) for i in said}, {(i.id, i.client) for i in expected})
    run.same(await run.parts.notes.workspace_status(workspace=at.id), "active")
    run.same(await run.parts.notes.workspace_status(workspace=WorkspaceId(uuid4())), None)


# Conversations


@covers("PgConversations.add_turn", weight=8)
async def say(run: Run) -> None:
    at = run.world.any()
    user, conversation = run.chance.choice(at.users), run.chance.choice(CONVERSATIONS)
    client = run.chance.choice([None, *CLIENTS])
    sources = {
        indexed.note.ref: Source(indexed.note.client)
        for indexed in run.chance.sample(
            list(at.store.indexed.values()), min(1, len(at.store.indexed))
        )
    }
    said = Sentence(f"It was {at.canary}.", [{"quote": at.canary}], sources)
    # To the microsecond, as Postgres keeps it; never twice the same, so that the order is certain.
    moment = NOW + timedelta(microseconds=run.chance.randrange(10**12))
    turn = Turn(at.turn(), f"What of {at.canary}?", [said], {"status": "answered"}, moment)
    await run.key(at)
    outcomes = []
    for conversations in (run.parts.conversations, at.conversations):
        named = {"conversation": conversation, "client": client, "user": user}
        try:
            outcomes.append(await conversations.add_turn(**named, workspace=at.id, turn=turn))
        except ConversationNotFound:
            outcomes.append("not theirs")
    run.same(outcomes[0], outcomes[1])


@covers(
    *("PgConversations.head", "PgConversations.turns"),
    *("PgConversations.last_questions", "PgConversations.page"),
    weight=12,
)
async def read_conversations(run: Run) -> None:
    at = run.world.any()
    user, conversation = run.chance.choice(at.users), run.chance.choice(CONVERSATIONS)
    await run.key(at)
    mine = {"user": user, "workspace": at.id}
    real, model = run.parts.conversations, at.conversations
    run.same(await real.head(conversation, **mine), await model.head(conversation, **mine))
    turns = await real.turns(conversation, **mine)
    run.same(list(turns), list(await model.turns(conversation, **mine)))
    run.clean(turns, at)
    asked = await real.last_questions(conversation, **mine, most=3)
    run.same(list(asked), list(await model.last_questions(conversation, **mine, most=3)))
    run.clean(asked, at)
    page = await real.page(**mine, before=None, limit=50)
    # Begun over HTTP are the askers', and not in this model.
    run.same(list(page), list(await model.page(**mine, before=None, limit=50)))
    run.clean(page, at)


@covers("PgConversations.delete")
async def delete_a_conversation(run: Run) -> None:
    at, conversation = run.world.any(), run.chance.choice(CONVERSATIONS)
    mine = {"user": run.chance.choice(at.users), "workspace": at.id}
    said = await run.parts.conversations.delete(conversation, **mine)
    run.same(said, await at.conversations.delete(conversation, **mine))


@covers("PgConversations.delete_all")
async def delete_a_users_conversations(run: Run) -> None:
    """A colleague's stay, and those of the user's own name next door."""
    at = run.world.any()
    mine = {"user": run.chance.choice(at.users), "workspace": at.id}
    said = await run.parts.conversations.delete_all(**mine)
    run.same(said, await at.conversations.delete_all(**mine))


@covers("PgFeedback.may_rate", "PgFeedback.give", weight=4)
async def rate_an_answer(run: Run) -> None:
    """A turn's id is the same in every practice, and the turn another."""
    at = run.world.any()
    turn, given = run.chance.choice(TURNS[: run.world.any().turns + 1]), Feedback("down", "unclear")
    mine: dict[str, Any] = {"user": run.chance.choice(at.users), "workspace": at.id}
    may = await run.parts.feedback.may_rate(turn, **mine)
    run.same(may, await at.feedback.may_rate(turn, **mine))
    said = await run.parts.feedback.give(turn, given, **mine, at=NOW)
    run.same(said, await at.feedback.give(turn, given, **mine, at=NOW))


@covers("PgFeedback.given", weight=2)
async def list_feedback(run: Run) -> None:
    at = run.world.any()
    real = await run.parts.feedback.given(workspace=at.id)
    # What was asked over HTTP is the askers', and not in this model.
    run.same(list(real), list(await at.feedback.given(workspace=at.id)))


# Keys, work, erasure


@covers("PgKeyStore.keys", weight=6)
async def open_keys(run: Run) -> None:
    at = run.world.any()
    if run.chance.random() < 0.5:
        run.parts.keys.drop(at.id)
        run.parts.lexical.drop(at.id)
        run.parts.people.drop(at.id)
    await run.key(at)
    others = [one.keys for one in run.world.practices if one is not at and one.keys]
    if at.keys in others:
        raise Leak("two practices have one key")


@covers(
    *(f"PgKeyStore.{name}" for name in ("living", "opened", "wrap", "unwrap")),
    "PgKeyStore.refuse_key_of_another",
    *(f"PgKeyRotation.{name}" for name in ("refuse_narrow_login", "begin", "finish", "stored")),
    *(f"PgKeyRotation.{name}" for name in ("renew", "stale", "reseal", "rewrap")),
    weight=3,
)
async def change_keys(run: Run) -> None:
    """One practice's keys and their wrapping change, and nobody else's; what it has is sealed with the new ones."""
    at, database = run.world.any(), run.parts.database
    await run.key(at)
    others = "SELECT * FROM workspace_keys WHERE workspace_id <> $1 ORDER BY workspace_id"
    before = await run.build.owner.fetch(others, at.id)
    rotation = PgKeyRotation(database, run.parts.keys)
    await rotation.refuse_narrow_login()
    await run.parts.keys.refuse_key_of_another()
    began = await rotation.begin(workspace=at.id)
    run.same(await rotation.renew(workspace=at.id, older_than=began), True)
    stale = await rotation.stale(workspace=at.id)
    run.same(await rotation.reseal(workspace=at.id), Resealed(stale, 0))
    await rotation.finish(workspace=at.id)
    ours, another = run.parts.keys.kek, KeyEncryptionKey(new_key())
    for present, old in ((another, ours), (ours, another)):
        twin = PgKeyRotation(database, PgKeyStore(database, present, now, [old]))
        run.same(await twin.rewrap(workspace=at.id), 1)
        run.same([row.kek_id for row in await twin.stored(workspace=at.id)], [present.id])
    at.audit += 4  # made, destroyed, and wrapped twice
    run.same(await run.build.owner.fetch(others, at.id), before)


@covers(
    "PgWorkQueue.want",
    "PgWorkQueue.done",
    "PgWorkQueue.release",
    "PgWorkQueue.failed",
    "PgWorkQueue.purged",
    "PgWorkQueue.depth",
    weight=2,
)
async def work(run: Run) -> None:
    """The same ids wanted in two practices are two pieces of work, and a lease is of one."""
    wanted = {
        (at.id, session)
        for at in run.chance.sample(run.world.practices, 2)
        for session in run.chance.sample(SESSIONS, 2)
    }
    queue = run.parts.queue
    for workspace, session in wanted:
        item = ManifestItem("sessions", session, CLIENTS[0], "active", NOW)
        await queue.want([item], workspace=workspace)
    run.same((await queue.depth()).waiting, len(wanted))
    claimed = set()
    while leases := await queue.claim(limit=16):
        run.same(len({lease.workspace for lease in leases}), 1)
        claimed |= {(lease.workspace, lease.key) for lease in leases}
        for lease in leases:
            run.same(await queue.purged(lease), False)
            await queue.done(lease)
            await queue.failed(lease, code="internal", retry_after=None)
        await queue.release(leases)
    run.same(claimed, wanted)
    await run.build.owner.execute("UPDATE work SET not_before = now(), attempts = 0")


@covers("PgEraser.erase", "PgEraser.forget_index", "PgEraser.reopen", weight=2)
async def shut_a_practice(run: Run) -> None:
    at, before = run.world.any(), await run.epochs()
    await run.key(at)
    lease = await run.lease(NoteRef(at.id, "clients", at.id), kind="workspaces")
    eraser = run.parts.eraser
    if run.chance.random() < 0.5:
        subject = Subject(at.id, "workspaces", at.id)
        erased = await eraser.erase(subject, asked_by="event", lease=lease)
        at.forget_everything()
        at.audit += (erased is not None and erased.receipt is not None) + len(at.open)
        at.open.clear()
        run.same(await eraser.reopen(workspace=at.id), False)
        run.same(await eraser.lift(subject), True)
        at.audit += 1
    else:
        run.same(await eraser.forget_index(lease), True)
        at.store.indexed.clear()
        at.store.counted.clear()
        at.store.archived.clear()
    run.same(await eraser.reopen(workspace=at.id), True)
    after = await run.epochs(at)
    run.same(after, {key: epoch for key, epoch in before.items() if key != at.id})


# Questions that are remembered


@covers("QueryVectors.get", "QueryVectors.put", "QueryVectors.forget", weight=2)
async def remember_a_question(run: Run) -> None:
    """The same words asked in two practices: each has its own vector of them, or none."""
    vectors, text = run.parts.query_vectors, run.chance.choice(BAIT)
    pair = run.chance.sample(run.world.practices, 2)
    calls = {}
    for at in pair:
        await run.key(at)
        calls[at.number] = await run.parts.contexts.of(workspace=at.id)
    first, second = pair
    await vectors.put(text, _vector_of(first), model="m", context=calls[first.number])
    for at in pair:
        held = await vectors.get(text, model="m", context=calls[at.number])
        run.same(held if held is None else list(held), held and _vector_of(at))
    await vectors.forget(workspace=second.id)
    run.same(await vectors.get(text, model="m", context=calls[second.number]), None)
    held = await vectors.get(text, model="m", context=calls[first.number])
    run.same(list(held or ()), _vector_of(first))


def _vector_of(at: Practice) -> list[float]:
    return [float(at.number + 1), *[0.0] * (DIMENSION - 1)]


# The audit trail, switches, allowances


@covers("PgAuditLog.append", "PgAuditLog.rows", "PgAuditLog.all_rows", "PgAuditLog.last", weight=6)
async def tell(run: Run) -> None:
    at = run.world.any()
    user = run.chance.choice(at.askers)
    entry = AuditEntry("history.read", user=user, details={"mark": at.mark})
    at.audit += 1
    run.same(await run.parts.audit.append(entry, workspace=at.id), at.audit)
    last = await run.parts.audit.last("history.read", workspace=at.id)
    run.same(last and last.entry, entry)
    rows = await run.parts.audit.rows(workspace=at.id, after=at.audit - 3)
    run.clean(rows, at)
    run.same([row.seq for row in rows], list(range(max(at.audit - 2, 1), at.audit + 1)))
    pages = [row async for row in run.parts.audit.all_rows(workspace=at.id, after=at.audit - 5)]
    run.clean(pages, at)
    run.same([row.seq for row in pages], list(range(max(at.audit - 4, 1), at.audit + 1)))


@covers(
    "PgAuditLog.heads",
    "PgAuditLog.checkpoints",
    "PgAuditLog.keep_checkpoint",
    "PgAuditLog.forwarded",
    "PgAuditLog.depth",
    "PgAuditLog.open_chats",
    "PgAuditLog.head",
    "PgAuditLog.last_checkpoint",
    "PgAuditLog.about",
    weight=2,
)
async def sign_and_forward(run: Run) -> None:
    at, trail = run.world.any(), run.parts.audit
    heads = {head.workspace: head for head in await trail.heads()}
    run.same(heads[at.id].seq if at.id in heads else 0, at.audit)
    if not at.audit:
        return
    point = Checkpoint(at.id, at.audit, bytes(32), NOW, at.mark, b"x" * 64)
    await trail.keep_checkpoint(point)
    await trail.forwarded(workspace=at.id, seq=at.audit)
    head, last = await trail.head(workspace=at.id), await trail.last_checkpoint(workspace=at.id)
    run.same((head and head.forwarded, last and last.seq), (at.audit, at.audit))
    run.clean(await trail.about(workspace=at.id), at)
    points = await trail.checkpoints(workspace=at.id)
    run.clean(points, at)
    run.same(at.mark in {one.keyid for one in points}, True)
    now_heads = {head.workspace: head for head in await trail.heads()}
    run.same(
        {key: head for key, head in now_heads.items() if key != at.id},
        {key: head for key, head in heads.items() if key != at.id},
    )
    run.same(len(await trail.open_chats(opened_before=now(), limit=10)), (await trail.depth()).open)


@covers("PgAuditLog.append", "PgAuditLog.open_chats", weight=3)
async def open_and_close_a_chat(run: Run) -> None:
    """One chat id in two practices is two chats: closing the one leaves the other open."""
    at, other = run.chance.sample(run.world.practices, 2)
    chat, trail, both = uuid4(), run.parts.audit, (at, other)
    for one in both:
        opened = AuditEntry("chat.opened", user=one.users[0], chat=chat)
        if one is at or run.chance.random() < 0.5:
            one.audit += 1
            run.same(await trail.append(opened, workspace=one.id), one.audit)
            one.open.add(chat)
    for one in (one for one in both if chat in one.open):
        closed = AuditEntry("chat.closed", user=one.users[0], chat=chat)
        one.audit += 1
        run.same(await trail.append(closed, workspace=one.id), one.audit)
        one.open.discard(chat)
        left = await trail.open_chats(opened_before=now() + timedelta(hours=1), limit=100)
        expected = {(w.id, c) for w in run.world.practices for c in w.open}
        run.same({(one.workspace, one.chat) for one in left}, expected)
        try:
            await trail.append(closed, workspace=one.id)
        except ChatAlreadyClosed:
            continue
        raise Leak("a chat was closed twice")


@covers("Monolith.record", weight=2)
async def tell_pazpaz(run: Run) -> None:
    """A row goes to PazPaz's log of the same practice."""
    at = run.world.any()
    for row in await run.parts.audit.rows(workspace=at.id, after=at.audit - 2):
        run.same(await run.parts.notes.record(row), True)
    for workspace, line in run.world.told:
        run.same(workspace, at.id)
        run.clean(line, at)
    run.world.told.clear()


@covers(
    "PgStandings.of",
    "PgStandings.now",
    "PgStandings.refresh",
    "PgSwitches.put",
    "PgSwitches.remove",
    "PgSwitches.all",
)
async def switch(run: Run) -> None:
    """One practice off is one practice off."""
    at, switches = run.world.any(), PgSwitches(run.parts.database)
    await switches.put("assistant", False, workspace=at.id)
    run.same((await run.parts.standings.now(at.id)).enabled, False)
    await run.parts.standings.refresh()
    other = run.world.any()
    run.same((await run.parts.standings.of(other.id)).enabled, other is not at)
    run.same([one.workspace for one in await switches.all()], [at.id])
    run.same(await switches.remove("assistant", workspace=at.id), True)
    await run.parts.standings.now(at.id)
    at.audit += 2


@covers("RedisRateLimiter.take", "RedisRateLimiter.look", "RedisRateLimiter.forget", weight=2)
async def use_an_allowance(run: Run) -> None:
    """One practice at its limit is no other's limit."""
    at, other = run.chance.sample(run.world.practices, 2)
    narrow = replace(run.parts.limiter, per_hour=1, per_minute=1)
    keys = [f"ai_agent_chat:{one.id}" for one in (at, other)]
    keys += [f"ai_agent_chat_user:{one.askers[0]}" for one in (at, other)]
    await run.parts.redis.delete(*keys)
    for one in (at, other):
        said = await narrow.take(workspace=one.id, user=one.askers[0])
        run.same(said.retry_after, None)
    run.same((await narrow.look(user=at.users[0])).retry_after, None)
    refused = await narrow.take(workspace=at.id, user=UserId(uuid4()))
    run.same(refused.retry_after is None, False)
    await narrow.forget(workspace=at.id)
    run.same(await run.parts.redis.exists(keys[0], keys[1]), 1)
    await run.parts.redis.delete(*keys, f"ai_agent_look:{at.users[0]}")


@covers("RedisRateLimiter.take", weight=1)
async def use_an_allowance_without_redis(run: Run) -> None:
    """Counted in this process, a practice's limit is no other's either."""
    at, other = run.chance.sample(run.world.practices, 2)
    # Nobody listens at port 1.
    async with Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2) as away:
        narrow = RedisRateLimiter(away, per_hour=1, per_minute=1)
        for one in (at, other):
            said = await narrow.take(workspace=one.id, user=one.askers[0])
            run.same(said.retry_after, None)
        refused = await narrow.take(workspace=at.id, user=at.askers[1])
        run.same(refused.retry_after is None, False)


@covers("Principals.confirm", "Monolith.introspect", weight=6)
async def confirm_a_login(run: Run) -> None:
    """Also one whose token names another practice than PazPaz does, before and after the true one."""
    at, other = run.chance.sample(run.world.practices, 2)
    user = run.chance.choice(at.everybody)
    session = run.world.session_of(at, user)
    if run.chance.random() < 0.3:
        run.parts.principals.drop(at.id)
    for workspace in (at.id, other.id, at.id):
        claims = TokenClaims(user, workspace, session)
        try:
            confirmed: Any = (await run.parts.principals.confirm(claims)).workspace
        except NotAuthenticated:
            confirmed = None
        run.same(confirmed, at.id if workspace == at.id else None)
