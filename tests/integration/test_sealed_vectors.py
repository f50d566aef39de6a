"""Vectors that nobody can read in the database, and a setting that may change: on the real one, both ways."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from numpy.typing import NDArray

from service.adapters.index.both_vectors import BothVectors, Kind
from service.adapters.index.reindexer import PgReindexer
from service.adapters.key_rotation import PgKeyRotation
from service.adapters.key_store import PgKeyStore
from service.adapters.postgres.database import Database, open_database
from service.adapters.postgres.tables import metadata
from service.demo.databases import Databases
from service.domain.answers import Hit
from service.domain.identity import ClientId
from service.domain.notes import Note, NoteRef
from service.domain.scope import ANYWHERE, Within
from service.errors import KeyUnavailable, SealBroken
from service.ports.clock import now
from service.ports.index import ChunkStore, IndexModels, Space
from service.security.keys import KeyEncryptionKey, new_key
from service.vectors.bits import encode, rotated
from service.vectors.rows import ChunkRows
from tests.contracts.bench import (
    MODEL,
    Bench,
    RealBench,
    a_space,
    axis,
    fake_bench,
    indexed,
    real_bench,
)
from tests.fakes import CLIENT, NOW, WORKSPACE, a_client, a_note
from tests.integration.conftest import Owner
from tests.tables import empty_tables

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "4"))
STEPS = 20
LATER = timedelta(days=1)
SECOND = "second-model-of-tests"
TABLES: dict[Kind, str] = {"plain": "session_vectors", "sealed": "sealed_vectors"}
BOTH_WAYS = pytest.mark.parametrize(("before", "after"), [("plain", "sealed"), ("sealed", "plain")])
T = TypeVar("T")


@pytest.fixture(scope="module")
async def database(databases_apart: Databases) -> AsyncIterator[Database]:
    async with open_database(databases_apart.worker) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def nothing_stored(owner: Owner) -> None:
    await empty_tables(owner)


@pytest.fixture
def kek() -> KeyEncryptionKey:
    return KeyEncryptionKey(new_key())


class Processes:
    """The service twice on one database, once by each setting; each has its own memory of keys."""

    def __init__(self, database: Database, owner: Owner, kek: KeyEncryptionKey) -> None:
        self.owner = owner
        self.keys = {kind: PgKeyStore(database, kek, now) for kind in TABLES}
        self.by: dict[Kind, RealBench] = {
            kind: real_bench(keys, owner, kind) for kind, keys in self.keys.items()
        }

    def vectors(self, kind: Kind) -> BothVectors:
        table = self.by[kind].store.vectors  # type: ignore[union-attr]
        assert isinstance(table, BothVectors)
        return table

    async def counts(self) -> tuple[int, int]:
        """Rows in clear, and sealed ones."""
        clear, sealed = [
            await self.owner.fetchval(f"SELECT count(*) FROM {t}") for t in TABLES.values()
        ]
        return clear, sealed

    async def rotate(self, kind: Kind) -> None:
        rotation = PgKeyRotation(self.by[kind].store.database, self.keys[kind])  # type: ignore[union-attr]
        await rotation.renew(workspace=WORKSPACE, older_than=now() + LATER)
        assert (await rotation.reseal(workspace=WORKSPACE)).left == 0


@pytest.fixture
def processes(database: Database, owner: Owner, kek: KeyEncryptionKey) -> Processes:
    return Processes(database, owner, kek)


def vectors_of(count: int, seed: int = 3) -> list[list[float]]:
    some = np.random.default_rng(seed).standard_normal((count, 1024)).astype(np.float32)
    made: list[list[float]] = (some / np.linalg.norm(some, axis=1, keepdims=True)).tolist()
    return made


def known(rows: ChunkRows) -> dict[tuple[Any, ...], bytes]:
    """Each chunk's place and vector."""
    at = rows.placed
    assert len(set(at.notes)) == len(at.notes)
    return {
        (at.notes[note], at.clients[note], at.days[note], at.fields[field], int(ordinal)): bytes(
            half
        )
        for note, field, ordinal, half in zip(
            at.note, at.field, at.ordinal, rows.halves, strict=True
        )
    }


