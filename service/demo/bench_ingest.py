"""How fast events are accepted and notes are indexed: by one worker and by two, and as more of them wait."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import asyncpg
import typer
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql import insert

from service.adapters.postgres.tables import event_ids
from service.commands.progress import progress
from service.container import Container, open_container
from service.demo import bench_upserts
from service.demo.bench_databases import durable_servers
from service.demo.bench_ways import measured, print_ways
from service.demo.notes import Practice, read_practice
from service.demo.run import demo_admin
from service.demo.stage import Stage, open_stage, passing_folder
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import ManifestItem
from service.ports.clock import now
from service.ports.monolith import Event

EVENTS = 50  # of one delivery; PazPaz's sender puts up to 500 into one
ROUND_SECONDS = 2.0
WORKERS = (1, 2)
POLL_SECONDS = 0.05
UPSERT_ROUNDS = 20
EMPTY = (
    "TRUNCATE work, note_catalogue, session_vectors, vector_codes, sealed_vectors, bags, event_ids,"
    " index_changes, index_models"
)

Write = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class House:
    """A stage with more notes than any round needs, and no worker yet."""

    stage: Stage
    opened: Container
    items: Sequence[ManifestItem]
    workspaces: Sequence[WorkspaceId]
    """Whose each item is."""

    @property
    def owner_url(self) -> str:
        url = make_url(self.stage.databases.owner).set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    async def empty(self) -> None:
        """The index and the queue, as before the first event."""
        connection = await asyncpg.connect(self.owner_url)
        await connection.execute(EMPTY)
        await connection.close()

    async def want(self, count: int) -> None:
        for workspace in sorted(set(self.workspaces)):
            mine = [
                item
                for item, whose in islice(zip(self.items, self.workspaces, strict=True), count)
                if whose == workspace
            ]
            await self.opened.queue.want(mine, workspace=workspace)


async def run_bench(
    data: Path, *, backlogs: Sequence[int], rounds: int, save: Path | None = None
) -> None:
    """Events beside plain inserts of their ids; vectors beside a table with an index; one worker in two ways; then
    every backlog with one worker and with two."""
    figures: dict[str, object] = {}
    async with _house(data, max(backlogs)) as house:
        figures["events"] = await _events(house, rounds)
        figures["upserts"] = upserts = await bench_upserts.measured(
            house.opened, house.owner_url, rounds=UPSERT_ROUNDS
        )
        bench_upserts.print_upserts(upserts)
        figures["one_worker"] = ways = await _ways(house, min(backlogs), rounds)
        print_ways(ways)
        _save(figures, save)
        figures["workers"] = await _notes(house, backlogs)
        _save(figures, save)


def _save(figures: Mapping[str, object], path: Path | None) -> None:
    """Also before the last part, which takes minutes and may be cut off."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=1), encoding="utf-8")


async def _ways(house: House, backlog: int, rounds: int) -> dict[str, dict[str, float]]:
    async def wanted() -> None:
        await house.empty()
        await house.want(backlog)

    with progress("one worker in two ways", 1):
        return await measured(house.opened, backlog, wanted, rounds=rounds)


