"""When to abstain: what each threshold of the confidence would answer and refuse, and what a similarity is worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Self

import numpy as np
from numpy.typing import NDArray

from service.evaluation.score import Scored

COVERAGES = (0.98, 0.95, 0.92, 0.90, 0.85, 0.80)
EDGES = (0.0, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 1.0)
LEAST_IN_BAND = 10  # Questions of each language that a band is compared by.

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Point:
    """What is answered at one threshold, or at the decision in force, which has none."""

    threshold: float | None
    coverage: float
    """The share of the answerable questions that is answered."""
    risk: float
    """The share of those answered whose session is not among the passages."""
    refused: Mapping[str, float]
    """The share refused of what nothing answers, by kind."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A language's points, the lowest threshold first, and the decision as the run took it."""

    language: str
    answerable: int
    unanswerable: Mapping[str, int]
    points: Sequence[Point]
    in_force: Point

    def at(self, coverage: float) -> Point:
        """The highest threshold that still answers this share; the lowest there is where none does."""
        enough = [point for point in self.points if point.coverage >= coverage]
        return enough[-1] if enough else self.points[0]


@dataclass(frozen=True, slots=True)
class Cell:
    """Questions of one language whose best similarity falls into a band, those that nothing answers too."""

    questions: int
    right: float | None
    """The share whose session is among the passages."""


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of similarity, its upper end included in the last one only."""

    low: float
    high: float
    cells: Mapping[str, Cell]


def curves(run: Iterable[Scored]) -> list[Curve]:
    """By language; one without an answerable question has none."""
    by_language: dict[str, list[Scored]] = {}
    for one in run:
        by_language.setdefault(one.gold.language, []).append(one)
    return [
        _curve(language, mine)
        for language, mine in sorted(by_language.items())
        if any(one.gold.answerable for one in mine)
    ]


@dataclass(frozen=True, slots=True)
class _Group:
    """Questions as columns: the confidence, whether the run answered, and whether what answers is there."""

    confidence: Floats
    decided: Flags
    right: Flags

    @classmethod
    def of(cls, mine: Sequence[Scored]) -> Self:
        return cls(
            np.array([one.outcome.confidence for one in mine]),
            np.array([not one.outcome.abstained for one in mine]),
            np.array([is_right(one) for one in mine]),
        )

    def answered(self, threshold: float | None) -> Flags:
        """None: as the run decided."""
        return self.decided if threshold is None else self.confidence >= threshold


def _curve(language: str, mine: Sequence[Scored]) -> Curve:
    answerable = [one for one in mine if one.gold.answerable]
    kinds = _kinds(mine)
    group, refusals = _Group.of(answerable), {k: _Group.of(theirs) for k, theirs in kinds.items()}
    thresholds = sorted({one.outcome.confidence for one in mine})
    return Curve(
        language=language,
        answerable=len(answerable),
        unanswerable={kind: len(theirs) for kind, theirs in kinds.items()},
        points=[_point(group, refusals, threshold) for threshold in thresholds],
        in_force=_point(group, refusals, None),
    )


def _kinds(mine: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Those that nothing answers, by kind."""
    kinds: dict[str, list[Scored]] = {}
    for one in sorted(mine, key=lambda one: one.gold.refusal):
        if not one.gold.answerable:
            kinds.setdefault(one.gold.refusal, []).append(one)
    return kinds


def _point(group: _Group, refusals: Mapping[str, _Group], threshold: float | None) -> Point:
    answered = group.answered(threshold)
    wrong = answered & ~group.right
    return Point(
        threshold=threshold,
        coverage=float(answered.mean()),
        risk=float(wrong.sum() / max(1, answered.sum())),
        refused={
            kind: 1 - float(theirs.answered(threshold).mean()) for kind, theirs in refusals.items()
        },
    )


def is_right(one: Scored) -> bool:
    """Whether what answers it is among the passages."""
    return bool(one.gold.relevant) and one.gold.relevant[0] in one.outcome.passage_session_ids


def reliability(run: Iterable[Scored]) -> list[Band]:
    """The questions by their confidence; bands that hold none are left out."""
    asked = list(run)
    languages = sorted({one.gold.language for one in asked})
    bands = []
    for low, high in pairwise(EDGES):
        inside = [one for one in asked if _falls(one.outcome.confidence, low, high)]
        theirs = {name: [one for one in inside if one.gold.language == name] for name in languages}
        if inside:
            bands.append(Band(low, high, {name: _cell(mine) for name, mine in theirs.items()}))
    return bands


def _falls(confidence: float, low: float, high: float) -> bool:
    return low <= confidence < high or confidence == high == EDGES[-1]


def _cell(mine: Sequence[Scored]) -> Cell:
    return Cell(len(mine), fmean(is_right(one) for one in mine) if mine else None)


def calibration_gap(bands: Sequence[Band]) -> float | None:
    """How far apart two languages are at the same similarity, by the share of questions in each band.

    None where there are not two languages, or no band has enough of both.
    """
    gaps = [
        (sum(cell.questions for cell in cells), abs(one.right - other.right))
        for band in bands
        if len(cells := list(band.cells.values())) == 2
        and all(cell.questions >= LEAST_IN_BAND for cell in cells)
        and (one := cells[0]).right is not None
        and (other := cells[1]).right is not None
    ]
    total = sum(questions for questions, _ in gaps)
    return sum(questions * gap for questions, gap in gaps) / total if total else None
