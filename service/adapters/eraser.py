"""Shutting a whole workspace: forgetting its index, or erasing it; and opening it again."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append
from service.adapters.chunk_store import next_epoch
from service.adapters.database import (
    SHUT,
    WORKSPACE_STONES,
    Database,
    conversations,
    note_catalogue,
    tombstones,
    work,
    workspace_keys,
)
from service.adapters.key_store import shut_out_writers
from service.adapters.work_queue import TOKEN, bury, finish
from service.domain.audit import AuditEntry
from service.domain.identity import WorkspaceId
from service.ports import KeyStore, Lease

# Chunks, bags, turns and their sources go by cascade with the row they hang on.
INDEX_ROOTS = (note_catalogue,)
ALL_ROOTS = (*INDEX_ROOTS, conversations, workspace_keys)


@dataclass(frozen=True, slots=True)
class PgEraser:
    """Keeps WorkspaceEraser. A shut workspace has a tombstone: nothing of it is claimed, indexed or stored."""

    database: Database
    keys: KeyStore

    async def forget_index(self, lease: Lease) -> bool:
        return await self._shut(lease, INDEX_ROOTS)

    async def erase(self, lease: Lease) -> bool:
        """Without its keys, sealed copies elsewhere stay shut."""
        erased = await self._shut(lease, ALL_ROOTS)
        self.keys.drop(lease.workspace)
        return erased

    async def reopen(self, *, workspace: WorkspaceId) -> None:
        async with self.database.system_tx() as connection:
            await connection.execute(delete(tombstones).where(*_stone(workspace)))

    async def _shut(self, lease: Lease, roots: tuple[Table, ...]) -> bool:
        workspace = lease.workspace
        async with self.database.tenant_tx(workspace) as connection:
            # Fenced first: what a stalled worker learned before its lease ran out may be true no more.
            if not await finish(connection, lease):
                return False
            await bury(connection, [(workspace, SHUT, workspace)])
            await _end_other_work(connection, workspace)
            # Else a turn that is just being stored would outlive its conversation and its key.
            await shut_out_writers(connection, workspace)
            for table in roots:
                await connection.execute(delete(table).where(table.c.workspace_id == workspace))
            await next_epoch(connection, workspace)
            if workspace_keys in roots:
                await append(connection, AuditEntry("workspace.erased"), workspace=workspace)
        return True


def _stone(workspace: WorkspaceId) -> tuple[ColumnElement[bool], ...]:
    return (
        tombstones.c.workspace_id == workspace,
        tombstones.c.entity.in_(WORKSPACE_STONES),
        tombstones.c.entity_id == workspace,
    )


async def _end_other_work(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    """Waits for whoever is writing a note, and fences the rest; rows stay, so that no token ever repeats."""
    others = work.c.workspace_id == workspace, work.c.kind != "workspaces"
    ended = {"done": work.c.wanted, "token": TOKEN, "attempts": 0}
    await connection.execute(
        update(work).where(*others).values(ended | {"lease_until": None, "parked_at": None})
    )
