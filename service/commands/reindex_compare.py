"""The questions of a file asked in both models of their workspaces, and a small table of what came of it."""

from collections.abc import Sequence
from pathlib import Path

import typer

from service.commands.progress import progress
from service.container import Container
from service.domain.identity import WorkspaceId
from service.errors import BadSettings
from service.evaluation.compare import Compared, Comparer, Judged, lines, parse_judged, table


async def run_compare(opened: Container, questions: Path, only: WorkspaceId | None) -> None:
    """Prints the table. Raises BadSettings where there is nothing to compare."""
    judged = [one for one in _read(questions) if only in {None, one.asked.workspace}]
    comparer = Comparer(opened.store, opened.contexts, opened.models.embedders)
    compared = await _compare(comparer, judged)
    if not compared:
        raise BadSettings("no question is of a workspace with a second model; `reindex start`")
    for line in lines(table(compared)):
        typer.echo(line)
    if left_out := len(judged) - len(compared):
        typer.echo(f"{left_out} questions are of workspaces without a second model")


def _read(path: Path) -> list[Judged]:
    try:
        found = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadSettings(f"{path}: cannot be read ({type(exc).__name__})") from None
    return [_judged(line, path, n) for n, line in enumerate(found, 1) if line.strip()]


def _judged(line: str, path: Path, number: int) -> Judged:
    try:
        return parse_judged(line)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadSettings(f"{path}: line {number} is no question") from None


async def _compare(comparer: Comparer, judged: Sequence[Judged]) -> list[Compared]:
    compared = []
    with progress("comparing", len(judged)) as tick:
        for number, one in enumerate(judged, 1):
            if both := await comparer.compare(one, turned=bool(number % 2)):
                compared.append(both)
            tick(number)
    return compared
