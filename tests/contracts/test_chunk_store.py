"""The contract of ChunkStore."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Bag, Note, NoteRef, Person
from service.domain.risk import RiskNote, RiskSpan
from service.domain.scope import ANYWHERE, Period, Within
from service.ports.index import IndexedNote, IndexModels, IndexState
from service.vectors import DIMENSION
from tests.contracts.bench import (
    LEASE_SECONDS,
    MODEL,
    Bench,
    a_space,
    an_event,
    an_item,
    axis,
    counted,
    indexed,
)
from tests.fakes import CLIENT, NOW, OTHER_WORKSPACE, WORKSPACE, a_client, a_note

OTHER_CLIENT = ClientId(UUID(int=12))
PROFILE = NoteRef(WORKSPACE, "clients", CLIENT)
SECOND = "second-model-of-tests"


async def bags(bench: Bench) -> dict[UUID, Bag]:
    _, held = await bench.store.bags(workspace=WORKSPACE)
    return {bag.ref.id: bag for bag in held}


async def names(bench: Bench, workspace: WorkspaceId = WORKSPACE) -> set[Person]:
    epoch, held = await bench.store.people(workspace=workspace)
    assert epoch == await bench.store.epoch(workspace=workspace)
    return set(held)


async def test_an_indexed_note_is_found_as_what_it_is(bench: Bench) -> None:
    """A hit names the note, its client, its field and how near it is."""
    note = a_note("sleeps badly", plan="walk daily")
    space = replace(a_space(note), vectors=[axis(0), axis(1)])
    await bench.index(replace(indexed(note), spaces=[space]))

    query = [0.6, 0.8, *axis(0)[2:]]
    hits = await bench.store.search(
        query, workspace=WORKSPACE, model=MODEL, within=ANYWHERE, limit=10
    )
    assert [(hit.ref, hit.client, hit.field, hit.ordinal) for hit in hits] == [
        (note.ref, CLIENT, "plan", 0),
        (note.ref, CLIENT, "subjective", 0),
    ]
    assert [hit.similarity for hit in hits] == pytest.approx([0.8, 0.6], abs=0.001)


async def test_opposite_vectors_are_not_less_than_nothing(bench: Bench) -> None:
    """A similarity is never below zero."""
    await bench.index(indexed(a_note("text"), vector=[-1.0, *axis(0)[1:]]))

    (hit,) = await bench.store.search(
        axis(0), workspace=WORKSPACE, model=MODEL, within=ANYWHERE, limit=1
    )
    assert hit.similarity == 0


async def test_search_is_exact(bench: Bench) -> None:
    """The nearest are those that comparing with every vector finds, in a practice and for one client."""
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(40, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    clients = [ClientId(UUID(int=100 + number % 3)) for number in range(len(vectors))]
    notes = [a_note("text", client=client) for client in clients]
    for note, vector in zip(notes, vectors, strict=True):
        await bench.index(indexed(note, vector=vector.tolist()))
    query = rng.normal(size=DIMENSION)
    query /= np.linalg.norm(query)

    for client in (None, *clients[:3]):
        mine = [i for i in range(len(notes)) if client in {None, clients[i]}]
        nearest = sorted(mine, key=lambda i: -float(vectors[i] @ query))[:5]
        hits = await bench.store.search(
            query.tolist(), workspace=WORKSPACE, model=MODEL, within=Within.client(client), limit=5
        )
        assert [hit.ref.id for hit in hits] == [notes[i].ref.id for i in nearest]


SCOPES = {
    "a client": (Within.client(CLIENT), {1, 2, 3}),
    "two clients": (Within(clients=frozenset({CLIENT, ClientId(UUID(int=12))})), {1, 2, 3, 4}),
    "no client": (Within(clients=frozenset()), set()),
    "since a day": (Within(period=Period(first=date(2026, 2, 1))), {2, 3, 4}),
    "until a day": (Within(period=Period(last=date(2026, 2, 1))), {1, 2}),
    "between": (Within(period=Period(date(2026, 1, 15), date(2026, 2, 15))), {2}),
    "named sessions": (Within(sessions=frozenset({UUID(int=1), UUID(int=4)})), {1, 4}),
    "all at once": (
        Within(
            frozenset({CLIENT}),
            Period(first=date(2026, 1, 15)),
            frozenset(UUID(int=n) for n in (1, 2, 4)),
        ),
        {2},
    ),
}


@pytest.mark.parametrize(("within", "expected"), SCOPES.values(), ids=SCOPES)
async def test_a_scope_is_the_same_for_every_look(
    bench: Bench, within: Within, expected: set[int]
) -> None:
    """Vectors, the course of sessions and the search statement hold exactly what the scope does."""
    for number, client, month in ((1, 11, 1), (2, 11, 2), (3, 11, 3), (4, 12, 3)):
        note = a_note("text", id=UUID(int=number), client=ClientId(UUID(int=client)))
        await bench.index(replace(note, session_date=datetime(2026, month, 1, 9, tzinfo=UTC)))
    await bench.put(a_client(notes="text"))  # a profile: of the client, of no day

    found = {one.int for one in await bench.found(within=within)} - {CLIENT.int}
    course = await bench.store.sessions(workspace=WORKSPACE, within=within)
    covered = await bench.store.coverage(workspace=WORKSPACE, within=within)

    assert found == expected
    assert [one.id.int for one in course] == sorted(expected)
    assert all(one.day and one.client and not one.is_draft for one in course)
    assert covered.notes_read == len(expected)
    assert await bench.store.sessions(workspace=OTHER_WORKSPACE, within=within) == []


async def test_a_profile_has_no_day(bench: Bench) -> None:
    """A client's profile is found by whose it is, and never in a period or a list of sessions."""
    await bench.put(a_client(notes="text"))

    assert await bench.found(within=Within.client(CLIENT)) == {CLIENT}
    assert await bench.found(within=Within(period=Period())) == set()
    assert await bench.found(within=Within(sessions=frozenset({CLIENT}))) == set()


