"""Another model's vectors beside the active one's: begun, switched to, switched back, dropped; all in Postgres."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, func, not_, select, text, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append
from service.adapters.index.catalogue import entry
from service.adapters.index.epochs import next_epoch
from service.adapters.index.index_models import hold, models_in, models_of
from service.adapters.index.vector_table import VectorTable
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import index_models, note_catalogue, work
from service.domain.audit import Action, AuditEntry
from service.domain.identity import WorkspaceId
from service.domain.notes import ManifestItem
from service.ports.index import IndexModels

SWEEP_NOTES = 500
SWEEP_PAUSE_SECONDS = 0.2
QUESTION_SECONDS = 60
"""PazPaz's proxy gives a question up after this long: by then nobody reads the space that was active before."""

Begun = Literal["begun", "active", "occupied", "unindexed"]
"""Occupied: another model is beside already."""
Switched = Literal["switched", "already", "incomplete", "alone"]
"""Alone: no model is beside."""
Finished = Literal["finished", "alone", "unswitched", "recent"]
"""Unswitched: what would be dropped is the new model. Recent: questions may still read what would be dropped."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a workspace is. `covered` of its `notes` are in every model of it."""

    models: IndexModels
    switched: bool
    notes: int
    covered: int
    looks: int
    """Looks in the background that are still to be taken: those that a start asked for."""
    parked: int
    """Dead letters."""

    @property
    def complete(self) -> bool:
        return self.notes == self.covered and not self.looks


@dataclass(frozen=True, slots=True)
class PgReindexer:
    """Each step is one transaction on one workspace, told in its trail, and harmless when it is repeated."""

    database: Database
    vectors: VectorTable

    async def progress(self, *, workspace: WorkspaceId) -> Progress | None:
        """None for a workspace without an index."""
        query = select(index_models).where(index_models.c.workspace_id == workspace)
        async with self.database.tenant_tx(workspace) as connection:
            row = (await connection.execute(query)).one_or_none()
            return await _progress(connection, row) if row else None

    async def begin(self, model: str, *, workspace: WorkspaceId) -> Begun:
        """From this commit on, no note is written that is not in both."""
        async with self.database.tenant_tx(workspace) as connection:
            row = await _locked(connection, workspace)
            if row is None:
                return "unindexed"
            if row.active == model:
                return "active"
            if row.beside is not None:
                return "begun" if row.beside == model and not row.switched else "occupied"
            await _change(connection, workspace, beside=model)
            await _tell(connection, "index.started", row.active, model, workspace=workspace)
        return "begun"

    async def lacking(self, *, workspace: WorkspaceId) -> Sequence[ManifestItem]:
        """The notes that are not in every model yet."""
        async with self.database.tenant_tx(workspace) as connection:
            models = await models_of(connection, workspace)
            if models is None:
                return []
            lacking = _notes(workspace, not_(_in_all(models)))
            return [entry(one) for one in await connection.execute(lacking)]

    async def switch(
        self, *, workspace: WorkspaceId, back: bool = False, force: bool = False
    ) -> Switched:
        """Swaps the two. Live events go on to both, so back is the same swap.

        Only forward from what was begun and only back from what was switched: a repetition changes nothing.
        """
        async with self.database.tenant_tx(workspace) as connection:
            row = await _locked(connection, workspace)
            if row is None or row.beside is None:
                return "alone"
            if row.switched != back:
                return "already"
            if not (back or force or (await _progress(connection, row)).complete):
                return "incomplete"
            swapped = {"active": row.beside, "beside": row.active, "switched": not back}
            await _change(connection, workspace, **swapped, changed_at=func.now())
            await next_epoch(connection, workspace)
            await _tell(connection, "index.switched", row.beside, row.active, workspace=workspace)
        return "switched"

    async def finish(self, *, workspace: WorkspaceId, abandon: bool = False) -> Finished:
        """Live events go to the active model only from now on; `sweep` drops what is left of the other."""
        async with self.database.tenant_tx(workspace) as connection:
            row = await _locked(connection, workspace)
            if row is None or row.beside is None:
                return "alone"
            if not (row.switched or abandon):
                return "unswitched"
            if await connection.scalar(_RECENT, {"since": row.changed_at}):
                return "recent"
            await _change(connection, workspace, beside=None, switched=False)
            await _tell(connection, "index.finished", row.active, row.beside, workspace=workspace)
        return "finished"

    async def sweep(self, *, workspace: WorkspaceId) -> int:
        """Drops vectors and digests of models that are not the workspace's any more; how many vectors."""
        total = 0
        while (dropped := await self._sweep_some(workspace)) is not None:
            total += dropped
            if not dropped:  # whoever is writing the rest will be done in a moment
                await asyncio.sleep(SWEEP_PAUSE_SECONDS)
        return total

    async def _sweep_some(self, workspace: WorkspaceId) -> int | None:
        async with self.database.tenant_tx(workspace) as connection:
            models = await hold(connection, workspace)
            if models is None:
                return None
            named = {"workspace": workspace, "held": list(models.all)}
            if not await connection.scalar(_ANY_STALE, named):
                return None
            # Skipping what is locked: a note is locked before its vectors by everybody, so nobody waits in a ring.
            stale = (await connection.execute(_STALE, named | {"most": SWEEP_NOTES})).all()
            keys = {"entities": [r.entity for r in stale], "ids": [r.entity_id for r in stale]}
            await connection.execute(_DROP_DIGESTS, named | keys)
            notes = [(row.entity, row.entity_id) for row in stale]
            return await self.vectors.drop_stale(connection, workspace, models, notes)


