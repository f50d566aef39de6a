"""Chunks, bags and the catalogue in Postgres: exact search inside a workspace, one short transaction a write."""

from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    and_,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.database import (
    WORKSPACE_STONES,
    Database,
    audit_heads,
    bags,
    index_epoch,
    index_models,
    note_catalogue,
    tombstones,
    work,
)
from service.adapters.epochs import Touched, epoch_of, next_epoch, touched_since
from service.adapters.index_models import covers, models_in, models_of
from service.adapters.key_store import require_current, with_current_keys, with_living_keys
from service.adapters.scoped import inside, is_note
from service.adapters.sealed_rows import NOTHING_SEALED, names_in, ref_of, risk_in, seal_row
from service.adapters.vector_table import VectorTable
from service.adapters.work_queue import finish, raise_wants
from service.domain.answers import Hit, SearchStatement
from service.domain.audit import SERVICE_CHAIN
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Bag, Client, Entity, ManifestItem, NoteRef, Person
from service.domain.risk import RiskNote
from service.domain.scope import IndexedSession, Within
from service.ports import (
    ChunkPlace,
    ClientChange,
    IndexDelta,
    IndexedNote,
    IndexModels,
    IndexState,
    KeyStore,
    Lease,
    Vector,
    WorkspaceKeys,
)
from service.security.sealing import seal, unseal
from service.vectors.rows import ChunkCodes, ChunkRows

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PgChunkStore:
    """Keeps ChunkStore."""

    database: Database
    keys: KeyStore
    vectors: VectorTable

    async def replace(self, indexed: IndexedNote, *, lease: Lease) -> bool:
        return await with_current_keys(
            self.keys, lease.workspace, lambda keys: self._replace(indexed, lease, keys)
        )

    async def _replace(self, indexed: IndexedNote, lease: Lease, keys: WorkspaceKeys) -> bool:
        async with self.database.tenant_tx(lease.workspace) as connection:
            await lock_client(connection, lease.workspace, indexed.note.client)
            if not await finish(connection, lease):
                return False
            await require_current(connection, keys, self.keys)
            found_before = await _is_searched(connection, indexed.note.ref)
            if await _client_is_shut(connection, lease.workspace, indexed.note.client):
                await drop_note(connection, indexed.note.ref)
            elif not await self._write(connection, indexed, keys):
                await connection.rollback()
                return False
            # A draft is saved every few seconds, and each epoch costs whoever remembers the workspace a look.
            if indexed.is_searched or found_before:
                await next_epoch(connection, lease.workspace, [_place(indexed.note.ref)])
        return True

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
    ) -> ClientChange | None:
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
    ) -> ClientChange | None:
        async with self.database.tenant_tx(lease.workspace) as connection:
            await lock_client(connection, lease.workspace, client.id)
            if not await finish(connection, lease):
                return None
            before = await _client_state(connection, lease.workspace, client.id)
            await require_current(connection, keys, self.keys)
            if indexed is None:
                await _archive_client(connection, client, lease.workspace)
            elif not await self._write(connection, indexed, keys, of=client):
                await connection.rollback()
                return None
            # A client never seen before may already have sessions that were put off; looking is cheap.
            change = ClientChange(became_active=indexed is not None and before != "active")
            if change.became_active:
                wanted = Counter((lease.workspace, "sessions", session) for session in wake)
                # A lost index has lost every client: all their notes at once would be in the way of changes.
                await raise_wants(connection, wanted, background=lease.background)
            await next_epoch(connection, lease.workspace, [_place(client.profile.ref)])
        return change

    async def forget_client(self, ref: NoteRef, *, lease: Lease) -> bool:
        async with self.database.tenant_tx(ref.workspace) as connection:
            await lock_client(connection, ref.workspace, ClientId(ref.id))
            if not await finish(connection, lease, gone=True):
                return False
            if await drop_client(connection, ref.workspace, ClientId(ref.id)):
                await next_epoch(connection, ref.workspace, [_place(ref)])
        return True

    async def _write(
        self,
        connection: AsyncConnection,
        indexed: IndexedNote,
        keys: WorkspaceKeys,
        *,
        of: Client | None = None,
    ) -> bool:
        """False when chunks to be kept are gone, whose digests would claim an index that nobody made again; or when a
        model of the workspace would be left behind. `of` is the client whose profile it is, and who has names."""
        if indexed.is_searched:
            covered = await covers(connection, indexed.note.ref.workspace, indexed.models)
            if not covered or not await _stands(connection, indexed):
                return False
        sealed = seal_row(indexed.note.ref, indexed.risk, keys, of=of)
        await _catalogue(connection, indexed, sealed if indexed.is_searched else NOTHING_SEALED)
        await self.vectors.swap(connection, indexed, keys)
        await _swap_bag(connection, indexed.bag, keys)
        return True

    async def models(self, *, workspace: WorkspaceId) -> IndexModels | None:
        async with self.database.tenant_tx(workspace) as connection:
            return await models_of(connection, workspace)

    async def digests(self, ref: NoteRef) -> dict[str, dict[str, str]]:
        query = select(note_catalogue.c.digests).where(is_note(note_catalogue, ref))
        async with self.database.tenant_tx(ref.workspace) as connection:
            return dict(await connection.scalar(query) or {})

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
        return await self.vectors.is_larger(than, workspace=workspace, model=model)

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
        async with self.database.tenant_tx(workspace) as connection:
            row = (await connection.execute(_state(workspace))).one_or_none()
        return IndexState(row.epoch, models_in(row) if row.active else None) if row else UNWRITTEN

    async def epoch(self, *, workspace: WorkspaceId) -> int:
        async with self.database.tenant_tx(workspace) as connection:
            return await epoch_of(connection, workspace)

    async def bags(self, *, workspace: WorkspaceId) -> tuple[int, Sequence[Bag]]:
        return await with_living_keys(self.keys, workspace, self._bags)

    async def _bags(self, keys: WorkspaceKeys) -> tuple[int, Sequence[Bag]]:
        workspace = keys.workspace
        query = select(bags).where(bags.c.workspace_id == workspace)
        async with self.database.tenant_tx(workspace) as connection:
            # The epoch first: a change between the two reads makes the cache look old, never too new.
            epoch = await epoch_of(connection, workspace)
            rows = (await connection.execute(query)).all()
        return epoch, [_open_bag(row, keys) for row in rows]

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
            theirs = or_(
                tuple_(bags.c.entity, bags.c.entity_id).in_(
                    [(ref.entity, ref.id) for ref in touched.notes]
                ),
                bags.c.client_id.in_(touched.clients),
            )
            query = select(bags).where(bags.c.workspace_id == keys.workspace, theirs)
            rows = (await connection.execute(query)).all()
        return _delta(touched, [_open_bag(row, keys) for row in rows])

    async def people(self, *, workspace: WorkspaceId) -> tuple[int, Sequence[Person]]:
        return await with_living_keys(self.keys, workspace, self._people)

    async def _people(self, keys: WorkspaceKeys) -> tuple[int, Sequence[Person]]:
        async with self.database.tenant_tx(keys.workspace) as connection:
            epoch = await epoch_of(connection, keys.workspace)  # first, as for bags
            rows = (await connection.execute(_named(keys.workspace))).all()
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
            rows = (await connection.execute(_searched_of(clients, keys.workspace))).all()
        return [note for row in rows if (note := risk_in(row, keys))]

    async def knows_client(self, client: ClientId, *, workspace: WorkspaceId) -> bool:
        known = select(note_catalogue.c.entity_id).where(
            _of_client(note_catalogue, workspace, client), note_catalogue.c.state != "archived"
        )
        async with self.database.tenant_tx(workspace) as connection:
            return bool(await connection.scalar(select(known.exists())))

    async def coverage(self, *, workspace: WorkspaceId, within: Within) -> SearchStatement:
        async with self.database.tenant_tx(workspace) as connection:
            row = (await connection.execute(_coverage(workspace, within))).one()
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
            rows = (await connection.execute(_course(workspace, within))).all()
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


