"""The audit trail in Postgres: one chain a workspace, appended to under its head's lock."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Uuid, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import (
    INSTANT,
    audit,
    audit_checkpoints,
    audit_heads,
    open_chats,
)
from service.domain.audit import SERVICE_CHAIN, Action, AuditEntry, AuditRow
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.errors import ChatAlreadyClosed
from service.ports.audit import AuditDepth, AuditHead, OpenChat
from service.security.chain import GENESIS, Checkpoint, linked
from service.telemetry.metrics import AUDIT_ROWS

PAGE = 500


@dataclass(frozen=True, slots=True)
class PgAuditLog:
    """The trail of who used the assistant on what: one chain of hashes a workspace, which only grows."""

    database: Database

    async def append(self, entry: AuditEntry, *, workspace: WorkspaceId) -> int:
        """Commits a row at the end of the workspace's chain; returns its number in it.

        Raises StoreUnavailable; ChatAlreadyClosed where a second closing row of a chat was asked for.
        """
        async with self.database.tenant_tx(workspace) as connection:
            return await append(connection, entry, workspace=workspace)

    async def open_chats(self, *, opened_before: datetime, limit: int) -> Sequence[OpenChat]:
        query = select(open_chats).where(open_chats.c.opened_at < opened_before)
        async with self.database.system_tx() as connection:
            rows = await connection.execute(query.order_by(open_chats.c.opened_at).limit(limit))
            return [
                OpenChat(WorkspaceId(row.workspace_id), row.chat_id, UserId(row.user_id))
                for row in rows
            ]

    async def heads(self) -> Sequence[AuditHead]:
        async with self.database.system_tx() as connection:
            rows = await connection.execute(
                select(audit_heads).order_by(audit_heads.c.workspace_id)
            )
            return [_head(row) for row in rows]

    async def head(self, *, workspace: WorkspaceId) -> AuditHead | None:
        query = select(audit_heads).where(audit_heads.c.workspace_id == workspace)
        async with self.database.system_tx() as connection:
            row = (await connection.execute(query)).one_or_none()
        return _head(row) if row else None

    async def depth(self) -> AuditDepth:
        async with self.database.system_tx() as connection:
            row = (await connection.execute(_DEPTH)).one()
        return AuditDepth(int(row.waiting), row.open, float(row.oldest))

    async def rows(
        self, *, workspace: WorkspaceId, after: int = 0, limit: int = PAGE
    ) -> Sequence[AuditRow]:
        query = select(audit).where(audit.c.workspace_id == workspace, audit.c.seq > after)
        async with self.database.tenant_tx(workspace) as connection:
            found = await connection.execute(query.order_by(audit.c.seq).limit(limit))
            return [_row(row) for row in found]

    async def last(self, action: Action, *, workspace: WorkspaceId) -> AuditRow | None:
        """The newest row of its kind."""
        query = select(audit).where(audit.c.workspace_id == workspace, audit.c.action == action)
        async with self.database.tenant_tx(workspace) as connection:
            found = await connection.execute(query.order_by(audit.c.seq.desc()).limit(1))
            row = found.one_or_none()
        return _row(row) if row else None

    async def all_rows(
        self, *, workspace: WorkspaceId, after: int = 0
    ) -> AsyncGenerator[AuditRow, None]:
        """The whole chain, page by page, none of them held."""
        while page := await self.rows(workspace=workspace, after=after):
            for row in page:
                yield row
            after = page[-1].seq

    async def checkpoints(self, *, workspace: WorkspaceId) -> Sequence[Checkpoint]:
        query = select(audit_checkpoints).where(audit_checkpoints.c.workspace_id == workspace)
        async with self.database.tenant_tx(workspace) as connection:
            rows = await connection.execute(query.order_by(audit_checkpoints.c.seq))
            return [_checkpoint(row) for row in rows]

    async def last_checkpoint(self, *, workspace: WorkspaceId) -> Checkpoint | None:
        query = select(audit_checkpoints).where(audit_checkpoints.c.workspace_id == workspace)
        latest = query.order_by(audit_checkpoints.c.seq.desc()).limit(1)
        async with self.database.tenant_tx(workspace) as connection:
            row = (await connection.execute(latest)).one_or_none()
        return _checkpoint(row) if row else None

    async def keep_checkpoint(self, point: Checkpoint) -> None:
        """Stores a signed checkpoint; one that another worker stored first is left as it is."""
        made = {
            "workspace_id": point.workspace,
            "seq": point.seq,
            "hash": point.hash,
            "at": point.at,
            "keyid": point.keyid,
            "signature": point.signature,
        }
        async with self.database.tenant_tx(point.workspace) as connection:
            await connection.execute(
                insert(audit_checkpoints).values(made).on_conflict_do_nothing()
            )
            await connection.execute(_reached(point.workspace, "checkpointed", point.seq))

    async def forwarded(self, *, workspace: WorkspaceId, seq: int) -> None:
        """Remembers that PazPaz has every row up to this one."""
        async with self.database.system_tx() as connection:
            await connection.execute(_reached(workspace, "forwarded", seq))

    async def prune(self, *, workspace: WorkspaceId, before: datetime) -> int:
        """Removes the rows up to the last checkpoint signed before that moment; how many. Needs the owner's login.

        That checkpoint stays: it says what the rest begins after.
        """
        points = audit_checkpoints.c
        last = select(func.max(points.seq)).where(
            points.workspace_id == workspace, points.at < before
        )
        async with self.database.tenant_tx(workspace) as connection:
            through = await connection.scalar(last) or 0
            rows = delete(audit).where(audit.c.workspace_id == workspace, audit.c.seq <= through)
            await connection.execute(
                delete(audit_checkpoints).where(
                    points.workspace_id == workspace, points.seq < through
                )
            )
            gone = (await connection.execute(rows)).rowcount
            if gone:
                told = {"through": through, "rows": gone}
                await append(
                    connection, AuditEntry("audit.pruned", details=told), workspace=workspace
                )
            return gone

    async def about(
        self,
        *,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        user: UserId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[AuditRow]:
        """The rows of a time, of a user, and about a client: in scope or by a note, and the other row of that chat."""
        query = select(audit).where(audit.c.workspace_id == workspace)
        if client:
            touches = _touches(client)
            chats = select(audit.c.chat_id).where(audit.c.workspace_id == workspace, touches)
            query = query.where(touches | audit.c.chat_id.in_(chats))
        if user:
            query = query.where(audit.c.user_id == user)
        if since:
            query = query.where(audit.c.at >= since)
        if until:
            query = query.where(audit.c.at < until)
        async with self.database.tenant_tx(workspace) as connection:
            return [_row(row) for row in await connection.execute(query.order_by(audit.c.seq))]


def _touches(client: ClientId) -> ColumnElement[bool]:
    details, id = audit.c.details, str(client)
    return details.contains({"client": id}) | details.contains({"notes": [{"client": id}]})


_DEPTH = text(
    "SELECT (SELECT coalesce(sum(seq - forwarded), 0) FROM audit_heads WHERE workspace_id <> :service) AS waiting,"
    " count(*) AS open, coalesce(extract(epoch FROM clock_timestamp() - min(opened_at)), 0) AS oldest"
    " FROM open_chats"
).bindparams(service=SERVICE_CHAIN)


async def append(connection: AsyncConnection, entry: AuditEntry, *, workspace: WorkspaceId) -> int:
    """Adds a row in a transaction of the caller's, and its number.

    The head's row is the lock: whoever counts it up first is first in the chain, and a rollback counts it down.
    Raises ChatAlreadyClosed, after which the transaction must not be committed.
    """
    seq, at, previous = (await connection.execute(_NEXT, {"workspace": workspace})).all()[0]
    if previous is None:
        previous = await _previous(connection, workspace, seq)
    row = linked(entry, workspace=workspace, seq=seq, at=at, previous=previous)
    entering = _ENTERING.get(entry.action, _ENTERING_ALONE)
    if (await connection.execute(entering, _values(row))).first() is None:
        raise ChatAlreadyClosed
    AUDIT_ROWS.labels(action=entry.action).inc()
    return row.seq


async def close_open_chats(connection: AsyncConnection, *, workspace: WorkspaceId) -> None:
    """Closes the questions under way as ended without an answer; their own closing finds that, and shows nothing."""
    held = select(audit_heads.c.seq).where(audit_heads.c.workspace_id == workspace)
    await connection.execute(held.with_for_update())  # nobody opens or closes one meanwhile
    left = select(open_chats).where(open_chats.c.workspace_id == workspace)
    for row in (await connection.execute(left)).all():
        entry = AuditEntry.left_open(user=UserId(row.user_id), chat=row.chat_id)
        await append(connection, entry, workspace=workspace)


async def _previous(connection: AsyncConnection, workspace: WorkspaceId, seq: int) -> bytes:
    """Of a row that the counting statement did not see: it came while that waited for the head, or is not there."""
    if seq == 1:
        return GENESIS
    found = await connection.scalar(_hash_of(workspace, seq - 1))
    if found is None:  # pruned up to here, or somebody's tampering: the checkpoint knows
        found = await connection.scalar(_checkpointed_hash(workspace, seq - 1)) or GENESIS
    return bytes(found)


# A row that is there is the right one: none is ever changed. So only who waited for another's must look again.
_NEXT = text("""
WITH head AS (
  INSERT INTO audit_heads AS held (workspace_id, seq) VALUES (:workspace, 1)
  ON CONFLICT (workspace_id) DO UPDATE SET seq = held.seq + 1
  RETURNING seq, clock_timestamp() AS at)
