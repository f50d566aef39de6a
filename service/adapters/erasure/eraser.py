"""Forgetting for good, or shutting a workspace, each in one transaction that proves itself before it commits."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Uuid,
    any_,
    delete,
    exists,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append, close_open_chats
from service.adapters.erasure.shredding import (
    erase_sources,
    erase_talks_about,
    sessions_spoken_of,
)
from service.adapters.erasure.traces import KEEPING, traces
from service.adapters.index.catalogue import drop_client, drop_note, lock_client
from service.adapters.index.epochs import next_epoch
from service.adapters.key_store import shut_out_writers
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import (
    CONTENT_TABLES,
    WORKSPACE_STONES,
    backfills,
    erasures,
    event_ids,
    index_changes,
    key_rotations,
    note_catalogue,
    spending,
    switches,
    tombstones,
    work,
)
from service.adapters.work.wants import TOKEN, bury, finish
from service.domain.audit import Action, AuditEntry
from service.domain.erasure import SHUT, AskedBy, Receipt, SignedReceipt, Subject
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import NoteRef
from service.errors import TracesLeft
from service.ports.erasure import Erased
from service.ports.keys import KeyStore
from service.ports.work import Lease
from service.security.receipts import SigningKey, sign

# Chunks and bags go by cascade with the row they hang on.
INDEX_ROOTS = (note_catalogue, index_changes)
OF_WORKSPACE = (
    *(work, event_ids, switches, spending, backfills, key_rotations),
    *(table for table in CONTENT_TABLES if table not in KEEPING),
)
ACTIONS: dict[str, Action] = {
    "sessions": "note.erased",
    "clients": "client.erased",
    "workspaces": "workspace.erased",
}


@dataclass(frozen=True, slots=True)
class PgEraser:
    """Keeps Eraser. A shut or erased workspace has a tombstone: nothing of it is claimed, indexed or stored."""

    database: Database
    keys: KeyStore
    signing_key: Callable[[], SigningKey]

    async def forget_index(self, lease: Lease) -> bool:
        workspace = lease.workspace
        async with self.database.tenant_tx(workspace) as connection:
            # Fenced first: what a stalled worker learned before its lease ran out may be true no more.
            if not await finish(connection, lease):
                return False
            await bury(connection, [(workspace, SHUT, workspace)])
            await _end_other_work(connection, workspace)
            # In the order of a writer: else one that holds its note's lock would wait for ours, and we for its.
            await shut_out_writers(connection, workspace)
            for table in INDEX_ROOTS:
                await connection.execute(delete(table).where(table.c.workspace_id == workspace))
            await next_epoch(connection, workspace)
        return True

    async def erase(
        self,
        subject: Subject,
        *,
        asked_by: AskedBy,
        sessions: Collection[UUID] = (),
        lease: Lease | None = None,
    ) -> Erased | None:
        async with self.database.tenant_tx(subject.workspace) as connection:
            if subject.entity == "clients":
                await lock_client(connection, subject.workspace, ClientId(subject.id))
            if lease is not None and not await finish(connection, lease, gone=True):
                return None
            place = (subject.workspace, subject.entity, subject.id)
            await bury(connection, [place], asked_by=asked_by)
            receipt = await self._erase(connection, subject, sessions)
        if subject.entity == "workspaces":
            self.keys.drop(subject.workspace)
        return Erased(receipt)

    async def _erase(
        self,
        connection: AsyncConnection,
        subject: Subject,
        sessions: Collection[UUID],
    ) -> SignedReceipt | None:
        ids = {subject.id, *sessions, *await _sessions_of(connection, subject)}
        ended = await _end_work(connection, subject, ids)
        await shut_out_writers(connection, subject.workspace)
        ids |= set(await _sessions_of(connection, subject))
        removed = dict(await traces(connection, subject, ids))
        await _remove(connection, subject, ids)
        left = await traces(connection, subject, ids)
        if any(left.values()):
            raise TracesLeft
        removed["work"] += ended
        if not any(removed.values()) and await _has_receipt(connection, subject):
            return None  # a late event of what is erased already
        return await self._record(connection, subject, removed, left)

    async def _record(
        self,
        connection: AsyncConnection,
        subject: Subject,
        removed: Mapping[str, int],
        found: Mapping[str, int],
    ) -> SignedReceipt:
        """The receipt, and last the audit row: an erasure takes the chain's head after everything else."""
        asked_by: Any = await connection.scalar(
            select(tombstones.c.asked_by).where(*_stone(subject))
        )
        some = {table: count for table, count in removed.items() if count}
        receipt = Receipt(uuid4(), subject, datetime.now(UTC), asked_by, some, found)
        signed = sign(receipt, self.signing_key())
        await connection.execute(insert(erasures).values(_row(signed)))
        told = {"entity_id": str(subject.id), "receipt": str(receipt.id), "asked_by": asked_by}
        entry = AuditEntry(ACTIONS[subject.entity], details=told)
        await append(connection, entry, workspace=subject.workspace)
        return signed

    async def keep(self, receipt: SignedReceipt) -> None:
        """Takes back a receipt that a restored database does not have."""
        missing = ~exists().where(erasures.c.id == receipt.id)
        async with self.database.system_tx() as connection:
            if await connection.scalar(select(missing)):
                await connection.execute(insert(erasures).values(_row(receipt)))

    async def receipt_ids(self) -> frozenset[UUID]:
        async with self.database.system_tx() as connection:
            return frozenset(await connection.scalars(select(erasures.c.id)))

    async def receipts(
        self, *, workspace: WorkspaceId | None = None, ids: Collection[UUID] | None = None
    ) -> Sequence[SignedReceipt]:
        query = select(erasures).order_by(erasures.c.at, erasures.c.id)
        if workspace is not None:
            query = query.where(erasures.c.workspace_id == workspace)
        if ids is not None:
            query = query.where(erasures.c.id == any_(literal([*ids], ARRAY(Uuid))))
        async with self.database.system_tx() as connection:
            rows = await connection.execute(query)
            return [SignedReceipt(row.receipt, row.keyid, row.signature) for row in rows]

    async def reopen(self, *, workspace: WorkspaceId) -> bool:
        """A suspended workspace by being active; an erased one by a status event younger than its tombstone only."""
        ordered = exists().where(
            event_ids.c.workspace_id == workspace,
            event_ids.c.entity == "workspaces",
            event_ids.c.kind == "status",
            event_ids.c.occurred_at > tombstones.c.at,
        )
        mine = _stones(workspace)
        opened = delete(tombstones).where(*mine, (tombstones.c.entity == SHUT) | ordered)
        async with self.database.system_tx() as connection:
            await connection.execute(opened)
            return not await connection.scalar(select(exists().where(*mine)))

    async def lift(self, subject: Subject) -> bool:
        workspace = subject.workspace
        stone = _stones(workspace) if subject.entity == "workspaces" else _stone(subject)
        async with self.database.tenant_tx(workspace) as connection:
            lifted = bool((await connection.execute(delete(tombstones).where(*stone))).rowcount)
            if lifted:
                told = {"entity": subject.entity, "entity_id": str(subject.id)}
                await append(
                    connection, AuditEntry("erasure.lifted", details=told), workspace=workspace
                )
        return lifted


