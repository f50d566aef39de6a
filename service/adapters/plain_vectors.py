"""Vectors as pgvector's columns, and their one-bit codes beside them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.copied_vectors import copied_codes, copied_rows
from service.adapters.database import Database, session_vectors, vector_codes
from service.adapters.epochs import Touched, epoch_of, touched_since
from service.adapters.halfvec import from_wire, to_wire
from service.adapters.scoped import inside, is_note
from service.adapters.sealed_rows import ref_of
from service.adapters.vector_table import Taken
from service.domain.answers import Hit
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Entity, NoteRef
from service.domain.scope import Within
from service.ports import DIMENSION, ChunkPlace, IndexedNote, IndexModels, Vector, WorkspaceKeys
from service.vectors.blocks import note_rows
from service.vectors.packed import packed
from service.vectors.rows import ChunkCodes, ChunkRows, placed

WORKERS = 2
"""Processes of the server beside the first for one exact comparison, where it has so many free."""
SHARED = "64MB"  # Some 25,000 vectors.
FEW = 100_000  # Chunks: of so many and more a sample is counted first.
SHARE = 128  # One of so many is in the sample.
CLOSE = 0.75

Places = list[tuple[str, int]]
Half = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class PlainVectors:
    """Keeps VectorHome."""

    database: Database

    async def swap(
        self, connection: AsyncConnection, indexed: IndexedNote, keys: WorkspaceKeys
    ) -> None:
        stands = await _standing(connection, indexed)
        named = _key(indexed) | _kept(indexed) | {"client": indexed.note.client}
        named |= {"day": indexed.note.day} | _columns(indexed)
        await connection.execute(_SWAP, named)
        coded = _coded(indexed, stands)
        await connection.execute(_SWAP_CODES, _key(indexed) | coded)

    async def take(
        self, connection: AsyncConnection, ref: NoteRef, keys: WorkspaceKeys
    ) -> Sequence[Taken]:
        taken = delete(session_vectors).where(is_note(session_vectors, ref))
        rows = (await connection.execute(taken.returning(session_vectors))).all()
        if rows:
            await connection.execute(delete(vector_codes).where(is_note(vector_codes, ref)))
        models = dict.fromkeys(row.model for row in rows)
        return [_taken([row for row in rows if row.model == model]) for model in models]

    async def put(
        self, connection: AsyncConnection, ref: NoteRef, taken: Taken, keys: WorkspaceKeys
    ) -> None:
        mine = {"workspace_id": ref.workspace, "entity": ref.entity, "entity_id": ref.id}
        of = mine | {"model": taken.model}
        stands = of | {"client_id": taken.client, "day": taken.day, "coded": True}
        places, halves = taken.rows.places, taken.rows.halves
        rows = [
            {**stands, "field": field, "chunk": ordinal, "embedding": vector}
            for (field, ordinal), vector in zip(places, halves, strict=True)
        ]
        await connection.execute(insert(session_vectors), rows)
        fields, codes = packed(places, halves)
        await connection.execute(insert(vector_codes), of | {"fields": fields, "codes": codes})

    async def drop_stale(
        self,
        connection: AsyncConnection,
        workspace: WorkspaceId,
        held: IndexModels,
        notes: Collection[tuple[Entity, UUID]],
    ) -> int:
        def stale(table: Any) -> Any:
            theirs = tuple_(table.c.entity, table.c.entity_id).in_(notes)
            mine = table.c.workspace_id == workspace
            return delete(table).where(mine, theirs, table.c.model.not_in(held.all))

        await connection.execute(stale(vector_codes))
        return int((await connection.execute(stale(session_vectors))).rowcount)

    async def search(
        self, vector: Vector, *, workspace: WorkspaceId, model: str, within: Within, limit: int
    ) -> Sequence[Hit]:
        query = _nearest(vector, workspace=workspace, model=model, within=within, limit=limit)
        async with self.database.tenant_tx(workspace) as connection:
            await connection.execute(_ALL_AT_ONCE)
            rows = (await connection.execute(query)).all()
        return [_hit(row) for row in rows]

    async def counted(self, most: int, *, workspace: WorkspaceId, model: str) -> int:
        async with self.database.tenant_tx(workspace) as connection:
            if most >= FEW:
                about = await _count(connection, most, *_of(workspace, model), _SAMPLED) * SHARE
                if about < CLOSE * most:
                    return about
            return await _count(connection, most, *_of(workspace, model))

    async def rows(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkRows]:
        async with self.database.tenant_tx(workspace) as connection:
            # The epoch first: a change between the two reads makes a memory look old, never too new.
            epoch = await epoch_of(connection, workspace)
            rows = await copied_rows(connection, workspace, model)
            return epoch, await _rows(connection, *_of(workspace, model)) if rows is None else rows

    async def changed(
        self, *, workspace: WorkspaceId, model: str, since: int
    ) -> tuple[Touched, ChunkRows] | None:
        async with self.database.tenant_tx(workspace) as connection:
            touched = await touched_since(connection, workspace, since)
            if touched is None:
                return None
            table = session_vectors
            theirs = or_(
                tuple_(table.c.entity, table.c.entity_id).in_(
                    [(ref.entity, ref.id) for ref in touched.notes]
                ),
                table.c.client_id.in_(touched.clients),
            )
            return touched, await _rows(connection, *_of(workspace, model), theirs)

    async def codes(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkCodes] | None:
        uncoded = exists().where(*_of(workspace, model), session_vectors.c.coded.is_(False))
        async with self.database.tenant_tx(workspace) as connection:
            epoch = await epoch_of(connection, workspace)
            if await connection.scalar(select(uncoded)):
                return None
            return epoch, await copied_codes(connection, workspace, model)

    async def halves(
        self, places: Sequence[ChunkPlace], *, workspace: WorkspaceId, model: str
    ) -> NDArray[np.float16]:
        named = {
            "workspace": workspace,
            "model": model,
            "entities": [ref.entity for ref, _, _ in places],
            "ids": [ref.id for ref, _, _ in places],
            "fields": [field for _, field, _ in places],
            "chunks": [ordinal for _, _, ordinal in places],
        }
        async with self.database.tenant_tx(workspace) as connection:
            rows = (await connection.execute(_HALVES, named)).all()
        halves = np.full((len(places), DIMENSION), np.nan, np.float16)
        for place, vector in rows:
            halves[place - 1] = vector
        return halves


def _taken(rows: Sequence[Row[Any]]) -> Taken:
    first = rows[0]
    places = [(row.field, row.chunk) for row in rows]
    held = note_rows(places, [row.embedding for row in rows])
    return Taken(first.model, ClientId(first.client_id), first.day, held)


def _key(indexed: IndexedNote) -> dict[str, Any]:
    ref = indexed.note.ref
    return {"workspace": ref.workspace, "entity": ref.entity, "id": ref.id}


def _kept(indexed: IndexedNote) -> dict[str, Any]:
    kept = [(space.model, field) for space in indexed.spaces for field in space.kept]
    return {
        "kept_models": [model for model, _ in kept],
        "kept_fields": [field for _, field in kept],
    }


def _columns(indexed: IndexedNote) -> dict[str, Any]:
    new = [
        (space.model, chunk, vector)
        for space in indexed.spaces
        for chunk, vector in zip(space.chunks, space.vectors, strict=True)
    ]
    return {
        "models": [model for model, _, _ in new],
        "fields": [chunk.field for _, chunk, _ in new],
        "chunks": [chunk.ordinal for _, chunk, _ in new],
        "vectors": [to_wire(vector) for _, _, vector in new],
    }


# One statement, in this order: the rows that go must be gone before their places are taken. Kept rows are written again
# only where the note moved or they had no code yet: 2 KB each.
_SWAP = text("""
WITH kept (model, field) AS (SELECT * FROM unnest(CAST(:kept_models AS text[]), CAST(:kept_fields AS text[]))),
gone AS (
  DELETE FROM session_vectors WHERE session_vectors.workspace_id = :workspace AND entity = :entity AND entity_id = :id
    AND (model, field) NOT IN (SELECT model, field FROM kept) RETURNING 1),
