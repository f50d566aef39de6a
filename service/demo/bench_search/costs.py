"""What vectors cost beside answers: bytes on disk and in memory, and the writing of new ones."""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, cast
from uuid import UUID

import asyncpg
import numpy as np
from sqlalchemy import insert

from service.adapters.index.epochs import next_epoch
from service.adapters.index.sealed_bags import sealed_bag
from service.adapters.postgres.tables import note_catalogue
from service.demo.bench_search import baseline, ours
from service.demo.bench_search.ours import House
from service.demo.bench_search.tenants import (
    CHUNKS_OF_A_NOTE,
    FIELD,
    MODEL,
    Rows,
    Tenant,
    World,
)
from service.demo.made_up import made_up_notes
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Bag, Chunk, Note, NoteRef
from service.ingestion.indexing import bag_of
from service.language.chunking import chunk_note
from service.ports.index import IndexedNote, Space
from service.ports.keys import WorkspaceKeys
from service.retrieval.dense import DenseIndex
from service.security.keys import new_key

NEW = 2000
"""New rows that each side is given."""
BATCH = 200
"""Rows of a transaction."""
NOTES = 100
"""Notes of a transaction each, two chunks a note."""
SETTLED = 0.1  # Seconds in which the thread that built a memory lets go of what it built it from.
BAGS = 100
"""Made-up notes whose bags are weighed."""
VECTOR_TABLES = ("session_vectors", "vector_codes")
"""Ours, with whatever belongs to vectors alone."""


_DISK = """
SELECT sum(pg_total_relation_size(one))::float8 FROM (
  SELECT $1::text::regclass AS one
  UNION SELECT relid FROM pg_partition_tree($1::text::regclass)) AS parts
"""
_BASELINE_DISK = """
SELECT pg_table_size('chunks') AS rows, pg_relation_size('chunks_hnsw') AS graph,
  pg_total_relation_size('chunks') - pg_table_size('chunks') - pg_relation_size('chunks_hnsw') AS keys
"""


async def disk(baseline_url: str, house: House, rows: int) -> Mapping[str, float]:
    """Bytes a vector. The baseline's text is taken off its rows: ours keeps none."""
    theirs = await _row(baseline_url, _BASELINE_DISK)
    table = {
        f"ours, {name}": (await _row(house.owner_url, _DISK, name))[0] for name in VECTOR_TABLES
    }
    parts = {
        "baseline, rows": theirs["rows"] - rows * len(baseline.TEXT),
        "baseline, graph": theirs["graph"],
        "baseline, keys": theirs["keys"],
        **table,
    }
    return {name: float(size) / rows for name, size in parts.items()} | {
        "bags beside": _bag_bytes(),
        "baseline's text, not counted": float(len(baseline.TEXT)),
    }


