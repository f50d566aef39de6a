"""Schedules and backfills in Postgres: one worker at a time, and nothing lost when it dies."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from service.adapters.work.backfills import PgBackfills
from service.adapters.work.schedules import PgSchedules
from service.container import Container, now
from service.domain.identity import WorkspaceId
from tests.integration.conftest import Owner

HOUR = timedelta(hours=1)


@pytest.fixture
async def schedules(opened: Container, owner: Owner) -> PgSchedules:
    await owner.execute("TRUNCATE schedules")
    return PgSchedules(opened.database)


async def _pass(owner: Owner, seconds: float) -> None:
    """Time passes by moving every moment the rows remember into the past."""
    moved = ", ".join(
        f"{name} = {name} - make_interval(secs => $1)"
        for name in ("due_at", "lease_until", "done_at")
    )
    await owner.execute(f"UPDATE schedules SET {moved}", seconds)


async def test_a_chore_is_done_by_one_worker(schedules: PgSchedules, owner: Owner) -> None:
    """Of eight workers that look at the same moment one gets the turn, and when it is done nobody does."""
    await schedules.plan({"feed": now() + HOUR})
    assert await schedules.claim(["feed"]) is None
    await _pass(owner, 3601)

    turns = [turn for turn in await asyncio.gather(*_claims(schedules, 8)) if turn]
    assert [turn.name for turn in turns] == ["feed"]
    await schedules.done(turns[0], due_at=now() + HOUR)
    assert await schedules.claim(["feed"]) is None
    assert (await schedules.ages())["feed"] < 5


def _claims(schedules: PgSchedules, count: int) -> list:
    return [schedules.claim(["feed"]) for _ in range(count)]


async def test_a_dead_workers_turn_is_taken_over(schedules: PgSchedules, owner: Owner) -> None:
    """A turn that ran out goes to another, and the first one's end no longer counts."""
    await schedules.plan({"feed": now() - HOUR})
    lost = await schedules.claim(["feed"])
    assert await schedules.claim(["feed"]) is None
    await _pass(owner, schedules.lease_seconds + 1)
    held = await schedules.claim(["feed"])
    assert lost is not None
    assert held is not None
    assert held.token > lost.token

    await schedules.done(lost, due_at=now() + HOUR)
    await _pass(owner, schedules.lease_seconds + 1)
    assert await schedules.claim(["feed"]) is not None


async def test_a_failure_comes_again_later_and_later(schedules: PgSchedules, owner: Owner) -> None:
    """The first failure waits 15 s, the second 30 s; a success starts over."""
    await schedules.plan({"feed": now() - HOUR})
    for wait in (15, 30):
        turn = await schedules.claim(["feed"])
        assert turn is not None
        await schedules.failed(turn, code="source_away")
        await _pass(owner, wait - 2)
        assert await schedules.claim(["feed"]) is None
        await _pass(owner, 3)
    turn = await schedules.claim(["feed"])
    assert turn is not None
    assert turn.failures == 2
    assert await owner.fetchval("SELECT last_error FROM schedules") == "source_away"
    await schedules.done(turn, due_at=now() - HOUR)
    assert await owner.fetchval("SELECT last_error FROM schedules") is None
    again = await schedules.claim(["feed"])
    assert again is not None
    assert again.failures == 0


async def test_no_failure_puts_a_chore_off_for_long(schedules: PgSchedules, owner: Owner) -> None:
    """However often it has failed, it is tried again within ten minutes."""
    await schedules.plan({"feed": now() - HOUR})
    await owner.execute("UPDATE schedules SET failures = 5000")
    turn = await schedules.claim(["feed"])
    assert turn is not None
    await schedules.failed(turn, code="source_away")

    await _pass(owner, 590)
    assert await schedules.claim(["feed"]) is None
    await _pass(owner, 11)
    assert await schedules.claim(["feed"]) is not None


async def test_what_is_due_longest_comes_first(schedules: PgSchedules) -> None:
    """Of two chores that are due the one that has waited longer."""
    await schedules.plan({"feed": now() - HOUR, "retention": now() - 2 * HOUR})

    turns = [await schedules.claim(["feed", "retention"]) for _ in range(3)]
    assert [turn and turn.name for turn in turns] == ["retention", "feed", None]


async def test_a_turn_waits_for_nobody(schedules: PgSchedules, owner: Owner) -> None:
    """A chore whose row another transaction holds is passed over."""
    await schedules.plan({"feed": now() - HOUR, "retention": now() - 2 * HOUR})
    async with owner.transaction(), asyncio.timeout(10):
        await owner.execute("SELECT FROM schedules WHERE name = 'retention' FOR UPDATE")
        turn = await schedules.claim(["feed", "retention"])
    assert turn is not None
    assert turn.name == "feed"


async def test_the_age_of_a_chore_is_that_of_its_last_success(
    schedules: PgSchedules, owner: Owner
) -> None:
    """One that never succeeded is as old as its first turn, however often it failed; one to come has no age."""
    await schedules.plan(
        {"feed": now() - HOUR, "receipts": now() - HOUR, "retention": now() + HOUR}
    )
    fed, written = await schedules.claim(["feed"]), await schedules.claim(["receipts"])
    assert fed is not None
    assert written is not None
    await schedules.done(fed, due_at=now() + HOUR)
    await schedules.failed(written, code="internal")
    await _pass(owner, 100)

    ages = await schedules.ages()
    assert 100 <= ages["feed"] < 110
    assert 3700 <= ages["receipts"] < 3710
    assert ages["retention"] == 0


async def test_a_plan_moves_nothing_that_is_planned(schedules: PgSchedules) -> None:
    """A worker that starts does not put off what is due."""
    await schedules.plan({"feed": now() - HOUR})
    await schedules.plan({"feed": now() + HOUR, "retention": now() + HOUR})

    assert await schedules.claim(["retention"]) is None
    assert (await schedules.claim(["feed", "retention"])) is not None


async def test_one_backfill_is_open_at_a_time(opened: Container) -> None:
    """Opened again, whatever its scope, it is the one that was begun, with its place; finished, there is a new one."""
    backfills, workspace = PgBackfills(opened.database), WorkspaceId(uuid4())
    since = now() - HOUR
    begun = await backfills.open(workspace=workspace, since=since)
    assert (begun.workspace, begun.since, begun.asked, begun.at) == (workspace, since, 0, None)
    after = uuid4()
    await backfills.moved(begun.id, at=workspace, after=after, asked=32)

    again = await backfills.open(workspace=None, since=None)
    assert (again.id, again.at, again.after, again.asked) == (begun.id, workspace, after, 32)
    await backfills.finished(begun.id)
    assert await backfills.abandon() is False
    other = await backfills.open(workspace=None, since=None)
    assert (other.workspace, other.asked, other.id != begun.id) == (None, 0, True)
    await backfills.moved(begun.id, at=workspace, after=after, asked=64)
    assert await backfills.open(workspace=None, since=None) == other
    assert await backfills.abandon() is True
    assert await backfills.abandon() is False
