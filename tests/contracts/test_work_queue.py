"""The contract of WorkQueue."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import make_url

from service.adapters.key_store import PgKeyStore
from service.adapters.postgres.database import open_database
from service.demo.databases import Databases
from service.domain.erasure import Subject
from service.domain.identity import WorkspaceId
from service.domain.notes import NoteRef
from service.ports.monolith import ChangesCursor
from service.ports.work import Lease
from tests.contracts.bench import LEASE_SECONDS, LONG, Bench, an_event, an_item, real_bench
from tests.contracts.conftest import Owner
from tests.fakes import OTHER_WORKSPACE, WORKSPACE


async def wanted(bench: Bench, *keys: UUID) -> None:
    await bench.queue.accept([an_event(key) for key in keys])


async def claimed(bench: Bench, limit: int = 10) -> Sequence[Lease]:
    return await bench.queue.claim(limit=limit)


async def only(bench: Bench) -> Lease:
    """The one lease there is to have."""
    (lease,) = await claimed(bench)
    return lease


async def look_in_background(
    bench: Bench, key: UUID, *, workspace: WorkspaceId = WORKSPACE
) -> None:
    """Asks for a note as reconciliation does."""
    item = an_item(NoteRef(workspace, "sessions", key))
    await bench.queue.want([item], workspace=workspace, background=True)


async def counted(bench: Bench) -> tuple[int, int, int]:
    """How much waits, waits in the background, and was given up on."""
    depth = await bench.queue.depth()
    return depth.waiting, depth.background, depth.parked


async def fail(bench: Bench, times: int, *, retry_after: float | None = None) -> Lease:
    """Claims and fails the one open note so often; the last lease."""
    for _ in range(times):
        lease = await only(bench)
        await bench.queue.failed(lease, code="internal", retry_after=retry_after)
        await bench.later(LONG)
    return lease


async def lose(bench: Bench, times: int) -> Lease:
    """Claims the one open note so often without a word of how it ended; the last lease."""
    for _ in range(times):
        lease = await only(bench)
        await bench.later(LEASE_SECONDS + 1)
    return lease


async def test_an_event_counts_once(bench: Bench) -> None:
    """A repeated event id is accepted, and asks for nothing again."""
    event = an_event(uuid4())

    assert await bench.queue.accept([event, event]) == 1
    assert await bench.queue.done(await only(bench))
    assert await bench.queue.accept([event]) == 0
    assert await claimed(bench) == []


async def test_events_of_one_note_coalesce(bench: Bench) -> None:
    """Three events of one note are one piece of work, and finishing it meets all three."""
    key = uuid4()
    await wanted(bench, key, key)
    await wanted(bench, key)

    lease = await only(bench)
    assert (lease.key, lease.workspace, lease.kind) == (key, WORKSPACE, "sessions")
    assert await bench.queue.done(lease)
    await bench.later(LONG)
    assert await claimed(bench) == []


async def test_an_event_about_a_user_is_no_work(bench: Bench) -> None:
    """A user's event is remembered, but there is nothing to index."""
    event = an_event(uuid4(), entity="users", kind="status")

    assert await bench.queue.accept([event]) == 1
    assert await bench.queue.accept([event]) == 0
    assert await claimed(bench) == []


async def test_a_purge_leaves_a_tombstone(bench: Bench) -> None:
    """What PazPaz purged is known as gone for good, in its own workspace and as what it was only."""
    gone, changed = uuid4(), uuid4()
    await bench.queue.accept([an_event(gone, kind="purged"), an_event(changed)])
    await bench.queue.accept([an_event(gone, entity="clients")])
    await bench.queue.accept([an_event(gone, workspace=OTHER_WORKSPACE)])

    said = {}
    while leases := await claimed(bench):
        said |= {
            (one.workspace, one.kind, one.key): await bench.queue.purged(one) for one in leases
        }
    assert said == {
        (WORKSPACE, "sessions", gone): True,
        (WORKSPACE, "sessions", changed): False,
        (WORKSPACE, "clients", gone): False,
        (OTHER_WORKSPACE, "sessions", gone): False,
    }


async def test_a_status_is_no_purge(bench: Bench) -> None:
    """Whose status changed is looked at, and nothing of it is known as gone."""
    await bench.queue.accept([an_event(WORKSPACE, entity="workspaces", kind="status")])

    lease = await only(bench)
    assert (lease.kind, await bench.queue.purged(lease)) == ("workspaces", False)


async def test_an_erased_workspace_asks_for_nothing_more(bench: Bench) -> None:
    """Once a workspace is purged only its erasure is work, and nobody waits for what came late."""
    await wanted(bench, uuid4())
    await bench.queue.accept([an_event(WORKSPACE, entity="workspaces", kind="purged")])
    await wanted(bench, uuid4())
    await bench.queue.want([an_item(NoteRef(WORKSPACE, "clients", uuid4()))], workspace=WORKSPACE)

    assert await counted(bench) == (1, 0, 0)
    lease = await only(bench)
    assert lease.kind == "workspaces"
    assert await bench.queue.purged(lease)
    assert await bench.queue.done(lease)
    await bench.later(LONG)
    assert await claimed(bench) == []
    depth = await bench.queue.depth()
    assert (depth.waiting, depth.parked, depth.lag) == (0, 0, 0)


