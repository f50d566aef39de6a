"""The `spending` table: a row a workspace and day, which a question is counted in before it costs anything."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Date, cast, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import Insert, insert

from service.adapters.key_store import hold_erasure_off
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import WORKSPACE_STONES, spending, tombstones
from service.domain.identity import WorkspaceId
from service.ports.limits import Reservation, Spent

TODAY = cast(func.timezone("utc", func.now()), Date)
"""By the database's clock, the one that all processes share."""


@dataclass(frozen=True, slots=True)
class PgSpending:
    """Keeps Spending."""

    database: Database

    async def reserve(
        self, *, workspace: WorkspaceId, estimate: int, budget: int | None
    ) -> Reservation | None:
        if budget is not None and estimate > budget:
            return None
        within = None if budget is None else spending.c.asking_micros + estimate <= budget
        taken = _adding(workspace, where=within, questions=1, asking_micros=estimate)
        async with self.database.system_tx() as connection:
            await hold_erasure_off(connection, workspace)
            day = await connection.scalar(taken.returning(spending.c.day))
        return None if day is None else Reservation(workspace, day, estimate)

    async def settle(self, reserved: Reservation, *, cost: int) -> None:
        """Of a workspace erased meanwhile there is no row, and none is made."""
        mine = spending.c.workspace_id == reserved.workspace, spending.c.day == reserved.day
        settled = func.greatest(0, spending.c.asking_micros + (cost - reserved.micros))
        async with self.database.system_tx() as connection:
            await connection.execute(update(spending).where(*mine).values(asking_micros=settled))

    async def indexed(self, *, workspace: WorkspaceId, cost: int) -> None:
        async with self.database.system_tx() as connection:
            await hold_erasure_off(connection, workspace)
            await connection.execute(_adding(workspace, indexing_micros=cost))

    async def days(self, *, workspace: WorkspaceId | None, days: int) -> Sequence[Spent]:
        query = select(spending).where(spending.c.day > TODAY - days)
        if workspace is not None:
            query = query.where(spending.c.workspace_id == workspace)
        query = query.order_by(spending.c.day, spending.c.workspace_id)
        async with self.database.system_tx() as connection:
            return [
                Spent(
                    WorkspaceId(row.workspace_id),
                    row.day,
                    row.questions,
                    row.asking_micros,
                    row.indexing_micros,
                )
                for row in await connection.execute(query)
            ]

    async def forget_old(self, *, days: int) -> int:
        async with self.database.system_tx() as connection:
            gone = await connection.execute(delete(spending).where(spending.c.day <= TODAY - days))
        return int(gone.rowcount)


def _adding(
    workspace: WorkspaceId, *, where: ColumnElement[bool] | None = None, **amounts: int
) -> Insert:
    """One statement: whoever waited for the row adds to, and is judged by, what the one before left in it.

    Nothing where the workspace is erased, which must be held off meanwhile.
    """
    row = {"workspace_id": workspace, "day": TODAY, **amounts}
    stone = exists().where(
        tombstones.c.workspace_id == workspace,
        tombstones.c.entity.in_(WORKSPACE_STONES),
        tombstones.c.entity_id == workspace,
    )
    values = (cast(value, spending.c[name].type) for name, value in row.items())
    fresh = insert(spending).from_select([*row], select(*values).where(~stone))
    return fresh.on_conflict_do_update(
        index_elements=["workspace_id", "day"],
        set_={name: spending.c[name] + fresh.excluded[name] for name in amounts},
        where=where,
    )
