"""Two who write of one client never wait for each other in a ring."""

import asyncio

import asyncpg
import pytest

from service.container import Container
from service.demo.databases import Databases
from tests.integration.conftest import Owner
from tests.integration.test_index_machine import LONG_SECONDS, World, indexed_world

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
WAITS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
ROWS = "SELECT key FROM work WHERE workspace_id = $1 FOR UPDATE NOWAIT"


@pytest.mark.parametrize("entity", ["sessions", "clients"])
async def test_whoever_waits_for_a_client_holds_no_work(
    opened: Container, owner: Owner, databases_apart: Databases, entity: str
) -> None:
    """A worker that must wait for the client's lock has locked no row that the one inside may want."""
    world, note = await indexed_world(opened, owner)
    if entity == "sessions":
        world.put(note, fields={"subjective": "changed"})
    else:
        world.put_client(world.clients[0])
    await world.deliver_all()
    inside = await asyncpg.connect(databases_apart.owner.replace("+asyncpg", ""))
    async with inside.transaction():
        await inside.execute(LOCK, f"{world.workspace}/{note.client}")
        working = asyncio.create_task(world.work(lease_seconds=LONG_SECONDS))
        await _until_it_waits(owner)
        assert len(await inside.fetch(ROWS, world.workspace)) == 2
    await inside.close()
    await working
    await _right_in_the_end(world)


async def _until_it_waits(owner: Owner) -> None:
    for _ in range(200):
        if await owner.fetchval(WAITS):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits for the client's lock")


async def _right_in_the_end(world: World) -> None:
    await world.settle()
    await world.check()
