"""How soon a workspace that no memory holds gives its first answer."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import typer

from service.commands.progress import progress
from service.demo.bench_search import baseline, ours
from service.demo.bench_search.figures import Ratio
from service.demo.bench_search.kept import Places, open_places
from service.demo.bench_search.machine import Scrub
from service.demo.bench_search.ours import House, Numbers, open_house
from service.demo.bench_search.questions import OFF_TOPIC, TOP, Kept, Question, named
from service.demo.bench_search.tenants import MODEL, Mix, Tenant, World
from service.demo.bench_search.ways import quantile
from service.domain.scope import ANYWHERE
from service.retrieval.dense import DenseIndex

ROUNDS = 5
ROOM = 2**33
LARGEST = 100_000
BAR = 25
"""Times sooner than the baseline's vectors are in memory, of a workspace of LARGEST."""
VECTORS = "SELECT embedding FROM chunks WHERE workspace_id = $1"


@dataclass(slots=True)
class Taken:
    """Of one workspace, seconds of each round."""

    size: int
    first: list[float] = field(default_factory=list)
    """Ours: the first answer."""
    hot: list[float] = field(default_factory=list)
    """Ours: all in memory, without a question."""
    loaded: list[float] = field(default_factory=list)
    """The baseline: all vectors in an array, and one answer from it."""
    started: list[float] = field(default_factory=list)
    """Ours: a process starts, and gives its first answer."""
    recalls: list[float] = field(default_factory=list)

    def figures(self) -> Mapping[str, Any]:
        times = {
            "baseline_vectors_loaded_ms": self.loaded,
            "ours_loaded_ms": self.hot,
            "ours_first_answer_ms": self.first,
            "ours_process_start_to_first_answer_ms": self.started,
        }
        told = {name: round(quantile(seconds, 0.5), 3) for name, seconds in times.items()}
        return {"vectors": self.size, **told, "recall": float(np.mean(self.recalls))}


async def run_cold(
    mix: Mix, *, keep: Path | None, save: Path | None, plot: Path | None
) -> Sequence[Mapping[str, Any]]:
    """Prints a line for each size, writes figures to `save` and a curve to `plot`. The database's pages are warm."""
    world = World.of(mix)
    places = open_places(
        keep,
        baseline=f"baseline_{mix.fingerprint(baseline.LAYOUT)}",
        ours=f"ours_{mix.fingerprint(ours.layout())}",
    )
    async with places as opened, open_house(opened.ours) as house:
        await baseline.fill(opened.baseline, world, graph=keep is not None)
        await ours.fill(house, world)
        taken = [await _taken(world, opened, house, tenant) for tenant in world.designated()]
    figures = [one.figures() for one in taken]
    ratios = list(_ratios(figures))
    for line in (*_table(figures), "", *(ratio.line() for ratio in ratios)):
        typer.echo(line)
    _save({"sizes": figures, "ratios": [ratio.figures() for ratio in ratios]}, save, plot)
    return figures


async def _taken(world: World, places: Places, house: House, tenant: Tenant) -> Taken:
    taken, kept, scrub = Taken(tenant.size), Kept(world), Scrub()
    numbers = Numbers()
    with progress(f"a cold workspace of {tenant.size}", ROUNDS) as tick:
        for number in range(-1, ROUNDS):
            question = _question(kept, tenant, number + 1)
            one = taken if number >= 0 else Taken(tenant.size)  # the first round warms the pages
            scrub()
            await _first(house, question, one, numbers)
            scrub()
            await _hot(house, tenant, one)
            scrub()
            await _loaded(places, question, one)
            await _started(places, question, one)
            tick(max(number + 1, 0))
    return taken


def _question(kept: Kept, tenant: Tenant, number: int) -> Question:
    chance = np.random.default_rng([kept.world.mix.seed, tenant.number, number, 6])
    rows = kept.rows(tenant)
    asked = kept.world.question(rows, chance, OFF_TOPIC)
    return Question(asked, rows, None, rows.halves.astype(np.float32) @ asked.vector)


async def _first(house: House, question: Question, taken: Taken, numbers: Numbers) -> None:
    """What the service does, the load in the background included; it ends before anything else is timed."""
    index, workspace, vector = (
        DenseIndex(house.store, max_bytes=ROOM),
        question.tenant.workspace,
        question.vector,
    )
    started = time.perf_counter()
    hits = await index.search(vector, workspace=workspace, model=MODEL, within=ANYWHERE, limit=TOP)
    taken.first.append(time.perf_counter() - started)
    taken.recalls.append(question.recall(numbers.of(question, hits), TOP))
    await index.load(workspace=workspace, model=MODEL)


async def _hot(house: House, tenant: Tenant, taken: Taken) -> None:
    index = DenseIndex(house.store, max_bytes=ROOM)
    started = time.perf_counter()
    await index.load(workspace=tenant.workspace, model=MODEL)
    taken.hot.append(time.perf_counter() - started)


async def _loaded(places: Places, question: Question, taken: Taken) -> None:
    connection = await baseline.connect(places.baseline)
    try:
        started = time.perf_counter()
        rows = await connection.fetch(VECTORS, question.tenant.workspace)
        vectors = np.stack([row["embedding"] for row in rows])
        np.argpartition(vectors @ question.asked.vector, -TOP)
        taken.loaded.append(time.perf_counter() - started)
    finally:
        await connection.close()


async def _started(places: Places, question: Question, taken: Taken) -> None:
    asked = json.dumps(question.vector).encode()
    module = "service.demo.bench_search.first_answer"
    environment = {**os.environ, "DATABASE_URL": places.ours.worker}
    started = time.perf_counter()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, str(question.tenant.workspace),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    said, _ = await child.communicate(asked)
    taken.started.append(time.perf_counter() - started)
    if int(said) != question.wanted(TOP):
        raise RuntimeError(f"the process gave {int(said)} hits")


def _ratios(figures: Sequence[Mapping[str, Any]]) -> Iterator[Ratio]:
    for row in figures:
        name = f"{named(row['vectors'])}: baseline's vectors loaded / first answer"
        ratio = row["baseline_vectors_loaded_ms"] / row["ours_first_answer_ms"]
        yield Ratio(name, ratio, BAR if row["vectors"] >= LARGEST else 1, at_most=False)


def _table(figures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "\nms at the median" + "".join(f"{named(row['vectors']):>12}" for row in figures)
    for name in figures[0]:
        if name.endswith("_ms"):
            title = name.removesuffix("_ms").replace("_", " ")
            yield f"{title:40}" + "".join(f"{row[name]:12.1f}" for row in figures)
    yield f"{'recall@10 of the first answer':40}" + "".join(
        f"{row['recall']:12.3f}" for row in figures
    )


def _save(figures: Mapping[str, Any], save: Path | None, plot: Path | None) -> None:
    if save is not None:
        save.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    if plot is not None:
        from service.demo.plots import plot_cold

        plot_cold(figures, plot)
