"""The `work` table: durable desired state. It coalesces, retries, fences and parks with one mechanism."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import Row, and_, delete, exists, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import (
    WORKSPACE_STONES,
    event_ids,
    feed_cursor,
    tombstones,
    work,
)
from service.adapters.work.wants import TOKEN, bury, finish, lease_parameters, raise_wants
from service.domain.erasure import AskedBy, Subject
from service.domain.identity import WorkspaceId
from service.domain.notes import ManifestItem
from service.ports.monolith import ChangesCursor, Event
from service.ports.work import DeadLetter, Depth, Lease, OpenWork, WorkKind

MAX_ATTEMPTS = 5
BACKOFF_SECONDS = 2.0
OUTAGE_BACKOFF_SECONDS = 60.0

NOBODY = UUID(int=0)
"""Before every workspace: whoever comes first in the order of ids is next."""


@dataclass(slots=True)
class Turns:
    """Whose work was claimed last, of each class: the next claim is of the next workspace that has some."""

    live: UUID = NOBODY
    background: UUID = NOBODY


@dataclass(frozen=True, slots=True)
class PgWorkQueue:
    """Keeps WorkQueue. `debounce` and `debounce_limit` are seconds a note must be quiet, and can be put off at most."""

    database: Database
    lease_seconds: float
    debounce: float
    debounce_limit: float
    turns: Turns = field(default_factory=Turns)

    async def accept(self, events: Sequence[Event], *, feed: ChangesCursor | None = None) -> int:
        async with self.database.system_tx() as connection:
            fresh = await _unseen(connection, events) if events else []
            await bury(
                connection,
                [(e.workspace, e.entity, e.entity_id) for e in fresh if e.kind == "purged"],
            )
            await self._raise_for(connection, fresh)
            if feed is not None:
                await _keep_cursor(connection, feed)
        return len(fresh)

    async def _raise_for(self, connection: AsyncConnection, fresh: Sequence[Event]) -> None:
        """A text may be typed on; what was archived, suspended or purged must not be found two seconds longer."""
        looks = [event for event in fresh if event.entity in get_args(WorkKind)]
        typed = [_place(event) for event in looks if event.kind == "upserted"]
        at_once = [_place(event) for event in looks if event.kind != "upserted"]
        await raise_wants(connection, typed, debounce=self.debounce, limit=self.debounce_limit)
        await raise_wants(connection, at_once)

    async def cursor(self) -> ChangesCursor | None:
        async with self.database.system_tx() as connection:
            row = (await connection.execute(select(feed_cursor))).one_or_none()
        return ChangesCursor(int(row.txid), row.id) if row else None

    async def want(
        self,
        items: Sequence[ManifestItem],
        *,
        workspace: WorkspaceId,
        background: bool = False,
    ) -> None:
        wanted = [(workspace, item.entity, item.id) for item in items]
        async with self.database.system_tx() as connection:
            await raise_wants(connection, wanted, background=background)

    async def want_whole(
        self, workspaces: Sequence[WorkspaceId], *, kind: Literal["workspaces", "reconcile"]
    ) -> None:
        wanted = [(one, kind, one) for one in workspaces]
        async with self.database.system_tx() as connection:
            await raise_wants(connection, wanted, background=kind == "reconcile")

    async def want_erased(self, subject: Subject, *, asked_by: AskedBy) -> None:
        place = (subject.workspace, subject.entity, subject.id)
        async with self.database.system_tx() as connection:
            await bury(connection, [place], asked_by=asked_by)
            await raise_wants(connection, [place])

    async def claim(self, *, limit: int) -> Sequence[Lease]:
        async with self.database.system_tx() as connection:
            await connection.execute(_PARK_KILLERS, {"most": MAX_ATTEMPTS})
            head = await self._next(connection)
            if head is None:
                return []
            rows = [head]
            if head.attempts == 0 and head.kind == "sessions" and limit > 1:
                rows += await _neighbours(connection, head, limit - 1)
            return await self._lease(connection, rows)

    async def _next(self, connection: AsyncConnection) -> Row[Any] | None:
        """What somebody changed comes before what we look at of our own accord; workspaces take turns in both."""
        turns = self.turns
        if row := await _first_after(connection, turns.live, background=False):
            turns.live = row.workspace_id
        elif row := await _first_after(connection, turns.background, background=True):
            turns.background = row.workspace_id
        return row

    async def _lease(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Lease]:
        """Counts the attempt now: a note that kills its worker would otherwise be tried for ever."""
        places = {(row.workspace_id, row.kind, row.key): row for row in rows}
        until = func.now() + timedelta(seconds=self.lease_seconds)
        statement = (
            update(work)
            .where(tuple_(work.c.workspace_id, work.c.kind, work.c.key).in_(list(places)))
            .values(token=TOKEN, attempts=work.c.attempts + 1, lease_until=until)
            .returning(work)
        )
        leased = {
            (row.workspace_id, row.kind, row.key): row
            for row in await connection.execute(statement)
        }
        return [_lease(leased[place]) for place in places]

    async def renew(self, leases: Sequence[Lease]) -> None:
        held = [(lease.workspace, lease.kind, lease.key, lease.token) for lease in leases]
        mine = tuple_(work.c.workspace_id, work.c.kind, work.c.key, work.c.token).in_(held)
        # What is locked is being written, or changed by somebody else: waiting for it, with others locked here, could
        # be waiting in a ring.
        free = (
            select(work.c.workspace_id, work.c.kind, work.c.key)
            .where(mine, work.c.lease_until.is_not(None))
            .with_for_update(skip_locked=True)
            .cte("free")
        )
        renewed = (
            update(work)
            .where(
                work.c.workspace_id == free.c.workspace_id,
                work.c.kind == free.c.kind,
                work.c.key == free.c.key,
            )
            .values(lease_until=func.now() + timedelta(seconds=self.lease_seconds))
        )
        async with self.database.system_tx() as connection:
            await connection.execute(renewed)

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
                lease_parameters(lease)
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

    async def buried(
        self, *, workspace: WorkspaceId, ids: Collection[UUID] | None = None
    ) -> frozenset[tuple[str, UUID]]:
        query = select(tombstones.c.entity, tombstones.c.entity_id).where(
            tombstones.c.workspace_id == workspace
        )
        if ids is not None:
            query = query.where(tombstones.c.entity_id.in_(ids))
        async with self.database.system_tx() as connection:
            return frozenset((row.entity, row.entity_id) for row in await connection.execute(query))

    async def release(self, leases: Sequence[Lease]) -> None:
        async with self.database.system_tx() as connection:
            for lease in leases:
                await connection.execute(_RELEASE, lease_parameters(lease))

    async def depth(self) -> Depth:
        async with self.database.system_tx() as connection:
            row = (await connection.execute(_DEPTH)).one()
        return Depth(row.waiting, row.background, row.parked, float(row.lag or 0))

    async def open_work(self, *, workspace: WorkspaceId) -> OpenWork:
        query = select(work.c.kind, work.c.key, work.c.parked_at).where(
            work.c.workspace_id == workspace, work.c.wanted > work.c.done
        )
        async with self.database.system_tx() as connection:
            rows = (await connection.execute(query)).all()
        return OpenWork(
            waiting=frozenset((row.kind, row.key) for row in rows if row.parked_at is None),
            parked=frozenset((row.kind, row.key) for row in rows if row.parked_at is not None),
        )

    async def dead_letters(
        self,
        *,
        workspace: WorkspaceId | None = None,
        key: UUID | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[DeadLetter]:
        query = select(work).where(*_parked(workspace, key))
        ordered = query.order_by(work.c.parked_at, work.c.key).limit(limit).offset(offset)
        async with self.database.system_tx() as connection:
            return [_dead_letter(row) for row in await connection.execute(ordered)]

    async def retry_dead_letters(
        self, *, workspace: WorkspaceId | None, key: UUID | None = None
    ) -> int:
        again = {"parked_at": None, "attempts": 0, "not_before": func.now()}
        statement = update(work).where(*_parked(workspace, key)).values(again)
        async with self.database.system_tx() as connection:
            return int((await connection.execute(statement)).rowcount)

    async def drop_dead_letters(
        self, *, workspace: WorkspaceId | None, key: UUID | None = None
    ) -> int:
        ended = {"parked_at": None, "attempts": 0, "done": work.c.wanted}
        statement = update(work).where(*_parked(workspace, key)).values(ended)
        async with self.database.system_tx() as connection:
            return int((await connection.execute(statement)).rowcount)

    async def forget_old_events(self, *, days: float) -> int:
        old = delete(event_ids).where(event_ids.c.received_at < func.now() - timedelta(days=days))
        async with self.database.system_tx() as connection:
            return int((await connection.execute(old)).rowcount)


def _lease(row: Row[Any]) -> Lease:
    return Lease(
        kind=row.kind,
        key=row.key,
        workspace=WorkspaceId(row.workspace_id),
        token=row.token,
        wanted=row.wanted,
        attempts=row.attempts,
        background=row.background,
    )


def _place(event: Event) -> tuple[WorkspaceId, str, UUID]:
    return event.workspace, event.entity, event.entity_id


def _parked(workspace: WorkspaceId | None, key: UUID | None) -> list[Any]:
    named = {"workspace_id": workspace, "key": key}
    chosen = [work.c[name] == value for name, value in named.items() if value is not None]
    return [work.c.parked_at.is_not(None), *chosen]


def _dead_letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        workspace=WorkspaceId(row.workspace_id),
        kind=row.kind,
        key=row.key,
        code=row.last_error,
        parked_at=row.parked_at,
        wanted_at=row.first_wanted_at,
    )


async def _keep_cursor(connection: AsyncConnection, feed: ChangesCursor) -> None:
    row = {"txid": str(feed.txid), "id": feed.id, "read_at": func.now()}
    kept = insert(feed_cursor).values(row | {"one": True})
    await connection.execute(kept.on_conflict_do_update(index_elements=["one"], set_=row))


def _delay(lease: Lease, retry_after: float | None) -> float:
    """Full jitter over half the span, so that a recovering PazPaz is not met by everyone at once."""
    if retry_after is not None:
        span = min(max(retry_after, 0.1), OUTAGE_BACKOFF_SECONDS)
    else:
        span = BACKOFF_SECONDS * 2**lease.attempts
    return span * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


async def _unseen(connection: AsyncConnection, events: Sequence[Event]) -> list[Event]:
    by_id = {event.id: event for event in events}
    statement = insert(event_ids).values([_event_row(by_id[key]) for key in sorted(by_id)])
    new = await connection.scalars(statement.on_conflict_do_nothing().returning(event_ids.c.id))
    return [by_id[key] for key in new]


def _event_row(event: Event) -> dict[str, object]:
    """Whose login or workspace it was, processes ask for two minutes; whose note, nobody asks again."""
    named = {"entity": event.entity, "kind": event.kind, "occurred_at": event.occurred_at}
    person = event.entity_id if event.entity in ("users", "workspaces") else None
    return {"id": event.id, "workspace_id": event.workspace, "entity_id": person, **named}


async def _first_after(
    connection: AsyncConnection, turn: UUID, *, background: bool
) -> Row[Any] | None:
    """The oldest ready piece of the next workspace after `turn`, around the circle."""
    ready = _ready().where(work.c.background == background)
    for part in (work.c.workspace_id > turn, work.c.workspace_id <= turn):
        row = (await connection.execute(ready.where(part).limit(1))).one_or_none()
        if row is not None:
            return row
    return None


def _ready() -> Any:
    buried_workspace = exists().where(
        tombstones.c.workspace_id == work.c.workspace_id, tombstones.c.entity.in_(WORKSPACE_STONES)
    )
    free = or_(work.c.lease_until.is_(None), work.c.lease_until < func.now())
    return (
        select(work.c.workspace_id, work.c.kind, work.c.key, work.c.attempts, work.c.background)
        .where(work.c.wanted > work.c.done, work.c.parked_at.is_(None))
        .where(work.c.not_before <= func.now(), free)
        # What arrives late for an erased workspace stays untouched; only its own erasure is work.
        .where(or_(work.c.kind == "workspaces", ~buried_workspace))
        .order_by(work.c.workspace_id, work.c.not_before)
        .with_for_update(skip_locked=True)
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
        work.c.background == head.background,
    )
    return (await connection.execute(_ready().where(same).limit(limit))).all()


# A lease that ran out was never given back: its worker died. Nobody else would park what kills workers. Whatever has
# a lease is open; that it is said all the same lets the index of open work answer.
_PARK_KILLERS = text("""
UPDATE work SET parked_at = now(), lease_until = NULL, last_error = 'worker_lost'
WHERE (workspace_id, kind, key) IN (
  SELECT workspace_id, kind, key FROM work
  WHERE wanted > done AND parked_at IS NULL AND attempts >= :most AND lease_until < now()
  FOR UPDATE SKIP LOCKED)
