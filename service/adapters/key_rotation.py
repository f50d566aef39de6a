"""Changing the keys of workspaces while the service runs: data keys anew, and the key they are wrapped with."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, Table, and_, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append
from service.adapters.conversations.sealed_turns import reseal_turn
from service.adapters.index.sealed_bags import reseal_bag
from service.adapters.index.sealed_rows import reseal_row
from service.adapters.index.sealed_vectors import reseal_vectors
from service.adapters.key_store import PgKeyStore, add_keys, require_current, shut_out_writers
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import (
    bags,
    key_rotations,
    note_catalogue,
    sealed_vectors,
    turns,
    workspace_keys,
)
from service.domain.audit import SERVICE_CHAIN, AuditEntry
from service.domain.identity import WorkspaceId
from service.errors import BadSettings, KeyUnavailable, SealBroken
from service.ports.keys import WorkspaceKeys
from service.security.keys import new_key

BATCH = 50
"""Rows resealed in one transaction: 34 ms at the median on 2 busy cores; whoever changes one of them waits so long."""
PATIENCE = 100
PAUSE = 0.1
"""So often and so long (s) is waited for rows that somebody else is changing."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table with sealed columns: how its rows are told apart, and how one is sealed anew."""

    table: Table
    key: tuple[str, ...]
    reseal: Callable[[Row[Any], WorkspaceKeys], dict[str, object]]


SEALED = (
    Sealed(bags, ("entity", "entity_id"), reseal_bag),
    Sealed(note_catalogue, ("entity", "entity_id"), reseal_row),
    Sealed(sealed_vectors, ("entity", "entity_id", "model"), reseal_vectors),
    Sealed(turns, ("id",), reseal_turn),
)
"""Every table with a key epoch: one that is not here would lose its key. A row without an epoch has nothing sealed."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """What became of a workspace's rows."""

    rows: int
    """Sealed anew by this run."""
    left: int
    """Still under an older key, which therefore stays: broken, or held by somebody for very long."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A stored key, by its names."""

    workspace: WorkspaceId
    epoch: int
    kek_id: str


@dataclass(frozen=True, slots=True)
class PgKeyRotation:
    """Every step may be cut off anywhere and done again; nothing is ever sealed under a key that is not stored."""

    database: Database
    keys: PgKeyStore

    async def refuse_narrow_login(self) -> None:
        """Raises BadSettings for a login that may not take keys away, as the API's."""
        async with self.database.system_tx() as connection:
            if not await connection.scalar(_MAY):
                raise BadSettings("DATABASE_URL: changing keys takes the worker's login")

    async def begin(self, *, workspace: WorkspaceId | None) -> datetime:
        """The moment that keys must be younger than, of one workspace or all: of an unfinished rotation, or now."""
        scope = _scope(workspace)
        started = select(key_rotations.c.started_at).where(key_rotations.c.workspace_id == scope)
        async with self.database.system_tx() as connection:
            await connection.execute(
                insert(key_rotations).values(workspace_id=scope).on_conflict_do_nothing()
            )
            moment: datetime = (await connection.execute(started)).scalar_one()
        return moment

    async def finish(self, *, workspace: WorkspaceId | None) -> None:
        async with self.database.system_tx() as connection:
            await connection.execute(
                delete(key_rotations).where(key_rotations.c.workspace_id == _scope(workspace))
            )

    async def stored(self, *, workspace: WorkspaceId) -> Sequence[KeyRow]:
        rows = await self.keys.living(workspace=workspace)
        return [KeyRow(workspace, row.epoch, row.kek_id) for row in rows]

    async def renew(self, *, workspace: WorkspaceId, older_than: datetime) -> bool:
        """Makes a new epoch with the same index key, unless the newest is young enough; new rows are sealed with it."""
        rows = await self.keys.living(workspace=workspace)
        if not rows or rows[0].created_at >= older_than:
            return False
        newest = rows[0]
        epoch = self.keys.next_epoch(after=newest.epoch)
        index = await self.keys.unwrap(newest, "index")
        fresh = await self.keys.wrap(workspace, epoch, seal=new_key(), index=index)
        async with self.database.tenant_tx(workspace) as connection:
            await shut_out_writers(connection, workspace)
            if await connection.scalar(_newest(workspace)) != newest.epoch:
                return False  # another operator was first, or the workspace was erased
            await add_keys(connection, fresh, instead_of=newest.epoch)
        self.keys.drop(workspace)
        return True

    async def stale(self, *, workspace: WorkspaceId) -> int:
        """How many rows are sealed with another key than the newest."""
        async with self.database.tenant_tx(workspace) as connection:
            epoch = await connection.scalar(_newest(workspace))
            return sum([await _count(connection, sealed, workspace, epoch) for sealed in SEALED])

    async def reseal(
        self, *, workspace: WorkspaceId, on_rows: Callable[[int], None] = lambda _: None
    ) -> Resealed:
        """Seals every row with the newest key, and destroys each older one that no row needs any more.

        Raises KeysRotated where yet newer keys are made meanwhile.
        """
        # Not `keys.keys`, which would make some for a workspace that was just erased.
        if not (stored := await self.keys.living(workspace=workspace)):
            return Resealed(0, 0)
        keys = await self.keys.opened(stored)
        rows = idle = 0
        while True:
            done, broken = await self._pass(keys, on_rows)
            rows, idle = rows + done, 0 if done else idle + 1
            left = await self.stale(workspace=workspace)
            if left <= broken or idle == PATIENCE:
                break
            await asyncio.sleep(PAUSE)
        await self._destroy_older(keys)
        return Resealed(rows, left)

    async def rewrap(self, *, workspace: WorkspaceId) -> int:
        """Wraps a workspace's keys with the present key-encryption key; how many were under another.

        Raises KeyUnavailable where one is under a key-encryption key that is not here.
        """
        rows = await self.keys.living(workspace=workspace)
        made = [(row, await self._rewrapped(row)) for row in rows if row.kek_id != self.keys.kek.id]
        if not made:
            return 0
        async with self.database.tenant_tx(workspace) as connection:
            changed = [row for row, fresh in made if await _swap(connection, row, fresh)]
            if changed:
                told = {"rewrapped": sorted(row.epoch for row in changed)}
                await _tell(connection, workspace, told | {"wrapped_by": self.keys.kek.id})
        return len(changed)

    async def _rewrapped(self, row: Row[Any]) -> dict[str, object]:
        return await self.keys.wrap(
            WorkspaceId(row.workspace_id),
            row.epoch,
            seal=await self.keys.unwrap(row, "seal"),
            index=await self.keys.unwrap(row, "index"),
        )

    async def _pass(self, keys: WorkspaceKeys, on_rows: Callable[[int], None]) -> tuple[int, int]:
        """Once through all rows, those left out that somebody holds; how many are done, how many do not open."""
        done = broken = 0
        for sealed in SEALED:
            last: Row[Any] | None = None
            while batch := await self._reseal_some(sealed, keys, after=last):
                last = batch.last
                done, broken = done + batch.done, broken + batch.broken
                on_rows(batch.done)
        return done, broken

    async def _reseal_some(
        self, sealed: Sealed, keys: WorkspaceKeys, *, after: Row[Any] | None
    ) -> "_Batch | None":
        broken = 0
        async with self.database.tenant_tx(keys.workspace) as connection:
            # As every writer: else newer keys could be made, and these destroyed, before this commits.
            await require_current(connection, keys, self.keys)
            rows = (await connection.execute(_some(sealed, keys, after))).all()
            for row in rows:
                try:
                    changed = sealed.reseal(row, keys)
                except (SealBroken, KeyUnavailable):
                    broken += 1
                else:
                    await connection.execute(_change(sealed, row, changed))
        return _Batch(rows[-1], len(rows) - broken, broken) if rows else None

    async def _destroy_older(self, keys: WorkspaceKeys) -> None:
        """Whoever still seals has committed by then, so a key that no row needs will not be needed any more."""
        workspace = keys.workspace
        async with self.database.tenant_tx(workspace) as connection:
            await shut_out_writers(connection, workspace)
            needless = delete(workspace_keys).where(
                workspace_keys.c.workspace_id == workspace,
                workspace_keys.c.epoch < keys.epoch,
                *(~_under(sealed, workspace).exists() for sealed in SEALED),
            )
            gone = await connection.scalars(needless.returning(workspace_keys.c.epoch))
            if epochs := sorted(gone):
                await _tell(
                    connection, workspace, {"workspace_keys": keys.epoch, "destroyed": epochs}
                )
        self.keys.drop(workspace)


