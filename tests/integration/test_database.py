"""The doors to the database: whatever is wrong behind them is told as one fact."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import TextClause, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from service.adapters.postgres.database import Database, open_database
from service.adapters.postgres.index_states import IndexStates
from service.demo.databases import Databases
from service.domain.identity import WorkspaceId
from service.errors import StoreUnavailable
from tests.faults.tcp_proxy import tcp_proxy
from tests.integration.conftest import Owner


async def test_a_used_up_pool_is_unavailable(databases_apart: Databases) -> None:
    """When every connection is taken for too long, the store is away; the next caller is served again."""
    engine = create_async_engine(
        databases_apart.worker, pool_size=1, max_overflow=0, pool_timeout=0.1
    )
    database = Database(engine, IndexStates(engine.raw_connection, seconds=1))
    async with database.system_tx():
        with pytest.raises(StoreUnavailable):
            assert await database.takes_writes()
    assert await database.takes_writes()
    await engine.dispose()


async def test_a_lost_connection_is_unavailable(databases_apart: Databases, owner: Owner) -> None:
    """A connection cut in the middle of a transaction is the store being away, and is replaced."""
    async with open_database(databases_apart.worker, pool_size=1) as database:
        with pytest.raises(StoreUnavailable):
            await _cut(database, owner)
        assert await database.takes_writes()


async def _cut(database: Database, owner: Owner) -> None:
    async with database.system_tx() as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
        await owner.execute("SELECT pg_terminate_backend($1, 2000)", pid)
        await connection.execute(text("SELECT 1"))


async def test_an_idle_connection_that_was_cut_is_replaced(
    databases_apart: Databases, owner: Owner
) -> None:
    """A database that was restarted between two transactions costs nobody an error."""
    async with open_database(databases_apart.worker, pool_size=1) as database:
        async with database.system_tx() as connection:
            pid = await connection.scalar(text("SELECT pg_backend_pid()"))
        await owner.execute("SELECT pg_terminate_backend($1, 2000)", pid)
        assert await database.takes_writes()


async def test_a_transaction_that_nobody_goes_on_with_lets_go_of_its_locks(
    databases_apart: Databases,
) -> None:
    """What a vanished machine held is free again; and if it was only asleep, its transaction is lost, not done."""
    lock = text("SELECT pg_advisory_xact_lock(4711)")
    async with (
        open_database(databases_apart.worker, stalled_seconds=0.2) as vanishing,
        open_database(databases_apart.worker) as waiting,
    ):
        with pytest.raises(StoreUnavailable):
            await _sleep_in(vanishing, lock, while_asleep=waiting)


async def _sleep_in(vanishing: Database, lock: TextClause, *, while_asleep: Database) -> None:
    async with vanishing.system_tx() as asleep:
        await asleep.execute(lock)
        async with while_asleep.system_tx() as connection:
            await asyncio.wait_for(connection.execute(lock), 5)
        await asleep.execute(text("SELECT 1"))


async def test_a_transaction_ends_when_its_time_is_up(databases_apart: Databases) -> None:
    """Whoever waits for it is told that the store is away; the statement is given up, and the next one is served."""
    held = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(4711)%'")
    async with open_database(databases_apart.worker, pool_size=2, seconds=0.3) as database:
        with pytest.raises(StoreUnavailable):
            async with database.system_tx() as connection:
                await connection.execute(text("SELECT pg_sleep(4711)"))
        async with database.system_tx() as connection:
            assert await connection.scalar(held) == 0


async def test_forgotten_connections_are_all_replaced_at_once(databases_apart: Databases) -> None:
    """A router that lost its table costs the first transaction a moment, and no other one anything."""
    url = databases_apart.worker
    async with (
        tcp_proxy(url) as link,
        open_database(link.instead_of(url), pool_size=2, seconds=6) as database,
    ):
        async with database.system_tx(), database.system_tx():
            pass
        link.forget()
        assert await database.takes_writes()
        async with asyncio.timeout(1.4):  # one that waits takes 1.5
            async with database.system_tx(), database.system_tx():
                pass


@pytest.mark.parametrize("wrong", ["password", "database", "port"])
async def test_a_server_that_does_not_let_us_in_is_unavailable(
    databases_apart: Databases, wrong: str
) -> None:
    """A refused login, a missing database and a closed port are the store being away."""
    changes = {"password": {"password": "x"}, "database": {"database": "x"}, "port": {"port": 1}}
    url = make_url(databases_apart.worker).set(**changes[wrong])
    async with open_database(url.render_as_string(hide_password=False)) as database:
        with pytest.raises(StoreUnavailable):
            assert await database.takes_writes()


async def test_a_server_that_takes_no_writes_says_so(databases_apart: Databases) -> None:
    """A standby, or one that an administrator shut, can be read, and no question can be answered."""
    url = make_url(databases_apart.worker)
    async with open_database(url.render_as_string(hide_password=False), pool_size=1) as database:
        assert await database.takes_writes()
        async with database.engine.connect() as connection:
            await connection.execute(text("SET default_transaction_read_only = on"))
            await connection.commit()
        assert not await database.takes_writes()


WHOSE = text("SELECT current_setting('app.workspace_id', true), pg_backend_pid()")
KINDS = ("kept", "empty", "driver", "cancelled", "failed", "wrong", "taken back", "too slow")
PRACTICES = tuple(WorkspaceId(uuid4()) for _ in range(2))


async def test_no_connection_waits_inside_a_transaction_or_as_somebodys(
    databases_apart: Databases, owner: Owner
) -> None:
    """After a thousand transactions of two practices that were kept, empty, cancelled at any moment, failed, wrong,
    taken back or too slow, each began as its own practice's and every connection is outside and nobody's.
    """
    chance, pids, seen = random.Random(8), set[int](), Counter[str]()  # noqa: S311 - the same each time
    async with open_database(databases_apart.worker, pool_size=4, seconds=2) as database:
        for _ in range(25):
            tried = (_try(database, chance, pids, seen) for _ in range(40))
            await asyncio.gather(*tried)
            await _until_all_are_outside(owner, pids)
        for connection in await _all(database):
            assert not connection.is_in_transaction()
            assert await connection.fetchval(
                "SELECT current_setting('app.workspace_id', true)"
            ) in {None, ""}
    assert seen.keys() == {*KINDS}, "each kind was there"
    assert seen.total() >= 800, "most came as far as a connection"


async def _until_all_are_outside(owner: Owner, pids: set[int]) -> None:
    """A backend that was dropped notices a moment later."""
    inside = "SELECT FROM pg_stat_activity WHERE pid = ANY($1) AND xact_start IS NOT NULL"
    async with asyncio.timeout(5):
        while await owner.fetch(inside, list(pids)):  # noqa: ASYNC110 - there is nothing to wait for
            await asyncio.sleep(0.01)


async def _try(
    database: Database, chance: random.Random, pids: set[int], seen: Counter[str]
) -> None:
    kind, workspace = chance.choice(KINDS), chance.choice((*PRACTICES, None))
    task = asyncio.create_task(_transaction(database, kind, workspace, pids, seen))
    if kind == "cancelled":
        for _ in range(chance.randint(1, 2)):
            await asyncio.sleep(chance.random() * 0.01)
            task.cancel()
    with suppress(asyncio.CancelledError, StoreUnavailable, DBAPIError, LookupError):
        await task


async def _transaction(
    database: Database,
    kind: str,
    workspace: WorkspaceId | None,
    pids: set[int],
    seen: Counter[str],
) -> None:
    door = database.tenant_tx(workspace) if workspace else database.system_tx()
    async with door as connection:
        seen[kind] += 1
        if kind == "empty":
            return
        if kind == "driver":
            await _driver(connection).execute("SELECT 1")
            return
        whose, pid = (await connection.execute(WHOSE)).one()
        pids.add(pid)
        assert (whose or None) == (str(workspace) if workspace else None)
        await _end(kind, connection)


def _driver(connection: AsyncConnection) -> "asyncpg.Connection[asyncpg.Record]":
    """For COPY, which SQLAlchemy does not know."""
    driver: asyncpg.Connection[asyncpg.Record] = (
        connection.sync_connection.connection.driver_connection  # type: ignore[union-attr, assignment]
    )
    return driver


@pytest.mark.parametrize(("back", "kept"), [(False, 1), (True, 0)])
async def test_what_only_the_driver_was_asked_is_kept_or_taken_back(
    databases_apart: Databases, owner: Owner, back: bool, kept: int
) -> None:
    """A transaction in which SQLAlchemy saw no statement ends as any other does."""
    whose = "FROM switches WHERE workspace_id = '00000000-0000-4000-8000-000000004711'"
    async with (
        open_database(databases_apart.worker, pool_size=1) as database,
        database.system_tx() as connection,
    ):
        await _driver(connection).execute(
            "INSERT INTO switches (workspace_id, name, value, changed_at)"
            " VALUES ('00000000-0000-4000-8000-000000004711', 'pseudonyms', 'true', now())"
        )
        if back:
            await connection.rollback()
    assert await owner.fetchval(f"SELECT count(*) {whose}") == kept
    await owner.execute(f"DELETE {whose}")


async def _end(kind: str, connection: AsyncConnection) -> None:
    if kind == "wrong":
        await connection.execute(text("SELECT 1 / 0"))
    elif kind == "too slow":
        async with asyncio.timeout(0.003):
            await connection.execute(text("SELECT pg_sleep(0.01)"))
    elif kind == "taken back":
        await connection.rollback()
    elif kind == "failed":
        raise LookupError


async def _all(database: Database) -> list["asyncpg.Connection[asyncpg.Record]"]:
    """Every connection of the pool's, as it lies there; the pool is of no use afterwards."""
    pool, found = database.engine.sync_engine.pool, []
    while pool.checkedin():  # type: ignore[attr-defined]
        record = pool._do_get()
        if record.dbapi_connection is not None:
            found.append(record.driver_connection)
    return found


async def test_whose_it_is_must_be_a_uuid(databases_apart: Databases) -> None:
    """Nothing but a UUID gets into the text that begins a transaction."""
    async with open_database(databases_apart.worker, pool_size=1) as database:
        with pytest.raises(TypeError):
            async with database.tenant_tx("', true); SELECT set_config('a.b', '"):  # type: ignore[arg-type]
                pass


async def test_no_error_repeats_what_was_asked_with(databases_apart: Databases) -> None:
    """A statement that fails is told without its parameters: they may be a name, or what somebody wrote."""
    failing = text("SELECT 1 / (length(:said) - length(:said))")
    async with open_database(databases_apart.worker, pool_size=1) as database:
        with pytest.raises(DBAPIError) as raised:
            async with database.system_tx() as connection:
                await connection.execute(failing, {"said": "zebra-canary"})
    assert "division by zero" in str(raised.value)
    assert "zebra" not in str(raised.value)
