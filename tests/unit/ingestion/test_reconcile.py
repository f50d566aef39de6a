"""Whether the index equals PazPaz's list, told by the two lists alone."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import ManifestItem, Note
from service.ingestion.reconcile import FEED_PAGE, Comparison, Reconciler, read_feed
from service.ports.index import IndexedNote
from service.ports.limits import Standing
from service.ports.monolith import Event
from tests.contracts.bench import counted, indexed
from tests.fakes import (
    CLIENT,
    NOW,
    OTHER_WORKSPACE,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryNoteSource,
    InMemoryWorkQueue,
    a_client,
    a_note,
)
from tests.unit.doubles import SwitchedStandings

LATER = NOW + timedelta(seconds=1)


async def hold(store: InMemoryChunkStore, *notes: Note) -> None:
    """As indexing leaves them."""
    for note in notes:
        await store.replace(indexed(note))


class House:
    """PazPaz, the index and the queue, with one client whom both know."""

    def __init__(self, *, drafts: bool = False) -> None:
        self.source, self.queue = InMemoryNoteSource(), InMemoryWorkQueue()
        self.store, self.standings = InMemoryChunkStore(), SwitchedStandings()
        self.reconciler = Reconciler(
            self.source, self.store, self.queue, self.standings, drafts=drafts
        )
        self.source.take(a_client())

    async def begin(self, *notes: Note) -> None:
        """Both hold these notes, and the client."""
        self.source.take(*notes)
        await hold(self.store, a_client().profile, *notes)

    async def faults(self) -> dict[UUID, str]:
        found = await self.reconciler.compare(WORKSPACE)
        return {one.item.id: one.fault for one in found.differences}


@pytest.fixture
async def house() -> House:
    house = House()
    await house.begin()
    return house


async def test_equal_lists_ask_for_nothing(house: House) -> None:
    """When nothing changed, nothing is wanted, and PazPaz is asked for its list alone."""
    await house.begin(a_note("one"), a_note("two"))
    found = await house.reconciler.repair(WORKSPACE)

    assert found == Comparison(WORKSPACE, 3, [])
    assert found.equal
    assert (await house.queue.depth()).background == 0
    assert house.source.pulls == []


async def test_a_note_that_never_arrived_is_missed(house: House) -> None:
    """A note PazPaz has and the index has not is wanted, in the background."""
    note = a_note("lost")
    house.source.take(note)

    assert await house.faults() == {note.ref.id: "missed"}
    await house.reconciler.repair(WORKSPACE)
    (lease,) = await house.queue.claim(limit=4)
    assert (lease.kind, lease.key) == ("sessions", note.ref.id)


async def test_what_should_not_be_found_is_extra(house: House) -> None:
    """A deleted note is looked at while the index holds it."""
    note = a_note("gone")
    await house.begin(note)
    house.source.take(replace(note, state="deleted"))

    assert await house.faults() == {note.ref.id: "extra"}


async def test_what_pazpaz_no_longer_lists_is_extra(house: House) -> None:
    """A note purged while nobody listened is found by its absence."""
    note = a_note("gone")
    await house.begin(note)
    del house.source.sessions[note.ref.id]

    assert await house.faults() == {note.ref.id: "extra"}


@pytest.mark.parametrize(
    "changed", [{"updated_at": LATER}, {"version": 2}, {"updated_at": LATER, "version": 2}]
)
async def test_an_older_copy_is_stale(house: House, changed: dict[str, object]) -> None:
    """A later moment tells a change, and so does another version at the same moment."""
    note = a_note("old")
    await house.begin(note)
    house.source.take(replace(note, **changed))

    assert await house.faults() == {note.ref.id: "stale"}


async def test_a_newer_copy_is_no_difference(house: House) -> None:
    """A note indexed after PazPaz's list was made is not taken for a difference."""
    note = a_note("new")
    await house.begin(replace(note, updated_at=LATER, version=2))
    house.source.take(note)

    assert await house.faults() == {}