async def held(bench: Bench, model: str = MODEL) -> dict[tuple[Any, ...], bytes]:
    _, rows = await bench.store.chunk_rows(workspace=WORKSPACE, model=model)
    return known(rows)


async def _are_codes_of(store: ChunkStore, halves: NDArray[np.float16]) -> None:
    """All of these vectors' codes; or none, where some were never made."""
    found = await store.chunk_codes(workspace=WORKSPACE, model=MODEL)
    if found is not None:
        assert sorted(map(bytes, found[1].signs)) == sorted(map(bytes, encode(halves)[0]))


def _needles(vectors: Sequence[Sequence[float]]) -> list[bytes]:
    """What would give vectors away: their numbers in any width, order or as text, and their signs, plain or rotated."""
    halves = np.array(vectors, np.float16)
    singles = halves.astype(np.float32)
    numbers = [
        one.astype(kind) for one in halves for kind in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8")
    ]
    signs = [
        np.packbits(one > 0, axis=1, bitorder=order)
        for one in (singles, rotated(singles))
        for order in ("big", "little")
    ]
    assert np.array_equal(signs[2], encode(halves)[0])
    texts = [",".join(str(float(number)) for number in one[:3]).encode() for one in halves]
    pieces = [column.tobytes()[at : at + 16] for column in numbers for at in (0, 1024)]
    return pieces + [row.tobytes()[:8] for some in signs for row in some] + texts


async def _read_everything(owner: Owner) -> bytes:
    """Every table as its owner reads it: by the bytes of its columns, and as text."""
    read = b""
    for table in metadata.tables:
        for row in await owner.fetch(f"SELECT * FROM {table}"):
            read += b"".join(value for value in row.values() if isinstance(value, bytes))
        for row in await owner.fetch(f"SELECT t::text FROM {table} t"):
            read += row[0].encode()
    columns = await owner.fetch("SELECT halfvec_send(embedding) FROM session_vectors")
    return read + b"".join(row[0] for row in columns)


@pytest.mark.parametrize("kind", TABLES)
async def test_the_owner_of_the_database_reads_no_vector(processes: Processes, kind: Kind) -> None:
    """Of no table: neither numbers nor signs; where vectors are in clear, the same look finds them."""
    vectors = vectors_of(4)
    notes = [a_note("sleeps badly", plan="walk daily") for _ in vectors]
    bench = processes.by[kind]
    for note, vector in zip(notes, vectors, strict=True):
        await bench.index(indexed(note, vector=vector))
    await bench.put(a_client(notes="profile"), vector=vectors[0])
    await processes.rotate(kind)

    everything = await _read_everything(processes.owner)
    found = [needle for needle in _needles(vectors) if needle in everything]
    assert bool(found) == (kind == "plain")
    assert (await processes.counts())[0] == (0 if kind == "sealed" else 9)
    assert await bench.found(vectors[2]) == {note.ref.id for note in notes} | {CLIENT}


