"""Vectors that nobody can read in the database: a note's in one sealed row, opened by whoever has the keys."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import nsmallest
from typing import Any, Literal, TypeVar
from uuid import UUID

import numkong
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, and_, delete, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

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
from service.adapters.key_store import with_living_keys
from service.adapters.postgres.database import Database
from service.adapters.postgres.row_sets import columns_of, insertion
from service.adapters.postgres.tables import sealed_vectors
from service.domain.answers import Hit
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Entity, NoteRef
from service.domain.scope import ANYWHERE, Within
from service.ports.index import ChunkPlace, IndexedNote, IndexModels, Space
from service.ports.keys import KeyStore, WorkspaceKeys
from service.ports.models import Vector
from service.security.sealing import seal, unseal
from service.vectors import DIMENSION
from service.vectors.blocks import (
    Packed,
    open_codes,
    open_rows,
    pack,
    pack_codes,
    unpack,
)
from service.vectors.merging import merged_codes, merged_rows
from service.vectors.note_rows import NoteRows, joined
from service.vectors.rows import ChunkCodes, ChunkRows

Part = Literal["sealed", "codes"]
Opened = TypeVar("Opened")
Half = NDArray[np.float16]

PAGE: Mapping[Part, int] = {"sealed": 256, "codes": 4096}
"""Notes read and opened at once: 2.6 MB of vectors where a note has five chunks, 2.9 MB of codes."""
EVEN = 6
"""Decimals of a similarity that tell two chunks apart: a product makes those of equal vectors unequal by less."""


@dataclass(frozen=True, slots=True)
class SealedVectors:
    """Keeps VectorHome. Sealed under the workspace's key, bound to workspace, table, note, model and column.

    Read a page of notes at a time, each in a transaction of its own: a note is in one page only, in a state not older
    than the epoch that was read first.
    """

    database: Database
    keys: KeyStore

    async def swap(
        self,
        connection: AsyncConnection,
        notes: Sequence[IndexedNote],
        keys: WorkspaceKeys,
        *,
        there: Collection[NoteRef],
    ) -> None:
        stored = await _stored(connection, notes, keys) if there else {}
        held = list(_put_together(notes, stored))
        stays = {one.whose for one in held if one.rows is stored.get(one.whose)}
        if there:
            await connection.execute(_CLEAR, [_cleared(one, stays) for one in notes])
        changed = [one for one in held if one.whose not in stays]
        await self.put(connection, changed, keys)

    async def take(
        self, connection: AsyncConnection, refs: Collection[NoteRef], keys: WorkspaceKeys
    ) -> Sequence[NoteVectors]:
        table = sealed_vectors
        query = rows_of_notes(table, keys.workspace, refs, lock=True)
        taken = [_note_vectors(row, keys) for row in await connection.execute(query)]
        await drop_of_notes(connection, table, keys.workspace, {one.ref for one in taken})
        return taken

    async def put(
        self, connection: AsyncConnection, taken: Sequence[NoteVectors], keys: WorkspaceKeys
    ) -> None:
        if taken:
            await connection.execute(_INSERT, columns_of(list(_sealed(taken, keys))))

    async def drop_stale(
        self,
        connection: AsyncConnection,
        workspace: WorkspaceId,
        held: IndexModels,
        notes: Collection[tuple[Entity, UUID]],
    ) -> int:
        table = sealed_vectors
        stale = (
            table.c.workspace_id == workspace,
            among(sealed_vectors, notes),
            table.c.model.not_in(held.all),
        )
        gone = await connection.scalars(delete(table).where(*stale).returning(table.c.chunks))
        return sum(gone)

    async def search(
        self, vector: Vector, *, workspace: WorkspaceId, model: str, within: Within, limit: int
    ) -> Sequence[Hit]:
        compare = partial(_nearest, np.array(vector, np.float16), limit)
        chosen = inside(sealed_vectors, workspace, within), sealed_vectors.c.model == model
        best: list[tuple[Any, ...]] = []
        async for found in self._pages(workspace, chosen, "sealed", compare):
            best = nsmallest(limit, [*best, *found])
        return [_hit(one) for one in best]

    async def counted(self, most: int, *, workspace: WorkspaceId, model: str) -> int:
        # Each row has a chunk at least, so that no more of them need be looked at.
        some = select(sealed_vectors.c.chunks).where(*_of(workspace, model)).limit(most).subquery()
        async with self.database.tenant_tx(workspace) as connection:
            return await connection.scalar(select(func.sum(some.c.chunks))) or 0

    async def rows(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkRows]:
        epoch = await self._epoch(workspace)
        pages = self._pages(workspace, _of(workspace, model), "sealed", open_rows)
        return epoch, merged_rows([page async for page in pages])

    async def codes(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkCodes]:
        epoch = await self._epoch(workspace)
        pages = self._pages(workspace, _of(workspace, model), "codes", open_codes)
        return epoch, merged_codes([page async for page in pages])

    async def changed(
        self, *, workspace: WorkspaceId, model: str, since: int
    ) -> tuple[Touched, ChunkRows] | None:
        return await with_living_keys(
            self.keys, workspace, partial(self._changed, model=model, since=since)
        )

    async def _changed(
        self, keys: WorkspaceKeys, *, model: str, since: int
    ) -> tuple[Touched, ChunkRows] | None:
        async with self.database.tenant_tx(keys.workspace) as connection:
            touched = await touched_since(connection, keys.workspace, since)
            if touched is None:
                return None
            theirs = of_touched(sealed_vectors, touched)
            query = _reading("sealed", *_of(keys.workspace, model), theirs)
            rows = (await connection.execute(query)).all()
        return touched, await asyncio.to_thread(_open_all, rows, "sealed", keys, open_rows)

    async def halves(
        self, places: Sequence[ChunkPlace], *, workspace: WorkspaceId, model: str
    ) -> NDArray[np.float16]:
        found = np.full((len(places), DIMENSION), np.nan, np.float16)
        notes = {(ref.entity, ref.id) for ref, _, _ in places}
        chosen = (*_of(workspace, model), among(sealed_vectors, notes))
        async for rows in self._pages(workspace, chosen, "sealed", open_rows):
            _fill(found, places, rows)
        return found

    async def _epoch(self, workspace: WorkspaceId) -> int:
        """First, as for vectors in clear."""
        async with self.database.tenant_tx(workspace) as connection:
            return await epoch_of(connection, workspace)

    async def _pages(
        self,
        workspace: WorkspaceId,
        chosen: Sequence[ColumnElement[bool]],
        part: Part,
        use: Callable[[Sequence[Packed]], Opened],
    ) -> AsyncIterator[Opened]:
        """What `use` makes of each page, in a thread: 100,000 vectors are opened in a second."""
        after: tuple[Any, ...] | None = None
        rows: Sequence[Row[Any]] = ()

        async def page(keys: WorkspaceKeys) -> Opened:
            nonlocal rows
            rows = await self._page(workspace, chosen, part, after)
            return await asyncio.to_thread(_open_all, rows, part, keys, use)

        while after is None or len(rows) == PAGE[part]:
            yield await with_living_keys(self.keys, workspace, page)
            if not rows:
                return
            after = (rows[-1].entity, rows[-1].entity_id)

    async def _page(
        self,
        workspace: WorkspaceId,
        chosen: Sequence[ColumnElement[bool]],
        part: Part,
        after: tuple[Any, ...] | None,
    ) -> Sequence[Row[Any]]:
        note = tuple_(sealed_vectors.c.entity, sealed_vectors.c.entity_id)
        query = _reading(part, *chosen).order_by(*note).limit(PAGE[part])
        if after is not None:
            query = query.where(note > tuple_(*after))
        async with self.database.tenant_tx(workspace) as connection:
            return (await connection.execute(query)).all()


def _note_vectors(row: Row[Any], keys: WorkspaceKeys) -> NoteVectors:
    rows = unpack(_opened(row, "sealed", keys))
    return NoteVectors(ref_of(row), row.model, ClientId(row.client_id), row.day, rows)


def _sealed(notes: Sequence[NoteVectors], keys: WorkspaceKeys) -> Iterator[dict[str, object]]:
    for one in notes:
        held, coded = pack(one.rows), pack_codes(one.rows)
        yield {
            "workspace_id": one.ref.workspace,
            "entity": one.ref.entity,
            "entity_id": one.ref.id,
            "model": one.model,
            "client_id": one.client,
            "day": one.day,
            "key_epoch": keys.epoch,
            "chunks": len(one.rows),
            "sealed": seal(held, key=keys.seal, place=_place(one.ref, one.model, "sealed")),
            "codes": seal(coded, key=keys.seal, place=_place(one.ref, one.model, "codes")),
        }


_INSERT = insertion(sealed_vectors, *sealed_vectors.c.keys())


def reseal_vectors(row: Row[Any], keys: WorkspaceKeys) -> dict[str, object]:
    """A stored row under the newest key, as the columns to change. Raises KeyUnavailable, SealBroken."""
    return {
        "key_epoch": keys.epoch,
        "sealed": _resealed(row, "sealed", keys),
        "codes": _resealed(row, "codes", keys),
    }


def _resealed(row: Row[Any], part: Part, keys: WorkspaceKeys) -> bytes:
    place = _place(ref_of(row), row.model, part)
    return seal(_opened(row, part, keys), key=keys.seal, place=place)


def _place(ref: NoteRef, model: str, part: Part) -> tuple[str, ...]:
    return ("sealed_vectors", str(ref.workspace), ref.entity, str(ref.id), model, part)


def _opened(row: Row[Any], part: Part, keys: WorkspaceKeys, ref: NoteRef | None = None) -> bytes:
    place = _place(ref or ref_of(row), row.model, part)
    return unseal(row._mapping[part], key=keys.seal_of(row.key_epoch), place=place)


def _open_all(
    rows: Sequence[Row[Any]],
    part: Part,
    keys: WorkspaceKeys,
    use: Callable[[Sequence[Packed]], Opened],
) -> Opened:
    return use([_open(row, part, keys) for row in rows])


def _open(row: Row[Any], part: Part, keys: WorkspaceKeys) -> Packed:
    ref = ref_of(row)
    return Packed(ref, ClientId(row.client_id), row.day, _opened(row, part, keys, ref))


async def _stored(
    connection: AsyncConnection, notes: Sequence[IndexedNote], keys: WorkspaceKeys
) -> dict[Whose, NoteRows]:
    """What stands of the notes where some of it may stay."""
    some = {(one.note.ref, space.model) for one in notes for space in one.spaces if space.kept}
    if not some:
        return {}
    table = sealed_vectors
    query = rows_of_notes(table, keys.workspace, {ref for ref, _ in some})
    rows = [row for row in await connection.execute(query) if (ref_of(row), row.model) in some]
    return {one.whose: one.rows for one in (_note_vectors(row, keys) for row in rows)}


def _put_together(
    notes: Sequence[IndexedNote], stored: Mapping[Whose, NoteRows]
) -> Iterator[NoteVectors]:
    """What there will be of each note in each model."""
    for one in notes:
        note = one.note
        for space in one.spaces:
            rows = _joined(space, stored.get((note.ref, space.model)))
            if len(rows):
                yield NoteVectors(note.ref, space.model, note.client, note.day, rows)


def _joined(space: Space, stored: NoteRows | None) -> NoteRows:
    """What is kept and what is new; the same object where nothing changes, so that nothing is written."""
    fresh = fresh_rows(space)
    if stored is None:
        return fresh
    kept = stored if space.kept.issuperset(stored.fields) else stored.of(space.kept)
    return joined(kept, fresh) if len(fresh) else kept


def _cleared(indexed: IndexedNote, stays: Collection[Whose]) -> dict[str, object]:
    note = indexed.note
    return {
        "workspace": note.ref.workspace,
        "entity": note.ref.entity,
        "id": note.ref.id,
        "client": note.client,
        "day": note.day,
        "models": [model for model in indexed.models if (note.ref, model) in stays],
    }


# As in clear: a note after the other, and what stays is written again only where its note moved.
_CLEAR = text("""
WITH gone AS (
  DELETE FROM sealed_vectors WHERE sealed_vectors.workspace_id = :workspace AND entity = :entity AND entity_id = :id
    AND model <> ALL(CAST(:models AS text[])))
