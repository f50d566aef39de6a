"""The epoch of a workspace's index, and the log of what each epoch changed: memories follow it."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.postgres.tables import index_changes, index_epoch
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Entity, NoteRef

MOST_EPOCHS = 512
"""Logged of a workspace. Who remembers an older one rebuilds."""

# Built once: every search asks for it, and building took a third of what asking costs.
EPOCH = select(index_epoch.c.epoch).where(index_epoch.c.workspace_id == bindparam("workspace"))


@dataclass(frozen=True, slots=True)
class Touched:
    """What changed between two epochs: these notes, and everything of these clients."""

    epoch: int
    """The later one."""
    notes: frozenset[NoteRef]
    clients: frozenset[ClientId]


async def epoch_of(connection: AsyncConnection, workspace: WorkspaceId) -> int:
    """0 of a workspace that nothing was ever written to."""
    return await connection.scalar(EPOCH, {"workspace": workspace}) or 0


async def next_epoch(
    connection: AsyncConnection,
    workspace: WorkspaceId,
    touched: Collection[tuple[Entity, UUID]] = (),
) -> None:
    """Tells every memory of this workspace, in the transaction that changes its index, what changed.

    Nothing named means anything: everybody rebuilds. The row of the epoch is held until the transaction ends, so
    epochs are committed in their order and none is missing below another.
    """
    entities = [entity for entity, _ in touched]
    ids = [id for _, id in touched]
    await connection.execute(
        _NEXT, {"workspace": workspace, "entities": entities, "ids": ids, "most": MOST_EPOCHS}
    )


async def leap(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    """To the clock, ahead of any epoch there was: after a restore the next ones would else be numbers that memories
    hold of another content. No log leads there, so every memory rebuilds."""
    await connection.execute(_LEAP, {"workspace": workspace})


_LEAP = text("""
UPDATE index_epoch
SET epoch = GREATEST(epoch + 1, CAST(date_part('epoch', clock_timestamp()) * 1000000 AS bigint))
WHERE workspace_id = :workspace
""")

# Starts at the clock, so that a workspace erased and made anew never repeats an epoch a memory holds.
_NEXT = text("""
WITH next AS (
  INSERT INTO index_epoch AS held (workspace_id, epoch)
  VALUES (:workspace, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint))
  ON CONFLICT (workspace_id) DO UPDATE SET epoch = held.epoch + 1
  RETURNING epoch),
old AS (
  DELETE FROM index_changes USING next
  WHERE workspace_id = :workspace AND index_changes.epoch <= next.epoch - CAST(:most AS bigint))
INSERT INTO index_changes (workspace_id, epoch, entity, entity_id)
SELECT :workspace, next.epoch, entity, id
FROM next, unnest(CAST(:entities AS text[]), CAST(:ids AS uuid[])) AS touched (entity, id)
ON CONFLICT DO NOTHING
""")


async def touched_since(
    connection: AsyncConnection, workspace: WorkspaceId, since: int
) -> Touched | None:
    """What changed after the epoch `since`; None where the log does not tell, and all of it may have.

    The present epoch is read first: what the same transaction reads afterwards may be newer, and never older.
    """
    epoch = await epoch_of(connection, workspace)
    query = select(index_changes).where(
        index_changes.c.workspace_id == workspace,
        index_changes.c.epoch > since,
        index_changes.c.epoch <= epoch,
    )
    rows = (await connection.execute(query)).all() if since < epoch <= since + MOST_EPOCHS else []
    if len({row.epoch for row in rows}) != epoch - since:
        return None
    return Touched(
        epoch,
        frozenset(NoteRef(workspace, row.entity, row.entity_id) for row in rows),
        frozenset(ClientId(row.entity_id) for row in rows if row.entity == "clients"),
    )