@pytest.mark.parametrize("drafts", [False, True])
async def test_a_draft_is_wanted_until_it_is_there_as_the_setting_says(drafts: bool) -> None:
    """Missed where nothing knows of it; then counted, or searched, and stale where it is the other, as when the setting
    was changed; and stale once it is finalised."""
    draft, house = a_note("so far", state="draft"), House(drafts=drafts)
    await house.begin()
    house.source.take(draft)
    assert await house.faults() == {draft.ref.id: "missed"}

    wrong, right = (counted(draft), indexed(draft)) if drafts else (indexed(draft), counted(draft))
    await house.store.replace(wrong)
    assert await house.faults() == {draft.ref.id: "stale"}
    await house.store.replace(right)
    assert await house.faults() == {}
    house.source.take(replace(draft, state="active"))
    assert await house.faults() == {draft.ref.id: "stale"}


async def test_a_counted_draft_that_should_not_be_is_extra(house: House) -> None:
    """One that was deleted, and one of a client who is archived."""
    deleted, of_another = a_note("x", state="draft"), a_note("x", state="draft")
    of_another = replace(of_another, client=ClientId(UUID(int=12)))
    for draft in (deleted, of_another):
        await house.store.replace(counted(draft))
    house.source.take(replace(deleted, state="deleted"), of_another)
    house.source.take(a_client(ClientId(UUID(int=12)), is_active=False))
    await house.store.put_client(a_client(ClientId(UUID(int=12)), is_active=False), None)
    await house.store.replace(counted(of_another))

    assert await house.faults() == {deleted.ref.id: "extra"}


async def test_an_archived_clients_sessions_are_not_missed(house: House) -> None:
    """What is archived on both sides is equal, sessions and all; archived on one side only, it is stale."""
    note = a_note("of an archived client")
    house.source.take(note, a_client(is_active=False))
    assert await house.faults() == {CLIENT: "stale", note.ref.id: "missed"}

    lease = None
    await house.store.put_client(a_client(is_active=False), None, lease=lease)
    assert await house.faults() == {}
    house.source.take(a_client())
    assert await house.faults() == {CLIENT: "stale"}


async def test_a_client_without_consent_stands_as_archived(house: House) -> None:
    """Where consent is required, an active client whom the index keeps out is no difference; else they are."""
    await house.store.put_client(a_client(is_active=False), None, lease=None)
    house.source.take(a_note("not theirs to read"))
    assert await house.faults() == {CLIENT: "stale"}

    house.standings.standing = Standing(True, frozenset({"owner"}), require_consent=True)
    assert await house.faults() == {}


async def test_a_session_of_nobody_is_not_missed(house: House) -> None:
    """A session whose client PazPaz does not list would be looked at every night, and never be indexed."""
    house.source.take(a_note("an orphan", client=ClientId(uuid4())))

    assert await house.faults() == {}


async def test_what_is_wanted_already_is_counted_not_wanted_again(house: House) -> None:
    """Open work and dead letters are differences that somebody knows of."""
    waiting, dead = a_note("waits"), a_note("dead")
    house.source.take(waiting, dead)
    await house.queue.accept([_event(dead)])
    for _ in range(house.queue.MOST_ATTEMPTS):
        house.queue.now += 10**6
        (lease,) = await house.queue.claim(limit=1)
        await house.queue.failed(lease, code="internal", retry_after=None)
    await house.queue.accept([_event(waiting)])

    found = await house.reconciler.repair(WORKSPACE)
    assert (found.differences, found.waiting, found.parked) == ([], 1, 1)
    assert not found.equal
    assert (await house.queue.depth()).background == 0


async def test_the_erased_is_not_missed(house: House) -> None:
    """A tombstone of a note, its client or its practice refuses reconciliation too."""
    note, theirs = a_note("erased"), a_note("of an erased client")
    other = a_client(ClientId(uuid4()))
    house.source.take(note, other, replace(theirs, client=other.id))
    house.queue.buried_places |= {
        (WORKSPACE, "sessions", note.ref.id),
        (WORKSPACE, "clients", other.id),
    }
    assert await house.faults() == {}

    house.queue.buried_places = {(WORKSPACE, "workspaces", WORKSPACE)}
    assert "missed" not in (await house.faults()).values()


