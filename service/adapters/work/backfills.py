"""How far a backfill has come: one may be open at a time, and a killed one goes on where it was."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import backfills
from service.domain.identity import WorkspaceId


@dataclass(frozen=True, slots=True)
class BackfillRun:
    """A backfill in the making; `at` and `after` say behind which note of which workspace it goes on."""

    id: UUID
    workspace: WorkspaceId | None
    since: datetime | None
    started_at: datetime
    at: WorkspaceId | None = None
    after: UUID | None = None
    asked: int = 0


@dataclass(frozen=True, slots=True)
class PgBackfills:
    """The one open backfill."""

    database: Database

    async def open(self, *, workspace: WorkspaceId | None, since: datetime | None) -> BackfillRun:
        """The open one, whatever its scope; else a new one of this scope."""
        row = {"id": uuid4(), "workspace_id": workspace, "since": since}
        fresh = insert(backfills).values(row | {"started_at": func.now(), "asked": 0})
        async with self.database.system_tx() as connection:
            await connection.execute(fresh.on_conflict_do_nothing())
            unfinished = select(backfills).where(backfills.c.finished_at.is_(None))
            return _run((await connection.execute(unfinished)).one())

    async def moved(self, run: UUID, *, at: WorkspaceId, after: UUID | None, asked: int) -> None:
        """Remembers a place; called after the looks up to it were wanted, so that none can be lost."""
        place = {"at_workspace": at, "after_id": after, "asked": asked}
        await self._change(run, place)

    async def finished(self, run: UUID) -> None:
        await self._change(run, {"finished_at": func.now()})

    async def abandon(self) -> bool:
        """Forgets the open one; what it asked for stays asked. False when none was open."""
        gone = delete(backfills).where(backfills.c.finished_at.is_(None))
        async with self.database.system_tx() as connection:
            return bool((await connection.execute(gone)).rowcount)

    async def _change(self, run: UUID, values: dict[str, Any]) -> None:
        async with self.database.system_tx() as connection:
            await connection.execute(update(backfills).where(backfills.c.id == run).values(values))


def _run(row: Row[Any]) -> BackfillRun:
    workspace = WorkspaceId(row.workspace_id) if row.workspace_id else None
    at = WorkspaceId(row.at_workspace) if row.at_workspace else None
    return BackfillRun(
        id=row.id,
        workspace=workspace,
        since=row.since,
        started_at=row.started_at,
        at=at,
        after=row.after_id,
        asked=row.asked,
    )
