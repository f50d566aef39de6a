"""Long work made visible: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


@contextmanager
def progress(title: str, total: int) -> Iterator[Tick]:
    """Shows work of `total` steps on stderr, for as long as the block runs."""
    if sys.stderr.isatty():
        with _bar(title, total) as tick:
            yield tick
    else:
        with _lines(title, total) as tick:
            yield tick


@contextmanager
def _bar(title: str, total: int) -> Iterator[Tick]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True)) as shown:
        task = shown.add_task(title, total=total)
        yield lambda done: shown.update(task, completed=done)


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