async def test_a_claim_is_of_one_workspace_and_bounded(bench: Bench) -> None:
    """A claim takes notes of one workspace, at most as many as asked for, and in the end all of them."""
    mine, theirs = {uuid4() for _ in range(5)}, {uuid4() for _ in range(3)}
    await wanted(bench, *mine)
    await bench.queue.accept([an_event(key, workspace=OTHER_WORKSPACE) for key in theirs])

    seen: list[tuple[object, UUID]] = []
    sizes = []
    while leases := await claimed(bench, limit=4):
        assert len({one.workspace for one in leases}) == 1
        sizes.append(len(leases))
        seen += [(one.workspace, one.key) for one in leases]
    assert sorted(sizes) == [1, 3, 4]
    assert len(seen) == 8
    assert set(seen) == {(WORKSPACE, key) for key in mine} | {
        (OTHER_WORKSPACE, key) for key in theirs
    }


async def test_clients_come_one_at_a_time(bench: Bench) -> None:
    """Clients and sessions never share a claim."""
    await bench.queue.accept([an_event(uuid4(), entity="clients") for _ in range(2)])
    await wanted(bench, uuid4(), uuid4())

    kinds = []
    while leases := await claimed(bench):
        kinds.append([one.kind for one in leases])
    assert sorted(kinds) == [["clients"], ["clients"], ["sessions", "sessions"]]


@pytest.mark.parametrize("suspect_is_older", [True, False])
async def test_a_suspect_comes_alone(bench: Bench, suspect_is_older: bool) -> None:
    """A note that failed before shares no claim with notes that did not, whichever is ready first."""
    suspect, others = uuid4(), {uuid4() for _ in range(3)}
    await wanted(bench, suspect)
    await bench.queue.failed(await only(bench), code="internal", retry_after=None)
    if suspect_is_older:
        await bench.later(LONG)
    await wanted(bench, *others)
    await bench.later(LONG)

    batches = [{one.key for one in await claimed(bench)} for _ in range(2)]
    assert batches == ([{suspect}, others] if suspect_is_older else [others, {suspect}])


async def test_a_lease_that_ran_out_is_claimed_again(bench: Bench) -> None:
    """A worker that vanished is replaced, and what it finishes later does not count."""
    await wanted(bench, uuid4())
    lost = await only(bench)
    await bench.later(LEASE_SECONDS - 1)
    assert await claimed(bench) == []

    await bench.later(2)
    held = await only(bench)
    assert held.key == lost.key
    assert held.token > lost.token
    assert held.attempts == 2
    assert not await bench.queue.done(lost)
    assert await bench.queue.done(held)
    await bench.later(LONG)
    assert await claimed(bench) == []


async def test_a_lost_lease_can_neither_fail_nor_release(bench: Bench) -> None:
    """A worker that lost its lease cannot take the note from the worker that has it."""
    await wanted(bench, uuid4())
    lost = await only(bench)
    await bench.later(LEASE_SECONDS + 1)
    held = await only(bench)

    await bench.queue.failed(lost, code="internal", retry_after=None)
    await bench.later(10)
    assert await claimed(bench) == []
    await bench.queue.release([lost])
    assert await claimed(bench) == []
    assert await bench.queue.done(held)


async def test_an_event_during_a_lease_leaves_the_work_open(bench: Bench) -> None:
    """A note that changed while it was being indexed is looked at once more."""
    key = uuid4()
    await wanted(bench, key)
    lease = await only(bench)
    await wanted(bench, key)
    assert await claimed(bench) == []

    assert await bench.queue.done(lease)
    again = await only(bench)
    assert again.key == key
    assert again.attempts == 1
    assert await bench.queue.done(again)
    assert await claimed(bench) == []


async def test_a_failure_waits_before_the_next_attempt(bench: Bench) -> None:
    """A note that failed is not ready at once, and its attempt is counted."""
    await wanted(bench, uuid4())
    await bench.queue.failed(await only(bench), code="internal", retry_after=None)
    assert await claimed(bench) == []

    await bench.later(LONG)
    assert (await only(bench)).attempts == 2


async def test_five_failures_park_a_note(bench: Bench) -> None:
    """After the fifth failed attempt a note waits for a person, not for time."""
    await wanted(bench, uuid4())
    last = await fail(bench, 4)
    assert last.attempts == 4
    assert (await bench.queue.depth()).parked == 0

    assert (await fail(bench, 1)).attempts == 5
    assert await claimed(bench) == []
    depth = await bench.queue.depth()
    assert (depth.waiting, depth.parked, depth.lag) == (0, 1, 0)