async def _row(url: str, query: str, *values: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchrow(query, *values)
    finally:
        await connection.close()


def _bag_bytes() -> float:
    """Of a sealed bag, for each of its note's chunks: what lexical search keeps beside a vector."""
    keys = WorkspaceKeys(WorkspaceId(UUID(int=1)), 1, new_key(), new_key())
    notes = list(made_up_notes(BAGS, workspace=keys.workspace, chance=Random(5)))  # noqa: S311 - no secret
    rows = [sealed_bag(bag_of(note, key=keys.index), keys) for note in notes]
    chunks = sum(len(chunk_note(note)) for note in notes)
    return sum(len(cast(bytes, row["sealed"])) for row in rows) / chunks


async def memory(house: House, tenant: Tenant) -> Mapping[str, float]:
    """Bytes of this process a vector, in both forms; by what Python and numpy were given, not by what a memory says."""
    return {
        "rows resident": await _loaded(house, tenant, resident=True),
        "rows fetched": await _loaded(house, tenant, resident=False),
    }


async def _loaded(house: House, tenant: Tenant, *, resident: bool) -> float:
    index = DenseIndex(house.store, max_bytes=2**33, resident=resident)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await index.load(workspace=tenant.workspace, model=MODEL)
        await asyncio.sleep(SETTLED)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    index.drop(tenant.workspace)
    return (after - before) / tenant.size


async def writes(baseline_url: str, house: House, world: World) -> Mapping[str, float]:
    """Rows a second of new rows, in batches and a note a transaction; they are taken away again."""
    newcomer = Tenant(1_000_000, NEW + NOTES * CHUNKS_OF_A_NOTE, 1 << 40, is_designated=False)
    rows = [world.part(newcomer, number) for number in range(newcomer.parts)]
    theirs = await _into_baseline(baseline_url, newcomer, rows)
    return {**theirs, **await _into_ours(house, newcomer, rows)}


async def _into_baseline(url: str, tenant: Tenant, parts: Sequence[Rows]) -> Mapping[str, float]:
    connection = await baseline.connect(url)
    try:
        rows = [row for part in parts for row in baseline.records(part)]
        batched = await _timed(connection, rows[:NEW], BATCH)
        single = await _timed(connection, rows[NEW:], CHUNKS_OF_A_NOTE)
        await connection.execute("DELETE FROM chunks WHERE workspace_id = $1", tenant.workspace)
    finally:
        await connection.close()
    return {"baseline, batches": batched, "baseline, a note at a time": single}


async def _timed(connection: Any, rows: Sequence[tuple[Any, ...]], size: int) -> float:
    started = time.perf_counter()
    for start in range(0, len(rows), size):
        async with connection.transaction():
            await connection.executemany(baseline.UPSERT, rows[start : start + size])
    return len(rows) / (time.perf_counter() - started)


async def _into_ours(house: House, tenant: Tenant, parts: Sequence[Rows]) -> Mapping[str, float]:
    notes = [note for part in parts for note in _notes(part)]
    keys = await house.keys.keys(workspace=tenant.workspace)
    many, batch = NEW // CHUNKS_OF_A_NOTE, BATCH // CHUNKS_OF_A_NOTE
    rates = {
        "ours, batches": await _rate(house, keys, notes[:many], batch),
        "ours, a note at a time": await _rate(house, keys, notes[many:], 1),
    }
    await _forget(house, tenant)
    return rates


async def _rate(
    house: House, keys: WorkspaceKeys, notes: Sequence[IndexedNote], size: int
) -> float:
    """Rows a second; each transaction catalogues its notes, writes their vectors and moves the epoch."""
    started = time.perf_counter()
    for start in range(0, len(notes), size):
        some = notes[start : start + size]
        async with house.database.tenant_tx(keys.workspace) as connection:
            await connection.execute(insert(note_catalogue), [_catalogue_row(one) for one in some])
            await house.store.vectors.swap(connection, some, keys, there=())
            touched = [(one.note.ref.entity, one.note.ref.id) for one in some]
            await next_epoch(connection, keys.workspace, touched)
    return len(notes) * CHUNKS_OF_A_NOTE / (time.perf_counter() - started)


def _notes(rows: Rows) -> Sequence[IndexedNote]:
    return [_note(rows, int(first)) for first in np.flatnonzero(rows.chunks == 0)]


def _note(rows: Rows, first: int) -> IndexedNote:
    ref = NoteRef(rows.tenant.workspace, "sessions", rows.uuid(first))
    client = ClientId(rows.client(first))
    held = [row for row in range(first, min(first + CHUNKS_OF_A_NOTE, len(rows)))]
    space = Space(
        model=MODEL,
        digests={},
        kept=frozenset(),
        chunks=[Chunk(FIELD, number, 0, 1, "x") for number in range(len(held))],
        vectors=[rows.halves[row].astype(float).tolist() for row in held],
    )
    note = Note(ref, client, "active", {}, ours.UPDATED, ours.UPDATED, version=1)
    return IndexedNote(note, Bag(ref, client, note.day, (), ()), [space])


def _key(one: IndexedNote) -> dict[str, object]:
    note = one.note
    key = {"workspace_id": note.ref.workspace, "entity": note.ref.entity, "entity_id": note.ref.id}
    return {**key, "client_id": note.client, "day": note.day}


def _catalogue_row(one: IndexedNote) -> dict[str, object]:
    note = one.note
    state = {"state": note.state, "version": note.version, "updated_at": note.updated_at}
    return _key(one) | state | {"digests": one.spaces[0].digests}


async def _forget(house: House, tenant: Tenant) -> None:
    connection = await asyncpg.connect(house.owner_url)
    try:
        for statement in _FORGET:
            await connection.execute(statement, tenant.workspace)
    finally:
        await connection.close()


_FORGET = (
    "DELETE FROM note_catalogue WHERE workspace_id = $1",
    "DELETE FROM index_changes WHERE workspace_id = $1",
    "DELETE FROM index_epoch WHERE workspace_id = $1",
    "DELETE FROM workspace_keys WHERE workspace_id = $1",
)
"""Vectors go with the catalogue."""
