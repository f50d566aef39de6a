"""Workspace keys: wrapped in Postgres, opened here, remembered for a few minutes."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from sqlalchemy import Row, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import audit_heads, workspace_keys
from service.domain.audit import AuditEntry
from service.domain.identity import WorkspaceId
from service.errors import BadSettings, KeyUnavailable
from service.ports.clock import Clock
from service.ports.keys import KeyStore, KeyWrapper, WorkspaceKeys
from service.security.keys import new_key

REMEMBER = timedelta(minutes=5)
MOST = 1000
SOME = 20
TRIES = 3
"""A second rotation of the same workspace within one write is unlikely, a third is a fault."""

Purpose = Literal["seal", "index"]
R = TypeVar("R")


@dataclass(slots=True)
class PgKeyStore:
    """Keeps KeyStore. Opened keys live in memory only, bounded in number and time."""

    database: Database
    kek: KeyWrapper
    """Wraps new keys."""
    clock: Clock
    old: Sequence[KeyWrapper] = ()
    """Only unwrap: those that a change of the key-encryption key comes from, or goes to."""
    _open: OrderedDict[WorkspaceId, tuple[datetime, WorkspaceKeys]] = field(
        default_factory=OrderedDict, repr=False
    )

    async def keys(self, *, workspace: WorkspaceId) -> WorkspaceKeys:
        """Raises StoreUnavailable, or KeyUnavailable when a key-encryption key that is not here wrapped them."""
        remembered = self._open.get(workspace)
        if remembered and remembered[0] > self.clock():
            return remembered[1]
        rows = await self.living(workspace=workspace) or await self._make(workspace)
        return self._remember(await self.opened(rows))

    async def refuse_key_of_another(self) -> None:
        """Raises BadSettings where workspaces have keys, and ours opens none of those looked at: nobody could be
        answered, and a rollout would go on to the last pod. One that opens is enough, as while the key is changed."""
        ours, theirs = {self.kek.id, *(old.id for old in self.old)}, set()
        for workspace in await self._some_workspaces():
            wrapped_by = {row.kek_id for row in await self.living(workspace=workspace)}
            if wrapped_by & ours:
                return
            theirs |= wrapped_by
        if theirs:
            raise BadSettings(
                f"KEY_ENCRYPTION_KEY: this is {self.kek.id}, and what is stored was wrapped by"
                f" {', '.join(sorted(theirs))}; give that back, here or as a line of KEY_ENCRYPTION_KEYS_OLD_FILE"
            )

    async def _some_workspaces(self) -> Sequence[WorkspaceId]:
        """Those with the longest trails: the service's own chain and what was erased have no keys, and are passed."""
        async with self.database.system_tx() as connection:
            heads = await connection.scalars(
                select(audit_heads.c.workspace_id).order_by(audit_heads.c.seq.desc()).limit(SOME)
            )
            return [WorkspaceId(workspace) for workspace in heads]

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets the opened keys, as when the workspace is erased."""
        self._open.pop(workspace, None)

    async def living(self, *, workspace: WorkspaceId) -> Sequence[Row[Any]]:
        """The stored keys of every epoch that a row may still be sealed with, newest first."""
        async with self.database.tenant_tx(workspace) as connection:
            return await _rows(connection, workspace)

    async def unwrap(self, row: Row[Any], purpose: Purpose) -> bytes:
        """Raises KeyUnavailable, SealBroken. Not inside a transaction."""
        wrapper = self._wrapper(row.kek_id)
        wrapped = row._mapping[f"wrapped_{purpose}"]
        return await wrapper.unwrap(wrapped, place=_place(row.workspace_id, row.epoch, purpose))

    async def wrap(
        self, workspace: WorkspaceId, epoch: int, *, seal: bytes, index: bytes
    ) -> dict[str, object]:
        """A row under the present key-encryption key. Not inside a transaction."""

        async def wrapped(key: bytes, purpose: Purpose) -> bytes:
            return await self.kek.wrap(key, place=_place(workspace, epoch, purpose))

        return {
            "workspace_id": workspace,
            "epoch": epoch,
            "kek_id": self.kek.id,
            "wrapped_seal": await wrapped(seal, "seal"),
            "wrapped_index": await wrapped(index, "index"),
        }

    def next_epoch(self, *, after: int = 0) -> int:
        """From the clock: keys made after an erasure are told from those other processes remember."""
        return max(int(self.clock().timestamp()), after + 1)

    def _wrapper(self, kek_id: str) -> KeyWrapper:
        for wrapper in (self.kek, *self.old):
            if wrapper.id == kek_id:
                return wrapper
        raise KeyUnavailable

    def _remember(self, keys: WorkspaceKeys) -> WorkspaceKeys:
        self._open[keys.workspace] = (self.clock() + REMEMBER, keys)
        self._open.move_to_end(keys.workspace)
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return keys

    async def _make(self, workspace: WorkspaceId) -> Sequence[Row[Any]]:
        """Many processes may meet here: one makes the keys and tells the trail, all read what it wrote."""
        fresh = await self.wrap(workspace, self.next_epoch(), seal=new_key(), index=new_key())
        async with self.database.tenant_tx(workspace) as connection:
            # Two that looked in different seconds would else make two index keys, under two epochs.
            await shut_out_writers(connection, workspace)
            if not (rows := await _rows(connection, workspace)):
                await add_keys(connection, fresh)
                rows = await _rows(connection, workspace)
        return rows

    async def opened(self, rows: Sequence[Row[Any]]) -> WorkspaceKeys:
        """Raises KeyUnavailable, SealBroken. Not inside a transaction."""
        newest, *older = rows
        return WorkspaceKeys(
            workspace=WorkspaceId(newest.workspace_id),
            epoch=newest.epoch,
            seal=await self.unwrap(newest, "seal"),
            index=await self.unwrap(newest, "index"),
            older={row.epoch: await self.unwrap(row, "seal") for row in older},
        )


class KeysRotated(KeyUnavailable):
    """These keys are no longer the newest; what was to be sealed with them is sealed with the new ones."""


async def add_keys(connection: AsyncConnection, row: dict[str, Any], **told: object) -> None:
    """Stores wrapped keys and tells the trail."""
    await connection.execute(insert(workspace_keys).values(row))
    details = {"workspace_keys": row["epoch"], "wrapped_by": row["kek_id"], **told}
    entry = AuditEntry("keys.changed", details=details)
    await append(connection, entry, workspace=row["workspace_id"])


async def with_current_keys(
    store: KeyStore, workspace: WorkspaceId, write: Callable[[WorkspaceKeys], Awaitable[R]]
) -> R:
    """Writes, and where the keys were rotated meanwhile writes again with the new ones.

    Where the workspace was erased meanwhile nothing may be written: raises KeyUnavailable. `write` opens a
    transaction and calls `require_current` in it.
    """
    keys = await store.keys(workspace=workspace)
    for _ in range(TRIES):
        try:
            return await write(keys)
        except KeysRotated:
            fresh = await store.keys(workspace=workspace)
            if fresh.index != keys.index:  # the one thing that outlives every rotation
                raise KeyUnavailable from None
            keys = fresh
    raise KeyUnavailable


async def with_living_keys(
    store: KeyStore, workspace: WorkspaceId, read: Callable[[WorkspaceKeys], Awaitable[R]]
) -> R:
    """Reads and opens rows, and reads them again where one was sealed under an epoch that is not remembered here."""
    for _ in range(TRIES - 1):
        keys = await store.keys(workspace=workspace)
        try:
            return await read(keys)
        except KeyUnavailable:
            store.drop(workspace)
    return await read(await store.keys(workspace=workspace))


async def require_current(
    connection: AsyncConnection, keys: WorkspaceKeys, store: KeyStore
) -> None:
    """Holds new keys off until this transaction ends.

    Raises KeysRotated when newer ones are there, KeyUnavailable when these were erased; `store` forgets them.
    """
    await hold_erasure_off(connection, keys.workspace)
    # A statement of its own: it must see what was committed while we waited.
    newest = select(func.max(workspace_keys.c.epoch)).where(
        workspace_keys.c.workspace_id == keys.workspace
    )
    epoch = await connection.scalar(newest)
    if epoch != keys.epoch:
        store.drop(keys.workspace)
        raise KeyUnavailable if epoch is None else KeysRotated


async def hold_erasure_off(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    """Until this transaction ends the workspace is not erased, and gets no new keys.

    What is looked up afterwards sees what was committed while this waited.
    """
    await connection.execute(_LOCK_SHARED, {"name": f"keys/{workspace}"})


async def shut_out_writers(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    """Waits until whoever seals with this workspace's keys has committed, and keeps others from beginning.

    A lock by name, because the API may not lock a row of keys: that takes the right to change it.
    """
    await connection.execute(_LOCK, {"name": f"keys/{workspace}"})


_LOCK_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def _rows(connection: AsyncConnection, workspace: WorkspaceId) -> Sequence[Row[Any]]:
    """Newest first."""
    query = select(workspace_keys).where(workspace_keys.c.workspace_id == workspace)
    rows: Sequence[Row[Any]] = (
        await connection.execute(query.order_by(workspace_keys.c.epoch.desc()))
    ).all()
    return rows


def _place(workspace: WorkspaceId, epoch: int, purpose: Purpose) -> tuple[str, ...]:
    return ("workspace_keys", str(workspace), str(epoch), purpose)
