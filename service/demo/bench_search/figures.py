"""What was measured, as tables and as ratios beside the bars that they are held to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.demo.bench_search.questions import DEEP, TOP, WINDOW
from service.demo.bench_search.ways import Cell

PLANNER = "baseline, planner's choice"
RESIDENT, FETCHED = "ours, hot, rows resident", "ours, hot, rows fetched"
COLD = "ours, cold: exact SQL"
LIMIT = "limit: int8 codes read once"
FIRST_WIDTH, WIDTH = 30, 26
LARGE = 5000
"""Rows from where a search has to be near the limit; below, fixed costs are most of it."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One of the bars, and whether it was met."""

    name: str
    value: float
    bar: float
    at_most: bool
    unit: str = "x"

    @property
    def is_met(self) -> bool:
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    def line(self) -> str:
        """For people."""
        side = "at most" if self.at_most else "at least"
        said = "met" if self.is_met else "MISSED"
        return f"{self.name:64}{self.value:10.4g} {self.unit:6}{side:>9} {self.bar:g}  {said}"

    def figures(self) -> Mapping[str, Any]:
        said = {"name": self.name, "value": self.value, "unit": self.unit, "bar": self.bar}
        return {**said, "side": "at most" if self.at_most else "at least", "met": self.is_met}


@dataclass(frozen=True, slots=True)
class Key:
    """Whose answers a cell holds."""

    group: str
    way: str
    limit: int = TOP
    is_narrow: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """All that a run measured."""

    cells: Mapping[Key, Cell]
    sizes: Mapping[str, int]
    """Rows of each group that is one tenant."""
    disk: Mapping[str, float]
    memory: Mapping[str, float]
    writes: Mapping[str, float]
    machine: Mapping[str, float]
    growth: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def groups(self) -> Sequence[str]:
        return list(dict.fromkeys(key.group for key in self.cells))

    @property
    def ways(self) -> Sequence[str]:
        return list(dict.fromkeys(key.way for key in self.cells))

    def cell(self, group: str, way: str, limit: int = TOP, *, is_narrow: bool = False) -> Cell:
        return self.cells[Key(group, way, limit, is_narrow)]

    def figures(self) -> Mapping[str, Any]:
        """As JSON."""
        cells = [
            {"group": key.group, "way": key.way, "limit": key.limit, "narrow": key.is_narrow}
            | dict(cell.figures())
            for key, cell in self.cells.items()
        ]
        return {
            "machine": self.machine,
            "cells": cells,
            "disk": self.disk,
            "memory": self.memory,
            "writes": self.writes,
            "ratios": [ratio.figures() for ratio in ratios(self)],
            "growth": self.growth,
        }


def ratios(results: Results) -> Sequence[Ratio]:
    """Every bar."""
    return [
        *_against_baseline(results),
        *_against_limit(results),
        *_narrowed(results),
        *_answers(results),
        *_costs(results),
    ]


def _against_baseline(results: Results) -> Iterator[Ratio]:
    for group in ("mix", "all"):
        if group in results.groups:
            theirs, own = results.cell(group, PLANNER), results.cell(group, RESIDENT)
            said = "planner's choice / ours"
            yield Ratio(f"{group}, p95: {said}", theirs.at(0.95) / own.at(0.95), 100, at_most=False)
            yield Ratio(f"{group}, p50: {said}", theirs.at(0.5) / own.at(0.5), 30, at_most=False)


def _against_limit(results: Results) -> Iterator[Ratio]:
    for group, size in results.sizes.items():
        if size >= LARGE:
            own, limit = results.cell(group, RESIDENT), results.cell(group, LIMIT)
            name = f"{group}, p50: ours without the epoch / int8 codes read once"
            yield Ratio(name, own.net_at(0.5) / limit.at(0.5), 1.5, at_most=True)


def _narrowed(results: Results) -> Iterator[Ratio]:
    for group in results.groups:
        narrow = results.cell(group, RESIDENT, is_narrow=True)
        whole = results.cell(group, RESIDENT)
        name = f"{group}, p50: one client and {WINDOW} days / unfiltered"
        yield Ratio(name, narrow.at(0.5) / whole.at(0.5), 1.2, at_most=True)
        yield Ratio(
            f"{group}: recall@{TOP} of one client and {WINDOW} days",
            narrow.recall or 0.0,
            1.0,
            at_most=False,
            unit="",
        )


