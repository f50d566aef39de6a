"""Databases that outlive a run: what was put into them already, and whether it is what this run wants."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

from service.demo.databases import Databases, drop_databases, make_databases
from service.demo.embedded import start_postgres
from service.demo.stage import passing_folder

PREFIX = "pazpaz_bench_search_"
# Four of 23 GB: what a server of this size is usually given. The graph of the baseline is built in memory.
SERVER = {
    "shared_buffers": "4GB",
    "maintenance_work_mem": "4GB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "30min",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "1",
    "autovacuum": "off",
    "jit": "off",
}
"""Nothing starts by itself while something is measured."""


@dataclass(frozen=True, slots=True)
class Places:
    """Two databases of one server: the baseline's and ours."""

    baseline: str
    """An address of asyncpg's form."""
    ours: Databases


@asynccontextmanager
async def open_places(keep: Path | None, *, baseline: str, ours: str) -> AsyncIterator[Places]:
    """In `keep`, a server of our own whose data are there the next time; else as every bench, and gone at the end.

    The two names say what the databases are filled with: kept ones of other names go.
    """
    async with _server(keep) as admin_url:
        start = PREFIX if keep else f"{PREFIX}{os.getpid()}_"
        try:
            await _drop(admin_url, start, but=(start + baseline, start + ours))
            made = await make_databases(admin_url, name=start + ours)
            yield Places(await _made(admin_url, start + baseline), made)
        finally:
            if keep is None:
                await _drop(admin_url, start, but=())


@asynccontextmanager
async def _server(keep: Path | None) -> AsyncIterator[str]:
    if keep is None and (given := os.environ.get("DATABASE_URL")):
        yield given
        return
    async with passing_folder() as passing:
        folder = keep or passing
        folder.mkdir(parents=True, exist_ok=True)
        server, url = start_postgres(folder, durable=True, options=SERVER)
        try:
            yield url
        finally:
            if keep is not None:
                await _execute(url, "CHECKPOINT")  # takes longer than a server may take to stop
            server.stop()


async def _execute(admin_url: str, *statements: str) -> None:
    connection = await asyncpg.connect(plain(admin_url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _made(admin_url: str, name: str) -> str:
    connection = await asyncpg.connect(plain(admin_url))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    changed = make_url(admin_url).set(drivername="postgresql", database=name)
    return changed.render_as_string(hide_password=False)


async def _drop(admin_url: str, start: str, but: Sequence[str]) -> None:
    """Takes away every database of ours, but those."""
    connection = await asyncpg.connect(plain(admin_url))
    try:
        rows = await connection.fetch(_NAMES, start)
    finally:
        await connection.close()
    names = {row["datname"].removesuffix("_ai").removesuffix("_monolith") for row in rows}
    for name in names.difference(but):
        await _execute(admin_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await drop_databases(admin_url, name=name)


_NAMES = "SELECT datname FROM pg_database WHERE starts_with(datname, $1)"


def plain(url: str) -> str:
    """As asyncpg wants an address."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Made:
    """A table in the filled database that says how far the filling is, in the transactions that fill it."""

    connection: Any

    @classmethod
    async def of(cls, connection: Any) -> "Made":
        await connection.execute(_TABLE)
        return cls(connection)

    async def steps(self, part: str) -> int:
        """How many steps of a part are done."""
        query = "SELECT steps FROM bench_made WHERE part = $1"
        return await self.connection.fetchval(query, part) or 0

    async def seconds(self, part: str) -> float:
        """How long they took."""
        query = "SELECT seconds FROM bench_made WHERE part = $1"
        return await self.connection.fetchval(query, part) or 0.0

    async def tell(self, part: str, steps: int, seconds: float) -> None:
        """So many steps by now, and so much more time."""
        await self.connection.execute(_TELL, part, steps, seconds)


_TABLE = """
CREATE TABLE IF NOT EXISTS bench_made (part text PRIMARY KEY, steps int NOT NULL, seconds float8 NOT NULL)
"""
_TELL = """
INSERT INTO bench_made VALUES ($1, $2, $3)
ON CONFLICT (part) DO UPDATE SET steps = excluded.steps, seconds = bench_made.seconds + excluded.seconds
"""
