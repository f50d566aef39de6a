"""The `work` table: durable desired state. It coalesces, retries, fences and parks with one mechanism."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import Row, and_, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.database import WORKSPACE_STONES, Database, event_ids, tombstones, work
from service.domain.identity import WorkspaceId
from service.domain.notes import ManifestItem
from service.ports import Depth, Event, Lease, WorkKind

MAX_ATTEMPTS = 5
BACKOFF_SECONDS = 2.0
MAX_BACKOFF_SECONDS = 300.0
OUTAGE_BACKOFF_SECONDS = 60.0
TOKEN = func.nextval("work_tokens")
"""Never given twice, so a row may go and come back: who still holds an old lease on it is fenced."""


@dataclass(frozen=True, slots=True)
class PgWorkQueue:
    """Keeps WorkQueue. `debounce` and `debounce_limit` are seconds a note must be quiet, and can be put off at most."""

    database: Database
    lease_seconds: float
    debounce: float
    debounce_limit: float

    async def accept(self, events: Sequence[Event]) -> int:
        async with self.database.system_tx() as connection:
            fresh = await _unseen(connection, events)
            await bury(
                connection,
                [(e.workspace, e.entity, e.entity_id) for e in fresh if e.kind == "purged"],
            )
            wanted = Counter(
                (event.workspace, event.entity, event.entity_id)
                for event in fresh
                if event.entity in get_args(WorkKind)
            )
            await raise_wants(connection, wanted, debounce=self.debounce, limit=self.debounce_limit)
        return len(fresh)

    async def want(self, items: Sequence[ManifestItem], *, workspace: WorkspaceId) -> None:
        wanted = Counter((workspace, item.entity, item.id) for item in items)
        async with self.database.system_tx() as connection:
            await raise_wants(connection, wanted)

    async def claim(self, *, limit: int) -> Sequence[Lease]:
        async with self.database.system_tx() as connection:
            await connection.execute(_PARK_KILLERS, {"most": MAX_ATTEMPTS})
            head = (await connection.execute(_ready().limit(1))).one_or_none()
            if head is None:
                return []
            rows = [head]
            if head.attempts == 0 and head.kind == "sessions" and limit > 1:
                rows += await _neighbours(connection, head, limit - 1)
            return [await self._lease(connection, row) for row in rows]

    async def _lease(self, connection: AsyncConnection, row: Row[Any]) -> Lease:
        """Counts the attempt now: a note that kills its worker would otherwise be tried for ever."""
        until = func.now() + timedelta(seconds=self.lease_seconds)
        statement = (
            update(work)
            .where(work.c.workspace_id == row.workspace_id, work.c.kind == row.kind)
            .where(work.c.key == row.key)
            .values(token=TOKEN, attempts=work.c.attempts + 1, lease_until=until)
            .returning(work.c.token, work.c.attempts, work.c.wanted)
        )
        leased = (await connection.execute(statement)).one()
        return Lease(
            kind=row.kind,
            key=row.key,
            workspace=WorkspaceId(row.workspace_id),
            token=leased.token,
            wanted=leased.wanted,
            attempts=leased.attempts,
        )

    async def done(self, lease: Lease) -> bool:
        async with self.database.system_tx() as connection:
            return await finish(connection, lease)

    async def failed(self, lease: Lease, *, code: str, retry_after: float | None) -> None:
        """`retry_after` marks an outage: it delays, and is never counted against the note."""
        outage = retry_after is not None
        parked = not outage and lease.attempts >= MAX_ATTEMPTS
        async with self.database.system_tx() as connection:
            await connection.execute(
                _FAILED,
                _lease_parameters(lease)
                | {"code": code, "delay": _delay(lease, retry_after), "parked": parked}
                | {"refund": 1 if outage else 0},
            )

    async def purged(self, lease: Lease) -> bool:
        buried = select(tombstones.c.at).where(
            tombstones.c.workspace_id == lease.workspace,
            tombstones.c.entity == lease.kind,
            tombstones.c.entity_id == lease.key,
        )
        async with self.database.system_tx() as connection:
            return bool(await connection.scalar(select(buried.exists())))

    async def release(self, leases: Sequence[Lease]) -> None:
        async with self.database.system_tx() as connection:
            for lease in leases:
                await connection.execute(_RELEASE, _lease_parameters(lease))

    async def depth(self) -> Depth:
        async with self.database.system_tx() as connection:
            row = (await connection.execute(_DEPTH)).one()
        return Depth(row.waiting, row.parked, float(row.lag or 0))


async def raise_wants(
    connection: AsyncConnection, wanted: "Counter[Any]", *, debounce: float = 0, limit: float = 0
) -> None:
    """Asks for another look at each (workspace, kind, key), as many times as counted; seconds to wait and to put off.

    In one order for everybody, so that two transactions never wait for each other in a ring.
    """
    for (workspace, kind, key), times in sorted(wanted.items(), key=str):
        named = {"workspace": workspace, "kind": kind, "key": key, "times": times}
        await connection.execute(_RAISE, named | {"debounce": debounce, "limit": limit})


async def finish(connection: AsyncConnection, lease: Lease) -> bool:
    """Marks done what was claimed, inside the transaction that writes the effect; False when the lease was lost."""
    result = await connection.execute(_FINISH, _lease_parameters(lease))
    return result.first() is not None


def _lease_parameters(lease: Lease) -> dict[str, object]:
    return {
        "workspace": lease.workspace,
        "kind": lease.kind,
        "key": lease.key,
        "token": lease.token,
        "wanted": lease.wanted,
    }


def _delay(lease: Lease, retry_after: float | None) -> float:
    """Full jitter over half the span, so that a recovering PazPaz is not met by everyone at once."""
    if retry_after is not None:
        span = min(max(retry_after, 0.1), OUTAGE_BACKOFF_SECONDS)
    else:
        span = min(BACKOFF_SECONDS * 2**lease.attempts, MAX_BACKOFF_SECONDS)
    return span * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


async def _unseen(connection: AsyncConnection, events: Sequence[Event]) -> list[Event]:
    by_id = {event.id: event for event in events}
    statement = insert(event_ids).values([_event_row(by_id[key]) for key in sorted(by_id)])
    new = await connection.scalars(statement.on_conflict_do_nothing().returning(event_ids.c.id))
    return [by_id[key] for key in new]


def _event_row(event: Event) -> dict[str, object]:
    named = {"entity": event.entity, "entity_id": event.entity_id}
    return {"id": event.id, "workspace_id": event.workspace, **named}


async def bury(connection: AsyncConnection, gone: Iterable[tuple[WorkspaceId, str, UUID]]) -> None:
    """Sets a tombstone for each (workspace, entity, id); one that stands already stays."""
    rows = [
        {"workspace_id": workspace, "entity": entity, "entity_id": key}
        for workspace, entity, key in sorted(gone, key=lambda one: str(one[2]))
    ]
    if rows:
        await connection.execute(insert(tombstones).values(rows).on_conflict_do_nothing())


def _ready() -> Any:
    buried_workspace = exists().where(
        tombstones.c.workspace_id == work.c.workspace_id, tombstones.c.entity.in_(WORKSPACE_STONES)
    )
    free = or_(work.c.lease_until.is_(None), work.c.lease_until < func.now())
    return (
        select(work.c.workspace_id, work.c.kind, work.c.key, work.c.attempts)
        .where(work.c.wanted > work.c.done, work.c.parked_at.is_(None))
        .where(work.c.not_before <= func.now(), free)
        # What arrives late for an erased workspace stays untouched; only its own erasure is work.
        .where(or_(work.c.kind == "workspaces", ~buried_workspace))
        .order_by(work.c.not_before)
        .with_for_update(skip_locked=True, of=work)
    )


async def _neighbours(
    connection: AsyncConnection, head: Row[Any], limit: int
) -> Sequence[Row[Any]]:
    """More notes of the same workspace, none of which has failed before: suspects run alone."""
    same = and_(
        work.c.workspace_id == head.workspace_id,
        work.c.kind == "sessions",
        work.c.attempts == 0,
        work.c.key != head.key,
    )
    return (await connection.execute(_ready().where(same).limit(limit))).all()


_RAISE = text("""
INSERT INTO work (workspace_id, kind, key, wanted, not_before, first_wanted_at)
VALUES (:workspace, :kind, :key, :times, now() + make_interval(secs => :debounce), now())
ON CONFLICT (workspace_id, kind, key) DO UPDATE SET
  wanted = work.wanted + :times,
  attempts = CASE WHEN work.parked_at IS NULL THEN work.attempts ELSE 0 END,
  parked_at = NULL,
  first_wanted_at = CASE WHEN work.wanted > work.done THEN work.first_wanted_at ELSE now() END,
  not_before = CASE
    WHEN work.wanted > work.done THEN LEAST(
      now() + make_interval(secs => :debounce),
      GREATEST(work.first_wanted_at + make_interval(secs => :limit), now()))
    ELSE now() + make_interval(secs => :debounce) END