""")

_FAILED = text("""
UPDATE work SET lease_until = NULL, last_error = :code,
  attempts = CASE WHEN :parked THEN 0 ELSE GREATEST(attempts - :refund, 0) END,
  not_before = GREATEST(not_before, now() + make_interval(secs => :delay)),
  parked_at = CASE WHEN :parked AND wanted = :wanted THEN now() END
WHERE workspace_id = :workspace AND kind = :kind AND key = :key AND token = :token
""")

_RELEASE = text("""
UPDATE work SET lease_until = NULL, attempts = GREATEST(attempts - 1, 0)
WHERE workspace_id = :workspace AND kind = :kind AND key = :key AND token = :token
""")

_DEPTH = text("""
SELECT count(*) FILTER (WHERE parked_at IS NULL AND NOT background) AS waiting,
  count(*) FILTER (WHERE parked_at IS NULL AND background) AS background, count(parked_at) AS parked,
  extract(epoch FROM now() - min(first_wanted_at) FILTER (WHERE parked_at IS NULL AND NOT background)) AS lag
FROM work WHERE wanted > done AND (kind = 'workspaces' OR NOT EXISTS (
  SELECT FROM tombstones t WHERE t.workspace_id = work.workspace_id AND t.entity = ANY(:stones)))
""").bindparams(stones=list(WORKSPACE_STONES))
