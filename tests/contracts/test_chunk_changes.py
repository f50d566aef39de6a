"""The contract of ChunkStore for whoever remembers a workspace's vectors: all of them, what changed, codes, by key."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from service.domain.identity import ClientId
from service.domain.notes import Note, NoteRef
from service.ports.index import ChunkPlace, IndexDelta, IndexedNote, IndexModels
from service.ports.models import Vector
from service.vectors import DIMENSION
from service.vectors.bits import encode
from service.vectors.rows import ChunkRows, Placed
from tests.contracts.bench import MODEL, Bench, a_space, axis, counted, indexed
from tests.fakes import CLIENT, OTHER_WORKSPACE, WORKSPACE, a_client, a_note

OTHER_CLIENT = ClientId(UUID(int=12))
PROFILE = NoteRef(WORKSPACE, "clients", CLIENT)
SECOND = "second-model-of-tests"
HERE: dict[str, Any] = {"workspace": WORKSPACE, "model": MODEL}

Half = NDArray[np.float16]
Held = dict[ChunkPlace, tuple[ClientId, Any, bytes]]


def some_vector(seed: int) -> Vector:
    """Of length 1, and no two alike."""
    numbers = np.random.default_rng(seed).normal(size=DIMENSION)
    vector: list[float] = (numbers / np.linalg.norm(numbers)).tolist()
    return vector


def at_random(note: Note, seed: int, *, kept: tuple[str, ...] = ()) -> IndexedNote:
    """Each chunk at a vector of its own."""
    space = a_space(note, kept=kept)
    vectors = [some_vector(1000 * seed + number) for number in range(len(space.chunks))]
    return replace(indexed(note), spaces=[replace(space, vectors=vectors)])


def as_held(rows: ChunkRows) -> Held:
    """What a memory would make of them."""
    where = rows.placed
    held = {
        place: (where.clients[note], where.days[note], half.tobytes())
        for place, note, half in zip(where.places, where.note.tolist(), rows.halves, strict=True)
    }
    assert len(held) == len(rows), "a chunk came twice"
    return held


async def held_now(bench: Bench) -> Held:
    epoch, rows = await bench.store.chunk_rows(**HERE)
    assert epoch == await bench.store.epoch(workspace=WORKSPACE)
    return as_held(rows)


def followed(held: Held, delta: IndexDelta[ChunkRows]) -> Held:
    """A memory after a delta: whatever it holds of what was touched goes, what there is now comes."""
    stays = {
        place: chunk
        for place, chunk in held.items()
        if place[0] not in delta.notes and chunk[0] not in delta.clients
    }
    return stays | as_held(delta.rows)


class Memory:
    """What a process holds of a workspace, kept up by deltas."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.epoch, self.held = bench, 0, Held()

    async def read(self) -> "Memory":
        self.epoch, rows = await self.bench.store.chunk_rows(**HERE)
        self.held = as_held(rows)
        return self

    async def follow(self) -> IndexDelta[ChunkRows] | None:
        """Goes on, or reads all anew where the log does not tell."""
        delta = await self.bench.store.changed_chunks(**HERE, since=self.epoch)
        if delta is None:
            await self.read()
        else:
            self.epoch, self.held = delta.epoch, followed(self.held, delta)
        assert self.held == await held_now(self.bench)
        assert self.epoch == await self.bench.store.epoch(workspace=WORKSPACE)
        return delta


async def test_all_chunks_come_with_what_a_scope_asks_of_them(bench: Bench) -> None:
    """Note, client, day, field, number and the vector to half precision: of sessions, profiles and double ids."""
    moment = datetime(1969, 7, 20, 23, tzinfo=UTC)
    old = replace(a_note("long. " * 400, plan="walk"), session_date=moment)
    undated = replace(a_note("text", id=UUID(int=CLIENT.int)), session_date=None)
    await bench.index(at_random(old, 1), at_random(undated, 2))
    await bench.put(a_client(notes="profile", medical_history="asthma"), vector=some_vector(3))
    await bench.index(a_note("theirs", id=old.ref.id, workspace=OTHER_WORKSPACE))

    held = await held_now(bench)
    assert {ref for ref, _, _ in held} == {old.ref, undated.ref, PROFILE}
    places = [(chunk.field, chunk.ordinal) for chunk in a_space(old).chunks]
    assert max(number for _, number in places) > 0, "no field of several chunks"
    assert {place[1:] for place in held if place[0] == old.ref} == set(places)
    for number, place in enumerate(places):
        half = np.array(some_vector(1000 + number), np.float16)
        assert held[(old.ref, *place)] == (CLIENT, moment.date(), half.tobytes())
    assert {day for (ref, _, _), (_, day, _) in held.items() if ref != old.ref} == {None}


