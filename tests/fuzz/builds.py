"""One service, built three ways: with walls and filters, with its walls alone, with its filters alone."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import asyncpg
from pydantic import SecretStr
from sqlalchemy import event

from service.adapters.database import CONTENT_TABLES
from service.container import Container, now, open_container
from service.demo.databases import drop_databases, make_databases
from service.demo.stage import Stage
from service.retrieval.lexical import LexicalIndex
from service.retrieval.search import Finder
from service.security.principals import Principals
from tests.fuzz.world import World

Kind = Literal["both", "walls", "filters", "neither"]
CONTENT = {table.name for table in CONTENT_TABLES}

# `turns.workspace_id = $1::UUID`, in a comparison with a parameter only: joins of two columns stay.
_FILTER = re.compile(r"(?:(\w+)\.)?workspace_id = (\$\d+(?:::\w+)?)")


@dataclass
class Build:
    """A container on a database of its own, small caches included."""

    kind: Kind
    container: Container
    owner: "asyncpg.Connection[asyncpg.Record]"
    finder: Finder
    stripped: Counter[str] = field(default_factory=Counter)
    """How many filters were taken out, by table."""


@asynccontextmanager
async def open_build(stage: Stage, kind: Kind, world: World, *, name: str) -> AsyncIterator[Build]:
    """`neither` is the broken house that the fuzz must find."""
    databases = await make_databases(stage.servers.admin_url, name=name)
    owner = await asyncpg.connect(databases.owner.replace("+asyncpg", ""))
    try:
        if kind in {"filters", "neither"}:
            await _take_walls_down(owner)
        changed = {"database_url": SecretStr(databases.worker), "debounce_seconds": 0}
        limits = {
            "ai_agent_max_queries_per_hour": 10**6,
            "ai_agent_max_queries_per_user_per_minute": 10**6,
        }
        settings = stage.settings().model_copy(update=changed | limits)
        async with open_container(settings) as container:
            yield _furnished(container, kind, world, owner)
    finally:
        await owner.close()
        await drop_databases(stage.servers.admin_url, name=name)


def _furnished(container: Container, kind: Kind, world: World, owner: Any) -> Build:
    """PazPaz is the world; caches are so small that they evict all the time."""
    principals = Principals(world, now)
    made = replace(container, notes=world, principals=principals)
    finder = Finder(
        store=container.store,
        notes=world,
        keys=container.keys,
        embedder=container.models.embedder,
        reranker=container.models.reranker,
        lexical=LexicalIndex(container.store, max_workspaces=3, max_bytes=200_000),
    )
    object.__setattr__(made, "finder", finder)
    build = Build(kind, made, owner, finder)
    if kind in {"walls", "neither"}:
        _strip_filters(build)
    return build


async def _take_walls_down(owner: Any) -> None:
    for table in CONTENT:
        await owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        await owner.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def _strip_filters(build: Build) -> None:
    """Rewrites what is sent, so that no product code knows of it."""
    engine = build.container.database.engine.sync_engine

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def strip(_c: Any, _cur: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        if statement.lstrip().startswith("INSERT"):
            return statement, parameters
        return _FILTER.sub(lambda match: _without(match, statement, build), statement), parameters


def _without(match: re.Match[str], statement: str, build: Build) -> str:
    """True for every row, and still a use of the parameter; system tables have no wall, so theirs stays."""
    table = match[1] or statement.split()[1]
    table = "turn_sources" if table == "s" else table
    if table not in CONTENT:
        return match[0]
    build.stripped[table] += 1
    parameter = match[2].partition("::")[0]
    return f"({parameter}::uuid IS NOT NULL)"
