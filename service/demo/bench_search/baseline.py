"""What people do by default: one table of all tenants' vectors, one HNSW index over it, a filter on the workspace."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from string import ascii_letters
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from service.commands.progress import Shown, progress
from service.demo.bench_search.binary import copy, days, encoded, vectors
from service.demo.bench_search.kept import Made
from service.demo.bench_search.questions import Question
from service.demo.bench_search.tenants import FIRST_DAY, Rows, Tenant, World
from service.demo.bench_search.ways import Said
from service.vectors import DIMENSION

LAYOUT = "baseline 1"
TEXT = Random(5).choices(ascii_letters, k=450)  # noqa: S311 - no secret
"""A chunk's text beside its vector: nothing in it repeats, so Postgres does not make it shorter."""
TOGETHER = 20  # Parts of as many tenants' rows arrive at once, mixed: notes come from all practices every day.
TABLE = f"""
CREATE TABLE IF NOT EXISTS chunks (
  id bigint PRIMARY KEY, workspace_id uuid NOT NULL, client_id uuid NOT NULL, day date NOT NULL,
  text text NOT NULL, embedding vector({DIMENSION}) NOT NULL)
"""
COLUMNS = ["id", "workspace_id", "client_id", "day", "text", "embedding"]
GRAPH = """
CREATE INDEX chunks_hnsw ON chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)
"""
BY_WORKSPACE = "CREATE INDEX IF NOT EXISTS chunks_workspace ON chunks (workspace_id)"
NEAREST = """
SELECT id FROM chunks WHERE workspace_id = $1 ORDER BY embedding <=> $2 LIMIT $3
"""
NEAREST_OF_CLIENT = """
SELECT id FROM chunks WHERE workspace_id = $1 AND client_id = $4 AND day BETWEEN $5 AND $6
ORDER BY embedding <=> $2 LIMIT $3
"""
FORCED = ("SET enable_sort = off", "SET enable_seqscan = off")
"""Without sorting, the graph alone gives rows in the order of their distance."""
ITERATIVE = (*FORCED, "SET hnsw.iterative_scan = relaxed_order")
WAYS: dict[str, Sequence[str]] = {
    "baseline, planner's choice": (),
    "baseline, HNSW ef 40": FORCED,
    "baseline, HNSW iterative": ITERATIVE,
}


async def connect(url: str) -> Any:
    """A connection that sends and reads vectors in their binary form."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await connection.set_type_codec(
        "vector", encoder=_sent, decoder=_read, schema="public", format="binary"
    )
    return connection


def _sent(vector: NDArray[np.float32]) -> bytes:
    return len(vector).to_bytes(2, "big") + bytes(2) + vector.astype(">f4").tobytes()


def _read(sent: bytes) -> NDArray[np.float32]:
    return np.frombuffer(sent, ">f4", offset=4).astype(np.float32)


async def fill(url: str, world: World, *, graph: bool = True) -> None:
    """Rows, then the graph, then statistics; goes on where an earlier run was cut off."""
    connection = await connect(url)
    try:
        made = await Made.of(connection)
        await connection.execute(TABLE)
        await connection.execute(BY_WORKSPACE)
        await _rows(connection, made, world)
        if graph:
            await _graph(url, connection, made)
    finally:
        await connection.close()


def arrivals(world: World) -> list[list[tuple[Tenant, int]]]:
    """Parts of all tenants in the order in which they arrive."""
    parts = [(tenant, part) for tenant in world.tenants for part in range(tenant.parts)]
    order = np.random.default_rng(world.mix.seed).permutation(len(parts))
    mixed = [parts[place] for place in order]
    return [mixed[start : start + TOGETHER] for start in range(0, len(mixed), TOGETHER)]


async def _rows(connection: Any, made: Made, world: World) -> None:
    batches = arrivals(world)
    done = await made.steps("rows")
    if done == len(batches):
        return
    with progress("batches of the baseline's rows", len(batches)) as tick:
        for number in range(done, len(batches)):
            parts = [world.part(*part) for part in batches[number]]
            await _batch(connection, made, number, parts)
            tick(number + 1)


async def _batch(connection: Any, made: Made, number: int, parts: Sequence[Rows]) -> None:
    rows = b"".join(as_copied(part) for part in parts)
    started = time.perf_counter()
    async with connection.transaction():
        await copy(connection, "chunks", COLUMNS, rows)
        await made.tell("rows", number + 1, time.perf_counter() - started)


def as_copied(rows: Rows) -> bytes:
    """A part as binary COPY of the baseline's table."""
    ids = rows.tenant.first + rows.start + np.arange(len(rows))
    return encoded(
        len(rows),
        {
            "id": ids.astype(">i8"),
            "workspace": rows.tenant.workspace.bytes,
            "client": rows.clients,
            "day": days(rows.days, FIRST_DAY),
            "text": "".join(TEXT).encode(),
            "embedding": vectors(rows.halves, ">f4"),
        },
    )


async def _graph(url: str, connection: Any, made: Made) -> None:
    if await made.steps("graph"):
        return
    await connection.execute("DROP INDEX IF EXISTS chunks_hnsw")
    total = await connection.fetchval("SELECT count(*) FROM chunks")
    started = time.perf_counter()
    with progress("graph of the baseline (HNSW)", total) as tick:
        watcher = asyncio.create_task(_watch(url, tick))
        try:
            await connection.execute(GRAPH)
        finally:
            watcher.cancel()
    await made.tell("graph", 1, time.perf_counter() - started)
    await connection.execute("VACUUM (ANALYZE) chunks")


async def _watch(url: str, tick: Shown) -> None:
    """How far the graph is: pgvector tells Postgres how many rows it took in."""
    connection = await asyncpg.connect(url)
    try:
        while True:
            await asyncio.sleep(2)
            tick(
                await connection.fetchval("SELECT tuples_done FROM pg_stat_progress_create_index")
                or 0
            )
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Asking:
    """One way of asking the baseline, on a connection of its own with its statements prepared."""

    name: str
    whole: Any
    narrow: Any

    async def ask(self, question: Question, limit: int) -> Said:
        asked = question.tenant.workspace, question.asked.vector, limit
        if narrow := question.narrow:
            return Said(await self.narrow.fetch(*asked, narrow.client, narrow.first, narrow.last))
        return Said(await self.whole.fetch(*asked))

    def rows(self, question: Question, found: Any) -> Sequence[int]:
        return [row["id"] - question.tenant.first for row in found]


@asynccontextmanager
async def open_ways(url: str) -> AsyncIterator[Sequence[Asking]]:
    """All three, prepared as a service does it: Postgres plans by the values five times, then perhaps never again."""
    async with AsyncExitStack() as stack:
        ways = []
        for name, settings in WAYS.items():
            connection = await connect(url)
            stack.push_async_callback(connection.close)
            for setting in settings:
                await connection.execute(setting)
            prepared = [await connection.prepare(query) for query in (NEAREST, NEAREST_OF_CLIENT)]
            ways.append(Asking(name, *prepared))
        yield ways


UPSERT = """
INSERT INTO chunks VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET client_id = excluded.client_id, day = excluded.day, text = excluded.text,
  embedding = excluded.embedding
"""


def records(rows: Rows) -> list[tuple[Any, ...]]:
    """A part as parameters of UPSERT."""
    first, workspace = rows.tenant.first + rows.start, rows.tenant.workspace
    text = "".join(TEXT)
    return [
        (
            first + row,
            workspace,
            rows.client(row),
            rows.day(row),
            text,
            rows.halves[row].astype(np.float32),
        )
        for row in range(len(rows))
    ]