async def test_a_field_of_any_name_is_read(bench: Bench) -> None:
    """The store knows the fields there are, and reads one it does not know as well."""
    note = a_note("text", homework="breathe")
    await bench.index(at_random(note, 1))

    assert {field for _, field, _ in await held_now(bench)} == {"subjective", "homework"}


async def test_an_empty_workspace_has_no_rows(bench: Bench) -> None:
    """Nothing, of epoch 0, whatever is asked for."""
    epoch, rows = await bench.store.chunk_rows(**HERE)
    assert (epoch, len(rows), rows.halves.shape) == (0, 0, (0, DIMENSION))
    found = await bench.store.chunk_codes(**HERE)
    assert found is not None
    assert (found[0], len(found[1])) == (0, 0)
    assert (await bench.store.halves([], **HERE)).shape == (0, DIMENSION)
    assert not await bench.store.is_larger(0, **HERE)


async def test_larger_means_more_chunks_in_this_model(bench: Bench) -> None:
    """Counted by chunk, in one practice and one model."""
    await bench.index(a_note("text", plan="walk"))
    await bench.index(a_note("theirs", workspace=OTHER_WORKSPACE))

    assert [await bench.store.is_larger(than, **HERE) for than in (0, 1, 2, 3)] == [
        *(True, True, False, False)
    ]
    assert not await bench.store.is_larger(0, workspace=WORKSPACE, model=SECOND)


NOTE = a_note("sleeps badly", id=UUID(int=900), plan="walk daily")


async def _put(bench: Bench) -> None:
    await bench.put(a_client(notes="likes music"), vector=some_vector(5))


async def _edit(bench: Bench) -> None:
    edited = a_note("sleeps well", id=NOTE.ref.id, plan="walk daily")
    await bench.index(at_random(edited, 6, kept=("plan",)))


async def _move(bench: Bench) -> None:
    moved = replace(NOTE, client=OTHER_CLIENT, session_date=datetime(2025, 1, 2, 9, tzinfo=UTC))
    await bench.index(at_random(moved, 7, kept=("plan", "subjective")))


async def _empty_a_field(bench: Bench) -> None:
    await bench.index(at_random(a_note("sleeps badly", id=NOTE.ref.id), 8, kept=("subjective",)))


async def _empty_all(bench: Bench) -> None:
    await bench.index(at_random(a_note(id=NOTE.ref.id), 9))


async def _back_to_a_draft(bench: Bench) -> None:
    await bench.index(counted(replace(NOTE, state="draft")))


async def _add(bench: Bench) -> None:
    await bench.index(at_random(a_note("new", client=OTHER_CLIENT), 10))


async def _forget(bench: Bench) -> None:
    await bench.forget(NOTE.ref)


async def _forget_client(bench: Bench) -> None:
    await bench.forget_client(PROFILE)


async def _archive(bench: Bench) -> None:
    await bench.put(a_client(is_active=False))


async def _erase(bench: Bench) -> None:
    await bench.erase(NOTE.ref)


async def _erase_client(bench: Bench) -> None:
    await bench.erase(PROFILE)


async def _reindex(bench: Bench) -> None:
    """Beside, and back: vectors of the other model are nobody's business."""
    await bench.set_models(IndexModels(MODEL, SECOND))
    both = [*at_random(NOTE, 11).spaces, a_space(NOTE, vector=axis(2), model=SECOND)]
    await bench.index(replace(indexed(NOTE), spaces=both))
    await bench.set_models(IndexModels(MODEL))


Change = Callable[[Bench], Awaitable[None]]
OF_A_NOTE: tuple[Change, ...] = (
    *(_edit, _move, _empty_a_field, _empty_all, _back_to_a_draft, _forget, _reindex),
)
OF_A_CLIENT: tuple[Change, ...] = (_put, _archive, _forget_client)
ALL: tuple[Change, ...] = (*OF_A_NOTE, *OF_A_CLIENT, _add, _erase, _erase_client)


def _title(change: Change) -> str:
    return change.__name__