async def _locked(connection: AsyncConnection, workspace: WorkspaceId) -> Row[Any] | None:
    """Waits for the notes being written, and they for us."""
    query = select(index_models).where(index_models.c.workspace_id == workspace).with_for_update()
    return (await connection.execute(query)).one_or_none()


async def _change(connection: AsyncConnection, workspace: WorkspaceId, **values: Any) -> None:
    mine = index_models.c.workspace_id == workspace
    await connection.execute(update(index_models).where(mine).values(values))


async def _tell(
    connection: AsyncConnection,
    action: Action,
    active: str,
    beside: str,
    *,
    workspace: WorkspaceId,
) -> None:
    """What is active after it, and the other model."""
    told = AuditEntry(action, details={"active": active, "beside": beside})
    await append(connection, told, workspace=workspace)


async def _progress(connection: AsyncConnection, row: Row[Any]) -> Progress:
    models, workspace = models_in(row), WorkspaceId(row.workspace_id)
    counted = (await connection.execute(_counted(workspace, models))).one()
    waiting = (await connection.execute(_work(workspace))).one()
    return Progress(
        models=models,
        switched=row.switched,
        notes=counted.notes,
        covered=counted.covered,
        looks=waiting.looks,
        parked=waiting.parked,
    )


def _in_all(models: IndexModels) -> ColumnElement[bool]:
    """An indexed note has its digests under each model, one without text too."""
    covered: ColumnElement[bool] = note_catalogue.c.digests.has_all(array(models.all))
    return covered


def _notes(workspace: WorkspaceId, *chosen: ColumnElement[bool]) -> Any:
    """Archived clients and drafts that are only counted stand in the catalogue without being indexed."""
    table = note_catalogue
    mine = table.c.workspace_id == workspace, table.c.state != "archived", table.c.is_searched
    return select(table).where(*mine, *chosen).order_by(table.c.entity, table.c.entity_id)


def _counted(workspace: WorkspaceId, models: IndexModels) -> Any:
    covered = func.count().filter(_in_all(models)).label("covered")
    return _notes(workspace).with_only_columns(func.count().label("notes"), covered).order_by(None)


def _work(workspace: WorkspaceId) -> Any:
    """What somebody's change asked for is no reason to wait: such a note lacks nothing, or is counted as lacking."""
    looks = func.count().filter(work.c.background, work.c.parked_at.is_(None)).label("looks")
    return select(looks, func.count(work.c.parked_at).label("parked")).where(
        work.c.workspace_id == workspace,
        work.c.wanted > work.c.done,
        work.c.kind.in_(["sessions", "clients"]),
    )


_RECENT = text(
    f"SELECT CAST(:since AS timestamptz) > now() - interval '{QUESTION_SECONDS} seconds'"
)

_ANY_STALE = text("""
SELECT EXISTS (SELECT FROM note_catalogue
  WHERE workspace_id = :workspace AND digests - CAST(:held AS text[]) <> '{}')
""")

_STALE = text("""
SELECT entity, entity_id FROM note_catalogue
WHERE workspace_id = :workspace AND digests - CAST(:held AS text[]) <> '{}'
ORDER BY entity, entity_id LIMIT :most FOR UPDATE SKIP LOCKED
""")

# ruff: noqa: S608 - put together of constants only
_THESE = """(entity, entity_id) IN (
  SELECT * FROM unnest(CAST(:entities AS text[]), CAST(:ids AS uuid[])))"""

_DROP_DIGESTS = text(f"""
UPDATE note_catalogue SET digests = digests - ARRAY(
  SELECT model FROM jsonb_object_keys(digests) AS model WHERE model <> ALL(CAST(:held AS text[])))
WHERE note_catalogue.workspace_id = :workspace AND {_THESE}
""")
