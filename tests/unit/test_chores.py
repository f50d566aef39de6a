"""What runs by the clock: one chore's trouble keeps no other from being done, and nights are nights."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from service.adapters.work.schedules import ChoreLease
from service.chores import Chore, Clockwork, _nightly
from service.errors import SourceUnavailable, StoreUnavailable
from tests.fakes import NOW

MINUTE = timedelta(minutes=1)


class Rows:
    """The schedules of a house, each due when a test says so."""

    def __init__(self, *due: str) -> None:
        self.due = list(due)
        self.planned: dict[str, datetime] = {}
        self.ended: list[tuple[str, object]] = []
        self.away = 0

    async def plan(self, due):
        if self.away:
            self.away -= 1
            raise StoreUnavailable
        self.planned |= due

    async def claim(self, names):
        ready = [name for name in self.due if name in names]
        if not ready:
            return None
        self.due.remove(ready[0])
        return ChoreLease(ready[0], 1, 0)

    async def done(self, turn, *, due_at):
        self.ended.append((turn.name, due_at))

    async def failed(self, turn, *, code):
        self.ended.append((turn.name, code))


def clockwork(rows: Rows, **chores) -> Clockwork:
    made = {name: Chore(do, lambda moment: moment + MINUTE) for name, do in chores.items()}
    return Clockwork(rows, made, lambda: NOW, tick_seconds=0.001)  # type: ignore[arg-type]


async def nothing() -> None: ...


async def test_a_chore_that_is_due_is_done_and_due_again():
    """After its turn a chore is due at its next time."""
    rows = Rows("feed")
    assert await clockwork(rows, feed=nothing).round() is True
    assert rows.ended == [("feed", NOW + MINUTE)]
    assert await clockwork(rows, feed=nothing).round() is False


@pytest.mark.parametrize(
    ("error", "code"), [(SourceUnavailable(), "source_away"), (ValueError("text"), "internal")]
)
async def test_a_failing_chore_comes_again_and_stops_nobody(error, code):
    """A chore's error is a code in its row; the next chore is done all the same."""

    async def fails():
        raise error

    rows = Rows("feed", "retention")
    works = clockwork(rows, feed=fails, retention=nothing)
    assert [await works.round(), await works.round()] == [True, True]
    assert rows.ended == [("feed", code), ("retention", NOW + MINUTE)]


async def test_a_database_that_is_away_is_waited_for():
    """The loop outlives it, plans its chores then, and ends when it is told to."""
    rows, stop = Rows("feed"), asyncio.Event()
    rows.away = 3

    async def feed():
        stop.set()

    await asyncio.wait_for(clockwork(rows, feed=feed).run(stop), 5)
    assert rows.planned == {"feed": NOW + MINUTE}
    assert rows.ended == [("feed", NOW + MINUTE)]


@pytest.mark.parametrize("hour", [0, 1, 23])
@pytest.mark.parametrize("at", [0, 1, 12, 23])
def test_a_night_comes_once_a_day(hour, at):
    """The next night is within a day and in its hour, and a chore done in that hour waits for the next one."""
    moment = datetime(2026, 11, 23, at, 30, tzinfo=UTC)
    due = _nightly(hour)(moment)

    assert due.hour == hour
    assert timedelta() < due - moment <= timedelta(hours=25)
    if at == hour:
        assert due.date() > moment.date()
