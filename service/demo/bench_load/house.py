"""All of it as processes: servers that wait for their disk, PazPaz, APIs and workers, with notes in all practices."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

from service.commands.progress import progress
from service.container import Container, open_container
from service.demo.bench_databases import durable_servers
from service.demo.bench_load.plan import Plan
from service.demo.bench_load.watch import Owner
from service.demo.notes import DemoAdmin, Practice, until_searchable
from service.demo.processes import Child
from service.demo.run import demo_admin
from service.demo.stage import Stage, open_stage, passing_folder

ANY = str(10**6)
SETTINGS: dict[str, Any] = {
    # A practice may ask 30 questions an hour; here it asks as often as the load is to be large.
    "AI_AGENT_MAX_QUERIES_PER_HOUR": ANY,
    "AI_AGENT_MAX_QUERIES_PER_USER_PER_MINUTE": ANY,
    # As in production, and not the stage's haste: it is part of how late a change is found.
    "DEBOUNCE_SECONDS": "2",
}


@dataclass(frozen=True)
class House:
    """Everything runs. Each of `stages` has an API and a PazPaz; the workers are the first one's."""

    stages: Sequence[Stage]
    admin: DemoAdmin
    container: Container
    owner: Owner
    """Sees every row of the service's database."""
    source: Owner
    """The same of PazPaz's."""

    @property
    def stage(self) -> Stage:
        return self.stages[0]

    @property
    def children(self) -> Mapping[str, Child]:
        """Ours and the servers, by name."""
        ours = {name: child for stage in self.stages for name, child in stage.children.items()}
        return {**ours, **self.stage.servers.children}

    @property
    def pids(self) -> Mapping[str, int]:
        """This process too: what it remembers must not be taken for anybody's growth."""
        return {**{n: c.process.pid for n, c in self.children.items()}, "load": os.getpid()}

    @property
    def databases(self) -> list[str]:
        urls = (self.stage.databases.owner, self.stage.databases.monolith)
        return [str(make_url(url).database) for url in urls]

    @property
    def ended(self) -> list[str]:
        """Parts that ended by themselves, with how."""
        ended = [child for child in self.children.values() if child.ended]
        return [f"{child.name} ended with {child.process.returncode}" for child in ended]


@asynccontextmanager
async def open_house(plan: Plan, rows: Practice) -> AsyncIterator[House]:
    """Opened, filled and searchable."""
    async with AsyncExitStack() as stack:
        folder = await stack.enter_async_context(passing_folder("-load"))
        folder.mkdir(parents=True, exist_ok=True)
        stages = await _started(plan, folder, stack)
        house = House(
            stages,
            await stack.enter_async_context(demo_admin(stages[0])),
            await stack.enter_async_context(open_container(stages[0].settings())),
            await _login(stages[0].databases.owner, stack),
            await _login(stages[0].databases.monolith, stack),
        )
        await _fill(house, rows)
        yield house


async def _started(plan: Plan, folder: Path, stack: AsyncExitStack) -> Sequence[Stage]:
    servers = stack.enter_context(durable_servers(folder))
    name = f"pazpaz_bench_{os.getpid()}"
    stage = await stack.enter_async_context(
        open_stage(folder, name=name, servers=servers, **SETTINGS)
    )
    stages = [stage, *(stage.beside() for _ in range(1, plan.apis))]
    for number, one in enumerate(stages, 1):
        stack.callback(one.stop_all)  # first: a start that fails leaves those of before
        one.start(_named("monolith", number), _named("api", number))
        await one.until_up(one.monolith_url, one.service_url)
    stage.start(*(_named("worker", number) for number in range(1, plan.workers + 1)))
    return stages


def _named(part: str, number: int) -> str:
    return part if number == 1 else f"{part}-{number}"


async def _login(address: str, stack: AsyncExitStack) -> Owner:
    url = make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)
    return await stack.enter_async_context(asyncpg.create_pool(url, min_size=1, max_size=2))


async def _fill(house: House, rows: Practice) -> None:
    with progress("loading notes", rows.size) as tick:
        await house.admin.put(rows, tick)
    with progress("making them searchable", rows.size) as tick:
        await until_searchable(house.admin, house.container, rows.size, tick)
