"""Workspaces' vectors in memory answer as the store does, whatever happens to the index meanwhile."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from structlog.testing import capture_logs

from service.domain.erasure import Subject
from service.domain.identity import ClientId
from service.domain.notes import Bag, Chunk, NoteRef
from service.domain.scope import ANYWHERE, Period, Within
from service.errors import StoreUnavailable
from service.ports.index import IndexedNote, IndexModels, Space
from service.retrieval.dense import DenseIndex
from service.vectors import DIMENSION
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryChunkStore, a_client, a_note

MODELS = ("one-1", "two-1")
FIELDS = ("subjective", "objective", "assessment", "plan")
FIRST_DAY = date(2026, 1, 1)


def a_vector(number, model=MODELS[0]):
    drawn = np.random.default_rng([number, MODELS.index(model)]).standard_normal(DIMENSION)
    return (drawn / np.linalg.norm(drawn)).astype(np.float16).astype(float).tolist()


def indexed(note, numbers):
    """The note with a chunk for each number, which tells its vector, in both models."""
    chunks = [Chunk(FIELDS[i % 4], i // 4, 0, 1, "x") for i in range(len(numbers))]
    spaces = [
        Space(model, {}, frozenset(), chunks, [a_vector(one, model) for one in numbers])
        for model in MODELS
    ]
    return IndexedNote(note, Bag(note.ref, note.client, note.day, (), ()), spaces)


def a_store(*workspaces):
    store = InMemoryChunkStore()
    for workspace in workspaces or (WORKSPACE,):
        store.held[workspace] = IndexModels(*MODELS)
    return store


async def put(store, numbers, **note):
    kept = a_note("x", **note)
    await store.replace(indexed(kept, numbers))
    return kept.ref


async def filled(count, *, workspace=WORKSPACE, store=None):
    """A workspace of so many chunks, four a note."""
    store = store or a_store(workspace)
    for start in range(0, count, 4):
        await put(store, range(start, min(start + 4, count)), workspace=workspace)
    return store


def nearest(store, vector, *, workspace, model, within, limit):
    """By brute force, in the order of the store."""
    rows = [
        (note, chunk, np.array(other, np.float16).astype(float))
        for note, chunk, other in store._chunks(workspace, model)
        if within.holds(note.ref, note.client, note.day)
    ]
    query = np.array(vector, np.float16).astype(float)
    query /= np.linalg.norm(query)
    cosines = [round(float(v @ query / np.linalg.norm(v)), 9) for _, _, v in rows]
    keyed = [
        (-cosine, note.ref.id, chunk.field, chunk.ordinal)
        for cosine, (note, chunk, _) in zip(cosines, rows, strict=True)
    ]
    return [(id, field, ordinal) for _, id, field, ordinal in sorted(keyed)][:limit]


def keys(hits):
    return [(hit.ref.id, hit.field, hit.ordinal) for hit in hits]


async def ask(dense, store, number, *, within=ANYWHERE, limit=10, model=MODELS[0], **where):
    """What the index finds, having compared it with brute force."""
    asked = {"workspace": where.get("workspace", WORKSPACE), "model": model, "within": within}
    hits = await dense.search(a_vector(number, model), limit=limit, **asked)
    assert keys(hits) == nearest(store, a_vector(number, model), limit=limit, **asked)
    return hits


async def loaded(dense):
    """Until nothing is being loaded."""
    while dense._loading:
        await asyncio.gather(*dense._loading.values())


def watched(store, name, asked):
    """Notes down when this is asked; returns it as it was."""
    method = getattr(store, name)

    async def noted(*args, **more):
        asked.append(name)
        return await method(*args, **more)

    setattr(store, name, noted)
    return method


def held(dense, workspace=WORKSPACE):
    return dense._held.stale(workspace)


@pytest.mark.parametrize("resident", [True, False])
async def test_a_small_workspace_is_hot_at_once(resident):
    """And asked again, nothing of it is read again, but the few vectors that are fetched."""
    store = await filled(40)
    dense = DenseIndex(store, resident=resident)
    for _ in range(3):
        hits = await ask(dense, store, 7)
    assert store.row_reads == 1
    assert hits[0].similarity == pytest.approx(1, abs=1e-3)
    assert held(dense).resident == resident


async def test_a_large_workspace_answers_before_it_is_loaded():
    """Exact by the store, or by one-bit codes where it is larger still; hot a moment later."""
    store = await filled(40)
    for large, by in ((1000, "search"), (20, "chunk_codes")):
        dense, asked = DenseIndex(store, small=10, large=large), []
        with_memory = watched(store, by, asked)
        await ask(dense, store, 7)
        setattr(store, by, with_memory)
        assert asked == [by]
        await loaded(dense)
        assert held(dense).living == 40
        await ask(dense, store, 7)


async def test_without_all_codes_a_large_workspace_is_compared_exactly():
    """A search by the codes there are would miss the others."""
    store, asked = await filled(40), []

    async def lacking(**_):
        return None

    store.chunk_codes = lacking
    watched(store, "search", asked)
    await ask(DenseIndex(store, small=10, large=20), store, 7)
    assert asked == ["search"]


async def test_a_change_is_seen_by_the_next_question():
    """A note that is made, edited, archived or forgotten, without reading the others again."""
    store = await filled(40)
    dense = DenseIndex(store)
    await ask(dense, store, 100)
    ref = await put(store, [100, 101])
    assert (await ask(dense, store, 100))[0].ref == ref
    await put(store, [102], id=ref.id)
    assert (await ask(dense, store, 102))[0].ref == ref
    assert (await ask(dense, store, 100))[0].ref != ref
    await store.forget(ref)
    assert ref not in {hit.ref for hit in await ask(dense, store, 102, limit=100)}
    await store.put_client(a_client(is_active=False), None)
    assert await ask(dense, store, 7) == []
    assert store.row_reads == 1


async def test_what_nobody_can_tell_is_read_anew():
    """Where the log does not reach back, the question does not wait for it either."""
    store = await filled(40)
    dense = DenseIndex(store, small=10)
    await dense.load(workspace=WORKSPACE, model=MODELS[0])
    store._next_epoch(WORKSPACE, None)
    await ask(dense, store, 7)
    assert held(dense) is None
    await loaded(dense)
    await ask(dense, store, 7)
    assert store.row_reads == 2


async def test_another_model_is_another_memory():
    """Vectors of two models are never compared: after a switch those of the other are loaded."""
    store = await filled(40)
    dense = DenseIndex(store)
    for model in (*MODELS, *MODELS):
        await ask(dense, store, 7, model=model)
    assert store.row_reads == 4


async def test_what_is_dropped_while_it_is_loaded_is_not_kept():
    """An erasure leaves nothing of a workspace in memory, whatever was under way."""
    store = await filled(40)
    dense = DenseIndex(store, small=10)
    await ask(dense, store, 7)
    assert WORKSPACE in dense._loading
    dense.drop(WORKSPACE)
    await asyncio.sleep(0.05)
    assert held(dense) is None
    assert not dense._loading


@pytest.mark.parametrize(
    ("error", "code"), [(StoreUnavailable(), "store_away"), (ValueError("text"), "internal")]
)
async def test_a_load_that_fails_is_told_by_its_code(error, code):
    """And a fault of ours by its place; the question has its answer, and the next begins the load anew."""
    store = await filled(40)
    dense, rows = DenseIndex(store, small=10), store.chunk_rows

    async def fails(**_):
        raise error

    store.chunk_rows = fails
    with capture_logs() as logs:
        await ask(dense, store, 7)
        await loaded(dense)
    told = {"event": "vectors.not_loaded", "log_level": "warning", "workspace": WORKSPACE}
    placed = error if code == "internal" else None
    assert logs == [told | {"code": code, "exc_info": placed}]
    store.chunk_rows = rows
    await ask(dense, store, 7)
    await loaded(dense)
    assert held(dense) is not None


async def test_what_does_not_fit_is_not_held():
    """Vectors leave first, and are fetched; a workspace whose codes have no room is asked of the store."""
    store = await filled(40)
    fetched, none = DenseIndex(store, max_bytes=100_000), DenseIndex(store, max_bytes=40_000)
    for dense in (fetched, none):
        await ask(dense, store, 7)
        await ask(dense, store, 7)
    assert not held(fetched).resident
    assert held(none) is None
    assert store.row_reads == 1


@pytest.mark.parametrize(
    ("after", "model", "is_hot"),
    [(59.0, MODELS[0], False), (60.0, MODELS[0], True), (0.0, MODELS[1], True)],
    ids=["within the minute", "after it", "another model"],
)
async def test_what_did_not_fit_is_measured_anew(after, model, is_hot):
    """Once a minute, or where another model is asked for: a workspace that became smaller is held again."""
    store, seconds = a_store(), [0.0]
    refs = [await put(store, range(start, start + 4)) for start in range(0, 100, 4)]
    room = {"max_bytes": 100_000, "resident": False}
    dense = DenseIndex(store, **room, clock=lambda: seconds[0])
    await ask(dense, store, 7)
    for ref in refs[10:]:
        await store.forget(ref)
    seconds[0] = after
    for _ in range(2):
        await ask(dense, store, 7, model=model)
        await loaded(dense)
    assert (held(dense) is not None) == is_hot


async def test_closing_ends_what_is_being_loaded():
    """A process that goes down waits for no load."""
    dense = DenseIndex(await filled(40), small=10)
    await dense.search(a_vector(1), workspace=WORKSPACE, model=MODELS[0], within=ANYWHERE, limit=1)
    await dense.aclose()
    assert held(dense) is None


class Slow(InMemoryChunkStore):
    """Gives way to others before and after each look, as a database does."""

    async def epoch(self, **asked):
        await asyncio.sleep(0)
        return await super().epoch(**asked)

    async def changed_chunks(self, **asked):
        await asyncio.sleep(0)
        found = await super().changed_chunks(**asked)
        await asyncio.sleep(0)
        return found

    async def halves(self, places, **asked):
        await asyncio.sleep(0)
        return await super().halves(places, **asked)


async def test_searches_while_the_index_changes_are_right_as_of_some_moment_of_theirs():
    """Each answer is that of an epoch between its beginning and its end, though others append to the same arrays."""
    store = Slow()
    store.held[WORKSPACE] = IndexModels(*MODELS)
    await filled(80, store=store)
    dense = DenseIndex(store)
    asked = {"workspace": WORKSPACE, "model": MODELS[0], "within": ANYWHERE, "limit": 10}
    right = {}

    def note_down():
        for number in range(5):
            found = nearest(store, a_vector(number), **asked)
            right[store.epochs[WORKSPACE], number] = found

    async def change():
        for number in range(60):
            kept = [hit[0] for hit in right[store.epochs[WORKSPACE], number % 5][:2]]
            await put(store, [1000 + number, number % 5], **({"id": kept[0]} if number % 3 else {}))
            if number % 4 == 0:
                await store.forget(NoteRef(WORKSPACE, "sessions", kept[1]))
                right[store.epochs[WORKSPACE] - 1, 0] = None
            note_down()
            await asyncio.sleep(0)

    async def search(number):
        for _ in range(40):
            first = store.epochs[WORKSPACE]
            found = keys(await dense.search(a_vector(number), **asked))
            last = store.epochs[WORKSPACE]
            told = [right.get((epoch, number)) for epoch in range(first, last + 1)]
            assert found in told
            await asyncio.sleep(0)

    note_down()
    await asyncio.gather(change(), *(search(number) for number in range(5)))
    assert store.row_reads == 1


class Practices(RuleBasedStateMachine):
    """Two practices, whose notes are put, edited, moved, forgotten, archived and erased."""

    ids = st.integers(1, 12)
    numbers = st.lists(st.integers(0, 30), min_size=0, max_size=9)
    clients = st.sampled_from([ClientId(UUID(int=11)), ClientId(UUID(int=12))])
    workspaces = st.sampled_from([WORKSPACE, OTHER_WORKSPACE])

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = a_store(WORKSPACE, OTHER_WORKSPACE)
        self.indexes = [
            DenseIndex(self.store),
            DenseIndex(self.store, resident=False, small=4, large=10),
            DenseIndex(self.store, max_workspaces=1, small=10),
            DenseIndex(self.store, max_bytes=150_000),
        ]

    def run(self, work):
        return self.loop.run_until_complete(work)

    def teardown(self):
        for dense in self.indexes:
            self.run(dense.aclose())
        self.loop.close()

    @rule(id=ids, numbers=numbers, client=clients, workspace=workspaces, day=st.integers(0, 9))
    def put(self, id, numbers, client, workspace, day):
        note = a_note("x", id=UUID(int=id), client=client, workspace=workspace)
        at = datetime.combine(FIRST_DAY, time(9), UTC) + timedelta(day)
        self.run(self.store.replace(indexed(replace(note, session_date=at), numbers)))

    @rule(id=ids, workspace=workspaces)
    def forget(self, id, workspace):
        self.run(self.store.forget(NoteRef(workspace, "sessions", UUID(int=id))))

    @rule(client=clients, numbers=numbers, workspace=workspaces)
    def profile(self, client, numbers, workspace):
        known = a_client(client, workspace=workspace)
        self.run(self.store.put_client(known, indexed(known.profile, numbers)))

    @rule(client=clients, workspace=workspaces)
    def archive(self, client, workspace):
        self.run(self.store.put_client(a_client(client, workspace=workspace), None))

    @rule(client=clients, workspace=workspaces, is_here=st.booleans())
    def erase(self, client, workspace, is_here):
        """Here, where memory is told; or by another process, where the epoch alone tells."""
        self.run(self.store.erase(Subject(workspace, "clients", client)))
        for dense in self.indexes if is_here else ():
            dense.drop(workspace)
            assert held(dense, workspace) is None

    @rule(workspace=workspaces)
    def lose_the_log(self, workspace):
        self.store._next_epoch(workspace, None)

    @rule()
    def wait(self):
        for dense in self.indexes:
            self.run(loaded(dense))

    @rule(
        number=st.integers(0, 30),
        workspace=workspaces,
        model=st.sampled_from(MODELS),
        limit=st.sampled_from([1, 3, 10, 100]),
        whose=st.none() | st.frozensets(clients),
        days=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
        sessions=st.none() | st.frozensets(ids),
    )
    def ask(self, number, workspace, model, limit, whose, days, sessions):
        within = Within(
            whose,
            Period(*(FIRST_DAY + timedelta(day) for day in days)) if days else None,
            frozenset(UUID(int=id) for id in sessions) if sessions is not None else None,
        )
        asked = {"workspace": workspace, "model": model, "within": within, "limit": limit}
        for dense in self.indexes:
            self.run(ask(dense, self.store, number, **asked))

    @invariant()
    def keeps_its_bounds(self):
        for dense in self.indexes:
            kept = dense._held._open.values()
            assert sum(one.nbytes for one in kept) <= dense._max_bytes
            assert len(kept) <= dense._held._max_workspaces


TestPractices = Practices.TestCase
TestPractices.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