async def test_another_model_finds_nothing(bench: Bench) -> None:
    """Vectors of two models are never compared."""
    note = a_note("text")
    await bench.index(note)

    assert await bench.found(model="another") == set()
    assert await bench.found() == {note.ref.id}


async def test_replacing_leaves_nothing_of_the_old_text(bench: Bench) -> None:
    """Chunks, bag and digests of a field that is gone are gone."""
    old = a_note("drinks wine", plan="see again")
    new = a_note("drinks water", id=old.ref.id)
    await bench.index(indexed(old, vector=axis(1)))
    await bench.index(indexed(new, vector=axis(2)))

    hits = await bench.store.search(
        axis(1), workspace=WORKSPACE, model=MODEL, within=ANYWHERE, limit=10
    )
    assert [(hit.field, hit.similarity) for hit in hits] == [("subjective", 0)]
    assert (await bags(bench))[old.ref.id] == indexed(new).bag
    assert await bench.digests(old.ref) == indexed(new).digests


async def test_kept_fields_keep_their_vectors(bench: Bench) -> None:
    """A field that did not change is not written again, and follows the note to another client."""
    old = a_note("sleeps badly", plan="walk daily")
    await bench.index(indexed(old, vector=axis(1)))
    new = a_note("sleeps badly", id=old.ref.id, client=OTHER_CLIENT, plan="run daily")
    await bench.index(indexed(new, vector=axis(2), kept=["subjective"]))

    hits = await bench.store.search(
        axis(1), workspace=WORKSPACE, model=MODEL, within=Within.client(OTHER_CLIENT), limit=10
    )
    near = {hit.field: hit.similarity for hit in hits}
    assert near == pytest.approx({"subjective": 1.0, "plan": 0.0}, abs=0.001)
    assert await bench.found(within=Within.client(CLIENT)) == set()


async def test_what_is_kept_must_still_be_there(bench: Bench) -> None:
    """A note forgotten while it was being indexed is written whole later, never without its kept fields."""
    note = a_note("sleeps badly", plan="walk daily")
    await bench.index(note)
    await bench.forget(note.ref)
    before = await bench.store.epoch(workspace=WORKSPACE)

    lease = await bench.lease(note.ref)
    assert not await bench.store.replace(indexed(note, kept=["subjective"]), lease=lease)
    assert await bench.digests(note.ref) == {}
    assert await bench.found() == set()
    assert await bench.store.epoch(workspace=WORKSPACE) == before
    await bench.later(LEASE_SECONDS + 1)
    assert [one.key for one in await bench.queue.claim(limit=1)] == [note.ref.id]


async def test_a_kept_profile_must_still_be_there(bench: Bench) -> None:
    """The same holds for a client's profile."""
    client = a_client(notes="likes music")
    profile = indexed(client.profile, kept=["notes"])

    lease = await bench.lease(PROFILE)
    assert not await bench.store.put_client(client, profile, lease=lease)
    assert await bench.digests(PROFILE) == {}
    assert not await bench.store.knows_client(CLIENT, workspace=WORKSPACE)