async def _furnished(bench: Bench) -> Memory:
    await bench.index(at_random(NOTE, 1), at_random(a_note("beside"), 2))
    await bench.index(at_random(a_note("other", client=OTHER_CLIENT), 3))
    return await Memory(bench).read()


@pytest.mark.parametrize("change", ALL, ids=_title)
async def test_a_memory_that_follows_equals_a_fresh_read(bench: Bench, change: Change) -> None:
    """After each kind of change, and after more than one at once."""
    memory = await _furnished(bench)
    await change(bench)
    await memory.follow()
    await _add(bench)
    await bench.put(a_client(OTHER_CLIENT, notes="text"), vector=some_vector(12))
    await memory.follow()


@pytest.mark.parametrize("change", OF_A_NOTE, ids=_title)
async def test_a_delta_tells_of_the_note_that_changed(bench: Bench, change: Change) -> None:
    """Of it alone, and of no client: with what there is of it now."""
    memory = await _furnished(bench)
    await change(bench)

    delta = await memory.follow()
    assert delta is not None
    assert (delta.notes, delta.clients) == ({NOTE.ref}, frozenset())
    assert {delta.rows.placed.notes[one] for one in delta.rows.placed.note} <= {NOTE.ref}


@pytest.mark.parametrize("change", OF_A_CLIENT, ids=_title)
async def test_a_delta_tells_of_a_client_by_their_profile(bench: Bench, change: Change) -> None:
    """Everything of theirs may have changed: all that is left of it comes along."""
    memory = await _furnished(bench)
    await _put(bench)
    await memory.read()
    await change(bench)

    delta = await memory.follow()
    assert delta is not None
    assert (delta.notes, delta.clients) == ({PROFILE}, {CLIENT})
    told = await bench.store.changed_clients(workspace=WORKSPACE, since=delta.epoch - 1)
    assert told == (delta.epoch, {CLIENT})


@pytest.mark.parametrize("change", [_forget, _edit], ids=_title)
async def test_nothing_changed_is_an_empty_delta(bench: Bench, change: Change) -> None:
    """Asked again at the same epoch, nothing is told; another practice's change is no change."""
    memory = await _furnished(bench)
    await change(bench)
    await memory.follow()
    await bench.index(a_note("theirs", id=NOTE.ref.id, workspace=OTHER_WORKSPACE))

    delta = await memory.follow()
    assert delta is not None
    assert (delta.notes, delta.clients, len(delta.rows)) == (frozenset(), frozenset(), 0)


async def test_bags_follow_as_vectors_do(bench: Bench) -> None:
    """The bag of what changed as it is now, and none of what is gone."""
    await _furnished(bench)
    since = await bench.store.epoch(workspace=WORKSPACE)
    edited = indexed(a_note("sleeps well", id=NOTE.ref.id))
    await bench.index(edited)

    delta = await bench.store.changed_bags(workspace=WORKSPACE, since=since)
    assert delta is not None
    assert (delta.notes, list(delta.rows)) == ({NOTE.ref}, [edited.bag])
    await bench.forget(NOTE.ref)
    delta = await bench.store.changed_bags(workspace=WORKSPACE, since=since)
    assert delta is not None
    assert (delta.notes, list(delta.rows)) == ({NOTE.ref}, [])


async def test_a_note_that_changed_is_nobodys_name(bench: Bench) -> None:
    """Sessions come and go without a client being touched."""
    await _furnished(bench)
    since = await bench.store.epoch(workspace=WORKSPACE)
    await _edit(bench)
    await _forget(bench)

    changed = await bench.store.changed_clients(workspace=WORKSPACE, since=since)
    assert changed == (await bench.store.epoch(workspace=WORKSPACE), frozenset())


async def test_an_epoch_from_elsewhere_is_not_followed(bench: Bench) -> None:
    """Neither one that is still to come, as of a workspace erased and made anew, nor one from before all others."""
    await _furnished(bench)
    now = await bench.store.epoch(workspace=WORKSPACE)

    for since in (now + 1, now - 10_000, -1):
        assert await bench.store.changed_chunks(**HERE, since=since) is None
        assert await bench.store.changed_bags(workspace=WORKSPACE, since=since) is None
        assert await bench.store.changed_clients(workspace=WORKSPACE, since=since) is None