def _row(signed: SignedReceipt) -> dict[str, object]:
    subject = signed.subject
    return {
        "id": signed.id,
        "workspace_id": subject.workspace,
        "entity": subject.entity,
        "entity_id": subject.id,
        "at": datetime.fromisoformat(signed.told["at"]),
        "receipt": dict(signed.told),
        "keyid": signed.keyid,
        "signature": signed.signature,
    }


async def _sessions_of(connection: AsyncConnection, subject: Subject) -> Iterable[UUID]:
    """The sessions of a client that the index or a conversation knows of."""
    if subject.entity != "clients":
        return ()
    client = ClientId(subject.id)
    indexed = select(note_catalogue.c.entity_id).where(
        note_catalogue.c.workspace_id == subject.workspace, note_catalogue.c.client_id == client
    )
    known = set(await connection.scalars(indexed))
    return known | await sessions_spoken_of(connection, client, workspace=subject.workspace)


async def _end_work(connection: AsyncConnection, subject: Subject, ids: Collection[UUID]) -> int:
    """In the order of a worker's own transaction: the client's lock, work, the keys' lock.

    Waits for whoever is writing one of these notes, and fences whoever only holds its lease.
    """
    mine = work.c.workspace_id == subject.workspace
    if subject.entity != "workspaces":
        mine &= work.c.key.in_(ids)
    return int((await connection.execute(delete(work).where(mine))).rowcount)


async def _remove(connection: AsyncConnection, subject: Subject, ids: Collection[UUID]) -> None:
    workspace = subject.workspace
    if subject.entity == "workspaces":
        await _remove_workspace(connection, workspace)
        return
    if subject.entity == "clients":
        await drop_client(connection, workspace, ClientId(subject.id))
        await erase_talks_about(connection, ClientId(subject.id), workspace=workspace)
    for session in ids:
        await drop_note(connection, NoteRef(workspace, "sessions", session))
    await erase_sources(connection, ids, workspace=workspace)
    await _end_work(connection, subject, ids)  # of what was indexed while we waited
    await connection.execute(
        update(backfills).where(backfills.c.after_id.in_(ids)).values(after_id=None)
    )
    # The epochs that told of them are told no more, and neither is this one: every memory rebuilds.
    named = index_changes.c.workspace_id == workspace, index_changes.c.entity_id.in_(ids)
    await connection.execute(delete(index_changes).where(*named))
    await next_epoch(connection, workspace)


async def _remove_workspace(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    """Without its keys, sealed copies elsewhere stay shut. A question under way is closed without an answer."""
    for table in OF_WORKSPACE:
        await connection.execute(delete(table).where(table.c.workspace_id == workspace))
    place = {"at_workspace": None, "after_id": None, "asked": 0}
    passing = update(backfills).where(backfills.c.at_workspace == workspace)
    await connection.execute(passing.values(place))
    await close_open_chats(connection, workspace=workspace)


async def _has_receipt(connection: AsyncConnection, subject: Subject) -> bool:
    there = exists().where(
        erasures.c.workspace_id == subject.workspace,
        erasures.c.entity == subject.entity,
        erasures.c.entity_id == subject.id,
    )
    return bool(await connection.scalar(select(there)))


def _stone(subject: Subject) -> tuple[ColumnElement[bool], ...]:
    return (
        tombstones.c.workspace_id == subject.workspace,
        tombstones.c.entity == subject.entity,
        tombstones.c.entity_id == subject.id,
    )


def _stones(workspace: WorkspaceId) -> tuple[ColumnElement[bool], ...]:
    return (
        tombstones.c.workspace_id == workspace,
        tombstones.c.entity.in_(WORKSPACE_STONES),
        tombstones.c.entity_id == workspace,
    )


async def _end_other_work(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    """Waits for whoever is writing a note, and fences the rest."""
    others = work.c.workspace_id == workspace, work.c.kind != "workspaces"
    ended = {"done": work.c.wanted, "token": TOKEN, "attempts": 0}
    await connection.execute(
        update(work).where(*others).values(ended | {"lease_until": None, "parked_at": None})
    )