async def test_a_note_that_kills_its_worker_is_parked(bench: Bench) -> None:
    """Five leases that ran out without a word count as five failures."""
    await wanted(bench, uuid4())
    for attempt in range(1, 6):
        lease = await only(bench)
        assert lease.attempts == attempt
        assert await claimed(bench) == []
        assert await counted(bench) == (1, 0, 0), "it is being tried"
        await bench.later(LEASE_SECONDS + 1)

    assert await claimed(bench) == []
    assert await counted(bench) == (0, 0, 1)
    assert [one.code for one in await bench.queue.dead_letters()] == ["worker_lost"]

    assert await bench.queue.done(lease), "its worker was only slow"
    assert await bench.queue.dead_letters() == []
    assert await counted(bench) == (0, 0, 0)


async def test_nothing_is_given_up_on_with_it(bench: Bench) -> None:
    """What kills its worker takes along neither other work of its practice nor another's."""
    key = uuid4()
    await wanted(bench, key)
    await lose(bench, 5)
    await wanted(bench, uuid4())
    await bench.queue.accept([an_event(key, entity="clients")])
    await bench.queue.accept([an_event(key, workspace=OTHER_WORKSPACE)])

    assert len(await claimed(bench)) == 1
    assert [(one.workspace, one.kind, one.key) for one in await bench.queue.dead_letters()] == [
        (WORKSPACE, "sessions", key)
    ]


async def test_who_was_given_up_on_cannot_hold_on(bench: Bench) -> None:
    """A worker that renews its lease after the note was parked is in no operator's way."""
    await wanted(bench, uuid4())
    lease = await lose(bench, 5)
    assert await claimed(bench) == []
    await bench.queue.renew([lease])

    assert await bench.queue.retry_dead_letters(workspace=WORKSPACE) == 1
    assert (await only(bench)).attempts == 1


async def test_an_outage_is_not_counted_even_late(bench: Bench) -> None:
    """A worker that was only slow, and then met an outage, leaves the note its fifth attempt."""
    await wanted(bench, uuid4())
    lease = await lose(bench, 5)
    assert await claimed(bench) == []
    assert await counted(bench) == (0, 0, 1)
    await bench.queue.failed(lease, code="source_away", retry_after=1.0)

    assert await counted(bench) == (1, 0, 0)
    await bench.later(LONG)
    assert (await only(bench)).attempts == 5


@pytest.mark.parametrize("ends", ["by stopping", "in an outage"])
async def test_who_was_given_up_on_gives_no_attempt_back(bench: Bench, ends: str) -> None:
    """However its last attempt ends, a text that was written since has five attempts, not six."""
    key = uuid4()
    await wanted(bench, key)
    lease = await lose(bench, 5)
    assert await claimed(bench) == []
    await wanted(bench, key)
    if ends == "by stopping":
        await bench.queue.release([lease])
    else:
        await bench.queue.failed(lease, code="source_away", retry_after=1.0)

    await bench.later(LONG)
    assert (await only(bench)).attempts == 1


async def test_an_outage_never_parks(bench: Bench) -> None:
    """An outage delays a note, but is not counted against it, however often it happens."""
    await wanted(bench, uuid4())
    last = await fail(bench, 12, retry_after=1.0)

    assert last.attempts == 1
    assert (await bench.queue.depth()).parked == 0
    await wanted(bench, uuid4())
    assert len(await claimed(bench)) == 2, "a note that met an outage is no suspect"


async def test_an_outage_during_the_last_attempt_does_not_park(bench: Bench) -> None:
    """A note that failed four times and then meets an outage still has its fifth attempt."""
    await wanted(bench, uuid4())
    await fail(bench, 4)
    await fail(bench, 3, retry_after=1.0)

    assert (await bench.queue.depth()).parked == 0
    assert (await only(bench)).attempts == 5


async def test_an_outage_waits_as_asked(bench: Bench) -> None:
    """After an outage a note is ready within the time it was put off for."""
    await wanted(bench, uuid4())
    await bench.queue.failed(await only(bench), code="source_away", retry_after=20.0)

    await bench.later(9)
    assert await claimed(bench) == []
    await bench.later(12)
    assert await only(bench)


async def test_a_newer_event_unparks(bench: Bench) -> None:
    """A parked note that changed is tried again as if it were new."""
    key = uuid4()
    await wanted(bench, key)
    await fail(bench, 5)
    assert await claimed(bench) == []

    await wanted(bench, key)
    assert (await only(bench)).attempts == 1
    assert (await bench.queue.depth()).parked == 0


async def test_a_change_during_the_last_attempt_is_tried_anew(bench: Bench) -> None:
    """The fifth failure does not park a newer text, which starts with all its attempts."""
    key = uuid4()
    await wanted(bench, key)
    await fail(bench, 4)
    fifth = await only(bench)
    await wanted(bench, key)
    await bench.queue.failed(fifth, code="internal", retry_after=None)

    await bench.later(LONG)
    assert (await only(bench)).attempts == 1


async def test_an_edit_makes_no_suspect_new(bench: Bench) -> None:
    """A note that failed once stays a suspect, be it edited before or during the next attempt."""
    key = uuid4()
    await wanted(bench, key)
    await fail(bench, 1)
    await wanted(bench, key)
    second = await only(bench)
    assert second.attempts == 2

    await wanted(bench, key)
    await bench.queue.failed(second, code="internal", retry_after=None)
    await bench.later(LONG)
    assert (await only(bench)).attempts == 3


