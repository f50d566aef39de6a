"""pazpaz-agent backfill: every note looked at again, at a pace, behind live events; killed, it goes on where it was."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from service.commands.progress import progress, say
from service.commands.shared import Workspace, moment, scope, with_container
from service.domain.identity import WorkspaceId
from service.errors import BadSettings
from service.ingestion.backfill import Backfill, Pace, Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.adapters.work.backfills import BackfillRun
    from service.container import Container

SINCE = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


def backfill(
    workspace: Workspace = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=SINCE, metavar="MOMENT", help="Only notes changed since then (UTC)."),
    ] = None,
    requests_per_minute: Annotated[
        float, typer.Option(min=1, max=100_000, help="Calls to PazPaz that this may cause.")
    ] = 240,
    concurrency: Annotated[
        int, typer.Option(min=1, max=64, help="Batches of 16 notes open at once.")
    ] = 4,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Forget the unfinished backfill, and do nothing else.")
    ] = False,
) -> None:
    """Asks for a look at every note; workers take them when no change waits.

    Stopped or killed and run again, it goes on where it was. Exit 1 if a note is a dead letter or waits again.
    """
    pace = Pace(requests_per_minute, concurrency)
    moment_since = since.replace(tzinfo=UTC) if since else None

    async def run(opened: "Container") -> int:
        if abandon:
            return await _abandon(opened)
        wanted = await opened.backfills.open(workspace=scope(workspace), since=moment_since)
        _refuse_another_scope(wanted, workspace=scope(workspace), since=moment_since)
        return await _run(opened, wanted, pace)

    raise typer.Exit(with_container(run))


async def _abandon(opened: "Container") -> int:
    was_open = await opened.backfills.abandon()
    typer.echo("abandoned" if was_open else "no backfill was open")
    return 0


def _refuse_another_scope(run: "BackfillRun", *, workspace: object, since: datetime | None) -> None:
    if (run.workspace, run.since) != (workspace, since):
        asked = f"--workspace {run.workspace}" if run.workspace else "all workspaces"
        asked += f" --since {run.since:%Y-%m-%dT%H:%M:%S}" if run.since else ""
        raise BadSettings(f"another backfill is unfinished ({asked}); finish it, or --abandon it")


async def _run(opened: "Container", run: "BackfillRun", pace: Pace) -> int:
    async def moved(workspace: WorkspaceId, after: UUID | None, asked: int) -> None:
        await opened.backfills.moved(run.id, at=workspace, after=after, asked=asked)

    work = Backfill(
        notes=opened.notes,
        store=opened.store,
        queue=opened.queue,
        pace=pace,
        since=run.since,
        on_moved=moved,
        on_wait=say,
        asked=run.asked,
    )
    workspaces = await work.scope(run.workspace)
    if run.workspace and not workspaces:
        await opened.backfills.abandon()
        raise BadSettings(f"PazPaz lists no active workspace {run.workspace}")
    if run.asked:
        say(f"going on after {run.asked} notes, begun {moment(run.started_at)}")
    try:
        await _look_at_all(work, run, workspaces)
    except asyncio.CancelledError:
        say(f"stopped; {work.asked} notes were asked for, and run again it goes on from there")
        raise
    done = await work.summary(workspaces)
    await opened.backfills.finished(run.id)
    typer.echo(_told(done, len(workspaces)))
    return 1 if done.dead or done.waiting else 0


async def _look_at_all(
    work: Backfill, run: "BackfillRun", workspaces: "Sequence[WorkspaceId]"
) -> None:
    with progress("looked at", await work.count(workspaces)) as shown:
        work.on_wait = shown.say
        for one in workspaces:
            if run.at is None or one >= run.at:
                await work.ask(one, after=run.after if one == run.at else None, tick=shown)
        await work.until_done(shown)


def _told(done: Summary, workspaces: int) -> str:
    return (
        f"{done.total} notes and profiles of {workspaces} workspaces: {done.indexed} indexed,"
        f" {done.left_out} not to be indexed, {done.dead} dead letters, {done.waiting} changed since"
    )
