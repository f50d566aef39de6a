"""Chunks, bags and the catalogue in Postgres: exact search inside a workspace, one short transaction a write."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, and_, exists, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.index.batch_writes import (
    CataloguedNotes,
    Sorted,
    catalogued,
    held_still,
    share_clients,
    sort_out,
    write_all,
)
from service.adapters.index.catalogue import (
    archive_client,
    client_state,
    course,
    coverage,
    drop_client,
    drop_note,
    entry,
    lock_client,
    named,
    of_client,
    searched_of,
)
from service.adapters.index.epochs import Touched, epoch_of, next_epoch, touched_since
from service.adapters.index.index_models import models_of
from service.adapters.index.scoped import drop_of_notes, of_touched
from service.adapters.index.sealed_bags import open_bag
from service.adapters.index.sealed_rows import names_in, risk_in
from service.adapters.index.vector_table import VectorTable
from service.adapters.key_store import require_current, with_current_keys, with_living_keys
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import audit_heads, bags, index_models, note_catalogue, work
from service.adapters.work.wants import finish, finish_all, raise_wants
from service.domain.answers import Hit, SearchStatement
from service.domain.audit import SERVICE_CHAIN
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Bag, Client, Entity, ManifestItem, NoteRef, Person
from service.domain.risk import RiskNote
from service.domain.scope import IndexedSession, Within
from service.ports.index import (
    ChunkPlace,
    IndexDelta,
    IndexedNote,
    IndexModels,
    IndexState,
)
from service.ports.keys import KeyStore, WorkspaceKeys
from service.ports.models import Vector
from service.ports.work import Lease
from service.vectors.rows import ChunkCodes, ChunkRows

T = TypeVar("T")

BAGS_AT_ONCE = 200
"""Opened in one go: 4 ms of a thread."""


@dataclass(frozen=True, slots=True)
class PgChunkStore:
    """Keeps ChunkStore."""

    database: Database
    keys: KeyStore
    vectors: VectorTable

    async def replace(self, indexed: IndexedNote, *, lease: Lease) -> bool:
        [written] = await self.replace_all([(indexed, lease)])
        return written

    async def replace_all(self, notes: Sequence[tuple[IndexedNote, Lease]]) -> Sequence[bool]:
        if not notes:
            return []
        workspace = notes[0][1].workspace
        return await with_current_keys(
            self.keys, workspace, lambda keys: self._replace_all(notes, keys)
        )

    async def _replace_all(
        self, notes: Sequence[tuple[IndexedNote, Lease]], keys: WorkspaceKeys
    ) -> Sequence[bool]:
        workspace = keys.workspace
        async with self.database.tenant_tx(workspace) as connection:
            await share_clients(connection, workspace, {one.note.client for one, _ in notes})
            held = await held_still(connection, [lease for _, lease in notes])
            mine = [one for one, lease in notes if lease.key in held]
            if not mine:
                return [False] * len(notes)
            await require_current(connection, keys, self.keys)
            chosen, known = await sort_out(connection, workspace, mine)
            done = set(chosen.refs)
            if not done:
                await connection.rollback()
                return [False] * len(notes)
            gone = [one.note.ref for one in chosen.shut_out]
            await drop_of_notes(connection, note_catalogue, workspace, gone)
            await write_all(connection, chosen.written, keys, self.vectors, known=known)
            finished = [lease for one, lease in notes if one.note.ref in done]
            await finish_all(connection, finished)
            await _tell_of(connection, workspace, chosen, known)
        return [one.note.ref in done for one, _ in notes]

    async def forget(self, ref: NoteRef, *, lease: Lease) -> bool:
        async with self.database.tenant_tx(ref.workspace) as connection:
            if not await finish(connection, lease, gone=True):
                return False
            if await drop_note(connection, ref):
                await next_epoch(connection, ref.workspace, [_place(ref)])
        return True

    async def put_client(
        self,
        client: Client,
        indexed: IndexedNote | None,
        *,
        lease: Lease,
        wake: Sequence[UUID] = (),
    ) -> bool:
        return await with_current_keys(
            self.keys,
            lease.workspace,
            lambda keys: self._put_client(client, indexed, lease, wake, keys),
        )

    async def _put_client(
        self,
        client: Client,
        indexed: IndexedNote | None,
        lease: Lease,
        wake: Sequence[UUID],
        keys: WorkspaceKeys,
    ) -> bool:
        async with self.database.tenant_tx(lease.workspace) as connection:
            await lock_client(connection, lease.workspace, client.id)
            if not await finish(connection, lease):
                return False
            before = await client_state(connection, lease.workspace, client.id)
            # A client never seen before may already have sessions that were put off; looking is cheap.
            if indexed is not None and before != "active":
                wanted = [(lease.workspace, "sessions", session) for session in wake]
                # A lost index has lost every client: all their notes at once would be in the way of changes.
                await raise_wants(connection, wanted, background=lease.background)
            # After all work: an erasure that has a note's would wait for the keys, and this for the note.
            await require_current(connection, keys, self.keys)
            if indexed is None:
                await archive_client(connection, client, lease.workspace)
            elif not await self._write_profile(connection, client, indexed, keys):
                await connection.rollback()
                return False
            await next_epoch(connection, lease.workspace, [_place(client.profile.ref)])
        return True

    async def forget_client(self, ref: NoteRef, *, lease: Lease) -> bool:
        async with self.database.tenant_tx(ref.workspace) as connection:
            await lock_client(connection, ref.workspace, ClientId(ref.id))
            if not await finish(connection, lease, gone=True):
                return False
            if await drop_client(connection, ref.workspace, ClientId(ref.id)):
                await next_epoch(connection, ref.workspace, [_place(ref)])
        return True

    async def _write_profile(
        self,
        connection: AsyncConnection,
        client: Client,
        indexed: IndexedNote,
        keys: WorkspaceKeys,
    ) -> bool:
        """Not asking whether the client is shut out: this is what brings them back."""
        chosen, known = await sort_out(connection, keys.workspace, [indexed], shut=())
        await write_all(connection, chosen.written, keys, self.vectors, known=known, of=client)
        return bool(chosen.written)

    async def models(self, *, workspace: WorkspaceId) -> IndexModels | None:
        async with self.database.tenant_tx(workspace) as connection:
            return await models_of(connection, workspace)

    async def digests_of(self, refs: Sequence[NoteRef]) -> dict[NoteRef, dict[str, dict[str, str]]]:
        if not refs:
            return {}
        async with self.database.tenant_tx(refs[0].workspace) as connection:
            known = await catalogued(connection, refs[0].workspace, refs)
        return {ref: one.digests for ref, one in known.items()}

    async def search(
        self,
        vector: Vector,
        *,
        workspace: WorkspaceId,
        model: str,
        within: Within,
        limit: int,
    ) -> Sequence[Hit]:
        return await self.vectors.search(
            vector, workspace=workspace, model=model, within=within, limit=limit
        )

    async def is_larger(self, than: int, *, workspace: WorkspaceId, model: str) -> bool:
        return await self.vectors.counted(than + 1, workspace=workspace, model=model) > than

    async def chunk_rows(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkRows]:
        return await self.vectors.rows(workspace=workspace, model=model)

    async def changed_chunks(
        self, *, workspace: WorkspaceId, model: str, since: int
    ) -> IndexDelta[ChunkRows] | None:
        found = await self.vectors.changed(workspace=workspace, model=model, since=since)
        return _delta(*found) if found else None

    async def chunk_codes(
        self, *, workspace: WorkspaceId, model: str
    ) -> tuple[int, ChunkCodes] | None:
        return await self.vectors.codes(workspace=workspace, model=model)

    async def halves(
        self, places: Sequence[ChunkPlace], *, workspace: WorkspaceId, model: str
    ) -> NDArray[np.float16]:
        return await self.vectors.halves(places, workspace=workspace, model=model)

    async def state(self, *, workspace: WorkspaceId) -> IndexState:
        return await self.database.index_state(workspace)

    async def epoch(self, *, workspace: WorkspaceId) -> int:
        return (await self.database.index_state(workspace)).epoch

    async def bags(self, *, workspace: WorkspaceId) -> tuple[int, Sequence[Bag]]:
        return await with_living_keys(self.keys, workspace, self._bags)

    async def _bags(self, keys: WorkspaceKeys) -> tuple[int, Sequence[Bag]]:
        workspace = keys.workspace
        query = select(bags).where(bags.c.workspace_id == workspace)
        async with self.database.tenant_tx(workspace) as connection:
            # The epoch first: a change between the two reads makes the cache look old, never too new.
            epoch = await epoch_of(connection, workspace)
            return epoch, await _open_all(connection, query, keys)

    async def changed_bags(
        self, *, workspace: WorkspaceId, since: int
    ) -> IndexDelta[Sequence[Bag]] | None:
        return await with_living_keys(
            self.keys, workspace, lambda keys: self._changed_bags(keys, since)
        )

    async def _changed_bags(
        self, keys: WorkspaceKeys, since: int
    ) -> IndexDelta[Sequence[Bag]] | None:
        async with self.database.tenant_tx(keys.workspace) as connection:
            touched = await touched_since(connection, keys.workspace, since)
            if touched is None:
                return None
            theirs = bags.c.workspace_id == keys.workspace, of_touched(bags, touched)
            query = select(bags).where(*theirs)
            rows = (await connection.execute(query)).all()
        return _delta(touched, await asyncio.to_thread(_open_bags, rows, keys))

    async def people(self, *, workspace: WorkspaceId) -> tuple[int, Sequence[Person]]:
        return await with_living_keys(self.keys, workspace, self._people)

    async def _people(self, keys: WorkspaceKeys) -> tuple[int, Sequence[Person]]:
        async with self.database.tenant_tx(keys.workspace) as connection:
            epoch = await epoch_of(connection, keys.workspace)  # first, as for bags
            rows = (await connection.execute(named(keys.workspace))).all()
        return epoch, [names_in(row, keys) for row in rows]

    async def changed_clients(
        self, *, workspace: WorkspaceId, since: int
    ) -> tuple[int, frozenset[ClientId]] | None:
        async with self.database.tenant_tx(workspace) as connection:
            touched = await touched_since(connection, workspace, since)
        return (touched.epoch, touched.clients) if touched else None

    async def risks(
        self, *, workspace: WorkspaceId, clients: Collection[ClientId]
    ) -> Sequence[RiskNote]:
        return await with_living_keys(self.keys, workspace, lambda keys: self._risks(clients, keys))

    async def _risks(
        self, clients: Collection[ClientId], keys: WorkspaceKeys
    ) -> Sequence[RiskNote]:
        async with self.database.tenant_tx(keys.workspace) as connection:
            rows = (await connection.execute(searched_of(clients, keys.workspace))).all()
        return [note for row in rows if (note := risk_in(row, keys))]

    async def knows_client(self, client: ClientId, *, workspace: WorkspaceId) -> bool:
        known = select(note_catalogue.c.entity_id).where(
            of_client(note_catalogue, workspace, client), note_catalogue.c.state != "archived"
        )
        async with self.database.tenant_tx(workspace) as connection:
            return bool(await connection.scalar(select(known.exists())))

    async def coverage(self, *, workspace: WorkspaceId, within: Within) -> SearchStatement:
        async with self.database.tenant_tx(workspace) as connection:
            row = (await connection.execute(coverage(workspace, within))).one()
            open_work = await connection.scalar(_open_work(workspace))
        return SearchStatement(
            notes_read=row.notes,
            first_day=row.first_day,
            last_day=row.last_day,
            drafts=row.drafts,
            complete=not open_work,
            unsearched_drafts=row.unsearched,
        )

    async def sessions(self, *, workspace: WorkspaceId, within: Within) -> Sequence[IndexedSession]:
        async with self.database.tenant_tx(workspace) as connection:
            rows = (await connection.execute(course(workspace, within))).all()
        return [
            IndexedSession(row.entity_id, ClientId(row.client_id), row.day, row.state == "draft")
            for row in rows
        ]

    async def catalogue(self, *, workspace: WorkspaceId) -> Sequence[ManifestItem]:
        table = note_catalogue
        query: Any = select(table).where(table.c.workspace_id == workspace)
        async with self.database.tenant_tx(workspace) as connection:
            return [entry(row) for row in await connection.execute(query)]

    async def workspaces(self) -> frozenset[WorkspaceId]:
        """By the heads of audit chains: whoever has keys has a row that tells of their making."""
        async with self.database.system_tx() as connection:
            known = await connection.scalars(select(audit_heads.c.workspace_id))
            return frozenset(WorkspaceId(one) for one in known) - {SERVICE_CHAIN}


def _delta(touched: Touched, rows: T) -> IndexDelta[T]:
    return IndexDelta(touched.epoch, touched.notes, touched.clients, rows)


def _place(ref: NoteRef) -> tuple[Entity, UUID]:
    return ref.entity, ref.id


async def _tell_of(
    connection: AsyncConnection, workspace: WorkspaceId, chosen: Sorted, known: CataloguedNotes
) -> None:
    """A draft is saved every few seconds, and each epoch costs whoever remembers the workspace a look."""
    found_before = {ref for ref, held in known.items() if held.is_searched}
    told = [one.note.ref for one in (*chosen.written, *chosen.shut_out) if one.is_searched]
    told += [ref for ref in chosen.refs if ref in found_before]
    if told:
        await next_epoch(connection, workspace, [_place(ref) for ref in dict.fromkeys(told)])


def _open_work(workspace: WorkspaceId) -> Any:
    waiting = select(work.c.key).where(
        work.c.workspace_id == workspace,
        work.c.wanted > work.c.done,
        work.c.kind != "reconcile",  # a comparison; what it finds is wanted by itself
        not_(and_(work.c.background, _lacks_the_second_model(workspace))),
    )
    return select(waiting.exists())


def _lacks_the_second_model(workspace: WorkspaceId) -> ColumnElement[bool]:
    """The work is on a note that questions find, and another model is to be filled: a reindex, and no change."""
    return exists().where(
        index_models.c.workspace_id == workspace,
        note_catalogue.c.workspace_id == workspace,
        note_catalogue.c.entity == work.c.kind,
        note_catalogue.c.entity_id == work.c.key,
        note_catalogue.c.digests.has_key(index_models.c.active),
        not_(note_catalogue.c.digests.has_key(index_models.c.beside)),
    )


async def _open_all(connection: AsyncConnection, query: Any, keys: WorkspaceKeys) -> list[Bag]:
    """Some are opened in a thread while the next are read: nobody else waits, and not all sealed rows are held."""
    opened: list[Bag] = []
    opening: asyncio.Task[list[Bag]] | None = None
    result = await connection.stream(query.execution_options(yield_per=BAGS_AT_ONCE))
    async for rows in result.partitions():
        if opening:
            opened += await opening
        opening = asyncio.create_task(asyncio.to_thread(_open_bags, rows, keys))
    return opened + (await opening if opening else [])


def _open_bags(rows: Sequence[Row[Any]], keys: WorkspaceKeys) -> list[Bag]:
    return [open_bag(row, keys) for row in rows]