async def test_each_failure_waits_longer(bench: Bench) -> None:
    """After the first a few seconds, after the fourth at least a quarter of a minute."""
    await wanted(bench, uuid4())
    await bench.queue.failed(await only(bench), code="internal", retry_after=None)
    await bench.later(5)
    await fail(bench, 2)
    await bench.queue.failed(await only(bench), code="internal", retry_after=None)

    await bench.later(15)
    assert await claimed(bench) == []
    await bench.later(18)
    assert (await only(bench)).attempts == 5


async def test_no_outage_puts_a_note_off_for_long(bench: Bench) -> None:
    """Whatever PazPaz asks for, it is asked again within a minute."""
    await wanted(bench, uuid4())
    await bench.queue.failed(await only(bench), code="source_away", retry_after=LONG)

    await bench.later(61)
    assert await only(bench)


async def test_an_outage_is_not_over_for_all_at_once(pg_keys: PgKeyStore, owner: Owner) -> None:
    """Of many notes that met it together some are ready before others, so that PazPaz is not met by all of them."""
    bench = real_bench(pg_keys, owner)
    await wanted(bench, *(uuid4() for _ in range(24)))
    for lease in await claimed(bench, limit=24):
        await bench.queue.failed(lease, code="source_away", retry_after=40.0)

    await bench.later(30)
    assert 0 < len(await claimed(bench, limit=24)) < 24


async def test_an_outage_that_is_over_at_once_waits_a_moment(
    pg_keys: PgKeyStore, owner: Owner
) -> None:
    """Whoever says that no wait is needed is not asked in a loop."""
    bench = real_bench(pg_keys, owner)
    await wanted(bench, uuid4())
    lease, moment = await only(bench), await owner.fetchval("SELECT now()")
    await bench.queue.failed(lease, code="source_away", retry_after=0.0)

    ready = await owner.fetchval("SELECT not_before FROM work")
    assert (ready - moment).total_seconds() >= 0.05


async def test_a_failure_does_not_hasten_what_is_typed(bench: Bench) -> None:
    """A note that is edited while an attempt fails must be quiet all the same."""
    key = uuid4()
    await wanted(bench, key)
    lease = await only(bench)
    bench.debounce(60, limit=60)
    await wanted(bench, key)
    await bench.queue.failed(lease, code="source_away", retry_after=1.0)

    await bench.later(5)
    assert await claimed(bench) == []


async def test_a_released_lease_was_never_taken(bench: Bench) -> None:
    """What a stopping worker gives back is ready at once, with no attempt counted."""
    keys = {uuid4(), uuid4()}
    await wanted(bench, *keys)
    await bench.queue.release(await claimed(bench))

    again = await claimed(bench)
    assert {(one.key, one.attempts) for one in again} == {(key, 1) for key in keys}


async def test_releasing_what_is_done_changes_nothing(bench: Bench) -> None:
    """A worker that stops after finishing does not open the work again."""
    await wanted(bench, uuid4())
    lease = await only(bench)
    assert await bench.queue.done(lease)
    await bench.queue.release([lease])

    assert await claimed(bench) == []
    assert (await bench.queue.depth()).waiting == 0


async def test_depth_says_how_much_waits_and_how_long(bench: Bench) -> None:
    """Leased and open notes both wait; the lag is the age of the oldest."""
    await wanted(bench, uuid4())
    await bench.later(50)
    await wanted(bench, uuid4())
    lease, other = await claimed(bench)

    depth = await bench.queue.depth()
    assert (depth.waiting, depth.parked) == (2, 0)
    assert 50 <= depth.lag < 55
    await bench.queue.done(lease)
    await bench.queue.done(other)
    depth = await bench.queue.depth()
    assert (depth.waiting, depth.parked, depth.lag) == (0, 0, 0)


async def test_the_lag_is_that_of_the_want_that_is_unmet(bench: Bench) -> None:
    """Further edits do not shorten it; a want that was met counts no more, also where a newer one came meanwhile."""
    key = uuid4()
    await wanted(bench, key)
    await bench.later(50)
    await wanted(bench, key)
    assert (await bench.queue.depth()).lag >= 50

    lease = await only(bench)
    await bench.later(50)
    await wanted(bench, key)
    assert await bench.queue.done(lease)
    assert (await bench.queue.depth()).lag < 5

    assert await bench.queue.done(await only(bench))
    await bench.later(50)
    await wanted(bench, key)
    assert (await bench.queue.depth()).lag < 5


