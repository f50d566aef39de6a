"""What this machine's memory gives: the limit that a search in memory cannot pass."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.demo.bench_search.questions import Question
from service.demo.bench_search.ways import Said
from service.vectors import DIMENSION

STREAM = 2**30
SCRUB = 64 * 2**20  # Twice the caches of the machines at hand: 32 MB.
ROUNDS = 5
Bytes = NDArray[np.int8]


def read(held: Bytes) -> int:
    """Reads all of it once, in one thread.

    Of nine ways in numpy none was quicker at every size: 88 GB/s in cache and 30 at 100 MB, where sums gave 51 and 29.
    """
    return int(np.bitwise_xor.reduce(held.view(np.int64)))


def bandwidth() -> float:
    """GB/s of one thread that reads a gigabyte once: the best of some rounds."""
    held = np.ones(STREAM, np.int8)
    return STREAM / min(_seconds(held) for _ in range(ROUNDS)) / 1e9


def _seconds(held: Bytes) -> float:
    started = time.perf_counter()
    read(held)
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Scrub:
    """Other memory, read before anything is timed: caches are as cold for what follows as after other work."""

    held: Bytes = field(default_factory=lambda: np.ones(SCRUB, np.int8), repr=False)

    def __call__(self) -> None:
        read(self.held)


@dataclass(frozen=True, slots=True)
class Limit:
    """Reads as many bytes as a tenant's int8 codes have, in turn with the ways that answer."""

    held: Bytes = field(repr=False)
    name: str = "limit: int8 codes read once"

    @classmethod
    def up_to(cls, rows: int) -> "Limit":
        return cls(np.ones(rows * DIMENSION, np.int8))

    async def ask(self, question: Question, limit: int) -> Said:
        """Never asks anybody."""
        return Said(read(self.held[: question.tenant.size * DIMENSION]))

    def rows(self, question: Question, found: Any) -> Sequence[int] | None:
        return None