UPDATE sealed_vectors SET client_id = :client, day = CAST(:day AS date)
WHERE sealed_vectors.workspace_id = :workspace AND entity = :entity AND entity_id = :id
  AND model = ANY(CAST(:models AS text[])) AND (client_id <> :client OR day IS DISTINCT FROM CAST(:day AS date))
""")


def _of(workspace: WorkspaceId, model: str) -> tuple[ColumnElement[bool], ...]:
    return inside(sealed_vectors, workspace, ANYWHERE), sealed_vectors.c.model == model


def _reading(part: Part, *chosen: ColumnElement[bool]) -> Any:
    """What it takes to open one column of the rows."""
    table = sealed_vectors
    return select(
        *(table.c.workspace_id, table.c.entity, table.c.entity_id, table.c.model),
        *(table.c.client_id, table.c.day, table.c.key_epoch, table.c[part]),
    ).where(and_(*chosen))


def _nearest(vector: Half, limit: int, notes: Sequence[Packed]) -> list[tuple[Any, ...]]:
    """A page's best, and those as near as the last of them; ordered as SQL orders them, nearest first."""
    rows = open_rows(notes)
    if not len(rows):
        return []
    near = np.round(_cosines(rows.halves, vector), EVEN)
    least = np.partition(near, -limit)[-limit] if limit < len(near) else near.min()
    return [_found(rows, near, int(number)) for number in np.flatnonzero(near >= least)]


