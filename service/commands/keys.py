"""`pazpaz-agent keys`: makes, rotates, retires and shows keys; every error is one line."""

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from service.commands.shared import moment
from service.errors import BadSettings

if TYPE_CHECKING:
    from pazpaz_ai_client.signing.rotation import Retirement, Rotation, Survey

keys_app = typer.Typer(help="Makes and rotates keys.")

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,4})([smhd])", text)
    if match is None:
        raise typer.BadParameter("a time is a number and s, m, h or d, such as 10m")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


FOLDER = typer.Option(file_okay=False, help="keys.json and its private keys.")
KeyFolder = Annotated[Path, FOLDER]
MaybeKeyFolder = Annotated[Path | None, FOLDER]
Duration = Annotated[str, typer.Option(metavar="TIME", help="Such as 90s, 10m, 1h or 2d.")]


@keys_app.command("rotate")
def rotate(
    folder: MaybeKeyFolder = None,
    data: Annotated[
        bool, typer.Option("--data", help="New keys of workspaces, every row sealed anew.")
    ] = False,
    wrapping: Annotated[
        bool, typer.Option("--wrapping", help="KEY_ENCRYPTION_KEY over all keys of workspaces.")
    ] = False,
    workspace: Annotated[
        UUID | None, typer.Option(help="With --data: of this workspace only.")
    ] = None,
    side: Annotated[
        Literal["ai", "ml"] | None, typer.Option(help="Whose keys: ours, or PazPaz's.")
    ] = None,
    switch_after: Duration = "10m",
    overlap: Duration = "1h",
    at_once: Annotated[bool, typer.Option("--now", help="Switch now, ready or not.")] = False,
) -> None:
    """Changes keys while the service runs; cut off, it goes on where it was.

    --folder adds the next signing key and says when it takes over; in an empty folder, makes the first.
    """
    _one_of(folder, data, wrapping)
    if workspace and not data:
        raise typer.BadParameter("--workspace goes with --data")
    if folder:
        _rotate_signing(
            folder, side=side, switch_after=switch_after, overlap=overlap, at_once=at_once
        )
        return
    from service.commands import data_keys

    raise typer.Exit(data_keys.reseal(workspace) if data else data_keys.rewrap())


def _rotate_signing(
    folder: Path,
    *,
    side: Literal["ai", "ml"] | None,
    switch_after: str,
    overlap: str,
    at_once: bool,
) -> None:
    from pazpaz_ai_client.signing import rotation

    with _one_line():
        done = rotation.rotate(
            folder,
            now=datetime.now(UTC),
            switch_after=timedelta() if at_once else _duration(switch_after),
            overlap=_duration(overlap),
            side=side,
        )
    _say(_of_rotation(done, folder, at_once=at_once))


@keys_app.command("retire")
def retire(
    keyid: Annotated[str, typer.Argument(help="As `keys show` names it.")], folder: KeyFolder
) -> None:
    """Ends a key at once, for an emergency; refused when no other could sign."""
    from pazpaz_ai_client.signing import rotation

    with _one_line():
        done = rotation.retire(folder, keyid, now=datetime.now(UTC))
    _say(_of_retirement(done, folder))


@keys_app.command("show")
def show(
    folder: MaybeKeyFolder = None,
    data: Annotated[bool, typer.Option("--data", help="Keys of workspaces, counted.")] = False,
) -> None:
    """Prints which signing keys there are and since when; or how many keys of workspaces, by what wraps them."""
    _one_of(folder, data)
    if not folder:
        from service.commands import data_keys

        data_keys.show()
        return
    from pazpaz_ai_client.signing import rotation

    with _one_line():
        found = rotation.survey(folder, now=datetime.now(UTC))
    _say(_table(found))


@keys_app.command("kek")
def kek() -> None:
    """Prints a fresh KEY_ENCRYPTION_KEY."""
    from service.security.keys import new_key

    typer.echo(base64.b64encode(new_key()).decode())


def _one_of(folder: Path | None, data: bool, wrapping: bool | None = None) -> None:
    if [folder is not None, data, wrapping].count(True) != 1:
        names = "--folder or --data" if wrapping is None else "--folder, --data or --wrapping"
        raise typer.BadParameter(f"say one of {names}: whose keys")


@contextmanager
def _one_line() -> Iterator[None]:
    from pazpaz_ai_client.signing import KeysUnusable
    from pazpaz_ai_client.signing.rotation import Refused

    try:
        yield
    except (KeysUnusable, Refused) as exc:
        raise BadSettings(f"keys: {exc}") from None


def _of_rotation(done: "Rotation", folder: Path, *, at_once: bool) -> Iterator[str]:
    new, old = done.new.keyid, done.old
    if old is None or old.retired_at is None:
        yield f"{new} is made and signs from now on."
        yield f"Hand {folder / 'keys.json'} to the other side; it holds nothing secret."
    else:
        until = (
            "" if at_once else f"Until {_time(done.switch)} {old.keyid} signs, from then on {new}."
        )
        yield f"{new} is made. " + (until or "It signs from now on.")
        yield f"{old.keyid} is accepted until {_time(old.retired_at)}, and refused after that."
        when = (
            "at once; until it is there, what we sign is refused"
            if at_once
            else "before the switch"
        )
        yield f"Hand {folder / 'keys.json'} to the other side {when}."
    yield from _of_strays(done.strays)


def _of_retirement(done: "Retirement", folder: Path) -> Iterator[str]:
    yield f"{done.retired.keyid} is retired now; {done.heir.keyid} signs."
    yield f"Hand {folder / 'keys.json'} to the other side at once; until then it accepts the old key."


def _of_strays(strays: Sequence[str]) -> Iterator[str]:
    if strays:
        yield f"No ring names {', '.join(strays)}: left by a command that was cut off, and removable."


def _table(found: "Survey") -> Iterator[str]:
    yield _row("keyid", "state", "signs from", "retired at")
    for line in found.keys:
        key = line.key
        yield _row(key.keyid, line.state, _time(key.sign_from), _time(key.retired_at))
    yield from _of_strays(found.strays)
    if found.removable:
        yield f"Retired long enough to be removed: {', '.join(found.removable)}."


def _row(*cells: str) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, (18, 10, 25, 25), strict=True))


def _time(at: datetime | None) -> str:
    return moment(at) if at else "-"


def _say(lines: Iterator[str]) -> None:
    for line in lines:
        typer.echo(line.rstrip())