SELECT head.seq, head.at, audit.hash
FROM head LEFT JOIN audit ON audit.workspace_id = :workspace AND audit.seq = head.seq - 1
""").bindparams(bindparam("workspace", type_=Uuid))

_CHAT = {name: bindparam(name, type_=Uuid) for name in ("workspace_id", "chat_id", "user_id")}


def _entering(tracked: Any = None) -> Any:
    """Tells of a second closing by returning nothing; whatever else collides is an error, and no closed chat.

    Built once: with what it does beside, building took longer than sending.
    """
    columns = {column.name: bindparam(column.name, type_=column.type) for column in audit.c}
    entered = (
        insert(audit)
        .values(columns)
        .on_conflict_do_nothing(
            index_elements=["workspace_id", "chat_id"],
            index_where=text("action = 'chat.closed'"),
        )
        .returning(audit.c.seq)
    )
    return entered if tracked is None else entered.add_cte(tracked.cte("tracked"))


# What the sweeper looks at: a chat is in the list exactly while it has no closing row.
_ENTERING_ALONE = _entering()
_ENTERING: Mapping[str, Any] = {
    "chat.opened": _entering(
        insert(open_chats).values({**_CHAT, "opened_at": bindparam("at", type_=INSTANT)})
    ),
    "chat.closed": _entering(
        delete(open_chats).where(
            open_chats.c.workspace_id == _CHAT["workspace_id"],
            open_chats.c.chat_id == _CHAT["chat_id"],
        )
    ),
}


def _hash_of(workspace: WorkspaceId, seq: int) -> Any:
    return select(audit.c.hash).where(audit.c.workspace_id == workspace, audit.c.seq == seq)


def _checkpointed_hash(workspace: WorkspaceId, seq: int) -> Any:
    points = audit_checkpoints.c
    return select(points.hash).where(points.workspace_id == workspace, points.seq == seq)


def _reached(workspace: WorkspaceId, counter: str, seq: int) -> Any:
    column = audit_heads.c[counter]
    return (
        update(audit_heads)
        .where(audit_heads.c.workspace_id == workspace)
        .values({counter: func.greatest(column, seq)})
    )


def _values(row: AuditRow) -> dict[str, Any]:
    return {
        "workspace_id": row.workspace,
        "seq": row.seq,
        "at": row.at,
        "action": row.entry.action,
        "user_id": row.entry.user,
        "chat_id": row.entry.chat,
        "details": dict(row.entry.details),
        "previous": row.previous,
        "hash": row.hash,
    }


def _head(row: Row[Any]) -> AuditHead:
    return AuditHead(WorkspaceId(row.workspace_id), row.seq, row.forwarded, row.checkpointed)


def _checkpoint(row: Row[Any]) -> Checkpoint:
    workspace = WorkspaceId(row.workspace_id)
    return Checkpoint(workspace, row.seq, row.hash, row.at, row.keyid, row.signature)


def _row(row: Row[Any]) -> AuditRow:
    user = UserId(row.user_id) if row.user_id else None
    entry = AuditEntry(row.action, user=user, chat=row.chat_id, details=row.details)
    return AuditRow(WorkspaceId(row.workspace_id), row.seq, row.at, entry, row.previous, row.hash)
