"""pazpaz-agent reconcile: whether the index equals PazPaz, told workspace by workspace, and repaired."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from service.commands.progress import Tick, progress
from service.commands.shared import Workspace, with_container
from service.domain.identity import WorkspaceId
from service.errors import BadSettings
from service.ingestion.reconcile import Comparison, Fault, read_feed

if TYPE_CHECKING:
    from service.container import Container

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
LONGEST_SECONDS = 900.0  # Without one of these looks, whatever else is done.
FAULTS: tuple[Fault, ...] = ("missed", "extra", "stale")


def reconcile(
    workspace: Workspace = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the difference; exit 1 if there is one.")
    ] = False,
    ids: Annotated[int, typer.Option(min=0, help="How many ids to print a workspace.")] = 20,
) -> None:
    """Compares every workspace with PazPaz's list, has what differs looked at, and waits until it was.

    Exit 0 if they are equal now, 1 if not.
    """

    async def run(opened: "Container") -> int:
        return await _Run(opened, ids=ids, repairs=not dry_run).run(workspace)

    raise typer.Exit(with_container(run))


@dataclass
class _Run:
    """One run of the command."""

    opened: "Container"
    ids: int
    repairs: bool
    found: list[Comparison] = field(default_factory=list)

    async def run(self, only: UUID | None) -> int:
        reconciler = self.opened.indexer.reconciler
        everything = _chosen(only, await reconciler.everything())
        await self._feed()
        with progress("comparing workspaces", len(everything)) as tick:
            for number, workspace in enumerate(everything, start=1):
                step = reconciler.repair if self.repairs else reconciler.compare
                self.found.append(await step(workspace))
                tick(number)
        self._tell()
        if all(one.equal for one in self.found):
            typer.echo("equal")
            return 0
        return await self._wait() if self.repairs else 1

    async def _feed(self) -> None:
        if self.repairs:
            read, new = await read_feed(self.opened.notes, self.opened.queue)
            typer.echo(f"feed: {read} events read, {new} of them new")

    def _tell(self) -> None:
        """After the bar, which a line would otherwise end up in."""
        for one in self.found:
            if not one.equal:
                self._tell_one(one)
        differ = sum(not one.equal for one in self.found)
        listed = sum(one.listed for one in self.found)
        scope = f"{len(self.found)} workspaces with {listed} notes and profiles"
        typer.echo(f"{scope}, {differ} differ: {_counts(self.found)}")

    def _tell_one(self, found: Comparison) -> None:
        typer.echo(f"workspace {found.workspace}  {_counts([found])}")
        for one in found.differences[: self.ids]:
            typer.echo(f"  {one.fault:<7} {one.item.entity:<8} {one.item.id}")
        if len(found.differences) > self.ids:
            typer.echo(f"  and {len(found.differences) - self.ids} more; --ids shows them")

    async def _wait(self) -> int:
        """Until every difference was looked at; gives up when no worker takes one, nor a change, for a minute."""
        total = sum(len(one.differences) + one.closed for one in self.found)
        if not total:
            return await self._verdict()
        with progress("looked at", total) as tick:
            left = await self._until_looked_at(total, tick)
        if left:
            typer.echo(f"{left} looks are still wanted, and no worker takes them; see the workers.")
        return 1 if left else await self._verdict()

    async def _until_looked_at(self, total: int, tick: Tick) -> int:
        """Patience begins anew with what people changed, which workers take first; but not for ever."""
        left, before, idle, since = total, await self._changes(), 0.0, 0.0
        while left and idle < PATIENCE_SECONDS and since < LONGEST_SECONDS:
            await asyncio.sleep(POLL_SECONDS)
            now, changes = await self._left(), await self._changes()
            idle = 0.0 if now < left or changes < before else idle + POLL_SECONDS
            since = 0.0 if now < left else since + POLL_SECONDS
            left, before = now, changes
            tick(max(0, total - left))
        return left

    async def _changes(self) -> int:
        return (await self.opened.queue.depth()).waiting

    async def _left(self) -> int:
        return sum([await self._left_of(one) for one in self.found if not one.equal])

    async def _left_of(self, found: Comparison) -> int:
        work = await self.opened.queue.open_work(workspace=found.workspace)
        places = {one.place for one in found.differences}
        if found.closed:
            places.add(("workspaces", found.workspace))
        return len(places & work.waiting)

    async def _verdict(self) -> int:
        """Compared once more: what differs now is a dead letter, or changed since."""
        reconciler = self.opened.indexer.reconciler
        again = [await reconciler.compare(one.workspace) for one in self.found if not one.equal]
        differ = [one for one in again if not one.equal]
        typer.echo("equal" if not differ else f"still different: {_counts(differ)}")
        return 1 if differ else 0


def _chosen(only: UUID | None, known: Sequence[WorkspaceId]) -> Sequence[WorkspaceId]:
    """A mistyped id would otherwise be equal to PazPaz: neither has anything of it."""
    if only is None:
        return known
    if only not in known:
        raise BadSettings(f"PazPaz lists no workspace {only}, and nothing of it is kept here")
    return [WorkspaceId(only)]


def _counts(found: Sequence[Comparison]) -> str:
    """Faults always, as a log is searched for them; the rest when there is any."""
    rest = {
        "waiting": sum(one.waiting for one in found),
        "dead letters": sum(one.parked for one in found),
        "not active in PazPaz": sum(one.closed for one in found),
    }
    faults = [f"{name} {sum(one.count(name) for one in found)}" for name in FAULTS]
    return "  ".join([*faults, *(f"{name} {count}" for name, count in rest.items() if count)])
