"""Workspace keys: wrapped in Postgres, opened here, remembered for a few minutes."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append
from service.adapters.database import Database, workspace_keys
from service.domain.audit import AuditEntry
from service.domain.identity import WorkspaceId
from service.errors import KeyUnavailable
from service.ports import Clock, KeyStore, WorkspaceKeys
from service.security.keys import KeyEncryptionKey, new_key

REMEMBER = timedelta(minutes=5)
MOST = 1000


@dataclass(slots=True)
class PgKeyStore:
    """Keeps KeyStore. Opened keys live in memory only, bounded in number and time."""

    database: Database
    kek: KeyEncryptionKey
    clock: Clock
    _open: OrderedDict[WorkspaceId, tuple[datetime, WorkspaceKeys]] = field(
        default_factory=OrderedDict, repr=False
    )

    async def keys(self, *, workspace: WorkspaceId) -> WorkspaceKeys:
        """Raises StoreUnavailable, or KeyUnavailable when another key-encryption key wrapped them."""
        remembered = self._open.get(workspace)
        if remembered and remembered[0] > self.clock():
            return remembered[1]
        row = await self._read_or_make(workspace)
        return self._remember(self._unwrap(row))

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets the opened keys, as when the workspace is erased."""
        self._open.pop(workspace, None)

    def _remember(self, keys: WorkspaceKeys) -> WorkspaceKeys:
        self._open[keys.workspace] = (self.clock() + REMEMBER, keys)
        self._open.move_to_end(keys.workspace)
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return keys

    async def _read_or_make(self, workspace: WorkspaceId) -> Row[Any]:
        newest = (
            select(workspace_keys)
            .where(workspace_keys.c.workspace_id == workspace)
            .order_by(workspace_keys.c.epoch.desc())
            .limit(1)
        )
        async with self.database.tenant_tx(workspace) as connection:
            row = (await connection.execute(newest)).one_or_none()
            if row is None:
                await self._make(connection, workspace)
                row = (await connection.execute(newest)).one()
        return row

    async def _make(self, connection: AsyncConnection, workspace: WorkspaceId) -> None:
        """Two processes may meet here: one insert wins and is told in the trail, both read what it wrote."""
        fresh = self._fresh(workspace)
        made = insert(workspace_keys).values(fresh).on_conflict_do_nothing()
        if (await connection.execute(made.returning(workspace_keys.c.epoch))).first():
            told = {"workspace_keys": fresh["epoch"], "wrapped_by": fresh["kek_id"]}
            await append(connection, AuditEntry("keys.changed", details=told), workspace=workspace)

    def _fresh(self, workspace: WorkspaceId) -> dict[str, object]:
        return {
            "workspace_id": workspace,
            # From the clock: keys made after an erasure are told from those other processes remember.
            "epoch": int(self.clock().timestamp()),
            "kek_id": self.kek.id,
            "wrapped_seal": self.kek.wrap(new_key(), place=_place(workspace, "seal")),
            "wrapped_index": self.kek.wrap(new_key(), place=_place(workspace, "index")),
        }

    def _unwrap(self, row: Row[Any]) -> WorkspaceKeys:
        if row.kek_id != self.kek.id:
            raise KeyUnavailable
        workspace = WorkspaceId(row.workspace_id)
        return WorkspaceKeys(
            workspace=workspace,
            epoch=row.epoch,
            seal=self.kek.unwrap(row.wrapped_seal, place=_place(workspace, "seal")),
            index=self.kek.unwrap(row.wrapped_index, place=_place(workspace, "index")),
        )


async def require_current(
    connection: AsyncConnection, keys: WorkspaceKeys, store: KeyStore
) -> None:
    """Raises KeyUnavailable when these keys were erased meanwhile, and makes `store` forget them.

    Until the end of the transaction nobody erases anything of the workspace: what was checked still holds.
    """
    await connection.execute(_LOCK_SHARED, {"name": _lock_name(keys.workspace)})
    query = select(workspace_keys.c.epoch).where(
        workspace_keys.c.workspace_id == keys.workspace, workspace_keys.c.epoch == keys.epoch
    )
    if (await connection.execute(query)).first() is None:
        store.drop(keys.workspace)
        raise KeyUnavailable


async def exclude_writers(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    """Waits for everybody who writes content of the workspace, and keeps others waiting until the commit.

    Whoever comes after it sees the tombstones and the keys as that commit left them.
    """
    await connection.execute(_LOCK, {"name": _lock_name(workspace)})


def _lock_name(workspace: WorkspaceId) -> str:
    return f"keys/{workspace}"


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_LOCK_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))")


def _place(workspace: WorkspaceId, purpose: str) -> tuple[str, str, str]:
    return ("workspace_keys", str(workspace), purpose)
