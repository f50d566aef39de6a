"""The databases and logins of a stage, made on a server whose administrator we are."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import make_url

from service.adapters.postgres.schema import migrate_async
from service.errors import BadSettings

# Fixed queries; every name in them is quoted by Postgres itself.
_MAKE_LOGIN = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
    EXECUTE format('CREATE ROLE %I LOGIN', {name});
  END IF;
  EXECUTE format('ALTER ROLE %I PASSWORD %L', {name}, {password});
  EXECUTE format('GRANT %I TO %I', {group}, {name});
END $$
"""


@dataclass(frozen=True, slots=True)
class Databases:
    """Addresses for each login; `owner` migrates, `monolith` is the demo monolith's own."""

    owner: str
    api: str
    worker: str
    monolith: str


async def make_databases(admin_url: str, *, name: str) -> Databases:
    """Makes what is missing of `<name>_ai` and `<name>_monolith`, and migrates the first.

    Raises BadSettings when the address does not lead to a server we may do that on.
    """
    service, monolith = f"{name}_ai", f"{name}_monolith"
    with _explained():
        connection = await asyncpg.connect(_plain(admin_url))
        try:
            for database in (service, monolith):
                await _make_database(connection, database)
        finally:
            await connection.close()
        owner = _address(admin_url, database=service)
        await migrate_async(owner)
        api = await _login(admin_url, service, f"{name}_api", "pazpaz_ai_api")
        worker = await _login(admin_url, service, f"{name}_worker", "pazpaz_ai_worker")
    return Databases(owner, api, worker, _address(admin_url, database=monolith))


async def drop_databases(admin_url: str, *, name: str) -> None:
    """Takes away what `make_databases` made; a server that is gone took it along."""
    try:
        connection = await asyncpg.connect(_plain(admin_url))
    except (OSError, asyncpg.PostgresError):
        return
    try:
        for database in (f"{name}_ai", f"{name}_monolith"):
            await connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        for role in (f"{name}_api", f"{name}_worker"):
            await connection.execute(f'DROP ROLE IF EXISTS "{role}"')
    finally:
        await connection.close()


async def _make_database(connection: Any, name: str) -> None:
    known = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
    if not known:
        await connection.execute(f'CREATE DATABASE "{name}"')


async def _login(admin_url: str, database: str, name: str, group: str) -> str:
    password = secrets.token_hex(16)
    connection = await asyncpg.connect(_plain(_address(admin_url, database=database)))
    try:
        quoted = {"name": f"'{name}'", "password": f"'{password}'", "group": f"'{group}'"}
        await connection.execute(_MAKE_LOGIN.format(**quoted))
    finally:
        await connection.close()
    return _address(admin_url, database=database, username=name, password=password)


def _address(url: str, **changes: str) -> str:
    made = make_url(url).set(drivername="postgresql+asyncpg", **changes)  # type: ignore[arg-type]
    return made.render_as_string(hide_password=False)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def _explained() -> Iterator[None]:
    """A refusal by the server as one line; its own message may carry the address."""
    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise BadSettings(
            f"DATABASE_URL: the server refused ({type(exc).__name__}); it must be a Postgres with pgvector"
            " and a login that may create databases and roles"
        ) from None
