"""Switches of operators, a row each: changed with its audit row and with the work it asks for, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import audit_heads, switches
from service.adapters.work.wants import raise_wants
from service.domain.audit import SERVICE_CHAIN, AuditEntry
from service.domain.identity import WorkspaceId

EVERYWHERE = SERVICE_CHAIN
"""The workspace id of a switch that holds for all."""
NO_BUDGET = "none"
"""The value of a switch that takes a budget away; null in the trail says that a switch was reset."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A row that overrides a setting, everywhere or for one workspace."""

    workspace: WorkspaceId
    name: str
    value: Any
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class PgSwitches:
    """Lists, changes and takes away switches."""

    database: Database

    async def all(self) -> Sequence[Switch]:
        query = select(switches).order_by(switches.c.workspace_id, switches.c.name)
        async with self.database.system_tx() as connection:
            return [
                Switch(WorkspaceId(row.workspace_id), row.name, row.value, row.changed_at)
                for row in await connection.execute(query)
            ]

    async def put(self, name: str, value: Any, *, workspace: WorkspaceId = EVERYWHERE) -> bool:
        """Overrides the setting, everywhere or for one workspace; False where nothing was known of that one before."""
        row = {"workspace_id": workspace, "name": name, "value": value, "changed_at": func.now()}
        changed = (
            insert(switches)
            .values(row)
            .on_conflict_do_update(
                index_elements=["workspace_id", "name"],
                set_={"value": value, "changed_at": func.now()},
            )
        )
        known = select(audit_heads.c.seq).where(audit_heads.c.workspace_id == workspace)
        async with self.database.tenant_tx(workspace) as connection:
            was_known = await connection.scalar(known) is not None
            await connection.execute(changed)
            await _follow_up(connection, name, value, workspace)
        return was_known or workspace == EVERYWHERE

    async def remove(self, name: str, *, workspace: WorkspaceId = EVERYWHERE) -> bool:
        """Back to what holds without it; False when there was no such row."""
        gone = delete(switches).where(switches.c.workspace_id == workspace, switches.c.name == name)
        async with self.database.tenant_tx(workspace) as connection:
            if not (await connection.execute(gone)).rowcount:
                return False
            await _follow_up(connection, name, None, workspace)
        return True


async def _follow_up(
    connection: AsyncConnection, name: str, value: Any, workspace: WorkspaceId
) -> None:
    if name == "require_consent":
        await _look_again(connection, workspace)
    # Last, as an erasure does it: work first and the chain's head after it, so that two never wait for each other.
    told = {"name": name, "value": value}
    await append(connection, AuditEntry("switch.changed", details=told), workspace=workspace)


async def _look_again(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    """The index follows at the worker's pace; answers obey at once."""
    found = [workspace]
    if workspace == EVERYWHERE:
        heads = select(audit_heads.c.workspace_id).where(audit_heads.c.workspace_id != EVERYWHERE)
        found = [WorkspaceId(one) for one in await connection.scalars(heads)]
    await raise_wants(connection, [(one, "workspaces", one) for one in found])
