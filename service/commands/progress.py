"""Long work made visible: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_SECONDS = 5.0

Tick = Callable[[int], None]
"""Takes how much is done by now."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Work that is being shown; called, it is a Tick."""

    tick: Tick
    say: Callable[[str], None]
    """Prints a line on stderr, above the bar if there is one."""

    def __call__(self, done: int) -> None:
        self.tick(done)


@contextmanager
def progress(title: str, total: int) -> Iterator[Shown]:
    """Shows work of `total` steps on stderr, for as long as the block runs."""
    if sys.stderr.isatty():
        with _bar(title, total) as shown:
            yield shown
    else:
        with _lines(title, total) as tick:
            yield Shown(tick, say)


def say(line: str) -> None:
    """A line on stderr."""
    typer.echo(line, err=True)


@contextmanager
def _bar(title: str, total: int) -> Iterator[Shown]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True)) as shown:
        task = shown.add_task(title, total=total)
        yield Shown(
            tick=lambda done: shown.update(task, completed=done),
            say=lambda line: shown.console.print(line, highlight=False, markup=False),
        )


@contextmanager
def _lines(title: str, total: int) -> Iterator[Tick]:
    started = last = time.monotonic()

    def tick(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            typer.echo(f"{title}: {done} of {total}", err=True)

    typer.echo(f"{title}: {total}", err=True)
    yield tick
    typer.echo(f"{title}: done in {time.monotonic() - started:.1f} s", err=True)
