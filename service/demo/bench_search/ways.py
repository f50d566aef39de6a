"""Ways of answering the same question, and what each took."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from service.demo.bench_search.questions import Question


@dataclass(frozen=True, slots=True)
class Said:
    """What a way gave back, as it gives it, and the seconds that went to asking for the epoch."""

    found: Any
    apart: float = 0.0


class Way(Protocol):
    """One that answers. Whatever it needs is there before it is asked."""

    @property
    def name(self) -> str: ...

    async def ask(self, question: Question, limit: int) -> Said:
        """This is timed."""
        ...

    def rows(self, question: Question, found: Any) -> Sequence[int] | None:
        """The tenant's rows that were found, by number; None of what finds nothing. This is not timed."""
        ...


@dataclass(slots=True)
class Cell:
    """All answers of one way to one class of questions; times in seconds."""

    wall: list[float] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    short: int = 0
    """Answers with fewer rows than there were to be found."""

    async def ask(self, way: Way, question: Question, limit: int) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        said = await way.ask(question, limit)
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        self.apart.append(said.apart)
        rows = way.rows(question, said.found)
        if rows is not None:
            self.recalls.append(question.recall(rows, limit))
            self.short += len(rows) < question.wanted(limit)

    def at(self, share: float) -> float:
        """A quantile of the times, in milliseconds."""
        return quantile(self.wall, share)

    def net_at(self, share: float) -> float:
        """The same without asking for the epoch."""
        return quantile(
            [wall - apart for wall, apart in zip(self.wall, self.apart, strict=True)], share
        )

    @property
    def recall(self) -> float | None:
        return float(np.mean(self.recalls)) if self.recalls else None

    @property
    def spent(self) -> float:
        """CPU of this process, in milliseconds a question."""
        return float(np.mean(self.cpu)) * 1000

    def figures(self) -> Mapping[str, Any]:
        """Milliseconds."""
        times = {"": self.at, "net_": self.net_at}
        return {
            **{
                f"{name}p{round(share * 100)}": round(at(share), 4)
                for name, at in times.items()
                for share in (0.5, 0.95)
            },
            "epoch_p50": round(quantile(self.apart, 0.5), 4),
            "cpu": round(self.spent, 4),
            "recall": self.recall,
            "short": self.short,
            "answers": len(self.wall),
        }


def quantile(seconds: Sequence[float], share: float) -> float:
    """In milliseconds."""
    return float(np.quantile(seconds, share)) * 1000