async def test_depth_is_of_all_practices(bench: Bench) -> None:
    """What one practice erased, or purged of its notes, neither hides nor stops anybody else's work."""
    await bench.queue.accept([an_event(WORKSPACE, entity="workspaces", kind="purged")])
    await bench.queue.accept([an_event(uuid4(), workspace=OTHER_WORKSPACE, kind="purged")])
    await bench.queue.accept([an_event(uuid4(), workspace=OTHER_WORKSPACE)])

    assert await counted(bench) == (3, 0, 0)
    taken = [one.workspace for _ in range(2) for one in await claimed(bench)]
    assert sorted(taken) == sorted([WORKSPACE, OTHER_WORKSPACE, OTHER_WORKSPACE])


async def test_a_known_note_must_be_quiet_too(bench: Bench) -> None:
    """Edits of a note that was indexed long ago wait as those of a new one do."""
    key = uuid4()
    await wanted(bench, key)
    assert await bench.queue.done(await only(bench))
    await bench.later(100)

    bench.debounce(4, limit=10)
    await wanted(bench, key)
    assert await claimed(bench) == []
    await bench.later(3)
    assert await claimed(bench) == []
    await bench.later(1.5)
    assert (await only(bench)).key == key


async def test_a_quiet_note_does_not_wait_for_the_limit(bench: Bench) -> None:
    """An edit puts a note off by the seconds it must be quiet, however far away the limit is."""
    bench.debounce(4, limit=100)
    key = uuid4()
    await wanted(bench, key)
    await bench.later(3)
    await wanted(bench, key)

    await bench.later(4.5)
    assert (await only(bench)).key == key


async def test_what_is_typed_on_comes_after_what_is_quiet(bench: Bench) -> None:
    """A note that is edited beyond the limit is ready at once, and not before one that was quiet by then."""
    bench.debounce(4, limit=10)
    typed, quiet = uuid4(), uuid4()
    await wanted(bench, typed)
    await bench.later(20)
    await wanted(bench, quiet)
    await bench.later(5)
    await wanted(bench, typed)

    assert [(await claimed(bench, limit=1))[0].key for _ in range(2)] == [quiet, typed]


async def test_a_note_must_be_quiet(bench: Bench) -> None:
    """Each further edit puts a note off, but never beyond the limit."""
    bench.debounce(4, limit=10)
    key = uuid4()
    for _ in range(3):  # at 0, 3 and 6 seconds
        await wanted(bench, key)
        await bench.later(3)
        assert await claimed(bench) == []
    await wanted(bench, key)  # at 9 seconds: quiet at 13, but the limit is 10
    assert await claimed(bench) == []
    await bench.later(1.5)
    assert (await only(bench)).key == key


async def test_a_fan_out_need_not_be_quiet(bench: Bench) -> None:
    """What the service itself wants to look at again is ready at once."""
    bench.debounce(60, limit=60)
    ref = NoteRef(WORKSPACE, "sessions", uuid4())

    assert (await bench.lease(ref)).kind == "sessions"


async def test_claimers_never_share_a_lease(bench: Bench) -> None:
    """Eight claimers at once take every note exactly once."""
    keys = [uuid4() for _ in range(60)]
    await bench.queue.accept(
        [an_event(key, workspace=(WORKSPACE, OTHER_WORKSPACE)[i % 2]) for i, key in enumerate(keys)]
    )

    async def claimer() -> list[UUID]:
        mine: list[UUID] = []
        idle = 0
        while idle < 3:  # rows that another claimer holds for a moment are skipped, not awaited
            leases = await claimed(bench, limit=3)
            mine += [one.key for one in leases]
            idle = 0 if leases else idle + 1
        return mine

    taken = await asyncio.gather(*(claimer() for _ in range(8)))
    assert sorted(key for mine in taken for key in mine) == sorted(keys)


async def test_practices_take_turns(bench: Bench) -> None:
    """A practice with a mountain of notes delays another's single note by one claim at most."""
    await wanted(bench, *(uuid4() for _ in range(40)))
    assert {one.workspace for one in await claimed(bench, limit=4)} == {WORKSPACE}
    await bench.queue.accept([an_event(uuid4(), workspace=OTHER_WORKSPACE)])

    turns = [{one.workspace for one in await claimed(bench, limit=4)} for _ in range(3)]
    assert turns == [{OTHER_WORKSPACE}, {WORKSPACE}, {WORKSPACE}]


@pytest.mark.parametrize("background", [False, True])
async def test_every_practice_has_its_turn(bench: Bench, background: bool) -> None:
    """The next around the circle, not whose work is oldest; of its own work the oldest comes first."""
    practices = sorted(WorkspaceId(uuid4()) for _ in range(3))
    keys = {(one, at): uuid4() for at in range(2) for one in reversed(practices)}
    for (practice, _), key in keys.items():
        if background:
            await look_in_background(bench, key, workspace=practice)
        else:
            await bench.queue.accept([an_event(key, workspace=practice)])
        await bench.later(1)

    turns = [await bench.queue.claim(limit=1) for _ in keys]
    assert [lease.key for (lease,) in turns] == [
        keys[practice, at] for at in range(2) for practice in practices
    ]


