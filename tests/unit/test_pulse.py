"""A worker that hangs is found out, and one that only waits is left alone."""

import asyncio
from contextlib import suppress

import pytest

from service.pulse import STOPPED_SECONDS, STUCK_SECONDS, Pulse


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def beaten_once(pulse: Pulse) -> None:
    beating = asyncio.create_task(pulse.beat())
    await asyncio.sleep(0)
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating


async def test_an_event_loop_that_stands_still_is_no_worker(clock: Clock):
    """Whoever asks from another thread sees that it did not run for a minute."""
    pulse = Pulse(clock)
    clock.now += STOPPED_SECONDS
    assert pulse.health() == "ok"
    clock.now += 1
    assert pulse.health() == "stopped"
    await beaten_once(pulse)
    assert pulse.health() == "ok"


async def test_rounds_that_never_end_are_no_worker(clock: Clock):
    """The event loop runs, and nothing was claimed in a quarter of an hour; a turn ends it."""
    pulse = Pulse(clock)
    clock.now += STUCK_SECONDS + 1
    await beaten_once(pulse)
    assert pulse.health() == "stuck"
    pulse.turned()
    assert pulse.health() == "ok"


@pytest.mark.parametrize(
    ("waited", "status", "said"),
    [(0, "200 OK", b'{"status":"ok"}'), (61, "503 Service Unavailable", b'{"status":"stopped"}')],
    ids=["well", "stopped"],
)
def test_its_page_says_so_beside_the_metrics(clock: Clock, waited: int, status: str, said: bytes):
    """At `/healthz`; every other path has the metrics, as before."""
    pulse, told = Pulse(clock), []

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        told.append(status)

    page = pulse.page(lambda environ, start: [b"metrics"])
    clock.now += waited
    assert page({"PATH_INFO": "/healthz"}, start) == [said]
    assert told == [status]
    assert page({"PATH_INFO": "/metrics"}, start) == [b"metrics"]