moved AS (
  UPDATE session_vectors SET client_id = :client, day = CAST(:day AS date), coded = true
  WHERE session_vectors.workspace_id = :workspace AND entity = :entity AND entity_id = :id
    AND (model, field) IN (SELECT model, field FROM kept)
    AND (client_id <> :client OR day IS DISTINCT FROM CAST(:day AS date) OR NOT coded))
INSERT INTO session_vectors
  (workspace_id, entity, entity_id, client_id, day, field, chunk, model, embedding, coded)
SELECT :workspace, :entity, :id, :client, CAST(:day AS date), field, chunk, model, embedding, true
FROM (SELECT count(*) FROM gone) AS first, unnest(CAST(:fields AS text[]), CAST(:chunks AS int[]),
  CAST(:models AS text[]), CAST(:vectors AS halfvec[])) AS new (field, chunk, model, embedding)
""")

_SWAP_CODES = text("""
WITH gone AS (
  DELETE FROM vector_codes WHERE vector_codes.workspace_id = :workspace AND entity = :entity AND entity_id = :id
    AND NOT model = ANY(CAST(:models AS text[])))
INSERT INTO vector_codes (workspace_id, model, entity, entity_id, fields, codes)
SELECT :workspace, model, :entity, :id, fields, codes
FROM unnest(CAST(:models AS text[]), CAST(:fields AS text[]), CAST(:codes AS bytea[])) AS new (model, fields, codes)
ON CONFLICT (workspace_id, entity, entity_id, model) DO UPDATE SET fields = EXCLUDED.fields, codes = EXCLUDED.codes
""")


async def _standing(connection: AsyncConnection, indexed: IndexedNote) -> Sequence[Row[Any]]:
    """The chunks of kept fields, whose codes are made anew: whoever wrote them may have known none."""
    if not any(space.kept for space in indexed.spaces):
        return ()
    found = await connection.execute(_STANDING, _key(indexed) | _kept(indexed))
    return found.all()


_STANDING = text("""
SELECT model, field, chunk, embedding FROM session_vectors
WHERE session_vectors.workspace_id = :workspace AND entity = :entity AND entity_id = :id AND (model, field) IN (
  SELECT * FROM unnest(CAST(:kept_models AS text[]), CAST(:kept_fields AS text[])))
