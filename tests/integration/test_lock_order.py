"""Two who write of the same never wait for each other in a ring."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest

from service.container import Container
from service.demo.databases import Databases
from service.domain.erasure import Subject
from service.domain.identity import WorkspaceId
from service.ports.monolith import Event
from tests.integration.conftest import Owner
from tests.integration.test_index_machine import LONG_SECONDS, World, indexed_world

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
WAITS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
FOR_ROWS = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
TRY = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
ROW = "SELECT key FROM work WHERE workspace_id = $1 AND key = $2 FOR UPDATE"
ROWS = "SELECT key FROM work WHERE workspace_id = $1 FOR UPDATE NOWAIT"
INSERTS = {
    "event_ids": "INSERT INTO event_ids (workspace_id, id) VALUES ($1, $2)",
    "tombstones": "INSERT INTO tombstones (workspace_id, entity, entity_id) VALUES ($1, 'sessions', $2)",
    "work": "INSERT INTO work (workspace_id, kind, key, wanted, not_before, first_wanted_at)"
    " VALUES ($1, 'sessions', $2, 1, now(), now())",
}


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


@pytest.mark.parametrize("table", INSERTS)
async def test_two_deliveries_of_the_same_come_one_after_the_other(
    opened: Container, owner: Owner, databases_apart: Databases, table: str
) -> None:
    """Whatever the order of its events, who waits for another's first row has not written the one it goes on to."""
    workspace = WorkspaceId(uuid4())
    first, last = sorted((uuid4(), uuid4()))
    inside = await asyncpg.connect(databases_apart.owner.replace("+asyncpg", ""))
    async with inside.transaction():
        await inside.execute(INSERTS[table], workspace, first)
        events = [_purge(workspace, first, event=last), _purge(workspace, last, event=first)]
        waiting = asyncio.create_task(opened.queue.accept(events))
        await _until_it_waits(owner, FOR_ROWS)
        await inside.execute("SET LOCAL lock_timeout = '1s'")
        await inside.execute(INSERTS[table], workspace, last)
    await inside.close()
    assert await waiting == (0 if table == "event_ids" else 2)


async def test_a_claim_waits_for_nobody(
    opened: Container, owner: Owner, databases_apart: Databases
) -> None:
    """What another transaction holds is passed over, and the rest of the practice is claimed."""
    workspace, (held, free) = await _two_notes(opened, owner)
    async with _held(databases_apart, workspace, held):
        assert [one.key for one in await opened.queue.claim(limit=5)] == [free]


async def test_a_renewal_waits_for_nobody(
    opened: Container, owner: Owner, databases_apart: Databases
) -> None:
    """A lease whose note is being written needs no more time; the others are renewed."""
    workspace, (held, free) = await _two_notes(opened, owner)
    leases = await opened.queue.claim(limit=5)
    await owner.execute("UPDATE work SET lease_until = now() + interval '1 second'")
    async with _held(databases_apart, workspace, held):
        await opened.queue.renew(leases)
    renewed = "SELECT key FROM work WHERE lease_until > now() + interval '2 seconds'"
    assert [row["key"] for row in await owner.fetch(renewed)] == [free]


async def test_giving_up_waits_for_nobody(
    opened: Container, owner: Owner, databases_apart: Databases
) -> None:
    """A note whose last worker is late and just writing it is not given up on meanwhile; the others are."""
    workspace, (held, free) = await _two_notes(opened, owner)
    leases = {lease.key: lease for lease in await opened.queue.claim(limit=5)}
    await owner.execute("UPDATE work SET attempts = 5, lease_until = now() - interval '1 second'")
    async with _held(databases_apart, workspace, held):
        assert await opened.queue.claim(limit=5) == []
        assert [one.key for one in await opened.queue.dead_letters()] == [free]
    assert await opened.queue.done(leases[held])
    assert await opened.queue.claim(limit=5) == []
    assert [one.key for one in await opened.queue.dead_letters()] == [free]


def _purge(workspace: WorkspaceId, key: UUID, *, event: UUID) -> Event:
    return Event(event, workspace, "sessions", key, "purged")


async def _two_notes(opened: Container, owner: Owner) -> tuple[WorkspaceId, list[UUID]]:
    """Two pieces of work of one practice, and no other."""
    await owner.execute("TRUNCATE work")
    workspace, keys = WorkspaceId(uuid4()), [uuid4(), uuid4()]
    await opened.queue.accept(
        [Event(uuid4(), workspace, "sessions", key, "upserted") for key in keys]
    )
    return workspace, keys


@asynccontextmanager
async def _held(databases: Databases, workspace: WorkspaceId, key: UUID) -> AsyncIterator[None]:
    """Another transaction has this work locked; who waits for it, waits too long."""
    inside = await asyncpg.connect(databases.owner.replace("+asyncpg", ""))
    try:
        async with inside.transaction(), asyncio.timeout(10):
            await inside.execute(ROW, workspace, key)
            yield
    finally:
        await inside.close()


async def _until_it_waits(owner: Owner, waits: str = WAITS) -> None:
    for _ in range(200):
        if await owner.fetchval(waits):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


async def _right_in_the_end(world: World) -> None:
    await world.settle()
    await world.check()