async def test_a_forgotten_note_is_gone(bench: Bench) -> None:
    """Neither search, nor bags, nor digests, nor coverage know a forgotten note; its neighbours stay."""
    note, neighbour = a_note("text"), a_note("text")
    await bench.index(note, neighbour)
    await bench.forget(note.ref)

    assert await bench.found() == {neighbour.ref.id}
    assert set(await bags(bench)) == {neighbour.ref.id}
    assert await bench.digests(note.ref) == {}
    covered = await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)
    assert covered.notes_read == 1


async def test_a_bag_comes_back_as_it_was(bench: Bench) -> None:
    """Hashes up to 64 bits and counts up to 32 survive being stored; a note without words has no bag."""
    note, silent = a_note("text"), a_note()
    bag = Bag(note.ref, CLIENT, note.day, (0, 1, 2**63, 2**64 - 1), (1, 2, 3, 2**32 - 1))
    await bench.index(indexed(note, bag=bag), silent)

    epoch, held = await bench.store.bags(workspace=WORKSPACE)
    assert list(held) == [bag]
    assert epoch == await bench.store.epoch(workspace=WORKSPACE)


async def test_the_epoch_grows_with_each_change(bench: Bench) -> None:
    """Every write moves the epoch of its workspace, and of no other."""
    note, client = a_note("text"), a_client(notes="profile")
    seen = [await bench.store.epoch(workspace=WORKSPACE)]

    async def look() -> None:
        seen.append(await bench.store.epoch(workspace=WORKSPACE))

    await bench.index(note)
    await look()
    await bench.index(note)
    await look()
    await bench.forget(note.ref)
    await look()
    await bench.put(client)
    await look()
    await bench.erase(PROFILE)
    await look()
    assert seen == sorted(set(seen))
    assert await bench.store.epoch(workspace=OTHER_WORKSPACE) == 0


async def test_a_change_marks_the_work_done(bench: Bench) -> None:
    """Each write finishes its lease: nothing stays open."""
    note = a_note("text")
    await bench.index(note)
    await bench.forget(note.ref)
    await bench.put(a_client(notes="profile"))
    await bench.erase(PROFILE)

    await bench.later(LEASE_SECONDS + 1)
    assert await bench.queue.claim(limit=10) == []


async def test_a_lost_lease_writes_nothing(bench: Bench) -> None:
    """A worker that lost its lease changes neither index, nor epoch, nor what the next one has to do."""
    note, client = a_note("text"), a_client(notes="profile")
    await bench.index(indexed(note, vector=axis(1)))
    await bench.put(client, vector=axis(1))
    lost = {ref: await bench.lease(ref) for ref in (note.ref, PROFILE)}
    await bench.later(LEASE_SECONDS + 1)
    assert all([await bench.queue.claim(limit=1) for _ in lost]), "others hold the leases now"
    before = await bench.store.epoch(workspace=WORKSPACE)

    changed = indexed(a_note("other", id=note.ref.id), vector=axis(2))
    profile = indexed(a_client(notes="other").profile, vector=axis(2))
    store = bench.store
    assert not await store.replace(changed, lease=lost[note.ref])
    assert not await store.forget(note.ref, lease=lost[note.ref])
    assert not await store.put_client(client, profile, lease=lost[PROFILE])
    assert not await store.put_client(client, None, lease=lost[PROFILE])
    assert not await store.forget_client(PROFILE, lease=lost[PROFILE])

    assert await store.epoch(workspace=WORKSPACE) == before
    hits = await store.search(axis(1), workspace=WORKSPACE, model=MODEL, within=ANYWHERE, limit=10)
    assert {(hit.ref, round(hit.similarity)) for hit in hits} == {(note.ref, 1), (PROFILE, 1)}
    assert not (await store.coverage(workspace=WORKSPACE, within=ANYWHERE)).complete


async def test_a_profile_is_found_like_a_note(bench: Bench) -> None:
    """A client's profile is searched, and asks for their sessions to be looked at once."""
    client = a_client(medical_history="asthma")
    await bench.put(client)
    await bench.put(client, wake=[uuid4()])
    assert await bench.waiting() == 0

    assert await bench.found(within=Within.client(CLIENT)) == {CLIENT}
    assert set(await bags(bench)) == {CLIENT}
    assert await bench.digests(PROFILE) == indexed(client.profile).digests


