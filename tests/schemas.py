"""Databases of their own, and copies of the migrations with made-up ones behind ours."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import make_url

from service.adapters.postgres.schema import MIGRATIONS

MADE_UP = """
from alembic import op
from migrations.steps import create_index, drop_index

revision, down_revision, branch_labels, depends_on = {name!r}, {after!r}, None, None


def upgrade():
    {body}
"""

EXPAND = {
    "made_up_column": "op.execute('ALTER TABLE note_catalogue ADD COLUMN made_up text')",
    "made_up_table": "op.execute('CREATE TABLE made_up (workspace_id uuid PRIMARY KEY)')",
    "made_up_index": "create_index('made_up_later', 'note_catalogue (workspace_id, updated_at)')",
}
"""What a release may add, whatever this one adds: today that may be nothing."""


@asynccontextmanager
async def a_database(admin_url: str, *, like: str = "template1") -> AsyncIterator[str]:
    """The address of an empty one, or of a copy, of whoever administers the server."""
    name = f"pazpaz_schema_{uuid4().hex[:12]}"
    admin = await connected(admin_url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
    try:
        made = make_url(admin_url).set(drivername="postgresql+asyncpg", database=name)
        yield made.render_as_string(hide_password=False)
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def connected(url: str) -> Any:
    plain = make_url(url).set(drivername="postgresql")
    return await asyncpg.connect(plain.render_as_string(hide_password=False))


def head() -> str:
    """The newest of ours."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return str(ScriptDirectory.from_config(config).get_current_head())


def migrations_with(folder: Path, *, after: str, **bodies: str) -> Path:
    """A copy of ours in `folder`, with these behind `after`, in this order, by their names."""
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, body in bodies.items():
        text = MADE_UP.format(name=name, after=after, body=body)
        (folder / "versions" / f"{name}.py").write_text(text, encoding="utf-8")
        after = name
    return folder
