"""pazpaz-agent dead-letters: what was given up on, why, and what to do about it."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from service import errors
from service.commands.shared import Workspace, moment, scope, with_container
from service.errors import BadSettings, ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.container import Container
    from service.ports.work import DeadLetter

app = typer.Typer(help="Lists, explains, retries and drops work that was given up on.")

Key = Annotated[UUID | None, typer.Argument(help="The note's, client's or workspace's id.")]
All = Annotated[bool, typer.Option("--all", help="Every one, of --workspace if that is given.")]

ADVICE = {
    "note_unreadable": "PazPaz could not decrypt this row, or it is too large or malformed; mend it there, then retry.",
    "worker_lost": "Each worker that took it ended without a word; look at the workers' memory, then retry.",
    "internal": "A fault of ours; the worker's log names the place at `note.failed`. Retry after an upgrade.",
}


@app.command("list")
def list_letters(
    workspace: Workspace = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
) -> None:
    """One line each, the oldest first."""

    async def listed(opened: "Container") -> "Sequence[DeadLetter]":
        return await opened.queue.dead_letters(workspace=scope(workspace), limit=limit)

    letters = with_container(listed)
    for letter in letters:
        typer.echo(_line(letter))
    if not letters:
        typer.echo("No dead letters.")
    elif len(letters) == limit:
        typer.echo(f"The first {limit}; --limit shows more.", err=True)


@app.command()
def show(
    key: Annotated[UUID, typer.Argument(help="The note's, client's or workspace's id.")],
) -> None:
    """All that is known of one, and what its code means."""

    async def found(opened: "Container") -> "list[DeadLetter]":
        everything = await opened.queue.dead_letters(key=key)
        return list(everything)

    letters = with_container(found)
    if not letters:
        raise BadSettings(f"no dead letter has the id {key}")
    for letter in letters:
        typer.echo(_line(letter))
        typer.echo(f"  wanted since  {moment(letter.wanted_at)}")
        typer.echo(f"  means         {_meaning(letter.code)}")


@app.command()
def retry(key: Key = None, every: All = False, workspace: Workspace = None) -> None:
    """Tries again as if nothing had failed."""
    _choose(key, every)

    async def tried(opened: "Container") -> int:
        return await opened.queue.retry_dead_letters(workspace=scope(workspace), key=key)

    _say(with_container(tried), key, "will be tried again")


@app.command()
def drop(key: Key = None, every: All = False, workspace: Workspace = None) -> None:
    """Stops wanting it. If the note still differs from PazPaz's, the next reconciliation wants it again."""
    _choose(key, every)

    async def dropped(opened: "Container") -> int:
        return await opened.queue.drop_dead_letters(workspace=scope(workspace), key=key)

    _say(with_container(dropped), key, "dropped")


def _choose(key: UUID | None, every: bool) -> None:
    if (key is None) == (not every):
        raise BadSettings("name one id, or say --all")


def _say(count: int, key: UUID | None, what: str) -> None:
    if key is not None and not count:
        raise BadSettings(f"no dead letter has the id {key}")
    typer.echo(f"{count} {what}.")


def _line(letter: "DeadLetter") -> str:
    what = f"{letter.kind:<10} {letter.key}  workspace {letter.workspace}"
    return f"{moment(letter.parked_at)}  {what}  {letter.code}"


def _meaning(code: str | None) -> str:
    if code in ADVICE:
        return ADVICE[code]
    named = (kind for kind in vars(errors).values() if isinstance(kind, type))
    known = [kind for kind in named if issubclass(kind, ServiceError) and kind.code == code]
    return str(known[0].__doc__) if known else "unknown"