async def test_a_client_has_the_names_they_were_last_given(bench: Bench) -> None:
    """Both names as PazPaz has them, and each practice its own; a changed name is another epoch."""
    await bench.put(a_client(notes="profile"))
    await bench.put(a_client(OTHER_CLIENT, name=("ז'קלין \ud800", "")))
    await bench.put(a_client(name=("Noa", "Katz"), workspace=OTHER_WORKSPACE))
    await bench.index(a_note("text"))
    before = await bench.store.epoch(workspace=WORKSPACE)

    other = Person(OTHER_CLIENT, "ז'קלין \ud800", "")
    assert await names(bench) == {Person(CLIENT, "דנה", "לוי"), other}
    assert await names(bench, OTHER_WORKSPACE) == {Person(CLIENT, "Noa", "Katz")}
    await bench.put(a_client(name=("דנה", "כהן" * 100), notes="profile"))
    assert await names(bench) == {Person(CLIENT, "דנה", "כהן" * 100), other}
    assert await bench.store.epoch(workspace=WORKSPACE) > before


async def test_only_an_indexed_client_has_a_name(bench: Bench) -> None:
    """Who is archived, forgotten or erased is nobody's name any more, until they come back."""
    dana, noa = Person(CLIENT, "דנה", "לוי"), Person(OTHER_CLIENT, "נועה", "")
    await bench.put(a_client(OTHER_CLIENT, name=("נועה", "")))
    await bench.put(a_client())
    await bench.put(a_client(is_active=False))
    assert await names(bench) == {noa}
    await bench.put(a_client())
    assert await names(bench) == {dana, noa}
    await bench.forget_client(PROFILE)
    assert await names(bench) == {noa}
    await bench.erase(NoteRef(WORKSPACE, "clients", OTHER_CLIENT))
    assert await names(bench) == set()


A_STRETCH = RiskSpan("suicide", "denied", "subjective", 3, 40)
ANOTHER = RiskSpan("violence", "past", "notes", 0, 7)


async def risks(bench: Bench, *clients: ClientId) -> list[RiskNote]:
    return list(await bench.store.risks(workspace=WORKSPACE, clients=clients))


async def test_what_notes_say_of_danger_comes_newest_first(bench: Bench) -> None:
    """Of the clients asked for, profiles last; a note without any is left out, and another practice's is."""
    days = [datetime(2026, month, 1, 9, tzinfo=UTC) for month in (1, 3, 2)]
    notes = [replace(a_note("text"), session_date=day) for day in days]
    other, foreign = a_note("text", client=OTHER_CLIENT), a_note("text", workspace=OTHER_WORKSPACE)
    for note in (*notes, other, foreign):
        await bench.index(replace(indexed(note), risk=(A_STRETCH,)))
    await bench.index(a_note("text"))
    await bench.put(a_client(notes="profile"), risk=(ANOTHER,))
    await bench.put(a_client(OTHER_CLIENT, notes="profile"))

    told = [RiskNote(n.ref, CLIENT, n.day, (A_STRETCH,)) for n in (notes[1], notes[2], notes[0])]
    told.append(RiskNote(PROFILE, CLIENT, None, (ANOTHER,)))
    assert await risks(bench, CLIENT) == told
    assert [one.ref for one in await risks(bench, OTHER_CLIENT)] == [other.ref]
    assert len(await risks(bench, CLIENT, OTHER_CLIENT)) == 5
    assert await risks(bench) == []
    assert await names(bench) == {Person(CLIENT, "דנה", "לוי"), Person(OTHER_CLIENT, "דנה", "לוי")}


async def test_what_a_note_said_of_danger_goes_with_its_text(bench: Bench) -> None:
    """Edited, it says what the new text does; forgotten, archived with its client or erased, nothing."""
    note = a_note("text", plan="more")
    await bench.index(replace(indexed(note), risk=(A_STRETCH,)))
    moved = replace(A_STRETCH, start=20, polarity="possible")
    await bench.index(replace(indexed(note), risk=(moved, ANOTHER)))
    assert [one.spans for one in await risks(bench, CLIENT)] == [(moved, ANOTHER)]
    await bench.index(note)
    assert await risks(bench, CLIENT) == []

    for gone in (bench.forget, bench.erase):
        again = replace(note, ref=replace(note.ref, id=uuid4()))
        await bench.index(replace(indexed(again), risk=(A_STRETCH,)))
        await gone(again.ref)
        assert await risks(bench, CLIENT) == []
    await bench.index(replace(indexed(note), risk=(A_STRETCH,)))
    await bench.put(a_client(notes="profile"), risk=(ANOTHER,))
    await bench.put(a_client(is_active=False))
    assert await risks(bench, CLIENT) == []


