"""Vectors as pgvector's columns, and their one-bit codes beside them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, delete, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.index.copied_vectors import copied_codes, copied_rows
from service.adapters.index.epochs import Touched, epoch_of, touched_since
from service.adapters.index.scoped import (
    among,
    drop_of_notes,
    inside,
    of_touched,
    rows_of_notes,
)
from service.adapters.index.sealed_rows import ref_of
from service.adapters.index.vector_table import NoteVectors, Whose, fresh_rows
from service.adapters.postgres.database import Database
from service.adapters.postgres.halfvec import to_wires
from service.adapters.postgres.row_sets import columns_of, insertion
from service.adapters.postgres.tables import session_vectors, vector_codes
from service.domain.answers import Hit
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Entity, NoteRef
from service.domain.scope import Within
from service.ports.index import ChunkPlace, IndexedNote, IndexModels
from service.ports.keys import WorkspaceKeys
from service.ports.models import Vector
from service.vectors import DIMENSION
from service.vectors.code_records import code_records
from service.vectors.note_rows import NoteRows, joined, note_rows
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
        self,
        connection: AsyncConnection,
        notes: Sequence[IndexedNote],
        keys: WorkspaceKeys,
        *,
        there: Collection[NoteRef],
    ) -> None:
        kept: Mapping[Whose, NoteRows] = {}
        if there:
            kept = await _standing(connection, notes, keys.workspace)
            await connection.execute(_CLEAR, [_cleared(one) for one in notes])
        fresh = list(_fresh(notes))
        await _insert(connection, fresh)
        await _insert_codes(connection, _whole(kept, fresh))

    async def take(
        self, connection: AsyncConnection, refs: Collection[NoteRef], keys: WorkspaceKeys
    ) -> Sequence[NoteVectors]:
        table = session_vectors
        query = rows_of_notes(table, keys.workspace, refs, lock=True)
        rows = (await connection.execute(query)).all()
        first = {(ref_of(row), row.model): row for row in rows}
        for one in (table, vector_codes):
            await drop_of_notes(connection, one, keys.workspace, {ref for ref, _ in first})
        return [
            NoteVectors(ref, model, *_stands_in(first[ref, model]), held)
            for (ref, model), held in _by_note(rows).items()
        ]

    async def put(
        self, connection: AsyncConnection, taken: Sequence[NoteVectors], keys: WorkspaceKeys
    ) -> None:
        await _insert(connection, taken)
        whole = {one.whose: one.rows for one in taken}
        await _insert_codes(connection, whole)

    async def drop_stale(
        self,
        connection: AsyncConnection,
        workspace: WorkspaceId,
        held: IndexModels,
        notes: Collection[tuple[Entity, UUID]],
    ) -> int:
        def stale(table: Any) -> Any:
            mine = table.c.workspace_id == workspace
            return delete(table).where(mine, among(table, notes), table.c.model.not_in(held.all))

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
            theirs = of_touched(session_vectors, touched)
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


def _by_note(rows: Sequence[Row[Any]]) -> dict[Whose, NoteRows]:
    places, halves = defaultdict[Whose, Places](list), defaultdict[Whose, list[Half]](list)
    for row in rows:
        places[ref_of(row), row.model].append((row.field, row.chunk))
        halves[ref_of(row), row.model].append(row.embedding)
    return {one: note_rows(places[one], halves[one]) for one in places}


def _stands_in(row: Row[Any]) -> tuple[ClientId, date | None]:
    return ClientId(row.client_id), row.day


def _fresh(notes: Sequence[IndexedNote]) -> Iterator[NoteVectors]:
    for one in notes:
        note = one.note
        for space in one.spaces:
            if space.chunks:
                yield NoteVectors(note.ref, space.model, note.client, note.day, fresh_rows(space))


def _whole(kept: Mapping[Whose, NoteRows], fresh: Iterable[NoteVectors]) -> dict[Whose, NoteRows]:
    """What is kept and what is new; codes of both are made anew: whoever wrote the kept ones may have known none."""
    whole = dict(kept)
    for one in fresh:
        held = whole.get(one.whose)
        whole[one.whose] = joined(held, one.rows) if held else one.rows
    return whole


async def _standing(
    connection: AsyncConnection, notes: Sequence[IndexedNote], workspace: WorkspaceId
) -> Mapping[Whose, NoteRows]:
    """The chunks of kept fields."""
    kept = {
        (one.note.ref, space.model): space.kept
        for one in notes
        for space in one.spaces
        if space.kept
    }
    if not kept:
        return {}
    query = rows_of_notes(session_vectors, workspace, {ref for ref, _ in kept})
    rows = (await connection.execute(query)).all()
    return _by_note([row for row in rows if row.field in kept.get((ref_of(row), row.model), ())])


def _cleared(indexed: IndexedNote) -> dict[str, Any]:
    note = indexed.note
    kept = [(space.model, field) for space in indexed.spaces for field in space.kept]
    return {
        "workspace": note.ref.workspace,
        "entity": note.ref.entity,
        "id": note.ref.id,
        "client": note.client,
        "day": note.day,
        "models": [model for model, _ in kept],
        "fields": [field for _, field in kept],
    }


# A note after the other in one call, for the reason that `rows_of_notes` gives. Kept rows are written again only where
# their note moved or they had no code yet: 2 KB each.
_CLEAR = text("""
WITH kept (model, field) AS (SELECT * FROM unnest(CAST(:models AS text[]), CAST(:fields AS text[]))),
codes AS (
  DELETE FROM vector_codes WHERE vector_codes.workspace_id = :workspace AND entity = :entity AND entity_id = :id),
gone AS (
  DELETE FROM session_vectors WHERE session_vectors.workspace_id = :workspace AND entity = :entity AND entity_id = :id
    AND (model, field) NOT IN (SELECT model, field FROM kept))
UPDATE session_vectors SET client_id = :client, day = CAST(:day AS date), coded = true
WHERE session_vectors.workspace_id = :workspace AND entity = :entity AND entity_id = :id
  AND (model, field) IN (SELECT model, field FROM kept)
  AND (client_id <> :client OR day IS DISTINCT FROM CAST(:day AS date) OR NOT coded)
""")


async def _insert(connection: AsyncConnection, notes: Sequence[NoteVectors]) -> None:
    if not notes:
        return
    vectors = to_wires(np.concatenate([one.rows.halves for one in notes]))
    places = ((one, *place) for one in notes for place in one.rows.places)
    rows = [
        _key(one.ref, one.model)
        | {"client_id": one.client, "day": one.day, "field": field, "chunk": ordinal}
        | {"embedding": vector, "coded": True}
        for (one, field, ordinal), vector in zip(places, vectors, strict=True)
    ]
    await connection.execute(_INSERT, columns_of(rows))


async def _insert_codes(connection: AsyncConnection, notes: Mapping[Whose, NoteRows]) -> None:
    if not notes:
        return
    coded = {whose: code_records(held) for whose, held in notes.items()}
    rows = [
        _key(*whose) | {"fields": fields, "codes": codes}
        for whose, (fields, codes) in coded.items()
    ]
    await connection.execute(_INSERT_CODES, columns_of(rows))


def _key(ref: NoteRef, model: str) -> dict[str, object]:
    note = {"workspace_id": ref.workspace, "entity": ref.entity, "entity_id": ref.id}
    return note | {"model": model}


_NOTE = "workspace_id", "entity", "entity_id", "model"
_INSERT = insertion(
    session_vectors, *_NOTE, "client_id", "day", "field", "chunk", "embedding", "coded"
)
_INSERT_CODES = insertion(vector_codes, *_NOTE, "fields", "codes")


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
