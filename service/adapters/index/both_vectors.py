"""Vectors written in one way, and read in both: whatever the setting was when a note was indexed, it is found."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.index.epochs import Touched, next_epoch
from service.adapters.index.plain_vectors import PlainVectors
from service.adapters.index.sealed_rows import ref_of
from service.adapters.index.sealed_vectors import SealedVectors
from service.adapters.index.vector_table import VectorHome, VectorTable
from service.adapters.key_store import require_current, with_current_keys
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import note_catalogue, sealed_vectors, session_vectors
from service.domain.answers import Hit
from service.domain.identity import WorkspaceId
from service.domain.notes import Entity, NoteRef
from service.domain.scope import Within
from service.ports.index import ChunkPlace, IndexedNote, IndexModels
from service.ports.keys import KeyStore, WorkspaceKeys
from service.ports.models import Vector
from service.vectors.merging import (
    codes_without,
    merged_codes,
    merged_rows,
    without,
)
from service.vectors.rows import ChunkCodes, ChunkRows

NOTES = 50
"""Moved in one transaction: whoever writes one of them waits so long."""
PAUSE_SECONDS = 0.2
TRIES = 3
Kind = Literal["plain", "sealed"]


@dataclass(frozen=True, slots=True)
class BothVectors:
    """Keeps VectorTable. All of a note's vectors stand in one table; a write moves them into the right one.

    The other table is read first: a note on its way is then seen twice, and never not at all.
    """

    database: Database
    keys: KeyStore
    written: VectorHome
    other: VectorHome
    elsewhere: Table
    """What `other` reads."""

    async def swap(
        self,
        connection: AsyncConnection,
        notes: Sequence[IndexedNote],
        keys: WorkspaceKeys,
        *,
        there: Collection[NoteRef],
    ) -> None:
        await self._move(connection, there, keys)
        await self.written.swap(connection, notes, keys, there=there)

    async def _move(
        self, connection: AsyncConnection, refs: Collection[NoteRef], keys: WorkspaceKeys
    ) -> None:
        """Nothing is embedded anew: it is the same vectors."""
        if refs and (taken := await self.other.take(connection, refs, keys)):
            await self.written.put(connection, taken, keys)

    async def drop_stale(
        self,
        connection: AsyncConnection,
        workspace: WorkspaceId,
        held: IndexModels,
        notes: Collection[tuple[Entity, UUID]],
    ) -> int:
        both = self.other, self.written
        return sum([await one.drop_stale(connection, workspace, held, notes) for one in both])

    async def search(
        self, vector: Vector, *, workspace: WorkspaceId, model: str, within: Within, limit: int
    ) -> Sequence[Hit]:
        hits = {
            (hit.ref, hit.field, hit.ordinal): hit
            for table in await self._read(workspace, model)
            for hit in await table.search(
                vector, workspace=workspace, model=model, within=within, limit=limit
            )
        }
        return sorted(hits.values(), key=_nearest_first)[:limit]

    async def counted(self, most: int, *, workspace: WorkspaceId, model: str) -> int:
        both = self.other, self.written
        return sum([await one.counted(most, workspace=workspace, model=model) for one in both])

    async def rows(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkRows]:
        *others, written = await self._read(workspace, model)
        if not others:
            return await written.rows(workspace=workspace, model=model)
        epoch, old = await others[0].rows(workspace=workspace, model=model)
        _, rows = await written.rows(workspace=workspace, model=model)
        return epoch, merged_rows([without(old, set(rows.placed.notes)), rows])

    async def codes(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkCodes] | None:
        *others, written = await self._read(workspace, model)
        if not others:
            return await written.codes(workspace=workspace, model=model)
        old = await others[0].codes(workspace=workspace, model=model)
        new = await written.codes(workspace=workspace, model=model)
        if old is None or new is None:
            return None
        rest = codes_without(old[1], set(new[1].placed.notes))
        return old[0], merged_codes([rest, new[1]])

    async def changed(
        self, *, workspace: WorkspaceId, model: str, since: int
    ) -> tuple[Touched, ChunkRows] | None:
        """None too where nothing stood still while both were read."""
        *others, written = await self._read(workspace, model)
        if not others:
            return await written.changed(workspace=workspace, model=model, since=since)
        for _ in range(TRIES):
            old = await others[0].changed(workspace=workspace, model=model, since=since)
            new = await written.changed(workspace=workspace, model=model, since=since)
            if old is None or new is None:
                return None
            if old[0] == new[0]:
                return new[0], merged_rows([old[1], new[1]])
        return None

    async def halves(
        self, places: Sequence[ChunkPlace], *, workspace: WorkspaceId, model: str
    ) -> NDArray[np.float16]:
        """The other table is asked for what is missing only: nearly always nothing, in the middle of a question."""
        found = await self.written.halves(places, workspace=workspace, model=model)
        missing = np.flatnonzero(np.isnan(found[:, 0]))
        if len(missing):
            others = [places[number] for number in missing.tolist()]
            found = found.copy()
            found[missing] = await self.other.halves(others, workspace=workspace, model=model)
        return found

    async def elsewhere_of(self, *, workspace: WorkspaceId) -> int:
        """How many notes have their vectors in the other table."""
        table = self.elsewhere
        notes = select(table.c.entity, table.c.entity_id).where(table.c.workspace_id == workspace)
        counted = select(func.count()).select_from(notes.distinct().subquery())
        async with self.database.tenant_tx(workspace) as connection:
            return await connection.scalar(counted) or 0

    async def elsewhere_in_all(self) -> int:
        """About how many rows of all workspaces the other table has, by the server's own count; no wall is passed."""
        async with self.database.system_tx() as connection:
            return await connection.scalar(_ABOUT, {"table": self.elsewhere.name}) or 0

    async def move(self, *, workspace: WorkspaceId) -> int:
        """Brings all that stands in the other table over, a few notes at a time; how many.

        Harmless when it is cut off and done again. Raises KeyUnavailable, SealBroken.
        """
        total = 0
        while await self.elsewhere_of(workspace=workspace):
            moved = await with_current_keys(self.keys, workspace, self._move_some)
            total += moved
            if not moved:  # whoever is writing the rest will be done in a moment
                await asyncio.sleep(PAUSE_SECONDS)
        return total

    async def _move_some(self, keys: WorkspaceKeys) -> int:
        async with self.database.tenant_tx(keys.workspace) as connection:
            await require_current(connection, keys, self.keys)
            notes = (await connection.execute(self._some(keys.workspace))).all()
            await self._move(connection, [ref_of(row) for row in notes], keys)
            if notes:
                touched = [(row.entity, row.entity_id) for row in notes]
                await next_epoch(connection, keys.workspace, touched)
        return len(notes)

    def _some(self, workspace: WorkspaceId) -> Any:
        """Locked as by whoever writes a note, before its vectors; one that somebody holds is passed over."""
        note, there = note_catalogue, self.elsewhere
        standing = exists().where(
            there.c.workspace_id == workspace,
            there.c.entity == note.c.entity,
            there.c.entity_id == note.c.entity_id,
        )
        columns = note.c.workspace_id, note.c.entity, note.c.entity_id
        query = select(*columns).where(note.c.workspace_id == workspace, standing)
        return query.limit(NOTES).with_for_update(skip_locked=True)

    async def _read(self, workspace: WorkspaceId, model: str) -> Sequence[VectorTable]:
        """The tables that something stands in, the one that is written to last; mostly that one alone."""
        some = await self.other.counted(1, workspace=workspace, model=model)
        return [self.other, self.written] if some else [self.written]


_ABOUT = text("SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = :table")


def _nearest_first(hit: Hit) -> tuple[Any, ...]:
    return -hit.similarity, hit.ref.id, hit.field, hit.ordinal


def vectors_in(kind: Kind, database: Database, keys: KeyStore) -> BothVectors:
    """Vectors as the setting says."""
    plain, sealed = PlainVectors(database), SealedVectors(database, keys)
    if kind == "sealed":
        return BothVectors(database, keys, sealed, plain, session_vectors)
    return BothVectors(database, keys, plain, sealed, sealed_vectors)