async def test_more_stretches_than_one_filling_holds_come_back_whole(bench: Bench) -> None:
    """Whatever its length: a note may speak of nothing else."""
    many = tuple(replace(A_STRETCH, start=place, end=place + 9) for place in range(0, 5000, 10))
    await bench.index(replace(indexed(a_note("text")), risk=many))
    assert [one.spans for one in await risks(bench, CLIENT)] == [many]


async def test_archiving_a_client_forgets_their_notes(bench: Bench) -> None:
    """An archived client is not found, not known and not covered; another client of the practice is."""
    mine, other = a_note("text"), a_note("text", client=OTHER_CLIENT)
    await bench.put(a_client(notes="profile"))
    await bench.index(mine, other)
    await bench.put(a_client(is_active=False), wake=[mine.ref.id])
    assert await bench.waiting() == 0

    assert await bench.found() == {other.ref.id}
    assert set(await bags(bench)) == {other.ref.id}
    assert not await bench.store.knows_client(CLIENT, workspace=WORKSPACE)
    assert (
        await bench.store.coverage(workspace=WORKSPACE, within=Within.client(CLIENT))
    ).notes_read == 0
    assert await bench.store.knows_client(OTHER_CLIENT, workspace=WORKSPACE)


async def test_an_archived_clients_session_is_not_indexed(bench: Bench) -> None:
    """A session that was pulled before its client was archived is done, but not searchable."""
    note = a_note("text")
    await bench.index(note)
    lease = await bench.lease(note.ref)
    await bench.put(a_client(is_active=False))

    assert await bench.store.replace(indexed(note), lease=lease)
    assert await bench.found() == set()
    assert await bags(bench) == {}
    assert await bench.digests(note.ref) == {}
    assert (await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)).complete


async def test_a_client_can_come_back(bench: Bench) -> None:
    """A client who is active again asks for their sessions, which can be indexed again."""
    note = a_note("text")
    await bench.put(a_client(is_active=False))
    await bench.put(a_client(notes="profile"), wake=[note.ref.id])
    assert await bench.waiting() == 1

    await bench.index(note)
    assert await bench.found() == {note.ref.id, CLIENT}


async def test_forgetting_a_client_forgets_their_notes(bench: Bench) -> None:
    """With a client go their profile and sessions, and nobody else's."""
    mine, other = a_note("text"), a_note("text", client=OTHER_CLIENT)
    await bench.put(a_client(notes="profile"))
    await bench.index(mine, other)
    await bench.erase(PROFILE)

    assert await bench.found() == {other.ref.id}
    assert set(await bags(bench)) == {other.ref.id}
    assert await bench.digests(PROFILE) == {}
    assert not await bench.store.knows_client(CLIENT, workspace=WORKSPACE)


async def test_a_purged_clients_session_is_not_indexed(bench: Bench) -> None:
    """A session that was pulled before its client was purged does not come back after the purge."""
    note = a_note("text")
    lease = await bench.lease(note.ref)
    await bench.erase(PROFILE)

    assert await bench.store.replace(indexed(note), lease=lease)
    assert await bench.found() == set()
    assert await bags(bench) == {}


async def test_a_client_is_known_by_any_note(bench: Bench) -> None:
    """A client is known once a session or the profile is catalogued, in that workspace."""
    assert not await bench.store.knows_client(CLIENT, workspace=WORKSPACE)
    await bench.index(a_note("text"))
    await bench.put(a_client(OTHER_CLIENT, notes="profile"))

    assert await bench.store.knows_client(CLIENT, workspace=WORKSPACE)
    assert await bench.store.knows_client(OTHER_CLIENT, workspace=WORKSPACE)
    assert not await bench.store.knows_client(CLIENT, workspace=OTHER_WORKSPACE)


async def test_coverage_counts_sessions_and_days(bench: Bench) -> None:
    """Coverage says how many sessions and drafts there are, from which day to which; profiles do not count."""
    first = datetime(2026, 3, 1, 22, tzinfo=UTC)
    draft = replace(a_note("one", state="draft"), session_date=first)
    final = replace(a_note("two"), session_date=first + timedelta(days=9))
    other = a_note("three", client=OTHER_CLIENT)
    await bench.index(draft, final, other)
    await bench.put(a_client(notes="profile"))

    said = await bench.store.coverage(workspace=WORKSPACE, within=Within.client(CLIENT))
    assert (said.notes_read, said.drafts) == (2, 1)
    assert (said.first_day, said.last_day) == (date(2026, 3, 1), date(2026, 3, 10))
    everything = await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)
    assert (everything.notes_read, everything.last_day) == (3, NOW.date())


