"""Looks at everything that runs, every few seconds: memory, database, connections; and how soon changes are found."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from service.demo.bench_load.ledger import Client, Place

if TYPE_CHECKING:
    import asyncpg

MEGABYTE = 2**20
LOOK_SECONDS = 0.5
PAGE = 4096
Owner: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
CATALOGUE = """
SELECT entity, entity_id::text, updated_at FROM note_catalogue
WHERE (workspace_id, entity, entity_id) IN (SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[]))
"""
STATE = """
SELECT sum(pg_database_size(d.datname)) / 1048576.0 AS size,
  (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = ANY($1)) AS connections
FROM pg_database d WHERE d.datname = ANY($1)
"""


@dataclass(frozen=True, slots=True)
class Want:
    """A change that PazPaz confirmed at `since`; found once the index has that moment, or has no such note any more."""

    client: Client
    since: float
    moment: datetime | None
    """None: it is to be gone."""

    def is_met(self, held: datetime | None) -> bool:
        if held is None:
            return self.moment is None
        return self.moment is not None and held >= self.moment


@dataclass(slots=True)
class Lags:
    """From PazPaz's answer to the index; to within half a second, the time between two looks."""

    wants: dict[Place, list[Want]] = field(default_factory=dict)
    found: list[tuple[float, float]] = field(default_factory=list)
    """When, and how late."""

    def want(self, client: Client, place: Place, moment: datetime) -> None:
        self.wants.setdefault(place, []).append(Want(client, time.monotonic(), moment))

    def want_gone(self, client: Client, place: Place) -> None:
        """What was wanted of it before is never seen any more."""
        self.wants[place] = [Want(client, time.monotonic(), None)]

    def drop(self, client: Client) -> None:
        """An archived or erased client's notes go, however new they are."""
        self.wants = {
            place: wants for place, wants in self.wants.items() if wants[0].client is not client
        }

    async def look(self, owner: Owner) -> None:
        if not self.wants:
            return
        asked = [
            (wants[0].client.workspace, entity, id) for (entity, id), wants in self.wants.items()
        ]
        rows = await owner.fetch(CATALOGUE, *map(list, zip(*asked, strict=True)))
        held = {(row["entity"], row["entity_id"]): row["updated_at"] for row in rows}
        self._met({place: held.get(place) for place in [(entity, id) for _, entity, id in asked]})

    def _met(self, held: Mapping[Place, datetime | None]) -> None:
        now = time.monotonic()
        for place, moment in held.items():
            wants = self.wants.get(place, [])
            left = [want for want in wants if not want.is_met(moment)]
            self.found += [(now, now - want.since) for want in wants if want not in left]
            if left:
                self.wants[place] = left
            else:
                self.wants.pop(place, None)

    async def keep_looking(self, owner: Owner) -> None:
        while True:
            await self.look(owner)
            await asyncio.sleep(LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look; megabytes of each process and of the databases."""

    at: float
    memory: Mapping[str, float]
    database: float
    connections: int


@dataclass(frozen=True, slots=True)
class Watch:
    """`parts` are process ids by name; those in `servers` have a process for each connection."""

    owner: Owner
    databases: list[str]
    parts: Mapping[str, int]
    servers: frozenset[str] = frozenset({"postgres"})

    async def look(self) -> Sample:
        row = await self.owner.fetchrow(STATE, self.databases)
        assert row is not None  # noqa: S101 - an aggregate always has one
        memory = {name: self._memory(name, pid) for name, pid in self.parts.items()}
        return Sample(time.monotonic(), memory, float(row["size"] or 0), row["connections"])

    def _memory(self, name: str, pid: int) -> float:
        return private_memory([pid, *_children(pid)]) if name in self.servers else memory(pid)


def memory(pid: int) -> float:
    """Megabytes that a process holds; 0 where it ended."""
    return _pages(pid)[0] * PAGE / MEGABYTE


def private_memory(pids: Iterable[int]) -> float:
    """Megabytes that they hold each alone: what they share would be counted once for each."""
    return sum(held - shared for held, shared in map(_pages, pids)) * PAGE / MEGABYTE


def _pages(pid: int) -> tuple[int, int]:
    """Resident, and of these shared with a file or another process."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0, 0
    return int(fields[1]), int(fields[2])


def _children(pid: int) -> Iterable[int]:
    try:
        return map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    except OSError:
        return ()
