"""Vectors written in batches: ours, and a `vector(1024)` table with one HNSW index for all, in the same Postgres."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, get_args
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import typer
from numpy.typing import NDArray

from service.adapters.index.batch_writes import write_all
from service.adapters.index.both_vectors import Kind, vectors_in
from service.adapters.index.chunk_store import PgChunkStore
from service.commands.progress import progress
from service.container import Container
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Bag, Chunk, ManifestItem, Note, NoteRef
from service.ports.clock import now
from service.ports.index import IndexedNote, Space
from service.vectors import DIMENSION

FILLED = 10_000
"""Rows that the index has before anything is measured: of fewer it is shallow, and cheap to add to."""
NOTES = 16
CHUNKS = 4  # of a note, as in the practice data
CENTRES = 200
MODEL = "model-of-a-bench"
SCHEMA = """
CREATE TABLE bench_baseline (
  workspace_id uuid NOT NULL, id uuid NOT NULL, embedding vector(1024) NOT NULL, PRIMARY KEY (workspace_id, id));
"""
INDEX = """
SET maintenance_work_mem = '512MB';
CREATE INDEX ON bench_baseline USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
"""
ARMS = {
    "vectors": "of vectors alone",
    "whole": "as the worker writes them",
    "whole_sealed": "as the worker writes them, sealed",
}
UPSERT = """
INSERT INTO bench_baseline SELECT $1, id, CAST(embedding AS vector)
FROM unnest($2::uuid[], $3::text[]) AS new (id, embedding)
ON CONFLICT (workspace_id, id) DO UPDATE SET embedding = EXCLUDED.embedding
"""

Vectors = NDArray[np.float32]
Owner = Any
Write = Callable[[Vectors], Awaitable[float]]
"""Seconds that it took."""


async def measured(opened: Container, owner_url: str, *, rounds: int) -> dict[str, float]:
    """Rows a second of batches of 64, in turn: the baseline, our vectors alone, and all that the worker writes."""
    made = _Made()
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(SCHEMA)
        await _fill(owner, made)
        return await _in_turn(opened, owner, made, rounds)
    finally:
        await owner.execute("DROP TABLE IF EXISTS bench_baseline")
        await owner.close()


async def _in_turn(opened: Container, owner: Owner, made: "_Made", rounds: int) -> dict[str, float]:
    workspace, another = WorkspaceId(uuid4()), WorkspaceId(uuid4())
    plain, sealed = (
        replace(opened.store, vectors=vectors_in(kind, opened.database, opened.keys))
        for kind in get_args(Kind)
    )
    arms: dict[str, Write] = {
        "baseline": lambda vectors: _upsert(owner, vectors),
        "vectors": lambda vectors: _swap(opened, plain, workspace, vectors),
        "whole": lambda vectors: _write(opened, plain, workspace, vectors),
        "whole_sealed": lambda vectors: _write(opened, sealed, another, vectors),
    }
    took: dict[str, list[float]] = {name: [] for name in arms}
    with progress("rounds of upserts", rounds) as tick:
        for number in range(rounds):
            for name, write in arms.items():
                vectors = made.vectors(NOTES * CHUNKS)
                took[name].append(NOTES * CHUNKS / await write(vectors))
            tick(number + 1)
    rates = {f"{name}_rows_per_second": median(some) for name, some in took.items()}
    return {**rates, "filled": FILLED, "batch": NOTES * CHUNKS}


def print_upserts(figures: dict[str, float]) -> None:
    baseline, filled = figures["baseline_rows_per_second"], figures["filled"]
    typer.echo(f"batches of {figures['batch']:.0f} rows, rows a second:")
    typer.echo(f"  {baseline:6.0f} into a table of {filled:.0f} with one HNSW")
    for name, told in ARMS.items():
        rate = figures[f"{name}_rows_per_second"]
        typer.echo(f"  {rate:6.0f} {told}: {rate / baseline:.1f} to 1")


class _Made:
    """Clustered unit vectors, the same in each run."""

    def __init__(self) -> None:
        self.chance = np.random.default_rng(7)
        self.centres = self.chance.normal(size=(CENTRES, DIMENSION)).astype(np.float32)

    def vectors(self, count: int) -> Vectors:
        near = self.centres[self.chance.integers(CENTRES, size=count)]
        rows = near + self.chance.normal(size=near.shape).astype(np.float32)
        made: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return made


async def _fill(owner: Owner, made: _Made) -> None:
    with progress("rows of the baseline", FILLED) as tick:
        for done in range(0, FILLED, 500):
            await _upsert(owner, made.vectors(500))
            tick(done + 500)
    await owner.execute(INDEX)  # afterwards: row by row it takes minutes


async def _upsert(owner: Owner, vectors: Vectors) -> float:
    texts = ["[" + ",".join(map(str, row.tolist())) + "]" for row in vectors]
    workspace = UUID(int=random.randrange(1, 1000))  # noqa: S311 - no secret
    started = time.perf_counter()
    await owner.execute(UPSERT, workspace, [uuid4() for _ in texts], texts)
    return time.perf_counter() - started


async def _swap(
    opened: Container, store: PgChunkStore, workspace: WorkspaceId, vectors: Vectors
) -> float:
    """The vectors of notes that are in the catalogue, as the baseline has nothing else."""
    notes = [_note(workspace, some) for some in vectors.reshape(NOTES, CHUNKS, DIMENSION)]
    keys = await opened.keys.keys(workspace=workspace)
    bare = [replace(one, spaces=[replace(one.spaces[0], chunks=(), vectors=())]) for one in notes]
    async with opened.database.tenant_tx(workspace) as connection:
        await write_all(connection, bare, keys, store.vectors, known={})
    started = time.perf_counter()
    async with opened.database.tenant_tx(workspace) as connection:
        await store.vectors.swap(connection, notes, keys, there=())
    return time.perf_counter() - started


async def _write(
    opened: Container, store: PgChunkStore, workspace: WorkspaceId, vectors: Vectors
) -> float:
    """As the worker does it: notes that were claimed, with catalogue, work and epoch."""
    notes = [_note(workspace, some) for some in vectors.reshape(NOTES, CHUNKS, DIMENSION)]
    items = [ManifestItem("sessions", n.note.ref.id, n.note.client, "active", now()) for n in notes]
    await opened.queue.want(items, workspace=workspace)
    leases = {lease.key: lease for lease in await opened.queue.claim(limit=NOTES)}
    batch = [(one, leases[one.note.ref.id]) for one in notes]
    started = time.perf_counter()
    await store.replace_all(batch)
    return time.perf_counter() - started


def _note(workspace: WorkspaceId, vectors: Vectors) -> IndexedNote:
    """Without a bag, as the baseline has none."""
    ref = NoteRef(workspace, "sessions", uuid4())
    chunks: Sequence[Chunk] = [Chunk("subjective", n, 0, 1, "") for n in range(CHUNKS)]
    space = Space(MODEL, {"subjective": ""}, frozenset(), chunks, vectors.tolist())
    client = ClientId(uuid4())
    note = Note(ref, client, "active", {}, updated_at=now(), session_date=now())
    return IndexedNote(note, Bag(ref, client, note.day, (), ()), [space])
