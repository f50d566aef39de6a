"""Several notes in one write: each fares as it would alone."""

from dataclasses import replace
from uuid import UUID

from service.domain.identity import ClientId
from service.domain.notes import Note, NoteRef
from service.domain.scope import ANYWHERE
from service.ports.index import IndexedNote, IndexModels
from service.ports.work import Lease
from tests.contracts.bench import (
    LONG,
    MODEL,
    Bench,
    a_space,
    an_event,
    axis,
    counted,
    indexed,
)
from tests.fakes import CLIENT, OTHER_WORKSPACE, WORKSPACE, a_client, a_note

ARCHIVED = ClientId(UUID(int=12))


async def leased(bench: Bench, *notes: IndexedNote) -> list[tuple[IndexedNote, Lease]]:
    """All of them claimed together."""
    for one in notes:
        await bench.queue.accept([an_event(one.note.ref.id)])
    leases = {lease.key: lease for lease in await bench.queue.claim(limit=50)}
    return [(one, leases[one.note.ref.id]) for one in notes]


async def catalogued(bench: Bench) -> set[UUID]:
    return {item.id for item in await bench.store.catalogue(workspace=WORKSPACE)}


def some_notes(count: int) -> list[Note]:
    return [a_note(f"text {number}") for number in range(count)]


async def test_a_batch_is_found_as_what_it_is(bench: Bench) -> None:
    """Every note with its own chunks, bag and digests, and nothing is left to do."""
    made = [indexed(note, vector=axis(number)) for number, note in enumerate(some_notes(3))]
    assert await bench.store.replace_all(await leased(bench, *made)) == [True] * 3

    for number, one in enumerate(made):
        (hit,) = await bench.store.search(
            axis(number), workspace=WORKSPACE, model=MODEL, within=ANYWHERE, limit=1
        )
        assert hit.ref == one.note.ref
        assert await bench.digests(one.note.ref) == one.digests
    _, bags = await bench.store.bags(workspace=WORKSPACE)
    assert {bag.ref: bag.features for bag in bags} == {
        one.note.ref: one.bag.features for one in made
    }
    assert await bench.queue.claim(limit=10) == []


async def test_an_empty_batch_is_nothing(bench: Bench) -> None:
    """Where every note of a round was forgotten, nothing is written."""
    assert await bench.store.replace_all([]) == []
    assert await bench.store.digests_of([]) == {}


async def test_a_lost_lease_keeps_no_other_note(bench: Bench) -> None:
    """Whoever holds it now writes it; the others of the batch are written and done."""
    first, lost, last = (indexed(note) for note in some_notes(3))
    batch = await leased(bench, first, lost, last)
    await bench.queue.release([batch[1][1]])
    (again,) = await bench.queue.claim(limit=1)

    assert await bench.store.replace_all(batch) == [True, False, True]
    assert await catalogued(bench) == {first.note.ref.id, last.note.ref.id}
    assert await bench.store.replace(lost, lease=again)
    assert await bench.queue.claim(limit=10) == []


async def test_what_cannot_be_kept_keeps_no_other_note(bench: Bench) -> None:
    """A note whose kept chunks are gone is wanted still; a note beside it is written."""
    whole, bare = (a_note("text", plan="walk") for _ in range(2))
    kept, new = indexed(whole, kept=["plan"]), indexed(bare)
    batch = await leased(bench, kept, new)

    assert await bench.store.replace_all(batch) == [False, True]
    assert await catalogued(bench) == {bare.ref.id}
    await bench.later(LONG)
    (open_still,) = await bench.queue.claim(limit=10)
    assert open_still.key == whole.ref.id


