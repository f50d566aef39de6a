"""Which models a workspace's index has: read by every search, held still by every write."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.postgres.tables import index_models
from service.domain.identity import WorkspaceId
from service.ports.index import IndexModels


async def models_of(connection: AsyncConnection, workspace: WorkspaceId) -> IndexModels | None:
    """None for a workspace that was never indexed."""
    row = (await connection.execute(_of(workspace))).one_or_none()
    return models_in(row) if row else None


def models_in(row: Row[Any]) -> IndexModels:
    return IndexModels(row.active, row.beside)


async def covers(
    connection: AsyncConnection, workspace: WorkspaceId, written: Sequence[str]
) -> bool:
    """Whether a write is in every model of the workspace and in no other, until the transaction ends.

    The first write of a workspace says what its model is: a later change of settings must not make it invisible.
    """
    held = await hold(connection, workspace)
    if held is None:
        first = insert(index_models).values(workspace_id=workspace, active=written[0])
        await connection.execute(first.on_conflict_do_nothing())
        held = await hold(connection, workspace)
    return held is not None and set(held.all) == set(written)


async def hold(connection: AsyncConnection, workspace: WorkspaceId) -> IndexModels | None:
    """Shared by writers; whoever changes the models waits for them, and they for him."""
    query = _of(workspace).with_for_update(read=True)
    row = (await connection.execute(query)).one_or_none()
    return models_in(row) if row else None


def _of(workspace: WorkspaceId) -> Any:
    return select(index_models).where(index_models.c.workspace_id == workspace)