async def test_a_counted_draft_is_told_and_never_found(bench: Bench) -> None:
    """It has a row of the catalogue and nothing else, and is no session of a course; its client is known."""
    draft, note = a_note("text", state="draft"), a_note("text", client=OTHER_CLIENT)
    await bench.index(replace(counted(draft), risk=(A_STRETCH,)))
    assert await bench.store.models(workspace=WORKSPACE) is None
    await bench.index(note)

    said = await bench.store.coverage(workspace=WORKSPACE, within=Within.client(CLIENT))
    assert (said.notes_read, said.drafts, said.unsearched_drafts) == (0, 0, 1)
    assert (said.first_day, said.last_day) == (None, None)
    assert await bench.found() == {note.ref.id} == set(await bags(bench))
    course = await bench.store.sessions(workspace=WORKSPACE, within=ANYWHERE)
    assert [one.id for one in course] == [note.ref.id]
    assert await bench.digests(draft.ref) == {}
    assert await risks(bench, CLIENT) == []
    assert await bench.store.knows_client(CLIENT, workspace=WORKSPACE)
    held = await bench.store.catalogue(workspace=WORKSPACE)
    assert {one.id: one.is_searched for one in held} == {draft.ref.id: False, note.ref.id: True}


async def test_a_note_may_be_a_draft_again_and_final_again(bench: Bench) -> None:
    """Back to a draft, nothing of its text is left; finalised, it is found; forgotten, it is not even counted."""
    note = a_note("text")
    draft = replace(note, state="draft")
    await bench.index(replace(indexed(note), risk=(A_STRETCH,)))
    await bench.index(counted(draft))
    assert (await bench.found(), await bags(bench), await risks(bench, CLIENT)) == (set(), {}, [])
    assert await bench.digests(note.ref) == {}

    await bench.index(note)
    said = await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)
    assert (said.notes_read, said.unsearched_drafts) == (1, 0)
    assert await bench.found() == {note.ref.id}

    for gone in (bench.forget, bench.erase):
        again = a_note("text", state="draft")
        await bench.index(counted(again))
        await gone(again.ref)
        told = await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)
        assert told.unsearched_drafts == 0


async def test_a_counted_draft_moves_no_epoch(bench: Bench) -> None:
    """It is saved every few seconds, and what processes remember stays right; unless it was searched until now."""
    note = a_note("text")
    draft = replace(note, state="draft")
    await bench.index(note)
    before = await bench.store.epoch(workspace=WORKSPACE)
    await bench.index(counted(draft))
    was_searched = await bench.store.epoch(workspace=WORKSPACE)
    await bench.index(counted(draft), counted(a_note("text", state="draft")))
    assert before < was_searched == await bench.store.epoch(workspace=WORKSPACE)
    assert (await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)).complete


async def test_drafts_are_counted_in_scope(bench: Bench) -> None:
    """Of the clients and days that are asked about; of chosen sessions those beside them, for none can be chosen."""
    days = [datetime(2026, month, 1, 9, tzinfo=UTC) for month in (1, 2)]
    for client in (CLIENT, OTHER_CLIENT):
        for day in days:
            draft = replace(a_note("x", client=client, state="draft"), session_date=day)
            await bench.index(counted(draft))
    await bench.index(counted(a_note("x", workspace=OTHER_WORKSPACE, state="draft")))

    async def drafts(within: Within) -> int:
        covered = await bench.store.coverage(workspace=WORKSPACE, within=within)
        return covered.unsearched_drafts

    since = Period(first=date(2026, 2, 1))
    chosen = frozenset({uuid4()})
    assert await drafts(ANYWHERE) == 4
    assert await drafts(Within.client(CLIENT)) == 2
    assert await drafts(Within(period=since)) == 2
    assert await drafts(Within(frozenset({CLIENT}), since, chosen)) == 1


async def test_an_archived_clients_draft_is_not_counted(bench: Bench) -> None:
    """Neither one that was counted before, nor one that was pulled before they were archived."""
    before, after = a_note("x", state="draft"), a_note("x", state="draft")
    await bench.index(counted(before))
    await bench.put(a_client(notes="profile"))
    await bench.put(a_client(is_active=False))
    await bench.index(counted(after))

    said = await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)
    assert said.unsearched_drafts == 0
    assert [one.state for one in await bench.store.catalogue(workspace=WORKSPACE)] == ["archived"]


