"""The database's schema, brought to its newest state by Alembic while the service works on it."""

import asyncio
import operator
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Executable, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_fixed,
)

from service.errors import BadSettings, SchemaBusy

MIGRATIONS = Path(str(files("migrations")))
CONNECT_SECONDS = 5
ONE_AT_A_TIME = 4_815_162_342
"""The advisory lock of whoever migrates this database."""
LOOK_SECONDS = 1.0
TRY_AGAIN = ("55P03", "40P01")
"""Postgres's codes of a lock that was not free in time, and of a deadlock; either is rolled back whole."""
CANCELLED = "57014"
DATED = len("2026_11_30")
"""A revision's name begins with its day."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a migration waits for others, and others for it.

    Behind a lock that waits to be alone with a table, every query of that table waits too: so the service stands still
    for `lock_seconds` at most, goes on for `pause_seconds`, and an answer is late by two seconds. A transaction of the
    API ends within 15 s, a worker's statement within 30, so 20 tries, 140 s, outlast all that behave.
    """

    lock_seconds: float = 2
    tries: int = 20
    pause_seconds: float = 5
    statement_seconds: float = 60


PATIENT = Patience()


@dataclass(frozen=True, slots=True)
class Schema:
    """Where a database is: what is missing, in order, and the revision it has if that is newer than all we know."""

    missing: Sequence[str]
    newer: str | None = None


def migrate(url: str, *, patience: Patience, on_wait: Callable[[], None]) -> Schema:
    """`migrate_async` where no loop runs."""
    return asyncio.run(migrate_async(url, patience=patience, on_wait=on_wait))


async def migrate_async(
    url: str,
    *,
    to: str = "head",
    patience: Patience = PATIENT,
    folder: Path = MIGRATIONS,
    on_wait: Callable[[], None] = lambda: None,
) -> Schema:
    """Runs what is missing, and returns what that was; `url` logs in as the owner.

    Waits for another migration of this database, and tells `on_wait` so. A schema that is newer than all we know is
    left as it is: whoever brought it there kept it fit for us, or we do not start. Raises SchemaBusy where a table did
    not come free, and BadSettings where the server refuses.
    """
    async with _connected(url, patience) as connection:
        await _be_alone(connection, on_wait)
        schema = await connection.run_sync(_schema, folder, to)
        await connection.rollback()  # or Alembic would take it for a transaction that we end
        if schema.missing:
            await _upgrade(connection, folder, to, patience)
        return schema


def schema_of(url: str) -> Schema:
    """Where it is; nothing is changed. Not inside a running loop. Raises BadSettings."""

    async def look() -> Schema:
        async with _connected(url, PATIENT) as connection:
            return await connection.run_sync(_schema, MIGRATIONS, "head")

    return asyncio.run(look())


async def _upgrade(connection: AsyncConnection, folder: Path, to: str, patience: Patience) -> None:
    """Each migration is a transaction: those that were done stay done when a later one is tried again."""
    config = _config(folder)

    async def attempt() -> None:
        try:
            await connection.run_sync(_run, config, to)
            await connection.commit()
        except DBAPIError as exc:
            await connection.rollback()
            if _state(exc) in TRY_AGAIN:
                raise SchemaBusy from None
            raise

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(SchemaBusy),
        stop=stop_after_attempt(patience.tries),
        wait=wait_fixed(patience.pause_seconds),
        reraise=True,
    )
    await retrying(attempt)


def _run(connection: Connection, config: Config, to: str) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _schema(connection: Connection, folder: Path, to: str) -> Schema:
    scripts = ScriptDirectory.from_config(_config(folder))
    known = {script.revision for script in scripts.walk_revisions()}
    [at] = MigrationContext.configure(connection).get_current_heads() or [None]
    if at is None or at in known:
        ahead = scripts.iterate_revisions(to, at or "base")
        return Schema([script.revision for script in ahead][::-1])
    newest = scripts.get_current_head() or ""
    if at[:DATED] >= newest[:DATED]:
        return Schema([], newer=at)
    raise BadSettings(f"MIGRATION_DATABASE_URL: {at!r} is no schema that this version knows")


async def _be_alone(connection: AsyncConnection, on_wait: Callable[[], None]) -> None:
    """Asks again and again: a statement that waited would be a transaction that a concurrent index build waits for."""
    took = text("SELECT pg_try_advisory_lock(:key)").bindparams(key=ONE_AT_A_TIME)
    asking = AsyncRetrying(
        retry=retry_if_result(operator.not_),
        wait=wait_fixed(LOOK_SECONDS),
        before_sleep=lambda state: on_wait() if state.attempt_number == 1 else None,
    )
    await asking(_first, connection, took)


async def _first(connection: AsyncConnection, query: Executable) -> Any:
    """Its first value, with no transaction left open."""
    try:
        return await connection.scalar(query)
    finally:
        await connection.commit()


@asynccontextmanager
async def _connected(url: str, patience: Patience) -> AsyncIterator[AsyncConnection]:
    limits = {
        "lock_timeout": f"{patience.lock_seconds * 1000:.0f}",
        "statement_timeout": f"{patience.statement_seconds * 1000:.0f}",
    }
    options = {"timeout": CONNECT_SECONDS, "server_settings": limits}
    with _explained():
        engine = create_async_engine(
            url, poolclass=pool.NullPool, hide_parameters=True, connect_args=options
        )
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()


@contextmanager
def _explained() -> Iterator[None]:
    """As one line. The server's own message may carry the address."""
    try:
        yield
    except DBAPIError as exc:
        if _state(exc) == CANCELLED:
            raise BadSettings(
                "a migration's statement took longer than MIGRATION_STATEMENT_SECONDS, and was undone"
            ) from None
        raise BadSettings(f"the migrations could not run ({_name(exc)})") from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise BadSettings(
            f"MIGRATION_DATABASE_URL: the database cannot be reached ({type(exc).__name__})"
        ) from None


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder))
    return config


def _state(error: DBAPIError) -> Any:
    return getattr(error.orig, "sqlstate", None)


def _name(error: DBAPIError) -> str:
    """The driver's own name of it, as InsufficientPrivilegeError, beneath the adapter's."""
    return type(error.orig.__cause__ or error.orig).__name__ if error.orig else type(error).__name__