""")


def _coded(indexed: IndexedNote, stands: Sequence[Row[Any]]) -> dict[str, Any]:
    """By model its fields' names and records; of a model without chunks none."""
    places, halves = defaultdict[str, Places](list), defaultdict[str, list[Half]](list)
    columns = _columns(indexed)
    new = zip(*(columns[name] for name in ("models", "fields", "chunks", "vectors")), strict=True)
    for model, field, chunk, vector in (
        *stands,
        *((*place, from_wire(data)) for *place, data in new),
    ):
        places[model].append((field, chunk))
        halves[model].append(vector)
    rows = {one: packed(places[one], np.array(halves[one])) for one in places}
    return {
        "models": list(rows),
        "fields": [fields for fields, _ in rows.values()],
        "codes": [codes for _, codes in rows.values()],
    }


# Each place is looked up by the table's unique key; what has no row is missing.
_HALVES = text("""
SELECT place, embedding
FROM unnest(CAST(:entities AS text[]), CAST(:ids AS uuid[]), CAST(:fields AS text[]), CAST(:chunks AS int[]))
  WITH ORDINALITY AS asked (entity, entity_id, field, chunk, place)
JOIN session_vectors USING (entity, entity_id, field, chunk)
WHERE session_vectors.workspace_id = :workspace AND model = :model
""")


def _of(workspace: WorkspaceId, model: str) -> tuple[ColumnElement[bool], ...]:
    table = session_vectors
    return table.c.workspace_id == workspace, table.c.model == model


# Ids are random, so that those in a stretch of them are a fair sample: to count 100,000 chunks takes 18 ms of CPU, and
# a workspace of `most` looks like CLOSE of it in one case of 10^11 where `most` is FEW, and in fewer where it is more.
_SAMPLED = session_vectors.c.id < UUID(int=2**128 // SHARE)


async def _count(connection: AsyncConnection, most: int, *chosen: ColumnElement[bool]) -> int:
    some = select(session_vectors.c.id).where(*chosen).limit(most).subquery()
    return await connection.scalar(select(func.count()).select_from(some)) or 0


async def _rows(connection: AsyncConnection, *chosen: ColumnElement[bool]) -> ChunkRows:
    table = session_vectors
    columns = table.c.workspace_id, table.c.entity, table.c.entity_id, table.c.client_id
    query = select(*columns, table.c.day, table.c.field, table.c.chunk, table.c.embedding)
    rows: Any = (await connection.execute(query.where(*chosen))).all()
    halves = np.array([row.embedding for row in rows], np.float16).reshape(-1, DIMENSION)
    places = placed(
        (ref_of(row), ClientId(row.client_id), row.day, row.field, row.chunk) for row in rows
    )
    return ChunkRows(places, halves)


# Several processes of the server compare a large workspace: with one beside the first, that spends 74 ms of CPU on
# 100,000 vectors instead of 113. Planned anew for each workspace, or after five questions on a connection the plan for
# one of middling size would be kept: one process, and the index row by row. Postgres thinks a comparison of 1,024
# numbers as cheap as one, so that others would seldom seem worth their start. Less than SHARED is left to one process:
# of 10,000 vectors two took 1.3 times as long on a busy machine.
_ALL_AT_ONCE = text(
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true),"
    f" set_config('max_parallel_workers_per_gather', '{WORKERS}', true), set_config('parallel_setup_cost', '0', true),"
    f" set_config('min_parallel_table_scan_size', '{SHARED}', true)"
)


def _nearest(
    vector: Vector, *, workspace: WorkspaceId, model: str, within: Within, limit: int
) -> Any:
    """Exact: no ANN index exists, because one with a workspace filter silently lost rows (recall 0.54 to 0.88)."""
    table = session_vectors
    distance = table.c.embedding.cosine_distance(vector).label("distance")
    return (
        select(table.c.workspace_id, table.c.entity, table.c.entity_id, table.c.client_id)
        .add_columns(table.c.field, table.c.chunk, distance)
        .where(inside(table, workspace, within), table.c.model == model)
        .order_by(distance, table.c.entity_id, table.c.field, table.c.chunk)
        .limit(limit)
    )


def _hit(row: Row[Any]) -> Hit:
    return Hit(
        ref=ref_of(row),
        client=ClientId(row.client_id),
        field=row.field,
        ordinal=row.chunk,
        similarity=min(1.0, max(0.0, 1.0 - row.distance)),
    )
