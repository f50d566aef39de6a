"""The two measurements of `eval`: a folder's questions asked of the stage that `load` filled."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import typer

from service.commands.progress import progress
from service.container import Container, open_container
from service.demo.notes import read_lines, read_rows
from service.demo.printing import block
from service.demo.run import kept_stage
from service.demo.run_file import RunFile, mark_of, read_run
from service.domain.identity import ClientId, WorkspaceId
from service.errors import BadSettings
from service.evaluation.abstention import COVERAGES, calibration_gap, curves, reliability
from service.evaluation.asker import Asker, Outcome
from service.evaluation.fitting import cross_validated, fit_curves
from service.evaluation.gold import Gold, parse_gold
from service.evaluation.score import Owners, Scored, ablation, changes, faults, score
from service.evaluation.tables import (
    ablation_lines,
    change_lines,
    curve_lines,
    elsewhere_lines,
    fault_lines,
    fitted_lines,
    reliability_lines,
    score_lines,
)

NO_QUESTION = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class How:
    """The ways a folder's questions can be asked."""

    arms: bool = False
    """Each arm of search by itself too."""
    workers: int = 4
    """Questions at once."""
    fresh: bool = False
    """What was asked before it was cut off is asked again."""


async def run_retrieval(data: Path, out: Path, *, how: How, compare: Path | None) -> int:
    """Prints how well sessions were found; 1 where one came back that must not, else 0."""
    golds, owners = read_gold(data / "questions.jsonl"), _read_owners(data / "sessions.jsonl")
    before = _read_before(compare, out)
    run = _scored(golds, await _asked(golds, out, how))
    found = faults(run, owners)
    block("how well sessions are found", score_lines(score(run)))
    if how.arms:
        block("nDCG@10 of each arm alone", ablation_lines(ablation(run)))
    if before:
        block(f"beside {compare}", change_lines(changes(before, run)))
    block("what must not come back", fault_lines(found))
    return 1 if found else 0


async def run_abstention(data: Path, out: Path | None, *, how: How, run: Path | None) -> None:
    """Prints what each threshold would answer and refuse: of a run that was made before, or of one made now."""
    golds = read_gold(data / "questions.jsonl")
    outcomes = read_run(run) if run else await _asked(golds, _given(out), how)
    scored = _scored(golds, outcomes)
    if not any(one.outcome.confidence for one in scored):
        raise BadSettings(f"{run or out}: no line of these questions tells a confidence")
    typer.echo("\nanswered, and wrong of them; refused of what nothing answers, by kind")
    for curve in curves(scored):
        block(None, curve_lines(curve, COVERAGES))
    bands = reliability(scored)
    title = "share of questions whose answer is among the passages, by best similarity"
    block(title, reliability_lines(bands, calibration_gap(bands)))


async def run_curves(data: Path, run: Path) -> None:
    """Prints the curves that fit a run best, and what they would be worth in a workspace they were not fitted to."""
    scored = _scored(read_gold(data / "questions.jsonl"), read_run(run))
    title = "the local reranker's curves (service/language/curves.py)"
    block(title, fitted_lines(fit_curves(scored)))
    if all(one.outcome.parts for one in scored if one.outcome.session_ids):
        title = "ordered by constants that each workspace had no say in"
        block(title, elsewhere_lines(cross_validated(scored)))


def read_gold(path: Path) -> list[Gold]:
    """A folder's questions; raises BadSettings naming the line that is none."""
    golds = [_gold(line, path, number) for number, line in enumerate(read_lines(path), 1)]
    if not golds:
        raise BadSettings(f"{path}: holds no question")
    return golds


def _gold(line: str, path: Path, number: int) -> Gold:
    try:
        return parse_gold(line)
    except NO_QUESTION:
        raise BadSettings(f"{path}: line {number} is no question") from None


def _read_owners(path: Path) -> Owners:
    """By the folder, not by the index: what is judged does not judge itself."""
    return dict(_owner(row, path, number) for number, row in enumerate(read_rows(path), 1))


def _owner(
    row: dict[str, object], path: Path, number: int
) -> tuple[UUID, tuple[WorkspaceId, ClientId]]:
    try:
        session, workspace, client = (
            UUID(str(row[name])) for name in ("session_id", "workspace_id", "client_id")
        )
    except (KeyError, ValueError):
        raise BadSettings(f"{path}: line {number} lacks an id") from None
    return session, (WorkspaceId(workspace), ClientId(client))


def _read_before(path: Path | None, out: Path) -> dict[str, Outcome]:
    if path is None:
        return {}
    if path.resolve() == out.resolve():
        raise BadSettings(f"{path}: is to be written, and cannot be compared with")
    return {one.qid: one for one in read_run(path)}


def _given(out: Path | None) -> Path:
    if out is None:
        raise BadSettings("--out FILE to ask the questions, or --run FILE of a run that was made")
    return out


async def _asked(golds: Sequence[Gold], out: Path, how: How) -> list[Outcome]:
    """Every question's outcome, in order; what stands in `out` of a run that was cut off is not asked again."""
    if not out.parent.is_dir():
        raise BadSettings(f"{out}: its folder does not exist")
    async with _opened() as container:
        await _require_index(golds, container)
        file = RunFile(out, await _mark(golds, container, how))
        outcomes = file.begin([gold.qid for gold in golds], fresh=how.fresh)
        if outcomes:
            typer.echo(f"{len(outcomes)} questions were asked before; going on", err=True)
        asker = Asker(container.finder, container.contexts, ablation=how.arms)
        with progress("asking", len(golds)) as tick:
            for batch in _batches(golds[len(outcomes) :], how.workers):
                fresh = await asyncio.gather(*(asker.ask(gold.asked) for gold in batch))
                file.add(fresh)
                outcomes += fresh
                tick(len(outcomes))
        file.end()
    typer.echo(f"{out}: {len(outcomes)} lines", err=True)
    return outcomes


@asynccontextmanager
async def _opened() -> AsyncIterator[Container]:
    """The kept stage with PazPaz running, which search pulls its texts from."""
    async with kept_stage() as stage:
        stage.start("monolith")
        await stage.until_up(stage.monolith_url)
        async with open_container(stage.settings()) as container:
            yield container


async def _require_index(golds: Sequence[Gold], container: Container) -> None:
    for workspace in dict.fromkeys(gold.asked.workspace for gold in golds):
        if await container.store.models(workspace=workspace) is None:
            raise BadSettings(f"workspace {workspace} has no index; `pazpaz-agent load` it first")


async def _mark(golds: Sequence[Gold], container: Container, how: How) -> str:
    workspaces = sorted({gold.asked.workspace for gold in golds})
    epochs = [await container.store.epoch(workspace=one) for one in workspaces]
    models = container.models.embedders.default, container.models.reranker.model
    return mark_of([gold.asked for gold in golds], epochs, models, how.arms)


def _batches(golds: Sequence[Gold], size: int) -> Iterator[Sequence[Gold]]:
    return (golds[start : start + size] for start in range(0, len(golds), size))


def _scored(golds: Sequence[Gold], outcomes: Iterable[Outcome]) -> list[Scored]:
    """In the order of the questions; those that a run lacks are left out, and told."""
    by_qid = {one.qid: one for one in outcomes}
    scored = [Scored(gold, by_qid[gold.qid]) for gold in golds if gold.qid in by_qid]
    if lacking := len(golds) - len(scored):
        typer.echo(f"{lacking} questions are not in the run", err=True)
    return scored
