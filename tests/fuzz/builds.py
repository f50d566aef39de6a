"""One service, built three ways: with walls and filters, with its walls alone, with its filters alone."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from unittest.mock import patch

import asyncpg
import httpx
from pydantic import SecretStr

from service.adapters.postgres.database import open_database
from service.container import Container, open_container
from service.demo.databases import drop_databases, make_databases
from service.demo.stage import Stage
from service.retrieval.dense import DenseIndex
from service.retrieval.lexical import LexicalIndex
from service.retrieval.search import Finder
from service.settings import Settings
from tests.fuzz.pazpaz import to_pazpaz
from tests.fuzz.watch import CONTENT, Watch, small_memories
from tests.fuzz.world import World

OPERATOR = "an-operator's-token-of-more-than-32-bytes"
Kind = Literal["both", "walls", "filters", "neither"]
POOL = 3


@dataclass
class Build:
    """A container on a database of its own, its caches and its pool small, PazPaz in this process."""

    kind: Kind
    container: Container
    owner: "asyncpg.Connection[asyncpg.Record]"
    watch: Watch

    @property
    def finder(self) -> Finder:
        return self.container.finder


@asynccontextmanager
async def open_build(
    stage: Stage, kind: Kind, world: World, *, name: str, forgotten: frozenset[str] = frozenset()
) -> AsyncIterator[Build]:
    """`neither`, or filters with those of some tables `forgotten`, are broken houses that the fuzz must find."""
    databases = await make_databases(stage.servers.admin_url, name=name)
    owner = await asyncpg.connect(databases.owner.replace("+asyncpg", ""))
    strip = frozenset(CONTENT) if kind in {"walls", "neither"} else forgotten
    watch = Watch(strip, frozenset(str(at.id) for at in world.practices))
    try:
        if kind in {"filters", "neither"}:
            await _take_walls_down(owner)
        # A crash would lose the last commits of a database that nobody will look at again.
        await owner.execute(f'ALTER DATABASE "{name}_ai" SET synchronous_commit = off')
        settings = _settings(stage, databases.worker)
        with small_memories(), _parts_of_ours(to_pazpaz(world, stage.keys)):
            async with open_container(settings) as container:
                _with_small_index(container)
                with watch.over(container.database.engine.sync_engine):
                    yield Build(kind, container, owner, watch)
    finally:
        await owner.close()
        await drop_databases(stage.servers.admin_url, name=name)


def _settings(stage: Stage, url: str) -> Settings:
    changed = {
        "database_url": SecretStr(url),
        "debounce_seconds": 0,
        "ai_agent_max_queries_per_hour": 10**6,
        "ai_agent_max_queries_per_user_per_minute": 10**6,
        "operator_token": SecretStr(OPERATOR),
        "erasure_receipts_dir": None,  # the stage's folder belongs to the stage's own database
    }
    return stage.settings().model_copy(update=changed)


@contextmanager
def _parts_of_ours(http: httpx.AsyncClient) -> Iterator[None]:
    """The composition root as shipped, but for the way to PazPaz and the sizes of the pool and the index."""
    with (
        patch("service.container.http_of", lambda _: http),
        patch("service.container.open_database", partial(open_database, pool_size=POOL)),
        patch("service.container.DenseIndex", partial(DenseIndex, max_workspaces=3, small=2)),
    ):
        yield


def _with_small_index(container: Container) -> None:
    vars(container)["finder"] = Finder(
        store=container.store,
        notes=container.notes,
        embedders=container.models.embedders,
        reranker=container.models.reranker,
        spare=container.models.reranker,
        lexical=LexicalIndex(container.store, max_workspaces=3, max_bytes=200_000),
        people=container.people,
        dense=container.dense,
    )


async def _take_walls_down(owner: Any) -> None:
    for table in CONTENT:
        await owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        await owner.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    left = await owner.fetchval("SELECT count(*) FROM pg_class WHERE relrowsecurity")
    assert left == 0, "a wall still stands"
