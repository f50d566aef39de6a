"""What operators switched, and whom to ask PazPaz about again: read from Postgres once a second by every process."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append
from service.adapters.database import Database, audit_heads, event_ids, switches, tombstones
from service.adapters.wants import raise_wants
from service.domain.audit import SERVICE_CHAIN, AuditEntry
from service.domain.identity import WorkspaceId
from service.ports.limits import Standing

EVERYWHERE = SERVICE_CHAIN
"""The workspace id of a switch that holds for all."""
NO_BUDGET = "none"
"""The value of a switch that takes a budget away; null in the trail says that a switch was reset."""
MAX_AGE_SECONDS = 1.0
WINDOW = timedelta(minutes=2)
"""Longer than a confirmed login can count (75 s) plus the longest statement (30 s): what is older drops nothing."""

Drop = Callable[[WorkspaceId, UUID | None], None]


@dataclass(frozen=True, slots=True)
class Switch:
    """A row that overrides a setting, everywhere or for one workspace."""

    workspace: WorkspaceId
    name: str
    value: Any
    changed_at: datetime


@dataclass(slots=True)
class PgStandings:
    """Keeps Standings. `start` are the settings; `on_drop` forgets what is remembered of a workspace or user."""

    database: Database
    start: Standing
    on_drop: Drop
    clock: Callable[[], float] = time.monotonic
    on_erased: Callable[[WorkspaceId], None] = lambda _: None
    """Told of each workspace in which something was erased, by whichever process."""
    _rows: Mapping[tuple[UUID, str], Any] = field(default_factory=dict, repr=False)
    _seen: frozenset[UUID] = field(default=frozenset(), repr=False)
    _read_at: float | None = field(default=None, repr=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def of(self, workspace: WorkspaceId) -> Standing:
        if self._is_old():
            async with self._reading:
                if self._is_old():  # else somebody read while we waited
                    await self._read()
        return self._standing(workspace)

    async def now(self, workspace: WorkspaceId) -> Standing:
        async with self._reading:
            await self._read()
        return self._standing(workspace)

    async def refresh(self) -> None:
        """Reads again if a second has passed: a process without questions must notice erasures too."""
        await self.of(EVERYWHERE)

    def _is_old(self) -> bool:
        return self._read_at is None or self.clock() - self._read_at >= MAX_AGE_SECONDS

    async def _read(self) -> None:
        asked = self.clock()
        async with self.database.system_tx() as connection:
            rows = (await connection.execute(select(switches))).all()
            told = (await connection.execute(_recent_events())).all()
            stones = (await connection.execute(_recent_stones())).all()
        self._rows = {(row.workspace_id, row.name): row.value for row in rows}
        for row in told:
            if row.id not in self._seen:
                user = row.entity_id if row.entity == "users" else None
                self.on_drop(WorkspaceId(row.workspace_id), user)
        erased = frozenset(row.workspace_id for row in stones if row.entity_id not in self._seen)
        for one in erased:
            self.on_erased(WorkspaceId(one))
        # Remembered by id, not by a highest number: a transaction may commit late.
        self._seen = frozenset(row.id for row in told) | {row.entity_id for row in stones}
        self._read_at = asked

    def _standing(self, workspace: WorkspaceId) -> Standing:
        """A workspace's row before the general one, that before the setting; but off anywhere is off."""
        everywhere = self._rows.get((EVERYWHERE, "assistant"), self.start.enabled)
        here = self._rows.get((workspace, "assistant"), True)
        return Standing(
            enabled=everywhere and here,
            allowed_roles=frozenset(
                self._value(workspace, "allowed_roles", self.start.allowed_roles)
            ),
            require_consent=self._value(workspace, "require_consent", self.start.require_consent),
            pseudonyms=self._value(workspace, "pseudonyms", self.start.pseudonyms),
            conversations=self._value(workspace, "conversations", self.start.conversations),
            daily_budget=None if (budget := self._budget(workspace)) == NO_BUDGET else budget,
        )

    def _budget(self, workspace: WorkspaceId) -> Any:
        return self._value(workspace, "daily_budget", self.start.daily_budget)

    def _value(self, workspace: WorkspaceId, name: str, start: Any) -> Any:
        general = self._rows.get((EVERYWHERE, name), start)
        return self._rows.get((workspace, name), general)


def _recent_events() -> Any:
    return select(
        event_ids.c.id, event_ids.c.workspace_id, event_ids.c.entity, event_ids.c.entity_id
    ).where(
        event_ids.c.entity.in_(("users", "workspaces")),
        event_ids.c.received_at > func.now() - WINDOW,
    )


def _recent_stones() -> Any:
    return select(tombstones.c.workspace_id, tombstones.c.entity_id).where(
        tombstones.c.at > func.now() - WINDOW
    )


@dataclass(frozen=True, slots=True)
class PgSwitches:
    """Where a switch is changed: with its audit row, and with the work it asks for, in one transaction."""

    database: Database

    async def all(self) -> Sequence[Switch]:
        query = select(switches).order_by(switches.c.workspace_id, switches.c.name)
        async with self.database.system_tx() as connection:
            return [
                Switch(WorkspaceId(row.workspace_id), row.name, row.value, row.changed_at)
                for row in await connection.execute(query)
            ]

    async def put(self, name: str, value: Any, *, workspace: WorkspaceId = EVERYWHERE) -> None:
        """Overrides the setting, everywhere or for one workspace."""
        row = {"workspace_id": workspace, "name": name, "value": value, "changed_at": func.now()}
        changed = (
            insert(switches)
            .values(row)
            .on_conflict_do_update(
                index_elements=["workspace_id", "name"],
                set_={"value": value, "changed_at": func.now()},
            )
        )
        async with self.database.tenant_tx(workspace) as connection:
            await connection.execute(changed)
            await _follow_up(connection, name, value, workspace)

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
    await raise_wants(connection, Counter((one, "workspaces", one) for one in found))
