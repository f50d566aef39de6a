"""From what was seen to what is told: percentiles by the minute and of all, and whether memory grew."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from service.demo.bench_load.asking import Heard
from service.demo.bench_load.watch import Sample

SHARES = (50, 95, 99)
HOUR = 3600.0
Seconds = Sequence[float]
Points = Sequence[tuple[float, float]]
"""Moments in seconds, and megabytes."""
MOST_POINTS = 500  # of a trend: its pairs are 125,000


def percentiles(values: Seconds) -> dict[str, float]:
    """By name, as `p95`; empty where there is nothing."""
    if not values:
        return {}
    return {f"p{share}": round(float(np.percentile(values, share)), 3) for share in SHARES}


@dataclass(slots=True)
class Window:
    """A minute, or all of them: questions that ended in it, changes, and the last look at the processes."""

    first_event: list[float] = field(default_factory=list)
    first_sentence: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    """Of answers only: whoever was refused or left has none."""
    lag: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    changes: int = 0
    sample: Sample | None = None

    def add(self, heard: Heard) -> None:
        self.outcomes[heard.outcome] += 1
        if heard.first_event is not None:
            self.first_event.append(heard.first_event)
        if heard.first_sentence is not None:
            self.first_sentence.append(heard.first_sentence)
        if heard.answered:
            self.whole.append(heard.whole)

    def figures(self) -> dict[str, Any]:
        """Seconds and megabytes."""
        told: dict[str, Any] = {
            "questions": self.outcomes.total(),
            "outcomes": dict(self.outcomes),
            "first_event": percentiles(self.first_event),
            "first_sentence": percentiles(self.first_sentence),
            "whole": percentiles(self.whole),
            "changes": self.changes,
            "lag": percentiles(self.lag),
        }
        if self.sample is not None:
            told["memory_mb"] = {k: round(v, 1) for k, v in self.sample.memory.items()}
            told["database_mb"] = round(self.sample.database, 1)
            told["connections"] = self.sample.connections
        return told


@dataclass(frozen=True, slots=True)
class Growth:
    """Of one process. Megabytes warm and at the end, the change in percent, and the trend of the second half."""

    warm: float
    last: float
    slope: float
    """Megabytes an hour."""

    @property
    def percent(self) -> float:
        return 100 * (self.last / self.warm - 1) if self.warm else 0.0


def growth(points: Points, *, window: float) -> Growth | None:
    """Warm is the second window; None where there are fewer than four of them."""
    if not points or points[-1][0] - points[0][0] < 4 * window:
        return None
    began, ended = points[0][0], points[-1][0]
    warm = [mb for at, mb in points if window <= at - began < 2 * window]
    last = [mb for at, mb in points if ended - at < window]
    later = [point for point in points if point[0] >= (began + ended) / 2]
    return Growth(float(np.median(warm)), float(np.median(last)), trend(later) * HOUR)


def trend(points: Points) -> float:
    """What is gained a second: the median over all pairs, which one look at a wrong moment does not move."""
    points = points[:: len(points) // MOST_POINTS + 1]
    slopes = [(b - a) / (later - at) for (at, a), (later, b) in combinations(points, 2)]
    return float(np.median(slopes)) if slopes else 0.0


def growths(samples: Sequence[Sample], *, window: float) -> Mapping[str, Growth]:
    """Of each process, and of the databases; empty where the load was too short to tell."""
    names = samples[0].memory if samples else {}
    series = {name: [(one.at, one.memory[name]) for one in samples] for name in names}
    series["database"] = [(one.at, one.database) for one in samples]
    found = {name: growth(points, window=window) for name, points in series.items()}
    return {name: one for name, one in found.items() if one is not None}
