"""When a server that was told to stop does so."""

import signal
from collections.abc import Callable

import pytest
import uvicorn

from service.commands.draining import DrainingServer


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_server(clock: Clock, told: Callable[[], None], *, seconds: float = 8.0) -> DrainingServer:
    return DrainingServer(uvicorn.Config("x:y"), seconds=seconds, on_drain=told, clock=clock)


async def test_it_serves_on_for_its_seconds_and_then_stops():
    """The signal is told on at once; the stop comes when the time is over."""
    clock, told = Clock(), []
    server = a_server(clock, lambda: told.append("leaving"))
    assert not await server.on_tick(0)

    server.handle_exit(signal.SIGTERM, None)
    assert told == ["leaving"]
    clock.now += 7.9
    assert not await server.on_tick(1)
    clock.now += 0.1
    assert await server.on_tick(2)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_told_again_it_stops_at_once(second):
    """Whoever asks twice does not want to wait."""
    server = a_server(Clock(), lambda: None)
    server.handle_exit(signal.SIGTERM, None)
    assert not await server.on_tick(1)
    server.handle_exit(second, None)
    assert await server.on_tick(2)


@pytest.mark.parametrize(("sig", "seconds"), [(signal.SIGINT, 8.0), (signal.SIGTERM, 0.0)])
async def test_ctrl_c_or_no_drain_stops_at_once(sig, seconds):
    """At a desk nobody balances load."""
    told: list[str] = []
    server = a_server(Clock(), lambda: told.append("leaving"), seconds=seconds)
    server.handle_exit(sig, None)
    assert await server.on_tick(1)
    assert told == []


async def test_from_the_signal_on_every_answer_ends_its_connection():
    """At once, and still when the default headers were made anew, as they are each second."""
    server = a_server(Clock(), lambda: None)
    server.config.load = lambda: None
    await server.on_tick(0)
    assert (b"connection", b"close") not in server.server_state.default_headers
    server.handle_exit(signal.SIGTERM, None)
    assert (b"connection", b"close") in server.server_state.default_headers
    await server.on_tick(10)
    assert server.server_state.default_headers.count((b"connection", b"close")) == 1
