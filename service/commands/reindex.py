"""pazpaz-agent reindex: another embedding model, kept up beside the old one, compared, switched to, and back."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.shared import Workspace, scope, with_container
from service.domain.identity import WorkspaceId
from service.errors import BadSettings
from service.ports.calls import for_nobody
from service.ports.models import Embedder, Embedders
from service.vectors import DIMENSION

if TYPE_CHECKING:  # the adapters cost a third of a second that other commands need not pay
    from service.adapters.index.reindexer import Progress, Switched
    from service.container import Container

app = typer.Typer(help="Embeds everything anew with another model, beside the one that answers.")

PAGE = 500
RECENT_SECONDS = 1.0
WORDS = {
    "begun": "begun",
    "active": "with it as their model already",
    "occupied": "with another model beside",
    "unindexed": "without an index",
    "switched": "switched",
    "already": "as asked already",
    "incomplete": "not complete",
    "alone": "without a second model",
    "finished": "finished",
    "unswitched": "not switched yet",
}


@app.command()
def start(
    model: Annotated[str, typer.Option(help="As in EMBEDDING_MODEL.")],
    workspace: Workspace = None,
) -> None:
    """Every note is looked at for this model too, and live changes go to both. Run again, it asks for what lacks."""

    async def run(opened: "Container") -> None:
        await _try(_runnable(model, opened.models.embedders))
        asked = 0

        async def step(one: WorkspaceId) -> str:
            nonlocal asked
            outcome = await opened.reindexer.begin(model, workspace=one)
            asked += await _ask_for_looks(opened, one) if outcome == "begun" else 0
            return outcome

        counts = await _each(opened, scope(workspace), step)
        typer.echo(f"{_told(counts)}; {asked} looks asked for")
        _refuse(counts, "occupied", "finish that first (`reindex status`)")

    with_container(run)


@app.command()
def status(workspace: Workspace = None) -> None:
    """How far each workspace is."""

    async def run(opened: "Container") -> None:
        async def step(one: WorkspaceId) -> str:
            state = await opened.reindexer.progress(workspace=one)
            if state is None:
                return "unindexed"
            left = await opened.vector_table.elsewhere_of(workspace=one)
            told = f", {left} notes not {opened.settings.vectors} yet (`reindex move`)"
            typer.echo(f"workspace {one}: {_state(state)}{told if left else ''}")
            return "complete" if state.complete else "incomplete"

        typer.echo(_told(await _each(opened, scope(workspace), step)))

    with_container(run)


@app.command()
def compare(
    questions: Annotated[
        Path, typer.Option(dir_okay=False, help="JSON Lines, as tests/data/questions.jsonl.")
    ],
    workspace: Workspace = None,
) -> None:
    """How far the two models agree, what each finds of the judged sessions, and how long each takes."""

    from service.commands.reindex_compare import run_compare  # its search costs half a second

    with_container(lambda opened: run_compare(opened, questions, scope(workspace)))


@app.command()
def switch(
    workspace: Workspace = None,
    force: Annotated[bool, typer.Option("--force", help="Though notes are lacking.")] = False,
) -> None:
    """Questions go to the new model; the old one is kept up, so that `rollback` takes seconds."""
    _swap(scope(workspace), back=False, force=force)


@app.command()
def rollback(workspace: Workspace = None) -> None:
    """Questions go to the old model again; the new one is kept up."""
    _swap(scope(workspace), back=True, force=False)


@app.command()
def finish(
    workspace: Workspace = None,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Also where it was not switched: drops the new model.")
    ] = False,
) -> None:
    """Drops the vectors of the model that is beside. Then there is no way back but another start."""

    async def run(opened: "Container") -> None:
        dropped = 0

        async def step(one: WorkspaceId) -> str:
            nonlocal dropped
            outcome = await _finish(opened, one, abandon=abandon)
            dropped += await opened.reindexer.sweep(workspace=one)
            return outcome

        counts = await _each(opened, scope(workspace), step)
        typer.echo(f"{_told(counts)}; {dropped} vectors dropped")
        _refuse(counts, "unswitched", "`reindex switch`, or --abandon the new model")

    with_container(run)


@app.command()
def move(workspace: Workspace = None) -> None:
    """Brings vectors that were written before VECTORS was changed over to where it says; nothing is embedded."""

    async def run(opened: "Container") -> None:
        moved = 0

        async def step(one: WorkspaceId) -> str:
            nonlocal moved
            moved += (notes := await opened.vector_table.move(workspace=one))
            return "moved" if notes else "in place"

        counts = await _each(opened, scope(workspace), step)
        typer.echo(f"{_told(counts)}; {moved} notes moved, all are {opened.settings.vectors}")

    with_container(run)


def _swap(only: WorkspaceId | None, *, back: bool, force: bool) -> None:
    async def run(opened: "Container") -> None:
        async def step(one: WorkspaceId) -> "Switched":
            return await opened.reindexer.switch(workspace=one, back=back, force=force)

        began = time.perf_counter()
        counts = await _each(opened, only, step)
        typer.echo(f"{_told(counts)}; {time.perf_counter() - began:.3f} s")
        _refuse(counts, "incomplete", "wait, retry dead letters (`reindex status`), or --force")

    with_container(run)


async def _each(
    opened: "Container", only: WorkspaceId | None, step: Callable[[WorkspaceId], Awaitable[str]]
) -> "Counter[str]":
    """What became of each workspace, one after the other; refuses one that has no index."""
    if only is None:
        known = await opened.store.workspaces()
        return Counter([await step(one) for one in sorted(known)])
    if await opened.store.models(workspace=only) is None:
        raise BadSettings(f"workspace {only} has no index")
    return Counter([await step(only)])


def _told(counts: "Counter[str]") -> str:
    shown = (f"{count} {WORDS.get(name, name)}" for name, count in sorted(counts.items()))
    return f"workspaces: {', '.join(shown) or 'none'}"


def _refuse(counts: "Counter[str]", name: str, remedy: str) -> None:
    if counts[name]:
        raise BadSettings(f"{counts[name]} workspaces {WORDS[name]}: {remedy}")


def _state(state: "Progress") -> str:
    told = f"{state.notes} notes in {state.models.active}"
    if state.models.beside:
        how = "switched from" if state.switched else "beside"
        told = f"{state.models.active}, {how} {state.models.beside}: {state.covered} of {state.notes} notes in both"
    return f"{told}, {state.looks} looks open, {state.parked} dead letters"


def _runnable(model: str, embedders: Embedders) -> Embedder:
    embedder = embedders.find(model)
    if embedder is None:
        raise BadSettings(
            f"this process cannot run that model; it can {', '.join(embedders.known)}"
        )
    return embedder


async def _try(embedder: Embedder) -> None:
    """Before a workspace depends on it: a name that the provider does not know would stop every note."""
    [vector] = await embedder.embed(["a word"], purpose="document", context=for_nobody())
    if len(vector) != DIMENSION:
        raise BadSettings(f"that model has {len(vector)} dimensions, and the index {DIMENSION}")


async def _ask_for_looks(opened: "Container", workspace: WorkspaceId) -> int:
    lacking = await opened.reindexer.lacking(workspace=workspace)
    for place in range(0, len(lacking), PAGE):
        page = lacking[place : place + PAGE]
        await opened.queue.want(page, workspace=workspace, background=True)
    return len(lacking)


async def _finish(opened: "Container", workspace: WorkspaceId, *, abandon: bool) -> str:
    waiting = False
    while (
        outcome := await opened.reindexer.finish(workspace=workspace, abandon=abandon)
    ) == "recent":
        if not waiting:
            typer.echo("waiting a minute for questions that began before the switch", err=True)
        waiting = True
        await asyncio.sleep(RECENT_SECONDS)
    return outcome