async def test_what_is_ready_first_comes_first(bench: Bench) -> None:
    """Whichever was asked for first: of two notes of a practice the one that was quiet earlier."""
    bench.debounce(60, limit=60)
    typed, purged = uuid4(), uuid4()
    await wanted(bench, typed)
    await bench.queue.accept([an_event(purged, kind="purged")])
    await bench.later(LONG)

    assert [(await claimed(bench, limit=1))[0].key for _ in range(2)] == [purged, typed]


async def test_a_claim_is_in_the_order_of_readiness(bench: Bench) -> None:
    """The notes of one claim come as they would one by one."""
    keys = {seconds: uuid4() for seconds in (60, 20, 40, 0)}
    for seconds, key in keys.items():
        bench.debounce(seconds, limit=60)
        await wanted(bench, key)
    await bench.later(LONG)

    assert [one.key for one in await claimed(bench)] == [keys[one] for one in sorted(keys)]


async def test_the_order_of_work_is_no_indexs_doing(
    pg_keys: PgKeyStore, owner: Owner, databases_apart: Databases
) -> None:
    """However Postgres reads the table: the next practice around the circle, and of it what was ready first."""
    worker = make_url(databases_apart.worker).username
    ways = "enable_indexscan", "enable_bitmapscan"
    for way in ways:
        await owner.execute(f'ALTER ROLE "{worker}" SET {way} = off')
    try:
        async with open_database(databases_apart.worker) as database:
            bench = real_bench(pg_keys, owner)
            queue = replace(bench.queue, database=database)
            practices = sorted(WorkspaceId(uuid4()) for _ in range(3))
            keys = {(one, at): uuid4() for at in (1, 0) for one in reversed(practices)}
            for (practice, at), key in keys.items():
                bench.debounce(60 * at, limit=60)
                await bench.queue.accept([an_event(key, workspace=practice)])
            await bench.later(LONG)

            turns = [await queue.claim(limit=1) for _ in keys]
    finally:
        for way in ways:
            await owner.execute(f'ALTER ROLE "{worker}" RESET {way}')
    assert [lease.key for (lease,) in turns] == [
        keys[practice, at] for at in range(2) for practice in practices
    ]


async def test_a_finished_note_is_looked_at_in_the_background(bench: Bench) -> None:
    """However often it is asked for, and though a change had asked for it before."""
    key = uuid4()
    await wanted(bench, key)
    assert await bench.queue.done(await only(bench))
    for _ in range(2):
        await look_in_background(bench, key)

    assert await counted(bench) == (0, 1, 0)
    lease = await only(bench)
    assert (lease.key, lease.background) == (key, True)


async def test_the_background_does_not_hasten_what_is_typed(bench: Bench) -> None:
    """A note that must be quiet is not looked at sooner since reconciliation asks for it as well."""
    bench.debounce(60, limit=60)
    key = uuid4()
    await wanted(bench, key)
    await look_in_background(bench, key)

    assert await claimed(bench) == []


async def test_background_work_can_be_given_up_on(bench: Bench) -> None:
    """It is a dead letter as any other, and waits no more."""
    await look_in_background(bench, uuid4())
    await fail(bench, 5)

    assert await counted(bench) == (0, 0, 1)


async def test_background_work_waits_for_changes(bench: Bench) -> None:
    """What the service looks at of its own accord comes after what somebody changed, and never in one claim with it."""
    old, changed = uuid4(), uuid4()
    await bench.queue.want(
        [an_item(NoteRef(WORKSPACE, "sessions", old))], workspace=WORKSPACE, background=True
    )
    await bench.later(50)
    await wanted(bench, changed)
    depth = await bench.queue.depth()
    assert (depth.waiting, depth.background) == (1, 1)
    assert depth.lag < 5

    assert [(await only(bench)).key for _ in range(2)] == [changed, old]


async def test_a_change_takes_background_work_along(bench: Bench) -> None:
    """A note that waits in the background and is then changed has the rank of a change, not the other way round."""
    key = uuid4()
    item = an_item(NoteRef(WORKSPACE, "sessions", key))
    await bench.queue.want([item], workspace=WORKSPACE, background=True)
    await wanted(bench, key)
    depth = await bench.queue.depth()
    assert (depth.waiting, depth.background) == (1, 0)

    await bench.queue.want([item], workspace=WORKSPACE, background=True)
    depth = await bench.queue.depth()
    assert (depth.waiting, depth.background) == (1, 0)
    assert await bench.queue.done(await only(bench))
    assert await claimed(bench) == []


async def test_background_work_leaves_dead_letters_alone(bench: Bench) -> None:
    """A note that was given up on is not tried again each night."""
    key = uuid4()
    await wanted(bench, key)
    await fail(bench, 5)
    item = an_item(NoteRef(WORKSPACE, "sessions", key))
    await bench.queue.want([item], workspace=WORKSPACE, background=True)

    assert await claimed(bench) == []
    work = await bench.queue.open_work(workspace=WORKSPACE)
    assert (work.waiting, work.parked) == (frozenset(), {("sessions", key)})


