"""A database whose owner may do nothing else, as managed servers give it."""

import os

import asyncpg
import pytest
from sqlalchemy import make_url

from service.adapters.postgres.schema import migrate_async
from service.demo.stage import Stage

NAME = f"pazpaz_plain_owner_{os.getpid()}"


def _url(stage: Stage, **changes: str) -> str:
    url = make_url(stage.servers.admin_url).set(drivername="postgresql", **changes)
    return url.render_as_string(hide_password=False)


@pytest.fixture
async def owner(stage: Stage):
    """A login without any right of its own, and a database with the extension that is its."""
    admin = await asyncpg.connect(_url(stage))
    await admin.execute(f"CREATE ROLE {NAME} LOGIN PASSWORD 'owner'")
    await admin.execute(f"CREATE DATABASE {NAME} OWNER {NAME}")
    inside = await asyncpg.connect(_url(stage, database=NAME))
    await inside.execute("CREATE EXTENSION vector")
    await inside.close()
    yield _url(stage, database=NAME, username=NAME, password="owner")
    await admin.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
    await admin.execute(f"DROP ROLE {NAME}")
    await admin.close()


async def test_a_plain_login_can_own_the_tables(owner: str):
    """With the extension and the two roles in place, migrations need no administrator."""
    await migrate_async(owner.replace("postgresql://", "postgresql+asyncpg://"))
    connection = await asyncpg.connect(owner)
    owners = await connection.fetch(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    )
    await connection.close()
    assert [row["tableowner"] for row in owners] == [NAME]