""")

_FINISH = text("""
UPDATE work SET done = :wanted, attempts = 0, lease_until = NULL, last_error = NULL, parked_at = NULL,
  first_wanted_at = CASE WHEN wanted > :wanted THEN now() ELSE first_wanted_at END
WHERE workspace_id = :workspace AND kind = :kind AND key = :key AND token = :token
RETURNING 1
""")

# A lease that ran out was never given back: its worker died. Nobody else would park what kills workers.
_PARK_KILLERS = text("""
UPDATE work SET parked_at = now(), lease_until = NULL, last_error = 'worker_lost'
WHERE (workspace_id, kind, key) IN (
  SELECT workspace_id, kind, key FROM work
  WHERE wanted > done AND parked_at IS NULL AND attempts >= :most AND lease_until < now()
  FOR UPDATE SKIP LOCKED)
""")

_FAILED = text("""
UPDATE work SET lease_until = NULL, last_error = :code,
  attempts = CASE WHEN :parked AND wanted > :wanted THEN 0 ELSE GREATEST(attempts - :refund, 0) END,
  not_before = GREATEST(not_before, now() + make_interval(secs => :delay)),
  parked_at = CASE WHEN :parked AND wanted = :wanted THEN now() END
WHERE workspace_id = :workspace AND kind = :kind AND key = :key AND token = :token
""")

_RELEASE = text("""
UPDATE work SET lease_until = NULL, attempts = GREATEST(attempts - 1, 0)
WHERE workspace_id = :workspace AND kind = :kind AND key = :key AND token = :token AND done < :wanted
""")

_DEPTH = text("""
SELECT count(*) FILTER (WHERE parked_at IS NULL) AS waiting, count(parked_at) AS parked,
  extract(epoch FROM now() - min(first_wanted_at) FILTER (WHERE parked_at IS NULL)) AS lag
FROM work WHERE wanted > done AND (kind = 'workspaces' OR NOT EXISTS (
  SELECT FROM tombstones t WHERE t.workspace_id = work.workspace_id AND t.entity = ANY(:stones)))
""").bindparams(stones=list(WORKSPACE_STONES))