async def test_a_renewed_lease_lasts(bench: Bench) -> None:
    """A worker that renews keeps its note; one that lost it cannot take it back by renewing."""
    await wanted(bench, uuid4())
    lease = await only(bench)
    for _ in range(3):
        await bench.later(LEASE_SECONDS - 5)
        await bench.queue.renew([lease])
    assert await claimed(bench) == []

    await bench.later(LEASE_SECONDS + 5)
    held = await only(bench)
    await bench.later(LEASE_SECONDS - 5)
    await bench.queue.renew([lease])
    await bench.later(10)
    assert (await only(bench)).token > held.token


async def test_renewing_holds_nothing_else(bench: Bench) -> None:
    """Neither the other notes of the practice nor its other work, nor another practice's."""
    await wanted(bench, uuid4(), uuid4())
    (lease,) = await claimed(bench, limit=1)
    await bench.queue.renew([lease])
    assert (await only(bench)).key != lease.key

    await bench.queue.accept([an_event(lease.key, workspace=OTHER_WORKSPACE)])
    await bench.queue.renew([lease])
    assert (await only(bench)).workspace == OTHER_WORKSPACE

    await bench.queue.want_whole([WORKSPACE], kind="workspaces")
    whole = await only(bench)
    await bench.queue.want_whole([WORKSPACE], kind="reconcile")
    await bench.queue.renew([whole])
    assert (await only(bench)).kind == "reconcile"


async def test_a_finished_lease_is_not_renewed(bench: Bench) -> None:
    """Renewing what was given back takes it from nobody."""
    await wanted(bench, uuid4())
    lease = await only(bench)
    await bench.queue.release([lease])
    await bench.queue.renew([lease])

    assert await only(bench)


async def test_dead_letters_are_listed_retried_and_dropped(bench: Bench) -> None:
    """An operator sees each note that was given up on with its cause, and tries or drops one or all."""
    keys = sorted((uuid4() for _ in range(3)), reverse=True)
    for key in keys:
        await wanted(bench, key)
        await fail(bench, 5)
    letters = await bench.queue.dead_letters()
    assert [(one.workspace, one.kind, one.key, one.code) for one in letters] == [
        (WORKSPACE, "sessions", key, "internal") for key in keys
    ]
    assert await bench.queue.dead_letters(workspace=OTHER_WORKSPACE) == []
    assert len(await bench.queue.dead_letters(limit=2, offset=2)) == 1

    assert await bench.queue.retry_dead_letters(workspace=OTHER_WORKSPACE) == 0
    assert await bench.queue.retry_dead_letters(workspace=None, key=keys[0]) == 1
    again = await only(bench)
    assert (again.key, again.attempts) == (keys[0], 1)
    assert await bench.queue.drop_dead_letters(workspace=WORKSPACE, key=keys[1]) == 1
    assert [one.key for one in await bench.queue.dead_letters()] == [keys[2]]
    assert await bench.queue.retry_dead_letters(workspace=None) == 1
    assert await bench.queue.dead_letters() == []
    assert (await only(bench)).key == keys[2]
    await wanted(bench, keys[1])
    assert (await only(bench)).attempts == 1, "what was dropped and then changed is new"


async def test_a_dead_letter_is_retried_at_once(bench: Bench) -> None:
    """The last failure's wait does not hold up what an operator asks for."""
    await wanted(bench, uuid4())
    await fail(bench, 4)
    await bench.queue.failed(await only(bench), code="internal", retry_after=None)

    assert await bench.queue.retry_dead_letters(workspace=WORKSPACE) == 1
    assert (await only(bench)).attempts == 1


async def test_a_dropped_note_is_found_again_at_once(bench: Bench) -> None:
    """What was dropped and is then missed by reconciliation does not wait as if it had just failed."""
    key = uuid4()
    await wanted(bench, key)
    await wanted(bench, key)
    await fail(bench, 4)
    await bench.queue.failed(await only(bench), code="internal", retry_after=None)
    assert await bench.queue.drop_dead_letters(workspace=WORKSPACE) == 1
    assert await counted(bench) == (0, 0, 0)

    await look_in_background(bench, key)
    assert (await only(bench)).key == key