async def test_a_practice_that_ended_is_looked_at_as_a_whole(house: House) -> None:
    """Suspended or unlisted: while something of it is indexed, the practice itself is wanted, at once."""
    await house.begin(a_note("still here"))
    house.source.statuses[WORKSPACE] = "suspended"
    found = await house.reconciler.repair(WORKSPACE)
    assert found.closed

    (lease,) = await house.queue.claim(limit=4)
    assert (lease.kind, lease.key) == ("workspaces", WORKSPACE)
    house.source.statuses[OTHER_WORKSPACE] = "deleted"
    assert (await house.reconciler.compare(OTHER_WORKSPACE)).equal


async def test_a_practice_that_is_active_again_is_looked_at_as_a_whole(house: House) -> None:
    """Shut here, and PazPaz's word that it was reactivated was lost: no note of it could be claimed."""
    house.queue.buried_places = {(WORKSPACE, "shut", WORKSPACE)}
    found = await house.reconciler.repair(WORKSPACE)

    assert found.closed
    assert ("workspaces", WORKSPACE) in (await house.queue.open_work(workspace=WORKSPACE)).waiting


async def test_everything_is_what_either_side_knows(house: House) -> None:
    """A practice that only PazPaz has, and one that only the index has, are both compared."""
    house.source.statuses[OTHER_WORKSPACE] = "active"
    ours = WorkspaceId(uuid4())
    await hold(house.store, a_note("left over", workspace=ours))

    assert await house.reconciler.everything() == sorted([WORKSPACE, OTHER_WORKSPACE, ours])


STATES = st.sampled_from(["active", "draft", "deleted"])
ROWS = st.dictionaries(st.uuids(), st.tuples(STATES, st.integers(0, 3)), max_size=8)


@given(listed=ROWS, held=ROWS)
async def test_looking_at_the_differences_makes_both_equal(
    listed: dict[UUID, tuple[str, int]], held: dict[UUID, tuple[str, int]]
) -> None:
    """Whatever either side holds, once each difference was looked at there is none left."""
    house = House()
    await house.begin()
    for id, (state, age) in listed.items():
        house.source.take(_at(id, state, age + 3))
    for id, (state, age) in held.items():
        await house.store.replace(
            _as_looked_at(_at(id, "active" if state == "deleted" else state, age))
        )

    for one in (await house.reconciler.compare(WORKSPACE)).differences:
        note = house.source.sessions.get(one.item.id)
        await house.store.forget(_ref(one.item))
        if note and note.state != "deleted":
            await house.store.replace(_as_looked_at(note))
    assert (await house.reconciler.compare(WORKSPACE)).equal


def _as_looked_at(note: Note) -> IndexedNote:
    return counted(note) if note.is_draft else indexed(note)


async def test_the_feed_is_read_page_by_page_and_goes_on(house: House) -> None:
    """All events of the outbox are taken in once, however many pages, and the next reading begins behind them."""
    notes = [a_note(str(n)) for n in range(FEED_PAGE + 3)]
    house.source.outbox = [_event(note) for note in notes]
    known = house.source.outbox[:2]
    await house.queue.accept(known)

    assert await read_feed(house.source, house.queue) == (len(notes), len(notes) - 2)
    assert await read_feed(house.source, house.queue) == (0, 0)
    house.source.outbox.append(_event(a_note("new")))
    assert await read_feed(house.source, house.queue) == (1, 1)
    assert (await house.queue.depth()).waiting == len(notes) + 1


def _at(id: UUID, state: str, age: int) -> Note:
    changed = {"state": state, "updated_at": NOW + timedelta(seconds=age)}
    return replace(a_note("text", id=id), **changed)


def _ref(item: ManifestItem):
    return a_note(id=item.id).ref


def _event(note: Note) -> Event:
    return Event(uuid4(), note.ref.workspace, "sessions", note.ref.id, "upserted")