@dataclass(frozen=True, slots=True)
class _Batch:
    last: Row[Any]
    done: int
    broken: int


_MAY = text("SELECT has_table_privilege(current_user, 'workspace_keys', 'DELETE')")


def _scope(workspace: WorkspaceId | None) -> WorkspaceId:
    return SERVICE_CHAIN if workspace is None else workspace


async def _tell(
    connection: AsyncConnection, workspace: WorkspaceId, details: dict[str, object]
) -> None:
    await append(connection, AuditEntry("keys.changed", details=details), workspace=workspace)


def _newest(workspace: WorkspaceId) -> Select[Any]:
    mine = workspace_keys.c.workspace_id == workspace
    return select(func.max(workspace_keys.c.epoch)).where(mine)


async def _count(
    connection: AsyncConnection, sealed: Sealed, workspace: WorkspaceId, epoch: int
) -> int:
    table = sealed.table
    stale = and_(table.c.workspace_id == workspace, table.c.key_epoch != epoch)
    return await connection.scalar(select(func.count()).select_from(table).where(stale)) or 0


def _some(sealed: Sealed, keys: WorkspaceKeys, after: Row[Any] | None) -> Select[Any]:
    """The next rows under another key, locked. A row that somebody holds is passed over: waiting for it while holding
    others could be a deadlock with whoever shreds many turns."""
    table, key = sealed.table, tuple_(*(sealed.table.c[name] for name in sealed.key))
    stale = and_(table.c.workspace_id == keys.workspace, table.c.key_epoch != keys.epoch)
    query = select(table).where(stale).order_by(*key).limit(BATCH)
    if after is not None:
        query = query.where(key > tuple_(*(after._mapping[name] for name in sealed.key)))
    return query.with_for_update(skip_locked=True)


def _change(sealed: Sealed, row: Row[Any], changed: dict[str, object]) -> Any:
    table, same = sealed.table, row._mapping
    key = (table.c[name] == same[name] for name in sealed.key)
    mine = table.c.workspace_id == row.workspace_id
    return update(table).where(mine, *key).values(changed)


def _under(sealed: Sealed, workspace: WorkspaceId) -> Select[Any]:
    """The rows that need the key of the epoch in question."""
    table = sealed.table
    return select(table.c.key_epoch).where(
        table.c.workspace_id == workspace, table.c.key_epoch == workspace_keys.c.epoch
    )


async def _swap(connection: AsyncConnection, row: Row[Any], fresh: dict[str, object]) -> bool:
    """Unless the row went meanwhile, or somebody else wrapped it anew."""
    same = {name: fresh[name] for name in ("kek_id", "wrapped_seal", "wrapped_index")}
    was = (
        workspace_keys.c[name] == row._mapping[name] for name in ("workspace_id", "epoch", "kek_id")
    )
    return bool(
        (await connection.execute(update(workspace_keys).where(*was).values(same))).rowcount
    )
