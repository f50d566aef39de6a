"""Databases that a bench measures on and takes away again."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.demo.databases import Databases, drop_databases, make_databases
from service.demo.embedded import start_postgres
from service.demo.stage import passing_folder


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
