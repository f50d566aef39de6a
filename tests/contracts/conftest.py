"""Every suite here runs twice: on the fake and on the adapter, on a database that nobody else uses."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from service.adapters.database import Database, open_database
from service.adapters.key_store import PgKeyStore
from service.adapters.rate_limiter import TIMEOUT_SECONDS
from service.container import now
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.security.keys import KeyEncryptionKey, new_key
from tests.contracts.bench import Bench, fake_bench, real_bench
from tests.tables import empty_tables

Owner = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture(scope="session")
async def opened(databases_apart: Databases) -> AsyncIterator[Database]:
    async with open_database(databases_apart.worker) as database:
        yield database


@pytest.fixture(scope="session")
async def owner(databases_apart: Databases) -> AsyncIterator[Owner]:
    connection = await asyncpg.connect(databases_apart.owner.replace("+asyncpg", ""))
    yield connection
    await connection.close()


@pytest.fixture
async def database(opened: Database, owner: Owner) -> Database:
    """With no row in it."""
    await empty_tables(owner)
    return opened


@pytest.fixture
def pg_keys(database: Database) -> PgKeyStore:
    return PgKeyStore(database, KeyEncryptionKey(new_key()), now)


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest, pg_keys: PgKeyStore, owner: Owner) -> Bench:
    return fake_bench() if request.param == "fake" else real_bench(pg_keys, owner)


@pytest.fixture
async def redis(stage: Stage) -> AsyncIterator[Redis]:
    client = Redis.from_url(
        stage.servers.redis_url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        decode_responses=True,
    )
    yield client
    await client.aclose()