async def test_edits_and_new_notes_go_together(bench: Bench) -> None:
    """Kept chunks stay and follow their note; changed ones are swapped; new ones come in."""
    edited, moved = a_note("sleeps", plan="walk"), a_note("eats", plan="rest")
    await bench.index(indexed(edited, vector=axis(1)), indexed(moved, vector=axis(2)))
    now_edited = a_note("sleeps well", id=edited.ref.id, plan="walk")
    now_moved = replace(moved, client=ClientId(UUID(int=13)))
    space = a_space(now_edited, vector=axis(3), kept=["plan"])
    batch = [
        replace(indexed(now_edited), spaces=[space]),
        indexed(now_moved, kept=["plan", "subjective"]),
        indexed(a_note("new"), vector=axis(4)),
    ]
    assert await bench.store.replace_all(await leased(bench, *batch)) == [True] * 3

    places = {
        (hit.ref.id, hit.client, hit.field): hit.similarity
        for hit in await bench.store.search(
            axis(1), workspace=WORKSPACE, model=MODEL, within=ANYWHERE, limit=50
        )
    }
    assert set(places) == {
        (edited.ref.id, CLIENT, "plan"),
        (edited.ref.id, CLIENT, "subjective"),
        (moved.ref.id, now_moved.client, "plan"),
        (moved.ref.id, now_moved.client, "subjective"),
        (batch[2].note.ref.id, CLIENT, "subjective"),
    }
    near = {place for place, similarity in places.items() if similarity > 0.9}
    assert near == {(edited.ref.id, CLIENT, "plan")}


async def test_a_note_of_an_archived_client_is_forgotten_beside_others(bench: Bench) -> None:
    """It is done with nothing kept of it, and the others are written."""
    await bench.put(a_client(ARCHIVED, is_active=False))
    theirs, mine = indexed(a_note("text", client=ARCHIVED)), indexed(a_note("text"))
    assert await bench.store.replace_all(await leased(bench, theirs, mine)) == [True, True]
    assert await bench.found() == {mine.note.ref.id}
    assert await bench.queue.claim(limit=10) == []


async def test_drafts_that_are_counted_go_with_others(bench: Bench) -> None:
    """One that was searched before is found no more; one that never was moves no epoch by itself."""
    before, never, note = some_notes(3)
    await bench.index(indexed(before))
    epoch = await bench.store.epoch(workspace=WORKSPACE)
    alone = counted(replace(never, state="draft"))
    assert await bench.store.replace_all(await leased(bench, alone)) == [True]
    assert await bench.store.epoch(workspace=WORKSPACE) == epoch

    batch = await leased(bench, counted(replace(before, state="draft")), indexed(note))
    assert await bench.store.replace_all(batch) == [True, True]
    assert await bench.found() == {note.ref.id}
    delta = await bench.store.changed_bags(workspace=WORKSPACE, since=epoch)
    assert delta is not None
    assert delta.notes == {before.ref, note.ref}
    assert [bag.ref for bag in delta.rows] == [note.ref]


async def test_a_batch_in_models_that_are_not_the_workspaces_is_refused(bench: Bench) -> None:
    """Nothing of it is written, and all of it is wanted still."""
    await bench.index(a_note("text"))
    await bench.set_models(IndexModels(MODEL, "second-model-of-tests"))
    epoch = await bench.store.epoch(workspace=WORKSPACE)
    batch = await leased(bench, *(indexed(note) for note in some_notes(2)))
    assert await bench.store.replace_all(batch) == [False, False]
    assert await bench.store.epoch(workspace=WORKSPACE) == epoch
    await bench.later(LONG)
    again = [lease.key for _ in batch for lease in await bench.queue.claim(limit=10)]
    assert sorted(again) == sorted(one.note.ref.id for one, _ in batch)


async def test_a_refused_first_batch_names_no_model(bench: Bench) -> None:
    """A workspace of which nothing was written has none, and another worker may say it."""
    first = indexed(a_note("text", plan="walk"), kept=["plan"])
    assert await bench.store.replace_all(await leased(bench, first)) == [False]
    assert await bench.store.models(workspace=WORKSPACE) is None


async def test_digests_of_several_are_those_of_each(bench: Bench) -> None:
    """Of notes of one practice; the same note elsewhere says nothing here."""
    first, second = some_notes(2)
    await bench.index(first, second)
    await bench.index(a_note("theirs", id=first.ref.id, workspace=OTHER_WORKSPACE))
    unknown = NoteRef(WORKSPACE, "sessions", UUID(int=99))
    found = await bench.store.digests_of([first.ref, second.ref, unknown])
    assert found[first.ref] == indexed(first).digests
    assert found[second.ref] == indexed(second).digests
    assert not found.get(unknown)