async def test_a_draft_is_counted_whatever_the_models_are(bench: Bench) -> None:
    """It has no vectors, so none is missing beside."""
    await bench.index(a_note("text"))
    await bench.set_models(IndexModels(MODEL, SECOND))
    await bench.index(counted(a_note("text", state="draft")))

    said = await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)
    assert (said.notes_read, said.unsearched_drafts) == (1, 1)


async def test_coverage_admits_open_work(bench: Bench) -> None:
    """While a note of the workspace is waiting to be indexed, coverage is not complete."""
    nothing = await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)
    assert (nothing.notes_read, nothing.first_day, nothing.complete) == (0, None, True)

    await bench.queue.accept([an_event(uuid4())])
    assert not (await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)).complete
    assert (await bench.store.coverage(workspace=OTHER_WORKSPACE, within=ANYWHERE)).complete


async def test_two_workspaces_with_the_same_ids_never_meet(bench: Bench) -> None:
    """The same session and client id in two workspaces are two notes: found, changed and forgotten apart."""
    mine = a_note("mine")
    theirs = a_note("theirs", id=mine.ref.id, workspace=OTHER_WORKSPACE)
    await bench.index(indexed(mine, vector=axis(1)), indexed(theirs, vector=axis(2)))
    await bench.put(a_client(notes="mine"))
    await bench.put(a_client(notes="theirs", workspace=OTHER_WORKSPACE))

    hits = await bench.store.search(
        axis(2), workspace=WORKSPACE, model=MODEL, within=Within.client(CLIENT), limit=10
    )
    assert {hit.ref.workspace for hit in hits} == {WORKSPACE}
    assert max(hit.similarity for hit in hits) == 0
    assert await bench.digests(mine.ref) == indexed(mine).digests

    await bench.erase(mine.ref)
    await bench.put(a_client(is_active=False))
    assert await bench.found() == set()
    assert await bench.found(workspace=OTHER_WORKSPACE) == {theirs.ref.id, CLIENT}
    await bench.erase(PROFILE)
    assert await bench.found(workspace=OTHER_WORKSPACE) == {theirs.ref.id, CLIENT}
    assert await bench.digests(theirs.ref) == indexed(theirs).digests
    _, bags_there = await bench.store.bags(workspace=OTHER_WORKSPACE)
    assert {bag.ref.id for bag in bags_there} == {theirs.ref.id, CLIENT}


def in_both(note: Note, *, kept: Sequence[str] = ()) -> IndexedNote:
    """A note at one axis in the first model, where `kept` stands, and at another in the second."""
    spaces = [a_space(note, vector=axis(1), kept=kept), a_space(note, vector=axis(2), model=SECOND)]
    return replace(indexed(note), spaces=spaces)


async def test_the_first_note_says_what_the_model_is(bench: Bench) -> None:
    """A workspace without an index has none; afterwards a write by another model is refused."""
    assert await bench.store.models(workspace=WORKSPACE) is None
    note = a_note("text")
    await bench.index(note)
    assert await bench.store.models(workspace=WORKSPACE) == IndexModels(MODEL)

    lease = await bench.lease(note.ref)
    assert not await bench.store.replace(indexed(note, model=SECOND), lease=lease)
    assert await bench.store.models(workspace=WORKSPACE) == IndexModels(MODEL)
    assert await bench.store.models(workspace=OTHER_WORKSPACE) is None


async def test_a_write_covers_both_models_or_nothing_is_written(bench: Bench) -> None:
    """A worker that did not know of the model beside writes nothing, and the note is wanted still."""
    note = a_note("sleeps badly", plan="walk daily")
    await bench.index(note)
    await bench.set_models(IndexModels(MODEL, SECOND))
    edited = a_note("sleeps well", id=note.ref.id, plan="walk daily")

    before = await bench.store.epoch(workspace=WORKSPACE)
    lease = await bench.lease(note.ref)
    assert not await bench.store.replace(indexed(edited), lease=lease)
    assert await bench.digests(note.ref) == indexed(note).digests
    assert await bench.store.epoch(workspace=WORKSPACE) == before

    assert await bench.store.replace(in_both(edited), lease=lease)
    assert await bench.digests(note.ref) == in_both(edited).digests