async def _events(house: House, rounds: int) -> dict[str, float]:
    took: dict[str, list[float]] = {"plain inserts": [], "accepted": []}
    arms: dict[str, Write] = {
        "plain inserts": lambda: _insert(house),
        "accepted": lambda: house.opened.queue.accept(_some_events(house)),
    }
    with progress("rounds of events", rounds) as tick:
        for number in range(rounds):
            for name, write in arms.items():
                took[name].append(await _rate(write))
            tick(number + 1)
    plain, ours = (sorted(rates)[len(rates) // 2] for rates in took.values())
    typer.echo(f"events of {EVENTS} a delivery, median of {rounds}: {ours:.0f} accepted a second,")
    typer.echo(f"  {ours / plain:.2f} of plain inserts of their ids ({plain:.0f} a second)")
    await house.empty()
    return {"accepted_per_second": ours, "plain_inserts_per_second": plain}


async def _rate(write: Write) -> float:
    """Events a second."""
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < ROUND_SECONDS:
        await write()
        count += EVENTS
    return count / (time.perf_counter() - started)


def _some_events(house: House) -> list[Event]:
    chosen = zip(house.items[:EVENTS], house.workspaces, strict=False)
    return [Event(uuid4(), whose, item.entity, item.id, "upserted") for item, whose in chosen]


async def _insert(house: House) -> None:
    """The baseline: the same ids, in a transaction of the same kind, that ask for nothing."""
    rows = [{"id": one.id, "workspace_id": one.workspace} for one in _some_events(house)]
    async with house.opened.database.system_tx() as connection:
        await connection.execute(insert(event_ids).values(rows))


async def _notes(house: House, backlogs: Sequence[int]) -> list[dict[str, float]]:
    rates: dict[tuple[int, int], float] = {}
    for workers in WORKERS:
        house.stage.start(*(f"worker-{number}" for number in range(workers)))
        await _indexed(house, min(backlogs))  # a round that warms them up
        for backlog in backlogs:
            rates[backlog, workers] = backlog / await _indexed(house, backlog)
        house.stage.stop(*(f"worker-{number}" for number in range(workers)))
    _print(rates, backlogs)
    return [
        {"waiting": backlog, "one_notes_per_second": rates[backlog, 1], "two": rates[backlog, 2]}
        for backlog in backlogs
    ]


async def _indexed(house: House, backlog: int) -> float:
    """Seconds from wanting so many notes until none waits."""
    await house.empty()
    started = time.perf_counter()
    await house.want(backlog)
    with progress(f"{backlog} notes", backlog) as tick:
        while waiting := (await house.opened.queue.depth()).waiting:
            tick(max(0, backlog - waiting))  # a worker that starts may find more to do
            await asyncio.sleep(POLL_SECONDS)
    return time.perf_counter() - started


def _print(rates: dict[tuple[int, int], float], backlogs: Sequence[int]) -> None:
    typer.echo(f"{'waiting':>8}{'one worker':>13}{'two':>8}   two to one   one, to the first line")
    for backlog in backlogs:
        one, two = rates[backlog, 1], rates[backlog, 2]
        first = rates[backlogs[0], 1]
        typer.echo(f"{backlog:8}{one:9.0f} n/s{two:4.0f} n/s{two / one:13.2f}{one / first:25.2f}")


@asynccontextmanager
async def _house(data: Path, most: int) -> AsyncIterator[House]:
    """Postgres waits for its disk, as a real one does; PazPaz and the API run, and the notes are there."""
    async with passing_folder() as folder:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"pazpaz_bench_{os.getpid()}"
        with durable_servers(folder) as servers:
            stage = open_stage(folder, name=name, servers=servers, DEBOUNCE_SECONDS="0")
            async with stage as opened, _filled(opened, data, most) as house:
                yield house


@asynccontextmanager
async def _filled(stage: Stage, data: Path, most: int) -> AsyncIterator[House]:
    stage.start("monolith", "api")
    await stage.until_up(stage.monolith_url, stage.service_url)
    async with open_container(stage.settings()) as opened, demo_admin(stage) as admin:
        practice = _copies(read_practice(data), most)
        with progress("loading notes", practice.size) as tick:
            await admin.put(practice, tick)
        await _until_delivered(admin.pending, practice.size)
        sessions = practice.sessions[:most]
        yield House(
            stage,
            opened,
            [_item(row) for row in sessions],
            [WorkspaceId(UUID(row["workspace_id"])) for row in sessions],
        )


async def _until_delivered(pending: Callable[[], Awaitable[int]], total: int) -> None:
    with progress("delivering events", total) as tick:
        while waiting := await pending():
            tick(max(0, total - waiting))
            await asyncio.sleep(POLL_SECONDS)


def _copies(practice: Practice, most: int) -> Practice:
    """The same notes again and again under other ids, until there are enough."""
    sessions = list(practice.sessions)
    for number in range(1, most // len(sessions) + 1):
        for row in practice.sessions:
            id = uuid5(UUID(row["session_id"]), str(number))
            sessions.append({**row, "session_id": str(id)})
    return replace(practice, sessions=sessions)


def _item(row: dict[str, object]) -> ManifestItem:
    """What `want` reads of it: entity and id."""
    client = ClientId(UUID(str(row["client_id"])))
    return ManifestItem("sessions", UUID(str(row["session_id"])), client, "active", now())
