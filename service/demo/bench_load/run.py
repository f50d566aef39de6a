"""From an empty machine to a report: opens the house, lets everybody work, and proves that nothing was lost."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from service.commands.signals import cancel_on_signals, stop_on_signals
from service.demo.bench_load.figures import growths
from service.demo.bench_load.house import open_house
from service.demo.bench_load.ledger import Ledger
from service.demo.bench_load.load import Load
from service.demo.bench_load.plan import Plan
from service.demo.bench_load.practices import People
from service.demo.bench_load.report import Finding, grown, measured, verdict
from service.demo.bench_load.verdict import findings, settled
from service.errors import BadSettings

INTERRUPTED = 130


async def run_bench(plan: Plan, *, save: Path | None = None, plot: Path | None = None) -> int:
    """0, or 1 where anything was lost, leaked or wrong; 130 where a signal ended the load early.

    The first signal ends the load and keeps the report; one before or after it ends everything.
    """
    for path in filter(None, (save, plot)):
        _may_be_written(path)
    people = People(plan, Ledger())
    rows = people.settle_in()
    async with open_house(plan, rows) as house:
        over = stop_on_signals()
        load = Load(plan, house, people, over)
        await load.run()
        cancel_on_signals()
        found = [await settled(load), *await findings(load)]
    _print(load, found)
    _keep(_figures(load, found), save, plot)
    if not all(one.holds for one in found):
        return 1
    return INTERRUPTED if load.was_cut else 0


def _may_be_written(path: Path) -> None:
    """Asked before the load, not after an hour of it."""
    try:
        path.touch()
    except OSError as exc:
        raise BadSettings(f"{path}: cannot be written ({exc.strerror})") from None


def _keep(figures: Mapping[str, Any], save: Path | None, plot: Path | None) -> None:
    if save is not None:
        save.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    if plot is not None:
        from service.demo.bench_load.plot import plot_load

        plot_load(figures, plot)


def _print(load: Load, found: Sequence[Finding]) -> None:
    lines = [
        *verdict(found, load.examples),
        *measured(load.plan, load.seconds, load.total, load.done),
        *grown(growths(load.samples, window=load.plan.window)),
    ]
    for line in ("", *lines):
        typer.echo(line)


def _figures(load: Load, found: Sequence[Finding]) -> dict[str, Any]:
    began = load.samples[0].at if load.samples else 0.0
    return {
        "plan": asdict(load.plan),
        "seconds": round(load.seconds, 1),
        "findings": [asdict(one) for one in found],
        "total": load.total.figures(),
        "minutes": [one.figures() for one in load.windows],
        "done": dict(load.done),
        "asked": {f"{kind}, {way}": n for (kind, way), n in load.kinds.items()},
        "growth": {
            name: {**asdict(one), "percent": round(one.percent, 2)}
            for name, one in growths(load.samples, window=load.plan.window).items()
        },
        "samples": [
            {
                "at": round(one.at - began, 1),
                "memory_mb": dict(one.memory),
                "database_mb": round(one.database, 1),
                "connections": one.connections,
            }
            for one in load.samples
        ],
    }
