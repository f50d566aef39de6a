"""What runs by the clock, as rows: any worker takes what is due, and what failed comes again sooner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import schedules
from service.adapters.work.wants import TOKEN

RETRY_SECONDS = 15.0
MAX_RETRY_SECONDS = 600.0

_SINCE = func.coalesce(schedules.c.done_at, schedules.c.due_at)
"""When a chore last succeeded; when it was first planned to, if it never did."""


@dataclass(frozen=True, slots=True)
class ChoreLease:
    """The right to do a chore once; `token` must still be the row's at its end."""

    name: str
    token: int
    failures: int


@dataclass(frozen=True, slots=True)
class PgSchedules:
    """The clock is the database's: workers need not agree about the time."""

    database: Database
    lease_seconds: float = 300.0

    async def plan(self, due: Mapping[str, datetime]) -> None:
        """Makes a row for each chore that has none."""
        rows = [{"name": name, "due_at": at} for name, at in sorted(due.items())]
        async with self.database.system_tx() as connection:
            await connection.execute(insert(schedules).values(rows).on_conflict_do_nothing())

    async def claim(self, names: Sequence[str]) -> ChoreLease | None:
        """The chore that is due longest and that nobody is at."""
        free = or_(schedules.c.lease_until.is_(None), schedules.c.lease_until < func.now())
        due = (
            select(schedules.c.name)
            .where(schedules.c.name.in_(names), schedules.c.due_at <= func.now(), free)
            .order_by(schedules.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        until = func.now() + timedelta(seconds=self.lease_seconds)
        taken = (
            update(schedules)
            .where(schedules.c.name == due)
            .values(token=TOKEN, lease_until=until)
            .returning(schedules.c.name, schedules.c.token, schedules.c.failures)
        )
        async with self.database.system_tx() as connection:
            row = (await connection.execute(taken)).one_or_none()
        return ChoreLease(row.name, row.token, row.failures) if row else None

    async def done(self, lease: ChoreLease, *, due_at: datetime) -> None:
        """Due again at that moment."""
        ended = {"due_at": due_at, "done_at": func.now(), "failures": 0, "last_error": None}
        await self._end(lease, ended)

    async def failed(self, lease: ChoreLease, *, code: str) -> None:
        """Due again soon, and later after each further failure."""
        wait = min(RETRY_SECONDS * 2 ** min(lease.failures, 10), MAX_RETRY_SECONDS)
        again = func.now() + timedelta(seconds=wait)
        ended = {"due_at": again, "failures": lease.failures + 1, "last_error": code}
        # Else a chore that never succeeds would be as young as its last failure, for ever.
        await self._end(lease, ended | {"done_at": _SINCE})

    async def _end(self, lease: ChoreLease, ended: Mapping[str, object]) -> None:
        held = schedules.c.name == lease.name, schedules.c.token == lease.token
        statement = update(schedules).where(*held).values({**ended, "lease_until": None})
        async with self.database.system_tx() as connection:
            await connection.execute(statement)

    async def ages(self) -> Mapping[str, float]:
        """Seconds since each chore last succeeded; since it was first planned to, if it never did."""
        age = func.greatest(func.extract("epoch", func.now() - _SINCE), 0).label("age")
        async with self.database.system_tx() as connection:
            rows = await connection.execute(select(schedules.c.name, age))
            return {row.name: float(row.age) for row in rows}