def _cosines(halves: Half, vector: Half) -> NDArray[np.float64]:
    """In half precision, as pgvector compares: numpy would take 60 times as long to make singles of them first."""
    distances = np.asarray(numkong.cdist(vector.reshape(1, -1), halves, "angular"))[0]
    cosines: NDArray[np.float64] = np.nan_to_num(1.0 - distances, nan=-1.0)
    return cosines


def _found(rows: ChunkRows, near: NDArray[np.float64], number: int) -> tuple[Any, ...]:
    at = rows.placed
    note = int(at.note[number])
    ref, field = at.notes[note], at.fields[at.field[number]]
    return (
        -float(near[number]),
        ref.id,
        field,
        int(at.ordinal[number]),
        ref.entity,
        ref,
        at.clients[note],
    )


def _hit(found: tuple[Any, ...]) -> Hit:
    distance, _, field, ordinal, _, ref, client = found
    similarity = min(1.0, max(0.0, -distance))
    return Hit(ref=ref, client=client, field=field, ordinal=ordinal, similarity=similarity)


def _fill(found: NDArray[np.float16], places: Sequence[ChunkPlace], rows: ChunkRows) -> None:
    """Puts each vector where its place is."""
    known = {place: number for number, place in enumerate(rows.placed.places)}
    there = [(row, known[place]) for row, place in enumerate(places) if place in known]
    if there:
        into, out_of = zip(*there, strict=True)
        found[list(into)] = rows.halves[list(out_of)]
