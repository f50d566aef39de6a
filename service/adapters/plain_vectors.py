"""Vectors as pgvector's columns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    delete,
    false,
    func,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.database import Database, session_vectors
from service.adapters.epochs import Touched, epoch_of, touched_since
from service.adapters.scoped import inside, is_note
from service.adapters.sealed_rows import ref_of
from service.adapters.vector_table import Taken
from service.domain.answers import Hit
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Entity, NoteRef
from service.domain.scope import Within
from service.ports import DIMENSION, ChunkPlace, IndexedNote, IndexModels, Vector, WorkspaceKeys
from service.vectors.bits import encode
from service.vectors.packed import note_rows
from service.vectors.rows import ChunkCodes, ChunkRows, placed


@dataclass(frozen=True, slots=True)
class PlainVectors:
    """Keeps VectorTable."""

    database: Database

    async def swap(
        self, connection: AsyncConnection, indexed: IndexedNote, keys: WorkspaceKeys
    ) -> None:
        note, table, mine = (
            indexed.note,
            session_vectors,
            is_note(session_vectors, indexed.note.ref),
        )
        await connection.execute(delete(table).where(mine, not_(_kept(indexed))))
        stands = {"client_id": note.client, "day": note.day}
        # Only where it moved: otherwise each look would write all its vectors anew, 2 KB each.
        moved = or_(*(table.c[name].is_distinct_from(value) for name, value in stands.items()))
        await connection.execute(update(table).where(mine, moved).values(stands))
        ref = note.ref
        key = {"workspace_id": ref.workspace, "entity": ref.entity, "entity_id": ref.id}
        rows = [
            {**key, **stands, "model": space.model}
            | {"field": chunk.field, "chunk": chunk.ordinal, "embedding": vector}
            for space in indexed.spaces
            for chunk, vector in zip(space.chunks, space.vectors, strict=True)
        ]
        if rows:
            await connection.execute(insert(table), rows)

    async def drop_stale(
        self,
        connection: AsyncConnection,
        workspace: WorkspaceId,
        held: IndexModels,
        notes: Collection[tuple[Entity, UUID]],
    ) -> int:
        table = session_vectors
        stale = (
            table.c.workspace_id == workspace,
            tuple_(table.c.entity, table.c.entity_id).in_(notes),
            table.c.model.not_in(held.all),
        )
        return int((await connection.execute(delete(table).where(*stale))).rowcount)

    async def take(
        self, connection: AsyncConnection, ref: NoteRef, keys: WorkspaceKeys
    ) -> Sequence[Taken]:
        table = session_vectors
        taken = delete(table).where(is_note(table, ref)).returning(table)
        rows = (await connection.execute(taken)).all()
        by_model = {row.model: [one for one in rows if one.model == row.model] for row in rows}
        return [_taken(some) for some in by_model.values()]

    async def put(
        self, connection: AsyncConnection, ref: NoteRef, taken: Taken, keys: WorkspaceKeys
    ) -> None:
        key = {"workspace_id": ref.workspace, "entity": ref.entity, "entity_id": ref.id}
        stands = key | {"client_id": taken.client, "day": taken.day, "model": taken.model}
        rows = [
            {**stands, "field": field, "chunk": ordinal, "embedding": vector}
            for (field, ordinal), vector in zip(taken.rows.places, taken.rows.halves, strict=True)
        ]
        await connection.execute(insert(session_vectors), rows)

    async def search(
        self, vector: Vector, *, workspace: WorkspaceId, model: str, within: Within, limit: int
    ) -> Sequence[Hit]:
        query = _nearest(vector, workspace=workspace, model=model, within=within, limit=limit)
        async with self.database.tenant_tx(workspace) as connection:
            rows = (await connection.execute(query)).all()
        return [_hit(row) for row in rows]

    async def is_larger(self, than: int, *, workspace: WorkspaceId, model: str) -> bool:
        return await self.counted(than + 1, workspace=workspace, model=model) > than

    async def counted(self, most: int, *, workspace: WorkspaceId, model: str) -> int:
        some = select(session_vectors.c.id).where(*_of(workspace, model)).limit(most)
        async with self.database.tenant_tx(workspace) as connection:
            found = await connection.scalar(select(func.count()).select_from(some.subquery()))
        return found or 0

    async def rows(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkRows]:
        async with self.database.tenant_tx(workspace) as connection:
            # The epoch first: a change between the two reads makes a memory look old, never too new.
            epoch = await epoch_of(connection, workspace)
            return epoch, await _rows(connection, *_of(workspace, model))

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
        # None are kept yet: only of a workspace without chunks none is missing.
        async with self.database.tenant_tx(workspace) as connection:
            epoch = await epoch_of(connection, workspace)
            some = await _rows(connection, *_of(workspace, model))
        return None if len(some) else (epoch, ChunkCodes(some.placed, *encode(some.halves)))

    async def halves(
        self, places: Sequence[ChunkPlace], *, workspace: WorkspaceId, model: str
    ) -> NDArray[np.float16]:
        table = session_vectors
        asked = [(ref.entity, ref.id, field, ordinal) for ref, field, ordinal in places]
        place = tuple_(table.c.entity, table.c.entity_id, table.c.field, table.c.chunk)
        async with self.database.tenant_tx(workspace) as connection:
            found = await _rows(connection, *_of(workspace, model), place.in_(asked))
        by_place = dict(zip(found.placed.places, found.halves, strict=True))
        gone = np.full(DIMENSION, np.nan, np.float16)
        halves = [by_place.get(place, gone) for place in places]
        return np.array(halves, np.float16).reshape(-1, DIMENSION)


def _taken(rows: Sequence[Row[Any]]) -> Taken:
    first = rows[0]
    places = [(row.field, row.chunk) for row in rows]
    held = note_rows(places, [row.embedding for row in rows])
    return Taken(first.model, ClientId(first.client_id), first.day, held)


def _of(workspace: WorkspaceId, model: str) -> tuple[ColumnElement[bool], ...]:
    table = session_vectors
    return table.c.workspace_id == workspace, table.c.model == model


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


def _kept(indexed: IndexedNote) -> ColumnElement[bool]:
    """Whatever is of no model of this workspace goes too: a reindex that was finished may have left it."""
    table = session_vectors
    return or_(
        false(),
        *(
            and_(table.c.model == space.model, table.c.field.in_(space.kept))
            for space in indexed.spaces
        ),
    )
