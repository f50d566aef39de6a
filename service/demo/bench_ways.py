"""One worker over the same notes in two ways, in turn: a batch after the other, a transaction a note; and as it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

import typer

from service.container import Container
from service.ingestion.indexing import Indexer
from service.ports.calls import CallContext
from service.ports.index import IndexedNote
from service.ports.models import Embedder, Embedders, Vector
from service.ports.work import Lease
from service.worker import IN_HAND, Worker

SLOW_SECONDS = 0.05
"""A provider's embed call, from the bench of chats."""
POLL_SECONDS = 0.02

Wanted = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class OneByOne:
    """The store, with a transaction for each note."""

    store: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def digests_of(self, refs: Sequence[Any]) -> dict[Any, Any]:
        found = [await self.store.digests_of([ref]) for ref in refs]
        return {ref: digests for one in found for ref, digests in one.items()}

    async def replace_all(self, notes: Sequence[tuple[IndexedNote, Lease]]) -> Sequence[bool]:
        return [await self.store.replace(one, lease=lease) for one, lease in notes]


@dataclass(frozen=True, slots=True)
class Slow:
    """An embedder that keeps its caller waiting, as one in another house does."""

    embedder: Embedder

    @property
    def model(self) -> str:
        return self.embedder.model

    @property
    def crosses_languages(self) -> bool:
        return self.embedder.crosses_languages

    async def embed(
        self, texts: Sequence[str], *, purpose: Literal["document", "query"], context: CallContext
    ) -> Sequence[Vector]:
        await asyncio.sleep(SLOW_SECONDS)
        return await self.embedder.embed(texts, purpose=purpose, context=context)


@dataclass(frozen=True, slots=True)
class Way:
    """How a worker goes about it."""

    name: str
    in_hand: int
    batches: bool

    def worker(self, opened: Container, embedder: Embedder) -> Worker:
        indexer: Indexer = replace(
            opened.indexer, embedders=Embedders(embedder.model, {embedder.model: embedder})
        )
        if not self.batches:
            indexer = replace(indexer, store=OneByOne(opened.store))
        return Worker(opened.queue, indexer, in_hand=self.in_hand)


BEFORE = Way("one after the other", 1, batches=False)
NOW = Way("in batches, in hand at once", IN_HAND, batches=True)
WAYS = (BEFORE, NOW)


@dataclass(frozen=True, slots=True)
class Took:
    """A round over the backlog."""

    seconds: float
    cpu: float


async def measured(
    opened: Container, backlog: int, wanted: Wanted, *, rounds: int
) -> dict[str, dict[str, float]]:
    """Notes a second and CPU a note, by embedder and way; medians of rounds in which all take turns."""
    local = opened.models.embedders.of(opened.models.embedders.default)
    arms: Mapping[tuple[str, str], Worker] = {
        (kind, way.name): way.worker(opened, embedder)
        for kind, embedder in (("local", local), ("slow", Slow(local)))
        for way in WAYS
    }
    took: dict[tuple[str, str], list[Took]] = {arm: [] for arm in arms}
    for number in range(rounds + 1):
        for arm, worker in arms.items():
            await wanted()
            one = await _worked_off(opened, worker)
            if number:  # the first warms them up
                took[arm].append(one)
    return {f"{kind}, {way}": _told(some, backlog) for (kind, way), some in took.items()}


async def _worked_off(opened: Container, worker: Worker) -> Took:
    stop = asyncio.Event()
    started, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(worker.run(stop))
    while (await opened.queue.depth()).waiting:  # noqa: ASYNC110 - it is a table that empties
        await asyncio.sleep(POLL_SECONDS)
    took = Took(time.perf_counter() - started, time.process_time() - cpu)
    stop.set()
    await running
    return took


def _told(some: Sequence[Took], backlog: int) -> dict[str, float]:
    return {
        "notes_per_second": backlog / median(one.seconds for one in some),
        "cpu_ms_per_note": median(one.cpu for one in some) / backlog * 1000,
    }


def print_ways(figures: Mapping[str, Mapping[str, float]]) -> None:
    """Before and now, for each embedder, with the ratio."""
    typer.echo(
        f"one worker, in this process{'before':>16}{'now':>10}{'ratio':>8}{'CPU a note':>22}"
    )
    for kind, name in (("local", "local model"), ("slow", f"an embedder of {SLOW_SECONDS} s")):
        before, now = (figures[f"{kind}, {way.name}"] for way in WAYS)
        rates = before["notes_per_second"], now["notes_per_second"]
        cpu = f"{before['cpu_ms_per_note']:.1f} to {now['cpu_ms_per_note']:.1f} ms"
        typer.echo(
            f"  {name:<24}{rates[0]:13.0f} n/s{rates[1]:6.0f} n/s{rates[1] / rates[0]:8.2f}{cpu:>22}"
        )
