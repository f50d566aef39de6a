"""What a chain a workspace costs those who append at the same time, beside plain inserts of the same rows."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import numpy as np
import typer
from sqlalchemy import text

from service.adapters.audit_log import PgAuditLog
from service.adapters.postgres.database import Database, open_database
from service.adapters.postgres.tables import audit
from service.commands.progress import progress
from service.demo.bench_databases import bench_databases
from service.domain.audit import AuditEntry
from service.domain.identity import UserId, WorkspaceId
from service.ports.clock import now

NOTES = 6  # a usual answer reads about so many
Write = Callable[[int], Awaitable[object]]
"""Writes one row, as the appender of that number."""


@dataclass(slots=True)
class Arm:
    """One way to write rows, and how long each write took."""

    name: str
    write: Write
    took: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.took) / self.seconds

    def quantiles(self) -> Sequence[float]:
        """p50, p95 and p99 in milliseconds."""
        return [float(one) * 1000 for one in np.quantile(self.took, [0.5, 0.95, 0.99])]


async def run_bench(*, appenders: int, seconds: float, rounds: int) -> None:
    """Takes the three ways in turn, in both directions, so that what else the machine does falls on all of them."""
    async with _database(appenders) as database:
        arms = _arms(database, appenders)
        for arm in arms:
            await _round(arm, appenders, seconds / 4)
            arm.took.clear()
            arm.seconds = 0.0
        with progress("rounds", rounds) as tick:
            for number in range(rounds):
                for arm in arms if number % 2 else reversed(arms):
                    await _round(arm, appenders, seconds)
                tick(number + 1)
        await _print(arms, database, appenders)


def _arms(database: Database, appenders: int) -> Sequence[Arm]:
    log, one = PgAuditLog(database), WorkspaceId(uuid4())
    each = [WorkspaceId(uuid4()) for _ in range(appenders)]
    numbers = [count(10**6) for _ in range(appenders)]

    async def without(appender: int) -> None:
        await _insert(database, each[appender], next(numbers[appender]))

    return (
        Arm("no chain", without),
        Arm("a chain each", lambda appender: log.append(_entry(), workspace=each[appender])),
        Arm("one chain", lambda appender: log.append(_entry(), workspace=one)),
    )


def _entry() -> AuditEntry:
    note = {"entity": "sessions", "client": str(uuid4()), "version": 3, "use": "read"}
    notes = [{**note, "id": str(uuid4())} for _ in range(NOTES)]
    details = {"conversation": str(uuid4()), "notes": notes, "request_id": str(uuid4())}
    return AuditEntry("history.read", user=UserId(uuid4()), details=details)


async def _insert(database: Database, workspace: WorkspaceId, seq: int) -> None:
    """The baseline: the same row, in the same kind of transaction, that follows on nothing."""
    entry = _entry()
    row = {"workspace_id": workspace, "seq": seq, "at": now(), "action": entry.action}
    row |= {"user_id": entry.user, "details": dict(entry.details)}
    row |= {"previous": secrets.token_bytes(32), "hash": secrets.token_bytes(32)}
    async with database.tenant_tx(workspace) as connection:
        await connection.execute(audit.insert().values(row))


async def _round(arm: Arm, appenders: int, seconds: float) -> None:
    started = time.perf_counter()
    until = started + seconds
    await asyncio.gather(*(_appender(arm, number, until) for number in range(appenders)))
    arm.seconds += time.perf_counter() - started


async def _appender(arm: Arm, number: int, until: float) -> None:
    while (begun := time.perf_counter()) < until:
        await arm.write(number)
        arm.took.append(time.perf_counter() - begun)


async def _print(arms: Sequence[Arm], database: Database, appenders: int) -> None:
    async with database.system_tx() as connection:
        query = "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
        fsync, commit = (await connection.execute(text(query))).one()
    typer.echo(f"{appenders} at once; fsync {fsync}, synchronous_commit {commit}")
    typer.echo(
        f"{'':14}{'rows/s':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}   as ratios to the first"
    )
    base = [arms[0].rate, *arms[0].quantiles()]
    for arm in arms:
        figures = [arm.rate, *arm.quantiles()]
        ratios = " ".join(f"{one / other:6.2f}" for one, other in zip(figures, base, strict=True))
        rate, *times = figures
        shown = "".join(f"{one:9.2f}" for one in times)
        typer.echo(f"{arm.name:14}{rate:8.0f}{shown}   {ratios}")


@asynccontextmanager
async def _database(appenders: int) -> AsyncIterator[Database]:
    async with (
        bench_databases(durable=True) as databases,
        open_database(databases.api, pool_size=appenders) as database,
    ):
        yield database