def entry(row: Row[Any]) -> ManifestItem:
    return ManifestItem(
        entity=row.entity,
        id=row.entity_id,
        client=ClientId(row.client_id),
        state=row.state,
        updated_at=row.updated_at,
        version=row.version,
        is_searched=row.is_searched,
    )


def _delta(touched: Touched, rows: T) -> IndexDelta[T]:
    return IndexDelta(touched.epoch, touched.notes, touched.clients, rows)


def _place(ref: NoteRef) -> tuple[Entity, UUID]:
    return ref.entity, ref.id


def _of_client(table: Table, workspace: WorkspaceId, client: UUID) -> ColumnElement[bool]:
    return and_(table.c.workspace_id == workspace, table.c.client_id == client)


def _course(workspace: WorkspaceId, within: Within) -> Any:
    table = note_catalogue
    return (
        select(table.c.entity_id, table.c.client_id, table.c.day, table.c.state)
        .where(inside(table, workspace, within), table.c.entity == "sessions", table.c.is_searched)
        .order_by(table.c.day, table.c.entity_id)
    )


def _coverage(workspace: WorkspaceId, within: Within) -> Any:
    table = note_catalogue
    searched = and_(table.c.is_searched, inside(table, workspace, within))
    return select(
        func.count().filter(searched).label("notes"),
        func.min(table.c.day).filter(searched).label("first_day"),
        func.max(table.c.day).filter(searched).label("last_day"),
        func.count().filter(searched, table.c.state == "draft").label("drafts"),
        func.count().filter(not_(table.c.is_searched)).label("unsearched"),
    ).where(inside(table, workspace, replace(within, sessions=None)), table.c.entity == "sessions")


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


