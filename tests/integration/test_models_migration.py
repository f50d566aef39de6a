"""An index from before models had a table keeps its model and what it knows, and is not embedded again."""

import json
import os
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import URL, make_url

from service.adapters.postgres.schema import migrate_async
from service.demo.stage import Stage
from service.vectors import DIMENSION
from tests.fakes import NOW

BEFORE = "2026_11_23_the_doors"
VECTOR = json.dumps([1.0, *[0.0] * (DIMENSION - 1)])


@pytest.fixture
async def url(stage: Stage) -> AsyncIterator[URL]:
    """Of a database whose owner is nobody special: row-level security holds for that login too."""
    name, admin_url = f"pazpaz_older_{os.getpid()}", make_url(stage.servers.admin_url)
    admin = await _connect(admin_url)
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'older'")
    await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
    inside = await _connect(admin_url.set(database=name))
    await inside.execute("CREATE EXTENSION vector")
    await inside.close()
    yield admin_url.set(database=name, username=name, password="older")
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.execute(f"DROP ROLE {name}")
    await admin.close()


async def _connect(url: URL) -> Any:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return await asyncpg.connect(plain)


async def _upgrade(url: URL, to: str) -> None:
    address = url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    await migrate_async(address, to=to)


async def _note(owner: Any, workspace: UUID, digests: dict[str, str], *models: str) -> UUID:
    """A note as the version before wrote it, with a vector in each model."""
    await owner.execute("SELECT set_config('app.workspace_id', $1, false)", str(workspace))
    note = uuid4()
    await owner.execute(
        "INSERT INTO note_catalogue (workspace_id, entity, entity_id, client_id, state, updated_at, digests)"
        " VALUES ($1, 'sessions', $2, $2, 'active', $3, $4)",
        *(workspace, note, NOW, json.dumps(digests)),
    )
    for model in models:
        await owner.execute(
            "INSERT INTO session_vectors (workspace_id, entity, entity_id, client_id, field, chunk, model, embedding)"
            " VALUES ($1, 'sessions', $2, $2, 'plan', 0, $3, $4::text::halfvec)",
            *(workspace, note, model, VECTOR),
        )
    return note


async def test_what_is_indexed_keeps_its_model(url: URL) -> None:
    """The model that most vectors are of is active; each note's digests become those of its own vectors' model."""
    await _upgrade(url, BEFORE)
    owner = await _connect(url)
    mixed, other = uuid4(), uuid4()
    notes = {
        await _note(owner, mixed, {"plan": "d1"}, "new"): {"new": {"plan": "d1"}},
        await _note(owner, mixed, {"plan": "d2"}, "new"): {"new": {"plan": "d2"}},
        await _note(owner, mixed, {"plan": "d3"}, "old"): {"old": {"plan": "d3"}},
        await _note(owner, mixed, {}): {},
    }
    await _note(owner, other, {"plan": "d4"}, "old")
    await _upgrade(url, "head")

    for workspace, active in ((mixed, "new"), (other, "old")):
        await owner.execute("SELECT set_config('app.workspace_id', $1, false)", str(workspace))
        [row] = await owner.fetch("SELECT active, beside, switched FROM index_models")
        assert tuple(row) == (active, None, False)
    await owner.execute("SELECT set_config('app.workspace_id', $1, false)", str(mixed))
    held = await owner.fetch("SELECT entity_id, digests FROM note_catalogue")
    assert {row[0]: json.loads(row[1]) for row in held} == notes
    walls = "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
    assert await owner.fetch(walls) == []
    await owner.close()
