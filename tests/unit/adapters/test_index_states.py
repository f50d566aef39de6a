"""Who asks for the state of an index at the same moment shares a statement, and nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from service.adapters.postgres.index_states import IndexStates
from service.domain.identity import WorkspaceId
from service.errors import StoreUnavailable
from service.ports.index import IndexModels, IndexState

HERE, THERE = WorkspaceId(uuid4()), WorkspaceId(uuid4())


@dataclass
class Server:
    """Answers when it is let, with the epoch it has by then."""

    epoch: int = 7
    statements: list[list[UUID]] = field(default_factory=list)
    connections: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    failing: list[Exception] = field(default_factory=list)
    terminated: int = 0

    async def connect(self) -> Any:
        self.connections += 1
        return self

    async def fetch(self, _: str, asked: Sequence[UUID], *, timeout: float) -> list[dict[str, Any]]:  # noqa: ASYNC109
        self.statements.append(list(asked))
        epoch = self.epoch
        await self.open.wait()
        if self.failing:
            raise self.failing.pop(0)
        return [{"workspace": one, "epoch": epoch, "active": "m", "beside": None} for one in asked]

    def terminate(self) -> None:
        self.terminated += 1


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def states(server: Server) -> IndexStates:
    return IndexStates(server.connect, seconds=1)


async def test_who_asks_meanwhile_shares_the_next_statement(
    server: Server, states: IndexStates
) -> None:
    """A hundred who ask while one is under way are answered by one statement, begun after all of them asked."""
    first = asyncio.create_task(states.of(HERE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(states.of(one)) for one in (HERE, THERE) * 50]
    await asyncio.sleep(0)
    server.epoch = 8  # committed after the first statement began, before the second
    server.open.set()
    assert await first == IndexState(7, IndexModels("m", None))
    assert {one.epoch for one in await asyncio.gather(*others)} == {8}
    assert server.statements == [[HERE], [HERE, THERE]]
    assert server.connections == 1


async def test_who_leaves_takes_nobody_along(server: Server, states: IndexStates) -> None:
    """Of two who wait for the same workspace, the other is answered when one is cancelled."""
    leaving, staying = (asyncio.create_task(states.of(HERE)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    server.open.set()
    assert (await staying).epoch == 7
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_a_lost_connection_is_replaced_once(server: Server, states: IndexStates) -> None:
    """What was cut while nobody asked costs nobody an error; a new one that fails too is the store being away."""
    server.open.set()
    await states.of(HERE)
    server.failing = [asyncpg.InterfaceError("connection is closed")]
    assert (await states.of(HERE)).epoch == 7
    assert (server.connections, server.terminated) == (2, 1)
    server.failing = [TimeoutError(), TimeoutError()]
    with pytest.raises(StoreUnavailable):
        await states.of(HERE)
    assert (await states.of(HERE)).epoch == 7


async def test_an_error_of_our_own_reaches_who_asked(server: Server, states: IndexStates) -> None:
    """It is raised as what it is, and the next who asks is answered."""
    server.open.set()
    server.failing = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        await states.of(HERE)
    assert (await states.of(HERE)).epoch == 7


async def test_who_waits_at_the_end_is_told(server: Server, states: IndexStates) -> None:
    """Closing answers those who wait that the store is away; nobody hangs."""
    waiting = asyncio.create_task(states.of(HERE))
    await asyncio.sleep(0.01)
    await states.aclose()
    with pytest.raises(StoreUnavailable):
        await waiting