UNWRITTEN = IndexState(0, None)
"""Of a workspace that nothing was ever written to: its first write makes the epoch."""


def _state(workspace: WorkspaceId) -> Any:
    """In one snapshot, so that no write lies between the two."""
    both = index_epoch.outerjoin(
        index_models, index_models.c.workspace_id == index_epoch.c.workspace_id
    )
    return (
        select(index_epoch.c.epoch, index_models.c.active, index_models.c.beside)
        .select_from(both)
        .where(index_epoch.c.workspace_id == workspace)
    )


async def lock_client(
    connection: AsyncConnection, workspace: WorkspaceId, client: ClientId
) -> None:
    """Archiving a client and indexing one of their sessions wait for each other, or one would undo the other.

    Before any row of work: who brings a client back wants the rows of all their sessions, and would wait in a ring
    with whoever holds one of them and waits here (2 deadlocks in 24 such meetings of three workers).
    """
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"{workspace}/{client}"},
    )


async def _client_state(
    connection: AsyncConnection, workspace: WorkspaceId, client: ClientId
) -> str | None:
    query = select(note_catalogue.c.state).where(
        is_note(note_catalogue, NoteRef(workspace, "clients", client))
    )
    state: str | None = await connection.scalar(query)
    return state


async def _is_searched(connection: AsyncConnection, ref: NoteRef) -> bool:
    query = select(note_catalogue.c.is_searched).where(is_note(note_catalogue, ref))
    return bool(await connection.scalar(query))


async def _client_is_shut(
    connection: AsyncConnection, workspace: WorkspaceId, client: ClientId
) -> bool:
    """Archived, or purged, or the workspace is shut: what was pulled before must not come back, and no event of
    its own will follow."""
    buried = select(tombstones.c.at).where(
        tombstones.c.workspace_id == workspace,
        tombstones.c.entity_id.in_([client, workspace]),
        tombstones.c.entity.in_(["clients", *WORKSPACE_STONES]),
    )
    return (
        await _client_state(connection, workspace, client) == "archived"
        or (await connection.execute(buried)).first() is not None
    )


async def drop_note(connection: AsyncConnection, ref: NoteRef) -> int:
    """The catalogue row, and by cascade its chunks and its bag; how many rows there were."""
    gone = await connection.execute(delete(note_catalogue).where(is_note(note_catalogue, ref)))
    return int(gone.rowcount)


async def drop_client(connection: AsyncConnection, workspace: WorkspaceId, client: ClientId) -> int:
    """The same of everything of a client."""
    theirs = delete(note_catalogue).where(_of_client(note_catalogue, workspace, client))
    return int((await connection.execute(theirs)).rowcount)


async def _archive_client(
    connection: AsyncConnection, client: Client, workspace: WorkspaceId
) -> None:
    """Forgets everything of the client but the fact that they are archived."""
    await drop_client(connection, workspace, client.id)
    await connection.execute(
        insert(note_catalogue).values(
            workspace_id=workspace,
            entity="clients",
            entity_id=client.id,
            client_id=client.id,
            state="archived",
            updated_at=client.profile.updated_at,
        )
    )


