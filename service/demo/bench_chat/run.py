"""Rounds of answers from the service and from a bare one, in turn, and what they took beside the provider."""

import asyncio
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import typer

from service.commands.progress import progress
from service.demo.bench_chat.asking import Form, Prepared, ask_all
from service.demo.bench_chat.figures import CALLS, Calls, Cell, Figures, table
from service.demo.bench_chat.house import House, open_house
from service.demo.bench_chat.sides import Side
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
        return {"service": self.house.service, "bare": self.house.bare}

    async def run(self) -> None:
        """Both sides in turn, and the other way round in the next round: what else the machine does falls on both."""
        await self._warm_up()
        self.cells.clear()
        with progress("rounds", self.plan.rounds * len(self.plan.concurrency)) as tick:
            for number in range(self.plan.rounds):
                for place, askers in enumerate(self.plan.concurrency):
                    for form in FORMS:
                        await self._both(form, askers, backwards=bool(number % 2))
                    tick(number * len(self.plan.concurrency) + place + 1)

    async def _warm_up(self) -> None:
        """Every practice is asked once, so that no index is cold."""
        with progress("warming up", 1):
            for form in FORMS:
                await self._both(form, len(self.house.seats), each=1)

    async def _both(
        self, form: Form, askers: int, *, each: int | None = None, backwards: bool = False
    ) -> None:
        first = next(self._asked)
        sides = list(self.sides.items())
        for name, side in reversed(sides) if backwards else sides:
            asked = await self._prepared(side, form, askers, each or self.plan.each(askers), first)
            cell = self.cells.setdefault((form, askers, name), Cell())
            await self._round(cell, side, asked)

    async def _prepared(
        self, side: Side, form: Form, askers: int, each: int, first: int
    ) -> list[list[Prepared]]:
        """The same questions for both sides; each asker goes from practice to practice."""
        seats = self.house.seats

        async def one(asker: int, turn: int) -> Prepared:
            seat = seats[(asker + turn) % len(seats)]
            place = (first * each + asker * each + turn) % len(seat.questions)
            return await side.prepare(seat, seat.questions[place], form)

        return [[await one(asker, turn) for turn in range(each)] for asker in range(askers)]

    async def _round(self, cell: Cell, side: Side, asked: Sequence[Sequence[Prepared]]) -> None:
        pace, pazpaz = self.house.pace, self.house.stage.children["monolith"]
        loop = asyncio.get_running_loop()
        began, cpu, beside = loop.time(), side.child.cpu_seconds, pazpaz.cpu_seconds
        lasting = pace.embed + pace.rerank + pace.chat
        taken = await ask_all(self.house.service.http, asked, lasting=lasting)
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


async def run_bench(data: Path, *, plan: Plan, pace: Pace, save: Path | None) -> None:
    """Prints a table for each form of answer, and writes all figures to `save`."""
    async with open_house(data, most=max(plan.concurrency), pace=pace) as house:
        bench = Bench(house, plan)
        await bench.run()
    _print(bench)
    if save is not None:
        _save(bench.cells, save)


def _save(cells: Mapping[Key, Cell], path: Path) -> None:
    figures = [
        {"form": form, "askers": askers, "side": side, **cell.figures(), "left_out": cell.faults}
        for (form, askers, side), cell in cells.items()
    ]
    path.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _rows(bench: Bench, form: Form) -> Iterator[tuple[int, Figures, Figures]]:
    """Those of which both sides answered."""
    for askers in bench.plan.concurrency:
        ours, bare = (bench.cells[form, askers, side].figures() for side in ("service", "bare"))
        if ours["answers"] and bare["answers"]:
            yield askers, ours, bare


def _print(bench: Bench) -> None:
    pace, cells = bench.house.pace, bench.cells
    typer.echo(
        f"\nms an answer, without the provider's {pace.embed:g} + {pace.rerank:g} + {pace.chat:g} s;"
        " CPU by the round"
    )
    for form in FORMS:
        for line in table(form, list(_rows(bench, form))):
            typer.echo(line)
    for (form, askers, side), cell in cells.items():
        for fault, times in cell.faults.items():
            typer.echo(f"left out: {times} of {side}, {form}, {askers} at once: {fault}")
