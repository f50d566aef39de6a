"""Rounds of answers from the service, by way of PazPaz too, and from a bare one, in turn, and what they took."""

import asyncio
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import typer

from service.commands.progress import progress
from service.demo.bench_chat.asking import Arrivals, Form, Prepared, ask_all
from service.demo.bench_chat.figures import CALLS, Calls, Cell, Figures, growth_table, table
from service.demo.bench_chat.house import House, open_house
from service.demo.bench_chat.sides import ByPazPaz, Side
from service.demo.bench_chat.streams import Streams, stream_all
from service.demo.notes import read_rows
from service.demo.provider_stub import Pace

FORMS: tuple[Form, ...] = ("JSON", "events")
LOOKS = 20  # A tenth of a second apart.
LEAST = 3  # Questions of an asker in a round: while they come and go, fewer ask than said.
Key = tuple[Form, int, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of askers at once, rounds of each, and the answers of a round, at least."""

    concurrency: Sequence[int]
    rounds: int
    answers: int
    think: float = 0.2
    """Seconds between two questions of an asker, in the mean."""
    streams: int = 0
    """Open at once by way of PazPaz, after the rounds; none where 0."""

    @property
    def most(self) -> int:
        """Who asks at once, at most."""
        return max(*self.concurrency, self.streams)

    def each(self, askers: int) -> int:
        """Questions of an asker in a round."""
        return max(LEAST, math.ceil(self.answers / askers))


@dataclass(slots=True)
class Bench:
    """What is known so far."""

    house: House
    plan: Plan
    cells: dict[Key, Cell] = field(default_factory=dict)
    _asked: Iterator[int] = field(default_factory=count)

    @property
    def sides(self) -> Mapping[str, Side]:
        service, bare = self.house.service, self.house.bare
        return {"service": service, "PazPaz": ByPazPaz(service), "bare": bare}

    async def run(self) -> None:
        """All sides in turn, and the other way round in the next round: what else the machine does falls on each."""
        await self._warm_up()
        self.cells.clear()
        with progress("rounds", self.plan.rounds * len(self.plan.concurrency)) as tick:
            for number in range(self.plan.rounds):
                for place, askers in enumerate(self.plan.concurrency):
                    for form in FORMS:
                        await self._all(form, askers, backwards=bool(number % 2))
                    tick(number * len(self.plan.concurrency) + place + 1)

    async def _warm_up(self) -> None:
        """Every practice is asked once, so that no index is cold."""
        with progress("warming up", 1):
            for form in FORMS:
                await self._all(form, len(self.house.seats), each=1)

    async def _all(
        self, form: Form, askers: int, *, each: int | None = None, backwards: bool = False
    ) -> None:
        first = next(self._asked)
        sides = list(self.sides.items())
        for name, side in reversed(sides) if backwards else sides:
            asked = await self._prepared(side, form, askers, each or self.plan.each(askers), first)
            cell = self.cells.setdefault((form, askers, name), Cell())
            await self._round(cell, side, asked, seed=first)

    async def stream(self) -> Streams:
        """As many event streams as are to be open at once, each of another question."""
        side, count = ByPazPaz(self.house.service), self.plan.streams
        asked = await self._prepared(side, "events", count, 1, next(self._asked))
        return await stream_all(self.house.service.http, [one for [one] in asked])

    async def _prepared(
        self, side: Side, form: Form, askers: int, each: int, first: int
    ) -> list[list[Prepared]]:
        """The same questions for all sides; each asker goes from practice to practice."""
        seats = self.house.seats

        async def one(asker: int, turn: int) -> Prepared:
            seat = seats[(asker + turn) % len(seats)]
            place = (first * each + asker * each + turn) % len(seat.questions)
            return await side.prepare(seat, seat.questions[place], form)

        return [[await one(asker, turn) for turn in range(each)] for asker in range(askers)]

    async def _round(
        self, cell: Cell, side: Side, asked: Sequence[Sequence[Prepared]], *, seed: int
    ) -> None:
        pace, pazpaz = self.house.pace, self.house.stage.children["monolith"]
        loop = asyncio.get_running_loop()
        began, cpu, beside = loop.time(), side.child.cpu_seconds, pazpaz.cpu_seconds
        arrivals = Arrivals(pace.embed + pace.rerank + pace.chat, self.plan.think, seed)
        taken = await ask_all(self.house.service.http, asked, arrivals)
        cpu, beside = side.child.cpu_seconds - cpu, pazpaz.cpu_seconds - beside
        cell.cpu.append(cpu / len(taken))
        cell.beside.append(beside / len(taken))
        cell.load.append(cpu / (loop.time() - began))
        journal = await _read(self.house.journal, [one.mark for one in taken if not one.fault])
        cell.add(taken, journal, holds_words=side.holds_words)


async def _read(path: Path, marks: Sequence[str]) -> Mapping[str, Calls]:
    """What the provider's answers took; a line may be written a moment after its answer has come."""
    found: dict[str, dict[str, Mapping[str, float]]] = {}
    for _ in range(LOOKS):
        for call in read_rows(path):
            found.setdefault(call["mark"], {})[call["operation"]] = call
        if all(found.get(mark, {}).keys() == CALLS for mark in marks):
            break
        await asyncio.sleep(0.1)
    return found


async def run_bench(
    data: Path, *, plan: Plan, pace: Pace, save: Path | None, plot: Path | None = None
) -> None:
    """Prints tables for each form of answer, and writes all figures to `save`, and their growth to `plot`."""
    async with open_house(data, most=plan.most, pace=pace) as house:
        bench = Bench(house, plan)
        await bench.run()
        streams = await bench.stream() if plan.streams else None
    _print(bench, streams)
    if save is not None:
        _save(bench, streams, save)
    if plot is not None:
        from service.demo.bench_chat.plot import plot_growth

        plot_growth(_cells(bench.cells), plot)


def _save(bench: Bench, streams: Streams | None, path: Path) -> None:
    figures = {
        "pace": asdict(bench.house.pace),
        "think": bench.plan.think,
        "cells": _cells(bench.cells),
        "streams": asdict(streams) if streams else None,
    }
    path.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _cells(cells: Mapping[Key, Cell]) -> list[dict[str, Any]]:
    return [
        {"form": form, "askers": askers, "side": side, **cell.figures(), "left_out": cell.faults}
        for (form, askers, side), cell in cells.items()
    ]


def _grown(bench: Bench, form: Form) -> Iterator[tuple[int, Figures]]:
    for askers in bench.plan.concurrency:
        figures = bench.cells[form, askers, "PazPaz"].figures()
        if figures["answers"]:
            yield askers, figures


def _rows(bench: Bench, form: Form) -> Iterator[tuple[int, Figures, Figures]]:
    """Those of which both sides answered."""
    for askers in bench.plan.concurrency:
        ours, bare = (bench.cells[form, askers, side].figures() for side in ("service", "bare"))
        if ours["answers"] and bare["answers"]:
            yield askers, ours, bare


def _print(bench: Bench, streams: Streams | None) -> None:
    pace, cells = bench.house.pace, bench.cells
    typer.echo(
        f"\nms an answer, without the provider's {pace.embed:g} + {pace.rerank:g} + {pace.chat:g} s;"
        f" CPU by the round; they begin at random and think for {bench.plan.think:g} s in the mean"
    )
    for form in FORMS:
        for line in table(form, list(_rows(bench, form))):
            typer.echo(line)
    typer.echo("by way of PazPaz, in a process of its own:")
    for form in FORMS:
        for line in growth_table(form, list(_grown(bench, form))):
            typer.echo(line)
    for (form, askers, side), cell in cells.items():
        for fault, times in cell.faults.items():
            typer.echo(f"left out: {times} of {side}, {form}, {askers} at once: {fault}")
    if streams is not None:
        typer.echo(
            f"{streams.count} event streams by way of PazPaz, {streams.at_once} open at the same moment,"
            f" {streams.events} events: {_lacking(streams)}"
        )


def _lacking(streams: Streams) -> str:
    found = [f"{count} without a whole {what}" for what, count in streams.faults.items()]
    return ", ".join(found) or "none lost"