async def _stands(connection: AsyncConnection, indexed: IndexedNote) -> bool:
    if not any(space.kept for space in indexed.spaces):
        return True
    query = select(note_catalogue.c.digests).where(is_note(note_catalogue, indexed.note.ref))
    stored = await connection.scalar(query.with_for_update()) or {}
    return all(
        stored.get(space.model, {}).get(field) == space.digests[field]
        for space in indexed.spaces
        for field in space.kept
    )


def _key_of(ref: NoteRef) -> dict[str, object]:
    return {"workspace_id": ref.workspace, "entity": ref.entity, "entity_id": ref.id}


async def _catalogue(
    connection: AsyncConnection, indexed: IndexedNote, sealed: dict[str, object]
) -> None:
    note = indexed.note
    row = sealed | {
        "client_id": note.client,
        "day": note.day,
        "state": note.state,
        "version": note.version,
        "updated_at": note.updated_at,
        "digests": indexed.digests,
        "texts": indexed.texts,
        "is_searched": indexed.is_searched,
    }
    await connection.execute(
        insert(note_catalogue)
        .values(_key_of(note.ref) | row)
        .on_conflict_do_update(index_elements=["workspace_id", "entity", "entity_id"], set_=row)
    )


async def _swap_bag(connection: AsyncConnection, bag: Bag, keys: WorkspaceKeys) -> None:
    await connection.execute(delete(bags).where(is_note(bags, bag.ref)))
    if bag.features:
        await connection.execute(insert(bags).values(sealed_bag(bag, keys)))


def sealed_bag(bag: Bag, keys: WorkspaceKeys) -> dict[str, object]:
    """A bag as its row."""
    sealed = seal(_pack(bag), key=keys.seal, place=_bag_place(bag.ref))
    row = {"client_id": bag.client, "day": bag.day, "key_epoch": keys.epoch, "sealed": sealed}
    return _key_of(bag.ref) | row


def reseal_bag(row: Row[Any], keys: WorkspaceKeys) -> dict[str, object]:
    """A stored bag under the newest key, as the columns to change. Raises KeyUnavailable, SealBroken."""
    place = _bag_place(ref_of(row))
    plain = unseal(row.sealed, key=keys.seal_of(row.key_epoch), place=place)
    return {"key_epoch": keys.epoch, "sealed": seal(plain, key=keys.seal, place=place)}


def _bag_place(ref: NoteRef) -> tuple[str, ...]:
    return ("bags", str(ref.workspace), ref.entity, str(ref.id))


def _named(workspace: WorkspaceId) -> Any:
    """A client of whom nothing is sealed was not looked at since names are, and is not there."""
    table = note_catalogue
    return _rows_of(workspace, table.c.entity == "clients", table.c.sealed.is_not(None))


def _searched_of(clients: Collection[ClientId], workspace: WorkspaceId) -> Any:
    table = note_catalogue
    searched = table.c.client_id.in_(clients), table.c.is_searched, table.c.state != "archived"
    newest = table.c.day.desc().nulls_last(), table.c.entity, table.c.entity_id
    return _rows_of(workspace, *searched).order_by(*newest)


def _rows_of(workspace: WorkspaceId, *chosen: ColumnElement[bool]) -> Any:
    """What it takes to open a row."""
    table = note_catalogue
    return select(
        *(table.c.workspace_id, table.c.entity, table.c.entity_id, table.c.client_id, table.c.day),
        *(table.c.key_epoch, table.c.sealed),
    ).where(table.c.workspace_id == workspace, *chosen)


def _pack(bag: Bag) -> bytes:
    """`n(4) | n hashes of 8 bytes | n counts of 4`, in the machine's order (little-endian everywhere we run)."""
    n = len(bag.features).to_bytes(4, "little")
    return n + array("Q", bag.features).tobytes() + array("I", bag.counts).tobytes()


def _open_bag(row: Row[Any], keys: WorkspaceKeys) -> Bag:
    ref = ref_of(row)
    data = unseal(row.sealed, key=keys.seal_of(row.key_epoch), place=_bag_place(ref))
    n = int.from_bytes(data[:4], "little")
    features, counts = array("Q", data[4 : 4 + 8 * n]), array("I", data[4 + 8 * n :])
    return Bag(ref, ClientId(row.client_id), row.day, tuple(features), tuple(counts))