def _answers(results: Results) -> Iterator[Ratio]:
    for group in results.groups:
        for limit in (TOP, DEEP):
            recall = results.cell(group, RESIDENT, limit).recall or 0.0
            yield Ratio(f"{group}: recall@{limit}", recall, 0.99, at_most=False, unit="")
    own = [cell for key, cell in results.cells.items() if key.way.startswith("ours")]
    yield Ratio(
        "ours: short answers of all", sum(cell.short for cell in own), 0, at_most=True, unit=""
    )


def _costs(results: Results) -> Iterator[Ratio]:
    writes, disk, memory = results.writes, results.disk, results.memory
    batches = writes["ours, batches"] / writes["baseline, batches"]
    yield Ratio("new rows in batches, rows/s: ours / baseline", batches, 15, at_most=False)
    own, theirs = (
        sum(size for name, size in disk.items() if name.startswith(f"{whose},"))
        for whose in ("ours", "baseline")
    )
    yield Ratio("disk: ours / baseline without its text", own / theirs, 0.25, at_most=True)
    for name, bar in (("rows fetched", 1.2), ("rows resident", 3.2)):
        kilobytes = memory[name] / 1000
        yield Ratio(f"memory of a hot vector, {name}", kilobytes, bar, at_most=True, unit="KB")


def lines(results: Results) -> Iterable[str]:
    """All tables."""
    yield from _table(results, TOP, is_narrow=False)
    yield from _table(results, DEEP, is_narrow=False)
    yield from _table(results, TOP, is_narrow=True)
    yield from _beside(results)
    yield ""
    yield from (ratio.line() for ratio in ratios(results))


def _table(results: Results, limit: int, *, is_narrow: bool) -> Iterator[str]:
    about = f"one client, {WINDOW} days" if is_narrow else "whole practice"
    yield f"\ntop {limit}, {about}: p50 / p95 ms, recall, * where answers were short"
    yield f"{'':{FIRST_WIDTH}}" + "".join(f"{group:>{WIDTH}}" for group in results.groups)
    for way in results.ways:
        cells = [results.cells.get(Key(group, way, limit, is_narrow)) for group in results.groups]
        if any(cells):
            yield f"{way:{FIRST_WIDTH}}" + "".join(f"{_said(cell):>{WIDTH}}" for cell in cells)


def _said(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    recall = "" if cell.recall is None else f" {cell.recall:6.3f}"
    return f"{_ms(cell.at(0.5))} / {_ms(cell.at(0.95))}{recall}{'*' if cell.short else ''}"


def _ms(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _beside(results: Results) -> Iterator[str]:
    yield "\nwithout the look at the epoch: p50 / p95 ms; CPU of this process, ms a question"
    for way in (RESIDENT, FETCHED, PLANNER):
        cells = [results.cell(group, way) for group in results.groups]
        said = [f"{_ms(c.net_at(0.5))} / {_ms(c.net_at(0.95))}; {c.spent:.2f}" for c in cells]
        yield f"{way:{FIRST_WIDTH}}" + "".join(f"{one:>{WIDTH}}" for one in said)
    yield "\nplanner's choice / ours: p50, p95; and without the look at the epoch"
    for way in (RESIDENT, FETCHED):
        said = [
            _times_sooner(results.cell(g, PLANNER), results.cell(g, way)) for g in results.groups
        ]
        yield f"{way:{FIRST_WIDTH}}" + "".join(f"{one:>{WIDTH}}" for one in said)
    for title, figures, unit in _plain(results):
        yield f"\n{title}, {unit}"
        yield from (f"  {name:40}{value:12,.1f}" for name, value in figures.items())


def _times_sooner(theirs: Cell, own: Cell) -> str:
    whole, net = ([theirs.at(q) / at(q) for q in (0.5, 0.95)] for at in (own.at, own.net_at))
    return f"{whole[0]:.3g} {whole[1]:.3g}; {net[0]:.3g} {net[1]:.3g}"


def _plain(results: Results) -> Iterator[tuple[str, Mapping[str, float], str]]:
    yield "disk", results.disk, "bytes a vector"
    yield "memory of a hot vector", results.memory, "bytes"
    yield "new rows", results.writes, "rows a second"
    yield "machine", results.machine, "GB/s and seconds"