async def test_each_write_is_the_next_epoch(bench: Bench) -> None:
    """Also of writers at the same time: no epoch is left out, none comes twice, and each tells what it changed."""
    memory = await _furnished(bench)
    notes = [a_note("text") for _ in range(6)]
    # Leases one after the other: the bench expects to be alone with each.
    leased = [(at_random(note, 20), await bench.lease(note.ref)) for note in notes]

    done = await asyncio.gather(*(bench.store.replace(one, lease=lease) for one, lease in leased))

    assert all(done)
    before = memory.epoch
    delta = await memory.follow()
    assert delta is not None
    assert delta.epoch == before + len(notes)
    assert delta.notes == {note.ref for note in notes}


async def test_vectors_come_by_key_in_the_order_asked_for(bench: Bench) -> None:
    """Twice where asked for twice; where a chunk is gone, never was, or is another practice's, no number at all."""
    await _furnished(bench)
    await bench.index(a_note("theirs", id=UUID(int=901), workspace=OTHER_WORKSPACE))
    held = await held_now(bench)
    known = sorted(held, key=str)
    gone: list[ChunkPlace] = [
        (NOTE.ref, "plan", 7),
        (NOTE.ref, "objective", 0),
        (NoteRef(WORKSPACE, "sessions", UUID(int=901)), "subjective", 0),
        (NoteRef(WORKSPACE, "clients", NOTE.ref.id), "plan", 0),
        (NoteRef(WORKSPACE, "sessions", uuid4()), "plan", 0),
    ]
    asked = [known[1], gone[0], known[0], *gone[1:], *known, known[1]]

    halves = await bench.store.halves(asked, **HERE)

    assert (halves.shape, halves.dtype) == ((len(asked), DIMENSION), np.float16)
    for place, half in zip(asked, halves, strict=True):
        if place in held:
            assert half.tobytes() == held[place][2]
        else:
            assert np.isnan(half).all()
    elsewhere = await bench.store.halves(known, workspace=WORKSPACE, model=SECOND)
    assert np.isnan(elsewhere).all()


async def assert_codes_are_those_of_the_rows(bench: Bench) -> None:
    epoch, rows = await bench.store.chunk_rows(**HERE)
    found = await bench.store.chunk_codes(**HERE)
    assert found is not None
    at, codes = found
    assert at == epoch

    def told(where: Placed, *columns: NDArray[Any]) -> Any:
        notes = [(where.clients[one], where.days[one]) for one in where.note.tolist()]
        return {
            place: (note, *(value.tobytes() for value in values))
            for place, note, *values in zip(where.places, notes, *columns, strict=True)
        }

    signs, corrections = encode(rows.halves)
    expected = told(rows.placed, signs, corrections)
    assert told(codes.placed, codes.signs, codes.corrections).keys() == expected.keys()
    given = told(codes.placed, codes.signs)
    assert given == told(rows.placed, signs)
    by_place = dict(zip(codes.placed.places, codes.corrections.tolist(), strict=True))
    for place, correction in zip(rows.placed.places, corrections.tolist(), strict=True):
        assert by_place[place] == pytest.approx(correction, rel=1e-5)
    assert len(codes) == len(rows)


@pytest.mark.parametrize("change", ALL, ids=_title)
async def test_codes_are_those_of_the_vectors(bench: Bench, change: Change) -> None:
    """Each chunk's, with its place, client and day, after each kind of change, kept fields included."""
    await _furnished(bench)
    await bench.index(at_random(replace(a_note("day", plan="b"), session_date=None), 4))
    await assert_codes_are_those_of_the_rows(bench)
    await change(bench)
    await assert_codes_are_those_of_the_rows(bench)


async def test_a_model_without_chunks_has_no_codes_left(bench: Bench) -> None:
    """Dropped with the vectors by the next write of the note."""
    await _furnished(bench)
    await bench.set_models(IndexModels(SECOND))
    moved = a_space(NOTE, vector=axis(2), model=SECOND)
    await bench.index(replace(indexed(NOTE, model=SECOND), spaces=[moved]))

    _, rows = await bench.store.chunk_rows(workspace=WORKSPACE, model=SECOND)
    found = await bench.store.chunk_codes(workspace=WORKSPACE, model=SECOND)
    assert found is not None
    assert len(found[1]) == len(rows) == 2
    assert NOTE.ref not in {ref for ref, _, _ in await held_now(bench)}
    await assert_codes_are_those_of_the_rows(bench)
