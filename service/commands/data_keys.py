"""What `pazpaz-agent keys` does with the keys of workspaces: seals anew, wraps anew, counts."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import typer

from service.commands.progress import Tick, progress
from service.commands.shared import moment, scope, with_container
from service.domain.identity import WorkspaceId
from service.errors import BadSettings, KeyUnavailable, SealBroken

if TYPE_CHECKING:
    from service.adapters.key_rotation import KeyRow, PgKeyRotation
    from service.container import Container


def reseal(only: UUID | None) -> int:
    """New data keys, and every row sealed with them; 1 where a row or a workspace is left."""

    async def run(opened: "Container") -> int:
        rotation = await _rotation(opened)
        workspaces = await _with_keys(opened, rotation, only)
        began = await rotation.begin(workspace=scope(only))
        typer.echo(f"replacing every key made before {moment(began)}", err=True)
        shut = await _renew(rotation, workspaces, began)
        rows, left = await _reseal(rotation, [one for one in workspaces if one not in shut])
        await rotation.finish(workspace=scope(only))
        typer.echo(
            f"{len(workspaces) - len(shut)} of {len(workspaces)} workspaces have new keys:"
            f" {rows} rows sealed anew, {left} rows left under an older key."
        )
        return 1 if left or shut else 0

    return with_container(run)


def rewrap() -> int:
    """The present key-encryption key over every key; 1 where a key is left under another."""

    async def run(opened: "Container") -> int:
        rotation, present = await _rotation(opened), opened.keys.kek.id
        workspaces = await _everything(opened)
        with progress("wrapping keys of workspaces", len(workspaces)) as tick:

            async def one(workspace: WorkspaceId) -> None:
                await rotation.rewrap(workspace=workspace)

            await _each(workspaces, one, tick)
        keys = await _stored(rotation, await _everything(opened))
        left = sum(key.kek_id != present for key in keys)
        typer.echo(f"{len(keys) - left} keys are wrapped by {present}, {left} by another.")
        typer.echo(_advice(left))
        return 1 if left else 0

    return with_container(run)


def show() -> None:
    """How many workspaces have how many keys, by what wraps them."""

    async def run(opened: "Container") -> list[str]:
        rotation, present = _plain_rotation(opened), opened.keys.kek.id
        keys = await _stored(rotation, await _everything(opened))
        lines = sorted(_survey(keys, present).items())
        return [_row("workspaces", "keys of each", "wrapped by")] + [
            _row(str(count), epochs, by) for (by, epochs), count in lines
        ]

    for line in with_container(run):
        typer.echo(line.rstrip())


def _survey(keys: Sequence["KeyRow"], present: str) -> Counter[tuple[str, str]]:
    """Workspaces by what wraps their keys, and how many they have: two while rows are being sealed anew."""
    of: defaultdict[WorkspaceId, list[str]] = defaultdict(list)
    for key in keys:
        of[key.workspace].append(f"{key.kek_id}{' (present)' if key.kek_id == present else ''}")
    return Counter((", ".join(sorted(set(ids))), str(len(ids))) for ids in of.values())


def _advice(left: int) -> str:
    if left:
        return "Keep the other key: run this again, with every process on the new one."
    return (
        "The old key is no longer needed here, once every process wraps with the new one;"
        " backups made before this still need it."
    )


def _row(*cells: str) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, (12, 14, 0), strict=True))


def _plain_rotation(opened: "Container") -> "PgKeyRotation":
    from service.adapters.key_rotation import PgKeyRotation

    return PgKeyRotation(opened.database, opened.keys)


async def _rotation(opened: "Container") -> "PgKeyRotation":
    rotation = _plain_rotation(opened)
    await rotation.refuse_narrow_login()
    return rotation


async def _everything(opened: "Container") -> Sequence[WorkspaceId]:
    return sorted(await opened.store.workspaces())


async def _with_keys(
    opened: "Container", rotation: "PgKeyRotation", only: UUID | None
) -> Sequence[WorkspaceId]:
    asked = [WorkspaceId(only)] if only else await _everything(opened)
    found = [one for one in asked if await rotation.stored(workspace=one)]
    if only and not found:
        raise BadSettings(f"no keys of a workspace {only} are stored")
    return found


async def _stored(
    rotation: "PgKeyRotation", workspaces: Sequence[WorkspaceId]
) -> Sequence["KeyRow"]:
    return [key for one in workspaces for key in await rotation.stored(workspace=one)]


async def _renew(
    rotation: "PgKeyRotation", workspaces: Sequence[WorkspaceId], began: datetime
) -> set[WorkspaceId]:
    """Those that could not be given new keys."""

    async def one(workspace: WorkspaceId) -> None:
        await rotation.renew(workspace=workspace, older_than=began)

    with progress("making keys of workspaces", len(workspaces)) as tick:
        return await _each(workspaces, one, tick)


async def _reseal(rotation: "PgKeyRotation", workspaces: Sequence[WorkspaceId]) -> tuple[int, int]:
    """How many rows were sealed anew, and how many are left under an older key."""
    rows = left = 0
    total = sum([await rotation.stale(workspace=one) for one in workspaces])
    with progress("sealing rows", total) as tick:

        def done(count: int) -> None:
            nonlocal rows
            rows += count
            tick(rows)

        for one in workspaces:
            stayed = await _reseal_one(rotation, one, done)
            if stayed:
                typer.echo(f"workspace {one}: {stayed} rows stay under an older key", err=True)
            left += stayed
    return rows, left


async def _reseal_one(rotation: "PgKeyRotation", workspace: WorkspaceId, on_rows: Tick) -> int:
    try:
        return (await rotation.reseal(workspace=workspace, on_rows=on_rows)).left
    except KeyUnavailable:  # erased meanwhile, or another operator made yet newer keys
        return await rotation.stale(workspace=workspace)


async def _each(
    workspaces: Sequence[WorkspaceId],
    work: Callable[[WorkspaceId], Awaitable[None]],
    tick: Tick,
) -> set[WorkspaceId]:
    """Does all; those whose keys do not open are told, and given back."""
    shut = set()
    for number, workspace in enumerate(workspaces, start=1):
        try:
            await work(workspace)
        except (KeyUnavailable, SealBroken) as exc:
            shut.add(workspace)
            typer.echo(f"workspace {workspace}: its keys do not open ({exc.code})", err=True)
        tick(number)
    return shut
