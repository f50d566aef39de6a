"""Databases that a bench measures on and takes away again."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from service.demo.databases import Databases, drop_databases, make_databases
from service.demo.embedded import start_postgres, start_redis
from service.demo.stage import Servers, passing_folder


@asynccontextmanager
async def bench_databases(*, durable: bool) -> AsyncIterator[Databases]:
    """Migrated, on DATABASE_URL's server or an embedded one; a durable one waits for its disk."""
    name = f"pazpaz_bench_{os.getpid()}"
    async with _server(durable) as admin_url:
        databases = await make_databases(admin_url, name=name)
        try:
            yield databases
        finally:
            await drop_databases(admin_url, name=name)


@asynccontextmanager
async def _server(durable: bool) -> AsyncIterator[str]:
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    async with passing_folder() as folder:
        postgres, url = start_postgres(folder, durable=durable)
        try:
            yield url
        finally:
            postgres.stop()


@contextmanager
def durable_servers(folder: Path) -> Iterator[Servers | None]:
    """Embedded servers of which Postgres waits for its disk; None where DATABASE_URL names a real one."""
    if os.environ.get("DATABASE_URL"):
        yield None
        return
    with ExitStack() as stack:
        postgres, admin_url = start_postgres(folder, durable=True)
        stack.callback(postgres.stop)
        redis, redis_url = start_redis(folder)
        stack.callback(redis.stop)
        yield Servers(admin_url, redis_url, {"postgres": postgres, "redis": redis})