async def test_dead_letters_of_one_moment_have_an_order(bench: Bench) -> None:
    """Notes that were given up on together are listed by key, so that no page has what another had."""
    keys = sorted((uuid4() for _ in range(6)), reverse=True)
    await wanted(bench, *keys)
    for _ in range(5):
        while await claimed(bench):
            pass
        await bench.later(LEASE_SECONDS + 1)
    assert await claimed(bench) == []

    pages = [await bench.queue.dead_letters(limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [one.key for page in pages for one in page] == sorted(keys)


async def test_open_work_is_that_of_one_practice(bench: Bench) -> None:
    """What is done, and what others wait for, is not in it."""
    met, open_key = uuid4(), uuid4()
    await wanted(bench, met)
    assert await bench.queue.done(await only(bench))
    await wanted(bench, open_key)
    await bench.queue.accept([an_event(uuid4(), workspace=OTHER_WORKSPACE)])

    work = await bench.queue.open_work(workspace=WORKSPACE)
    assert (work.waiting, work.parked) == ({("sessions", open_key)}, frozenset())


async def test_no_work_stays_of_what_is_gone(pg_keys: PgKeyStore, owner: Owner) -> None:
    """The id of a note that PazPaz has no more is not kept for the sake of its next change."""
    bench, ref = real_bench(pg_keys, owner), NoteRef(WORKSPACE, "sessions", uuid4())
    await bench.forget(ref)

    assert await owner.fetchval("SELECT count(*) FROM work") == 0


async def test_what_comes_back_while_it_is_forgotten_is_looked_at(bench: Bench) -> None:
    """The row of a note that is gone stays where something newer is wanted."""
    ref = NoteRef(WORKSPACE, "sessions", uuid4())
    lease = await bench.lease(ref)
    await wanted(bench, ref.id)

    assert await bench.store.forget(ref, lease=lease)
    assert (await only(bench)).key == ref.id


async def test_a_purge_may_be_told_twice(bench: Bench) -> None:
    """By two events of their own ids, and the tombstone stays."""
    key = uuid4()
    for _ in range(2):
        assert await bench.queue.accept([an_event(key, kind="purged")]) == 1
    assert await bench.queue.purged(await only(bench))


async def test_a_token_never_returns(bench: Bench) -> None:
    """The row of a note that is gone goes too; should it come back, whoever held it before is out of reach."""
    ref = NoteRef(WORKSPACE, "sessions", uuid4())
    lost = await bench.lease(ref)
    await bench.later(LEASE_SECONDS + 1)
    assert await bench.store.forget(ref, lease=await only(bench))
    assert not await bench.queue.done(lost)

    await wanted(bench, ref.id)
    assert not await bench.queue.done(lost)
    held = await only(bench)
    assert held.token > lost.token
    assert not await bench.queue.done(lost)
    assert await bench.queue.done(held)


async def test_an_erasure_is_wanted_with_its_tombstone(bench: Bench) -> None:
    """What an operator wants erased is refused from that moment on, and is the next piece of work."""
    key = uuid4()
    await bench.queue.want_erased(Subject(WORKSPACE, "sessions", key), asked_by="operator")
    assert await bench.queue.buried(workspace=WORKSPACE) == {("sessions", key)}
    for ids in ([], [uuid4()]):
        assert await bench.queue.buried(workspace=WORKSPACE, ids=ids) == frozenset()
    assert await bench.queue.buried(workspace=OTHER_WORKSPACE) == frozenset()
    lease = await only(bench)
    assert (lease.key, await bench.queue.purged(lease)) == (key, True)


async def test_the_feeds_cursor_is_kept_with_its_events(bench: Bench) -> None:
    """How far the feed was read is remembered with the page's events, and a plain delivery leaves it alone."""
    assert await bench.queue.cursor() is None
    cursor = ChangesCursor(2**40, uuid4())
    assert await bench.queue.accept([an_event(uuid4())], feed=cursor) == 1
    assert await bench.queue.accept([an_event(uuid4())]) == 1
    assert await bench.queue.cursor() == cursor

    further = ChangesCursor(2**41, uuid4())
    assert await bench.queue.accept([], feed=further) == 0
    assert await bench.queue.cursor() == further


async def test_an_ended_practice_need_not_be_quiet(bench: Bench) -> None:
    """What was purged or suspended is looked at without delay; a text may still be typed on."""
    bench.debounce(60, limit=60)
    purged, typed = uuid4(), uuid4()
    await bench.queue.accept([an_event(purged, kind="purged"), an_event(typed)])
    await bench.queue.accept([an_event(OTHER_WORKSPACE, entity="workspaces", kind="status")])

    assert {(await only(bench)).key for _ in range(2)} == {purged, OTHER_WORKSPACE}


async def test_reconciliation_is_background_work_of_a_workspace(bench: Bench) -> None:
    """Comparing a workspace with PazPaz's list is one piece of work, however often it was asked for."""
    for _ in range(2):
        await bench.queue.want_whole([WORKSPACE], kind="reconcile")

    lease = await only(bench)
    assert (lease.kind, lease.key, lease.workspace) == ("reconcile", WORKSPACE, WORKSPACE)
    assert lease.background
    assert await bench.queue.done(lease)
    assert await claimed(bench) == []


async def test_a_workspace_and_its_comparison_are_two(bench: Bench) -> None:
    """They have one key, and whoever has the one in hand leaves the other."""
    await bench.queue.want_whole([WORKSPACE], kind="workspaces")
    await bench.queue.want_whole([WORKSPACE], kind="reconcile")

    assert [(await only(bench)).kind for _ in range(2)] == ["workspaces", "reconcile"]


async def test_a_look_has_the_rank_of_a_change(bench: Bench) -> None:
    """A workspace to be looked at, and a note of it, come before the background unless they are asked for in it."""
    await bench.queue.want_whole([WORKSPACE], kind="workspaces")
    await bench.queue.want([an_item(NoteRef(WORKSPACE, "sessions", uuid4()))], workspace=WORKSPACE)

    assert await counted(bench) == (2, 0, 0)
