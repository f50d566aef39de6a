"""The doors to the database: whatever is wrong behind them is told as one fact."""

import asyncio

import pytest
from sqlalchemy import TextClause, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from service.adapters.database import Database, open_database
from service.demo.databases import Databases
from service.errors import StoreUnavailable
from tests.faults.tcp_proxy import tcp_proxy
from tests.integration.conftest import Owner


async def test_a_used_up_pool_is_unavailable(databases_apart: Databases) -> None:
    """When every connection is taken for too long, the store is away; the next caller is served again."""
    engine = create_async_engine(
        databases_apart.worker, pool_size=1, max_overflow=0, pool_timeout=0.1
    )
    database = Database(engine)
    async with database.system_tx():
        with pytest.raises(StoreUnavailable):
            await database.ping()
    await database.ping()
    await engine.dispose()


async def test_a_lost_connection_is_unavailable(databases_apart: Databases, owner: Owner) -> None:
    """A connection cut in the middle of a transaction is the store being away, and is replaced."""
    async with open_database(databases_apart.worker, pool_size=1) as database:
        with pytest.raises(StoreUnavailable):
            await _cut(database, owner)
        await database.ping()


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
        await database.ping()


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
        await database.ping()
        async with asyncio.timeout(1.4):  # a ping that waits takes 1.5
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
            await database.ping()