async def test_a_profile_covers_both_models_too(bench: Bench) -> None:
    """The same rule for a client's profile."""
    client = a_client(notes="likes music")
    await bench.put(client)
    await bench.set_models(IndexModels(MODEL, SECOND))

    lease = await bench.lease(PROFILE)
    assert not await bench.store.put_client(client, indexed(client.profile), lease=lease)
    assert await bench.store.put_client(client, in_both(client.profile), lease=lease)
    assert await bench.found(axis(2), model=SECOND) == {CLIENT}


async def test_each_model_has_vectors_of_its_own(bench: Bench) -> None:
    """What is kept in one model and new in the other is found at its own place in each, once."""
    note = a_note("sleeps badly")
    await bench.index(indexed(note, vector=axis(1)))
    await bench.set_models(IndexModels(MODEL, SECOND))
    await bench.index(in_both(note, kept=["subjective"]))

    for model, place in ((MODEL, 1), (SECOND, 2)):
        (hit,) = await bench.store.search(
            axis(place), workspace=WORKSPACE, model=model, within=ANYWHERE, limit=10
        )
        assert hit.similarity == pytest.approx(1.0, abs=0.001)


async def test_a_model_that_was_dropped_leaves_with_the_next_write(bench: Bench) -> None:
    """After the workspace has one model again, a note that is written keeps nothing of the other."""
    note = a_note("sleeps badly")
    await bench.index(note)
    await bench.set_models(IndexModels(MODEL, SECOND))
    await bench.index(in_both(note))
    await bench.set_models(IndexModels(SECOND))

    await bench.index(indexed(note, model=SECOND, kept=["subjective"]))
    assert await bench.found(axis(1)) == set()
    assert await bench.found(axis(2), model=SECOND) == {note.ref.id}
    assert set(await bench.digests(note.ref)) == {SECOND}


async def test_a_kept_field_is_kept_in_its_own_model(bench: Bench) -> None:
    """Digests of one model do not vouch for another's vectors."""
    note = a_note("sleeps badly")
    await bench.index(note)
    await bench.set_models(IndexModels(SECOND))

    lease = await bench.lease(note.ref)
    kept = indexed(note, model=SECOND, kept=["subjective"])
    assert not await bench.store.replace(kept, lease=lease)


async def test_filling_a_second_model_leaves_the_search_complete(bench: Bench) -> None:
    """A look in the background at a note that lacks only the model beside is no change that a question could miss;
    somebody's edit is one, and so is a note that is in no model yet."""
    note, unknown = a_note("text"), a_note("text")
    await bench.index(note)
    await bench.set_models(IndexModels(MODEL, SECOND))

    async def complete() -> bool:
        return (await bench.store.coverage(workspace=WORKSPACE, within=ANYWHERE)).complete

    await bench.queue.want([an_item(note.ref)], workspace=WORKSPACE, background=True)
    assert await complete()
    await bench.queue.want([an_item(unknown.ref)], workspace=WORKSPACE, background=True)
    assert not await complete()
    (lease,) = await bench.queue.claim(limit=1)
    if lease.key != unknown.ref.id:
        (lease,) = await bench.queue.claim(limit=1)
    assert await bench.queue.done(lease)
    assert await complete()
    await bench.queue.want([an_item(note.ref)], workspace=WORKSPACE)
    assert not await complete()


@pytest.mark.parametrize("background", [False, True])
async def test_notes_wait_in_the_rank_of_the_client_who_brought_them(
    bench: Bench, background: bool
) -> None:
    """Whom somebody's change brings back has notes to be looked at now; whom a backfill found, after all changes."""
    client, session = a_client(), uuid4()
    item = an_item(client.profile.ref)
    await bench.queue.want([item], workspace=WORKSPACE, background=background)
    (lease,) = await bench.queue.claim(limit=1)

    put = bench.store.put_client(client, indexed(client.profile), lease=lease, wake=[session])

    assert await put
    depth = await bench.queue.depth()
    assert (depth.waiting, depth.background) == ((0, 1) if background else (1, 0))


async def test_the_state_is_the_epoch_and_the_models(bench: Bench) -> None:
    """In one look what two would tell: of a workspace that was written to, and of one that never was."""
    assert await bench.store.state(workspace=OTHER_WORKSPACE) == IndexState(0, None)
    await bench.index(a_note("text"))

    state = await bench.store.state(workspace=WORKSPACE)
    assert state.epoch == await bench.store.epoch(workspace=WORKSPACE) > 0
    assert state.models == await bench.store.models(workspace=WORKSPACE)
    assert state.models is not None
