"""What operators switched, and whom to ask PazPaz about again: read from Postgres once a second by every process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from service.adapters.limits.switches import EVERYWHERE, NO_BUDGET
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import event_ids, switches, tombstones
from service.domain.identity import WorkspaceId
from service.domain.recent import Recent
from service.ports.limits import Standing

MAX_AGE_SECONDS = 1.0
WINDOW = timedelta(minutes=2)
"""Longer than a confirmed login can count (75 s) plus the longest statement (30 s): what is older drops nothing."""

Drop = Callable[[WorkspaceId, UUID | None], None]


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
    _recent: Recent[None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._recent = Recent(self._read, MAX_AGE_SECONDS, self.clock)

    async def of(self, workspace: WorkspaceId) -> Standing:
        await self._recent.get()
        return self._standing(workspace)

    async def now(self, workspace: WorkspaceId) -> Standing:
        await self._recent.renew()
        return self._standing(workspace)

    async def refresh(self) -> None:
        """Reads again if a second has passed: a process without questions must notice erasures too."""
        await self._recent.get()

    async def _read(self) -> None:
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
