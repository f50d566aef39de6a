"""A backfill: every note once, at a pace, through an outage and a kill, and exact about its end."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.identity import WorkspaceId
from service.errors import SourceUnavailable
from service.ingestion.backfill import BATCH, Backfill, Pace, Summary
from service.ports.monolith import Event
from tests.contracts.bench import indexed
from tests.fakes import (
    NOW,
    OTHER_WORKSPACE,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryNoteSource,
    InMemoryWorkQueue,
    a_client,
    a_note,
)


class Killed(Exception):
    """What kill -9 is to the process."""


class House:
    """Forty notes of a client, and workers that index whatever is wanted while the backfill sleeps."""

    def __init__(self, notes: int = 40) -> None:
        self.source, self.queue = InMemoryNoteSource(), InMemoryWorkQueue()
        self.store = InMemoryChunkStore(self.queue)
        self.source.take(a_client(), *(a_note(str(n)) for n in range(notes)))
        self.places: list[tuple[WorkspaceId, UUID | None, int]] = []
        self.slept: list[float] = []
        self.looked: list[UUID] = []
        self.said: list[str] = []
        self.ticks: list[int] = []

    def backfill(self, *, requests: float = 240, concurrency: int = 2, **more) -> Backfill:
        pace = Pace(requests, concurrency)
        parts = {"notes": self.source, "store": self.store, "queue": self.queue, "pace": pace}
        told = {"on_moved": self.moved, "on_wait": self.said.append, "sleep": self.sleep}
        return Backfill(**parts, **told, **{"since": None, **more})

    async def moved(self, workspace: WorkspaceId, after: UUID | None, asked: int) -> None:
        self.places.append((workspace, after, asked))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.work()

    async def work(self) -> None:
        for lease in await self.queue.claim(limit=BATCH):
            note = self.source.sessions.get(lease.key) or a_client().profile
            self.looked.append(lease.key)
            if note.state == "active":
                await self.store.replace(indexed(note), lease=lease)
            else:
                await self.queue.done(lease)

    async def run(self, backfill: Backfill, *, at=None, after=None) -> Summary:
        scope = await backfill.scope(None)
        for one in scope:
            if at is None or one >= at:
                await backfill.ask(one, after=after if one == at else None, tick=self.ticks.append)
        await backfill.until_done(self.ticks.append)
        return await backfill.summary(scope)


async def test_every_note_is_looked_at_once_and_counted():
    """Forty notes and a profile are looked at once each; the sum says what became of each."""
    house = House()
    deleted, draft = a_note("gone", state="deleted"), a_note("so far", state="draft")
    house.source.take(deleted, draft)
    backfill = house.backfill()

    assert await backfill.count([WORKSPACE]) == 43
    assert await house.run(backfill) == Summary(indexed=41, left_out=2)
    assert len(house.looked) == len(set(house.looked)) == 43
    assert house.ticks[-1] == 43
    assert house.ticks == sorted(house.ticks)


async def test_it_goes_on_where_it_was_killed():
    """A second run begins behind the last place that was remembered, and asks for nothing twice."""
    house = House(100)
    batches = 0

    async def dies(workspace, after, asked):
        nonlocal batches
        batches += 1
        await house.moved(workspace, after, asked)
        if batches == 3:
            raise Killed

    with pytest.raises(Killed):
        await house.run(replace(house.backfill(), on_moved=dies))
    at, after, asked = house.places[-1]
    assert asked == 3 * BATCH

    again = house.backfill(asked=asked)
    assert (await house.run(again, at=at, after=after)).indexed == 101
    assert len(house.looked) == len(set(house.looked)) == 101
    assert house.places[-1][2] == 101


async def test_what_was_asked_before_the_place_was_kept_is_asked_again():
    """Killed between the two, a batch is looked at twice and none is lost."""
    house = House(40)

    async def dies(*_):
        raise Killed

    with pytest.raises(Killed):
        await house.run(replace(house.backfill(), on_moved=dies))
    assert (await house.run(house.backfill())).indexed == 41


async def test_it_keeps_its_pace():
    """A batch costs PazPaz two calls: at 60 a minute there are two seconds between batches."""
    house = House(3 * BATCH - 1)
    await house.run(house.backfill(requests=60, concurrency=9))

    assert house.slept.count(2.0) == 3


async def test_it_leaves_only_so_many_batches_open():
    """While workers do not come along, no more than the allowed batches wait."""
    house = House(200)
    most = 0

    async def slow(seconds: float) -> None:
        nonlocal most
        most = max(most, (await house.queue.depth()).background)
        house.slept.append(seconds)
        if len(house.slept) % 3 == 0:
            await house.work()

    await house.run(replace(house.backfill(concurrency=2), sleep=slow))
    assert BATCH < most <= 2 * BATCH


async def test_a_change_goes_first():
    """A note that somebody changes during a backfill is the next that a worker takes."""
    house = House(60)
    changed = a_note("changed")

    async def busy(seconds: float) -> None:
        if not house.looked:
            house.source.take(changed)
            event = Event(uuid4(), WORKSPACE, "sessions", changed.ref.id, "upserted")
            await house.queue.accept([event])
        await house.work()

    await house.run(replace(house.backfill(), sleep=busy))
    assert house.looked[0] == changed.ref.id


async def test_an_outage_delays_and_drops_nothing():
    """While PazPaz is away the backfill waits longer and longer, says so, and then goes on."""
    house, failures = House(60), 3
    listed = house.source.manifest

    def manifest(**scope):
        nonlocal failures
        if house.places and failures:
            failures -= 1
            raise SourceUnavailable(retry_after=9)
        return listed(**scope)

    house.source.manifest = manifest
    backfill = house.backfill()
    await house.run(backfill)
    house.places, house.source.manifest = [], manifest

    assert failures == 0
    assert house.said == ["PazPaz is away; waiting"] * 3
    assert house.slept.count(9.0) == 3
    assert len(set(house.looked)) == 61


async def test_idle_workers_are_told_of():
    """A minute in which nobody takes a look is said, once a minute, and the backfill goes on when one comes."""
    house = House(3)

    async def nobody(seconds: float) -> None:
        house.slept.append(seconds)
        if sum(house.slept) > 150:
            await house.work()

    await house.run(replace(house.backfill(), sleep=nobody))
    assert house.said == [
        f"no look was taken for {seconds} s (4 open); see the workers" for seconds in (60, 120)
    ]


async def test_since_leaves_older_notes_alone():
    """Only notes that changed since then are asked for, and counted."""
    house = House(5)
    new = replace(a_note("new"), updated_at=NOW + timedelta(days=1))
    house.source.take(new)
    backfill = house.backfill(since=NOW + timedelta(hours=1))

    assert await backfill.count([WORKSPACE]) == 1
    assert await house.run(backfill) == Summary(indexed=1)
    assert house.looked == [new.ref.id]


async def test_dead_letters_and_changes_since_are_told():
    """A note that was given up on is a dead letter in the sum, one that waits again has changed since."""
    house = House(2)
    dead, waits = list(house.source.sessions)
    await house.run(house.backfill())
    place = (WORKSPACE, "sessions", dead)
    house.queue.rows[place].wanted += 1
    house.queue.rows[place].parked = True
    await house.queue.accept([Event(uuid4(), WORKSPACE, "sessions", waits, "upserted")])

    told = await house.backfill().summary([WORKSPACE])
    assert told == Summary(indexed=1, dead=1, waiting=1)
    assert told.total == 3


async def test_only_active_workspaces_are_in_scope():
    """Suspended practices are left out; one may be named."""
    house = House(1)
    house.source.statuses[OTHER_WORKSPACE] = "suspended"

    assert await house.backfill().scope(None) == [WORKSPACE]
    assert await house.backfill().scope(OTHER_WORKSPACE) == []
