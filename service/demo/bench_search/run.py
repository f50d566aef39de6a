"""All ways asked in turn, question by question, in one run on one server; then what they cost, and the tables."""

import gc
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import typer

from service.commands.progress import progress
from service.demo.bench_search import baseline, costs, ours
from service.demo.bench_search.figures import COLD, FETCHED, RESIDENT, Key, Results, lines
from service.demo.bench_search.growth import growth
from service.demo.bench_search.kept import Made, Places, open_places, plain
from service.demo.bench_search.machine import Limit, Scrub, bandwidth
from service.demo.bench_search.ours import Cold, Hot, House, Numbers, open_house
from service.demo.bench_search.questions import DEEP, TOP, Class, Question, classes
from service.demo.bench_search.tenants import MODEL, Mix, Tenant, World
from service.demo.bench_search.ways import Cell, Way
from service.retrieval.dense import DenseIndex

MOST_KEPT = 200_000
"""Rows of a designated tenant in Postgres; a larger one is of the growth curve alone, in memory."""
ROOM = 2**33
"""Bytes for each memory: nothing that is asked falls out of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for."""

    mix: Mix
    questions: int
    """Of each group, whole; a third of them deep, half of them narrowed."""
    largest: int
    """Rows of the growth curve's last point."""
    keep: Path | None

    def fingerprints(self) -> tuple[str, str]:
        """Of the baseline and of ours."""
        theirs, own = self.mix.fingerprint(baseline.LAYOUT), self.mix.fingerprint(ours.layout())
        return f"baseline_{theirs}", f"ours_{own}"


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that a round needs, open."""

    world: World
    house: House
    places: Places
    groups: Sequence[Class]
    ways: Sequence[Way]
    scrub: Scrub = field(default_factory=Scrub)
    cells: dict[Key, Cell] = field(default_factory=dict)

    async def run(self, count: int) -> None:
        """Each question is asked in all ways before the next one, forwards and backwards in turn."""
        gc.collect()
        gc.freeze()  # the true answers are 10^5 objects of the bench, which no process of ours would look through
        with progress("rounds of all ways", count) as tick:
            for number in range(count):
                for group in self.groups:
                    await self._all_ways(group, number)
                tick(number + 1)

    async def _all_ways(self, group: Class, number: int) -> None:
        whole, narrowed = group.questions[number], group.narrowed[number]
        for way in reversed(self.ways) if number % 2 else self.ways:
            await self._ask(Key(group.name, way.name), way, whole)
            if isinstance(way, Limit):
                continue
            if number % 3 == 0:
                await self._ask(Key(group.name, way.name, DEEP), way, whole)
            if number % 2 == 0:
                await self._ask(Key(group.name, way.name, TOP, is_narrow=True), way, narrowed)

    async def _ask(self, key: Key, way: Way, question: Question) -> None:
        self.scrub()
        await self.cells.setdefault(key, Cell()).ask(way, question, key.limit)

    async def warm_up(self) -> None:
        """Every tenant is asked once in every way, and the whole of both tables is in the machine's memory."""
        firsts = {one.tenant.number: one for group in self.groups for one in group.questions}
        with progress("warming up", len(firsts)) as tick:
            for number, question in enumerate(firsts.values()):
                for way in self.ways:
                    await way.ask(question, TOP)
                tick(number + 1)


async def run_bench(plan: Plan, *, save: Path | None, plot: Path | None) -> Results:
    """Prints tables and ratios, writes all figures to `save` and the curves to `plot`."""
    typer.echo(f"one thread reads {bandwidth():.1f} GB/s")
    world = World.of(plan.mix)
    typer.echo(f"{len(world.tenants)} tenants, {world.rows} vectors")
    async with _opened(plan, world) as bench:
        await bench.warm_up()
        await bench.run(plan.questions)
        results = await _results(plan, bench)
    for line in lines(results):
        typer.echo(line)
    _save(results, save, plot)
    return results


def _save(results: Results, save: Path | None, plot: Path | None) -> None:
    if save is not None:
        save.write_text(json.dumps(results.figures(), indent=1), encoding="utf-8")
    if plot is not None:
        from service.demo.plots import plot_search

        plot_search(results.figures(), plot)


@asynccontextmanager
async def _opened(plan: Plan, world: World) -> AsyncIterator[Bench]:
    theirs, own = plan.fingerprints()
    async with AsyncExitStack() as stack:
        places = await stack.enter_async_context(open_places(plan.keep, baseline=theirs, ours=own))
        house = await stack.enter_async_context(open_house(places.ours))
        await baseline.fill(places.baseline, world)
        await ours.fill(house, world)
        groups = classes(world, plan.questions)
        asked = await stack.enter_async_context(baseline.open_ways(places.baseline))
        ways = [*asked, *await _ours(house, groups), Limit.up_to(_largest(groups))]
        yield Bench(world, house, places, groups, ways)


def _largest(groups: Sequence[Class]) -> int:
    return max(tenant.size for group in groups for tenant in group.tenants)


async def _ours(house: House, groups: Sequence[Class]) -> list[Way]:
    numbers = Numbers()
    hot = [
        Hot(name, house.store, DenseIndex(house.store, max_bytes=ROOM, resident=resident), numbers)
        for name, resident in ((RESIDENT, True), (FETCHED, False))
    ]
    tenants = {one.number: one for group in groups for one in group.tenants}
    for way in hot:
        await _load(way, list(tenants.values()))
    return [*hot, Cold(COLD, house.store, numbers)]


async def _load(way: Hot, tenants: Sequence[Tenant]) -> None:
    with progress(f"{way.name}: workspaces into memory", len(tenants)) as tick:
        for number, tenant in enumerate(tenants):
            await way.index.load(workspace=tenant.workspace, model=MODEL)
            tick(number + 1)


async def _results(plan: Plan, bench: Bench) -> Results:
    house, places, world = bench.house, bench.places, bench.world
    largest = max(world.tenants, key=lambda tenant: tenant.size)
    return Results(
        cells=bench.cells,
        sizes={group.name: group.tenants[0].size for group in bench.groups if group.is_designated},
        disk=await costs.disk(places.baseline, house, world.rows),
        memory=await costs.memory(house, largest),
        growth=await growth(house, world, largest=plan.largest, questions=plan.questions),
        writes=await costs.writes(places.baseline, house, world),
        machine={"one thread reads, GB/s": bandwidth(), **await _built(places)},
    )


async def _built(places: Places) -> Mapping[str, float]:
    """Seconds that Postgres took for what a run found or built."""
    built: dict[str, float] = {}
    for name, url in (("baseline", places.baseline), ("ours", plain(places.ours.owner))):
        connection = await asyncpg.connect(url)
        try:
            made = await Made.of(connection)
            parts = ("rows", "graph") if name == "baseline" else ("rows",)
            built |= {f"{name}, {part} built in, s": await made.seconds(part) for part in parts}
        finally:
            await connection.close()
    return built
