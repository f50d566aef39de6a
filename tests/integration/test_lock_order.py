"""Two who write of one client never wait for each other in a ring."""

import asyncio

import asyncpg
import pytest

from service.container import Container
from service.demo.databases import Databases
from service.domain.erasure import Subject
from tests.integration.conftest import Owner
from tests.integration.test_index_machine import LONG_SECONDS, World, indexed_world

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
WAITS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
FOR_ROWS = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
TRY = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
ROW = "SELECT key FROM work WHERE workspace_id = $1 AND key = $2 FOR UPDATE"
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


async def test_an_erasure_that_waits_for_a_client_holds_no_work(
    opened: Container, owner: Owner, databases_apart: Databases
) -> None:
    """A worker inside writes the client and finishes its work; the erasure comes after it, and neither is a victim."""
    world, note = await indexed_world(opened, owner)
    world.put_client(world.clients[0])
    await world.deliver_all()
    inside = await asyncpg.connect(databases_apart.owner.replace("+asyncpg", ""))
    async with inside.transaction():
        await inside.execute(LOCK, f"{world.workspace}/{note.client}")
        subject = Subject(world.workspace, "clients", note.client)
        erasing = asyncio.create_task(opened.eraser.erase(subject, asked_by="operator"))
        await _until_it_waits(owner)
        assert len(await inside.fetch(ROWS, world.workspace)) == 2
    await inside.close()
    assert await erasing is not None


async def test_who_waits_for_a_notes_work_holds_no_keys(
    opened: Container, owner: Owner, databases_apart: Databases
) -> None:
    """An erasure with the note's work waits for the keys; a worker that brings the client back wants that work."""
    world, note = await indexed_world(opened, owner)
    world.put_client(world.clients[0], is_active=False)
    await world.settle()
    world.put_client(world.clients[0], is_active=True)
    await world.deliver_all()
    inside = await asyncpg.connect(databases_apart.owner.replace("+asyncpg", ""))
    async with inside.transaction():
        await inside.execute(ROW, world.workspace, note.ref.id)
        working = asyncio.create_task(world.work(lease_seconds=LONG_SECONDS))
        await _until_it_waits(owner, FOR_ROWS)
        assert await inside.fetchval(TRY, f"keys/{world.workspace}")
    await inside.close()
    await working
    await _right_in_the_end(world)


async def _until_it_waits(owner: Owner, waits: str = WAITS) -> None:
    for _ in range(200):
        if await owner.fetchval(waits):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


async def _right_in_the_end(world: World) -> None:
    await world.settle()
    await world.check()