@BOTH_WAYS
async def test_what_was_written_before_the_setting_changed_is_found(
    processes: Processes, before: Kind, after: Kind
) -> None:
    """By search, by whoever loads or follows the index, and key by key; so are notes of both kinds together."""
    vectors = vectors_of(6)
    notes = [a_note("text", client=ClientId(UUID(int=20 + n % 2))) for n in range(6)]
    for note, vector in zip(notes[:3], vectors[:3], strict=True):
        await processes.by[before].index(indexed(note, vector=vector))
    old, new = processes.by[before].store, processes.by[after].store
    was = await held(processes.by[before])
    assert await held(processes.by[after]) == was
    epoch = await new.epoch(workspace=WORKSPACE)
    for note, vector in zip(notes[3:], vectors[3:], strict=True):
        await processes.by[after].index(indexed(note, vector=vector))

    of = {"workspace": WORKSPACE, "model": MODEL}
    for store in (old, new):
        _, rows = await store.chunk_rows(**of)
        assert len(known(rows)) == 6
        assert [await store.is_larger(n, **of) for n in (5, 6)] == [True, False]
        delta = await store.changed_chunks(since=epoch, **of)
        assert delta is not None
        assert {place[0] for place in known(delta.rows)} == {note.ref for note in notes[3:]}
        places = [(note.ref, "subjective", 0) for note in (*notes, a_note("gone"))]
        halves = await store.halves(places, **of)
        assert np.array_equal(halves[:6], np.array(vectors, np.float16))
        assert np.isnan(halves[6]).all()
        await _are_codes_of(store, halves[:6])
        for number in (1, 4):
            [hit] = await store.search(vectors[number], within=ANYWHERE, limit=1, **of)
            assert (hit.ref, round(hit.similarity, 2)) == (notes[number].ref, 1)
        mine = Within.client(ClientId(UUID(int=20)))
        hits = await store.search(vectors[1], within=mine, limit=10, **of)
        assert {hit.ref for hit in hits} == {note.ref for note in notes[::2]}


@BOTH_WAYS
async def test_a_note_moves_with_its_next_write(
    processes: Processes, before: Kind, after: Kind
) -> None:
    """Kept fields with it, though nothing of them is embedded; nothing of it is left where it was."""
    note = a_note("sleeps badly", plan="walk daily")
    one, two = vectors_of(2)
    await processes.by[before].index(indexed(note, vector=one))
    edited = a_note("sleeps badly", id=note.ref.id, plan="run daily")
    await processes.by[after].index(indexed(edited, vector=two, kept=["subjective"]))

    stands = {place[3:]: vector for place, vector in (await held(processes.by[after])).items()}
    assert stands == {
        ("subjective", 0): np.array(one, np.float16).tobytes(),
        ("plan", 0): np.array(two, np.float16).tobytes(),
    }
    assert await processes.vectors(after).elsewhere_of(workspace=WORKSPACE) == 0
    unchanged = indexed(edited, kept=["subjective", "plan"])
    assert not unchanged.spaces[0].chunks
    await processes.by[before].index(unchanged)
    assert await processes.vectors(before).elsewhere_of(workspace=WORKSPACE) == 0
    assert {place[3:]: v for place, v in (await held(processes.by[after])).items()} == stands


