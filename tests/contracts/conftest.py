"""Every suite here runs on the fake and on the adapters, on a database that nobody else uses."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from service.adapters.key_store import PgKeyStore
from service.adapters.postgres.database import Database, open_database
from service.adapters.redis import TIMEOUT_SECONDS
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.ports.clock import now
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Only the index knows in which way vectors are kept."""
    if "bench" in metafunc.fixturenames:
        sealed = ["sealed"] if metafunc.module.__name__.endswith("test_chunk_store") else []
        metafunc.parametrize("bench", ["fake", "plain", *sealed], indirect=True)


@pytest.fixture
def bench(request: pytest.FixtureRequest, pg_keys: PgKeyStore, owner: Owner) -> Bench:
    kind = request.param
    return fake_bench() if kind == "fake" else real_bench(pg_keys, owner, kind)


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