@BOTH_WAYS
async def test_all_notes_are_moved_without_a_model(
    processes: Processes, before: Kind, after: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same vectors in both models, client and day; memories follow; a second time there is nothing to do."""
    monkeypatch.setattr("service.adapters.index.both_vectors.NOTES", 2)
    day = datetime(2026, 3, 1, 9, tzinfo=UTC)
    notes = [replace(a_note("text", plan="more"), session_date=day) for _ in range(5)]
    first = processes.by[before]
    await first.index(notes[0])
    await first.set_models(IndexModels(MODEL, SECOND))
    for note, vector in zip(notes, vectors_of(5), strict=True):
        both = [a_space(note, vector=vector, model=model) for model in (MODEL, SECOND)]
        await first.index(replace(indexed(note), spaces=both))
    was = [await held(first, model) for model in (MODEL, SECOND)]
    assert all(len(one) == 10 for one in was)
    epoch = await first.store.epoch(workspace=WORKSPACE)
    vectors = processes.vectors(after)

    assert await vectors.elsewhere_of(workspace=WORKSPACE) == 5
    assert await vectors.move(workspace=WORKSPACE) == 5
    assert await vectors.elsewhere_of(workspace=WORKSPACE) == 0
    assert await vectors.move(workspace=WORKSPACE) == 0
    assert await processes.owner.fetchval(f"SELECT count(*) FROM {TABLES[before]}") == 0
    for bench in processes.by.values():
        assert [await held(bench, model) for model in (MODEL, SECOND)] == was
    assert await first.store.epoch(workspace=WORKSPACE) > epoch


async def test_a_note_that_is_being_written_is_waited_for(processes: Processes) -> None:
    """The move takes the others, and this one when its writer is done; neither waits for the other in a ring."""
    notes = [a_note("text") for _ in range(3)]
    for note in notes:
        await processes.by["plain"].index(note)
    async with processes.owner.transaction():
        await processes.owner.execute(
            "SELECT FROM note_catalogue WHERE entity_id = $1 FOR UPDATE", notes[0].ref.id
        )
        moving = asyncio.create_task(processes.vectors("sealed").move(workspace=WORKSPACE))
        for _ in range(200):
            if (await processes.counts())[1] == 2:
                break
            await asyncio.sleep(0.05)
        assert not moving.done()
    assert await moving == 3
    assert await processes.counts() == (0, 3)


async def test_the_server_tells_about_how_many_are_elsewhere(processes: Processes) -> None:
    """Without a look behind any wall, for a warning at the start; the server counts a moment late."""
    await processes.by["plain"].index(*[a_note("text") for _ in range(3)])
    sealed = processes.vectors("sealed")
    assert await _comes_to(processes, sealed.elsewhere_in_all, some=True)
    await sealed.move(workspace=WORKSPACE)
    assert await _comes_to(processes, sealed.elsewhere_in_all, some=False)


async def _comes_to(
    processes: Processes, count: Callable[[], Awaitable[int]], *, some: bool
) -> bool:
    for _ in range(150):
        await processes.owner.execute("VACUUM session_vectors")
        if bool(await count()) == some:
            return True
        await asyncio.sleep(0.1)
    return False


async def codes_of(bench: Bench) -> list[bytes]:
    found = await bench.store.chunk_codes(workspace=WORKSPACE, model=MODEL)
    assert found is not None
    return [*map(bytes, found[1].signs), found[1].corrections.tobytes()]


async def test_a_rotation_seals_vectors_and_codes_anew(processes: Processes) -> None:
    """Who remembers the old keys reads and writes on; what was read before reads the same; the old key is gone."""
    note, (one, two) = a_note("sleeps badly", plan="walk daily"), vectors_of(2)
    bench, other = processes.by["sealed"], processes.by["plain"]
    await bench.index(indexed(note, vector=one))
    was, codes = await held(bench), await codes_of(bench)
    await held(other)  # remembers the keys
    columns = "SELECT key_epoch, sealed, codes FROM sealed_vectors"
    before = await processes.owner.fetchrow(columns)

    await processes.rotate("sealed")
    after = await processes.owner.fetchrow(columns)
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert await processes.owner.fetchval("SELECT count(*) FROM workspace_keys") == 1
    for reader in (bench, other):
        assert await held(reader) == was
        assert await codes_of(bench) == codes
    await processes.rotate("plain")
    edited = a_note("sleeps badly", id=note.ref.id, plan="run daily")
    await bench.index(indexed(edited, vector=two, kept=["subjective"]))
    assert len(await held(other)) == 2


TAMPERED = {
    "another note's": "UPDATE sealed_vectors t SET {one} = s.{one} FROM sealed_vectors s"
    " WHERE t.entity_id <> s.entity_id",
    "the other column": "UPDATE sealed_vectors SET {one} = {other}",
    "another model's": "UPDATE sealed_vectors SET model = 'another'",
    "a bit": "UPDATE sealed_vectors SET {one} = set_byte({one}, 40, 255 - get_byte({one}, 40))",
}


@pytest.mark.parametrize(("one", "other"), [("sealed", "codes"), ("codes", "sealed")])
@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
async def test_a_block_opens_at_its_own_place_only(
    processes: Processes, statement: str, one: str, other: str
) -> None:
    """Put into another note's row, another model's, or the other column, or changed by a bit, it is refused."""
    store = processes.by["sealed"].store
    await processes.by["sealed"].index(a_note("text"), a_note("text"))
    await processes.owner.execute(statement.format(one=one, other=other))
    model = await processes.owner.fetchval("SELECT model FROM sealed_vectors")
    read = store.chunk_rows if one == "sealed" else store.chunk_codes
    with pytest.raises(SealBroken):
        await read(workspace=WORKSPACE, model=model)


async def test_many_notes_are_read_page_by_page(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every note once, whatever the page's size; the nearest of all pages are the nearest."""
    bench, vectors = processes.by["sealed"], vectors_of(7)
    notes = [a_note("text") for _ in vectors]
    for note, vector in zip(notes, vectors, strict=True):
        await bench.index(indexed(note, vector=vector))
    for size in (1, 3, 7, 8):
        monkeypatch.setattr(
            "service.adapters.index.sealed_vectors.PAGE", {"sealed": size, "codes": size}
        )
        assert len(await held(bench)) == 7
        assert len(await codes_of(bench)) == 7 + 1
        similar = np.array(vectors) @ np.array(vectors[3])
        hits = await bench.store.search(
            vectors[3], workspace=WORKSPACE, model=MODEL, within=ANYWHERE, limit=4
        )
        assert [hit.ref for hit in hits] == [notes[n].ref for n in np.argsort(-similar)[:4]]


async def test_equal_vectors_come_in_the_order_of_their_notes(processes: Processes) -> None:
    """As from SQL: else two processes would answer a question differently."""
    bench, (vector, query) = processes.by["sealed"], vectors_of(2)
    notes = [a_note("text", plan="more", id=UUID(int=90 - n)) for n in range(9)]
    for note in notes:
        await bench.index(indexed(note, vector=vector))
    hits = [
        await processes.by[kind].store.search(
            query, workspace=WORKSPACE, model=MODEL, within=ANYWHERE, limit=11
        )
        for kind in TABLES
    ]
    expected = sorted((note.ref.id, field) for note in notes for field in ("plan", "subjective"))
    for some in hits:
        assert [(hit.ref.id, hit.field) for hit in some] == expected[:11]


async def test_a_sweep_drops_sealed_vectors_of_a_model_that_went(processes: Processes) -> None:
    """And counts them, one a chunk."""
    bench, note = processes.by["sealed"], a_note("text", plan="more")
    await bench.index(note)
    await bench.set_models(IndexModels(MODEL, SECOND))
    both = [a_space(note, model=model) for model in (MODEL, SECOND)]
    await bench.index(replace(indexed(note), spaces=both))
    await bench.set_models(IndexModels(SECOND))

    reindexer = PgReindexer(bench.store.database, processes.vectors("sealed"))  # type: ignore[union-attr]
    assert await reindexer.sweep(workspace=WORKSPACE) == 2
    assert await held(bench) == {}
    assert len(await held(bench, SECOND)) == 2


async def test_an_unchanged_note_is_not_written_again(processes: Processes) -> None:
    """Its row is the same one; with another client or day, its block is."""
    bench, note = processes.by["sealed"], a_note("text", plan="more")
    await bench.index(note)
    look = "SELECT xmin::text, sealed FROM sealed_vectors"
    before = await processes.owner.fetchrow(look)
    kept = indexed(note, kept=["subjective", "plan"])
    await bench.index(kept)
    assert await processes.owner.fetchrow(look) == before
    moved = replace(note, client=ClientId(uuid4()), session_date=NOW - LATER)
    await bench.index(indexed(moved, kept=["subjective", "plan"]))
    after = await processes.owner.fetchrow(look)
    assert after["xmin"] != before["xmin"]
    assert after["sealed"] == before["sealed"]
    assert {place[1] for place in await held(bench)} == {moved.client}


async def test_without_its_key_nothing_opens(processes: Processes) -> None:
    """A copy of the rows is worth nothing once the practice's keys are destroyed."""
    bench = processes.by["sealed"]
    await bench.index(a_note("text"))
    await processes.owner.execute("DELETE FROM workspace_keys")
    keys = processes.keys["sealed"]
    keys.drop(WORKSPACE)
    with pytest.raises(
        (KeyUnavailable, SealBroken)
    ):  # by whether the new keys are of the same second
        await bench.store.chunk_rows(workspace=WORKSPACE, model=MODEL)


class Lives(RuleBasedStateMachine):
    """A practice on the fake, and on the database under processes of either setting; they must never differ."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    make: ClassVar[Callable[[], Awaitable[Processes]]]

    def __init__(self) -> None:
        super().__init__()
        self.processes = self.do(self.make())
        self.fake = fake_bench()
        self.kind: Kind = "plain"
        self.models = IndexModels(MODEL)
        self.texts: dict[UUID, dict[str, dict[str, str]]] = {}
        """What stands of each note, by model."""
        self.axes: dict[tuple[Any, ...], int] = {}
        self.memories: dict[Kind, tuple[int, dict[tuple[Any, ...], bytes]]] = {}

    def do(self, work: "Coroutine[Any, Any, T] | Awaitable[T]") -> T:
        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout=60)

    @property
    def real(self) -> RealBench:
        return self.processes.by[self.kind]

    @rule(kind=st.sampled_from(["plain", "sealed"]))
    def restart(self, kind: Kind) -> None:
        self.kind = kind

    @rule(beside=st.booleans())
    def reindex(self, beside: bool) -> None:
        if not self.texts:
            return
        self.models = IndexModels(MODEL, SECOND if beside else None)
        for bench in (self.fake, self.real):
            self.do(bench.set_models(self.models))

    @rule(
        number=st.integers(1, 4),
        client=st.integers(20, 21),
        day=st.integers(1, 3),
        fields=st.dictionaries(
            st.sampled_from(["subjective", "plan"]), st.sampled_from(["one", "two", "much " * 700])
        ),
        keeps=st.booleans(),
    )
    def write(
        self, number: int, client: int, day: int, fields: dict[str, str], keeps: bool
    ) -> None:
        note = replace(
            a_note(None, id=UUID(int=number), client=ClientId(UUID(int=client)), **fields),
            session_date=datetime(2026, 3, day, 9, tzinfo=UTC),
        )
        spaces = [self.space(note, model, keeps) for model in self.models.all]
        for bench in (self.fake, self.real):
            self.do(bench.index(replace(indexed(note), spaces=spaces)))
        self.texts[note.ref.id] = {model: dict(note.fields) for model in self.models.all}

    def space(self, note: Note, model: str, keeps: bool) -> Space:
        """Each chunk's vector tells its text and where it stands, so that no two are equally near."""
        stands = self.texts.get(note.ref.id, {}).get(model, {}) if keeps else {}
        kept = [field for field, text in note.fields.items() if stands.get(field) == text]
        space = a_space(note, model=model, kept=kept)
        told = [(note.ref.id, model, one.field, one.ordinal, one.text) for one in space.chunks]
        axes = [self.axes.setdefault(one, 4 * len(self.axes) % 1024) for one in told]
        return replace(space, vectors=[axis(one) for one in axes])

    @rule(number=st.integers(1, 4), how=st.sampled_from(["forget", "erase"]))
    def go(self, number: int, how: str) -> None:
        ref = NoteRef(WORKSPACE, "sessions", UUID(int=number))
        self.texts.pop(ref.id, None)
        for bench in (self.fake, self.real):
            self.do(getattr(bench, how)(ref))

    @rule()
    def move(self) -> None:
        vectors = self.processes.vectors(self.kind)
        self.do(vectors.move(workspace=WORKSPACE))
        assert self.do(vectors.elsewhere_of(workspace=WORKSPACE)) == 0

    @rule()
    def rotate(self) -> None:
        self.do(self.processes.rotate(self.kind))

    @rule(kind=st.sampled_from(["plain", "sealed"]))
    def remember(self, kind: Kind) -> None:
        self.memories[kind] = self.do(self.loaded(kind))

    async def loaded(self, kind: Kind) -> tuple[int, dict[tuple[Any, ...], bytes]]:
        store = self.processes.by[kind].store
        epoch, rows = await store.chunk_rows(workspace=WORKSPACE, model=MODEL)
        return epoch, known(rows)

    @invariant()
    def they_agree(self) -> None:
        self.do(self.agree())

    async def agree(self) -> None:
        assert await self.processes.owner.fetchval(IN_BOTH) == 0
        for model in (MODEL, SECOND):
            expected = await held(self.fake, model)
            for bench in self.processes.by.values():
                assert await held(bench, model) == expected
        for kind in self.memories:
            await self.follow(kind)
        await self.search_alike()

    async def follow(self, kind: Kind) -> None:
        """What is remembered and what changed since are what there is now."""
        epoch, memory = self.memories[kind]
        store = self.processes.by[kind].store
        delta = await store.changed_chunks(workspace=WORKSPACE, model=MODEL, since=epoch)
        if delta is None:
            self.memories[kind] = await self.loaded(kind)
            return
        rest = {
            place: vector
            for place, vector in memory.items()
            if place[0] not in delta.notes and place[1] not in delta.clients
        }
        self.memories[kind] = delta.epoch, rest | known(delta.rows)
        assert self.memories[kind][1] == (await self.loaded(kind))[1]

    async def search_alike(self) -> None:
        within = Within.client(ClientId(UUID(int=20)))
        places = [(place[0], *place[3:]) for place in await held(self.fake)]
        for bench in self.processes.by.values():
            for scope in (ANYWHERE, within):
                assert _are_alike(await _hits(bench, scope), await _hits(self.fake, scope))
            of = {"workspace": WORKSPACE, "model": MODEL}
            halves = await bench.store.halves(places, **of)
            assert np.array_equal(halves, await self.fake.store.halves(places, **of))
            await _are_codes_of(bench.store, halves)
            assert await bench.store.is_larger(len(places), **of) is False
            assert await bench.store.is_larger(len(places) - 1, **of) is True


IN_BOTH = "SELECT count(*) FROM session_vectors JOIN sealed_vectors USING (workspace_id, entity, entity_id)"


async def _hits(bench: Bench, within: Within) -> Sequence[Hit]:
    slope = np.arange(1024) / np.linalg.norm(np.arange(1024))  # each axis is another similarity
    return await bench.store.search(
        slope.tolist(), workspace=WORKSPACE, model=MODEL, within=within, limit=3
    )


def _are_alike(some: Sequence[Hit], others: Sequence[Hit]) -> bool:
    """The same chunks in the same order, as similar up to a half's rounding."""
    near = [[hit.similarity for hit in hits] for hits in (some, others)]
    bare = [[replace(hit, similarity=0) for hit in hits] for hits in (some, others)]
    return bare[0] == bare[1] and np.allclose(*near, atol=1e-3)


async def test_lives_under_a_setting_that_changes(
    database: Database, owner: Owner, kek: KeyEncryptionKey
) -> None:
    """Whatever is written, moved, rotated and forgotten by processes of both settings, all see what the fake does."""

    async def make() -> Processes:
        await empty_tables(owner)
        return Processes(database, owner, kek)

    Lives.loop, Lives.make = asyncio.get_running_loop(), staticmethod(make)  # type: ignore[assignment]
    bounded = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        phases=[Phase.generate],  # to shrink takes minutes here; the blob repeats what was found
    )
    await asyncio.to_thread(run_state_machine_as_test, Lives, settings=bounded)
