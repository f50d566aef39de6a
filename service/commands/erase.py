"""pazpaz-agent erase: forgets a note, a client or a workspace for good, and shows the proof."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from service.commands.shared import Workspace, moment, scope, with_container
from service.domain.erasure import SignedReceipt, Subject
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import ManifestItem
from service.errors import BadReceipt, BadSettings

if TYPE_CHECKING:
    from service.container import Container

app = typer.Typer(help="Erases for good; keeps, lists and checks the receipts.")

Id = Annotated[UUID, typer.Argument(metavar="ID")]
Whose = Annotated[UUID, typer.Option("--workspace", help="The workspace it belongs to.")]
Undo = Annotated[
    bool, typer.Option("--undo", help="Lift the tombstone, and have it looked at afresh.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def session(id: Id, workspace: Whose, undo: Undo = False, yes: Yes = False) -> None:
    """One session's note: what search holds of it, and what conversations said from it."""
    _erase(Subject(WorkspaceId(workspace), "sessions", id), undo=undo, yes=yes)


@app.command()
def client(id: Id, workspace: Whose, undo: Undo = False, yes: Yes = False) -> None:
    """A client: profile, all sessions, and the conversations about them."""
    _erase(Subject(WorkspaceId(workspace), "clients", id), undo=undo, yes=yes)


@app.command()
def workspace(id: Id, undo: Undo = False, yes: Yes = False) -> None:
    """A whole practice, its keys included. The audit trail stays."""
    _erase(Subject(WorkspaceId(id), "workspaces", id), undo=undo, yes=yes)


@app.command("list")
def list_receipts(workspace: Workspace = None) -> None:
    """Every receipt, oldest first."""

    async def listed(opened: "Container") -> list[SignedReceipt]:
        return list(await opened.eraser.receipts(workspace=scope(workspace)))

    receipts = with_container(listed)
    for one in receipts:
        typer.echo(_line(one))
    if not receipts:
        typer.echo("Nothing was erased.")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    keys: Annotated[
        Path | None,
        typer.Option(help="Our public keys, the retired ones too; else those of SIGNING_KEYS_DIR."),
    ] = None,
) -> None:
    """Checks a receipt's signature, offline; exits 1 when it does not hold."""
    from service.security.receipts import from_json, holds
    from service.security.rings import own_ring, public_ring

    folder = os.environ.get("SIGNING_KEYS_DIR")
    if keys is None and not folder:
        raise BadSettings("--keys: name the file with our public keys")
    known = public_ring("--keys", keys) if keys else own_ring(Path(str(folder)))
    try:
        receipt = from_json(file.read_text(encoding="utf-8", errors="replace"))
    except BadReceipt:
        raise BadSettings(f"{file.name}: no receipt of an erasure") from None
    good = holds(receipt, known)
    typer.echo(f"{'holds' if good else 'DOES NOT HOLD'}: {_line(receipt)}")
    raise typer.Exit(0 if good else 1)


@app.command()
def restored() -> None:
    """Says that this database came back from a backup: not ready until receipts and manifests were applied again."""

    async def begin(opened: "Container") -> None:
        await opened.restoration.begin()

    with_container(begin)
    typer.echo("Not ready from now on; a worker applies the receipts and compares every workspace.")


def _erase(subject: Subject, *, undo: bool, yes: bool) -> None:
    if not yes:
        _confirm(subject, undo=undo)
    if undo:
        _lift(subject)
        return

    async def erase(opened: "Container") -> SignedReceipt | None:
        done = await opened.erasure.erase(subject, asked_by="operator")
        assert done is not None  # noqa: S101 - only a lease can be lost
        if done.receipt is not None:
            opened.receipts.write([done.receipt])  # raises, where the erasure itself went on
        return done.receipt

    receipt = with_container(erase)
    if receipt is None:
        typer.echo("Nothing was left to erase; `erase list` shows the receipt of before.")
    else:
        _show(receipt)
        if not receipt.told["removed"]:
            typer.echo("Nothing of it was here: are both ids right?", err=True)


def _confirm(subject: Subject, *, undo: bool) -> None:
    what = f"{subject.entity[:-1]} {subject.id} of workspace {subject.workspace}"
    if not sys.stdin.isatty():
        raise BadSettings("say --yes to do this without a terminal")
    typer.confirm(f"{'Lift the tombstone of' if undo else 'Erase for good:'} {what}?", abort=True)


def _lift(subject: Subject) -> None:
    async def lift(opened: "Container") -> bool:
        lifted = await opened.eraser.lift(subject)
        if lifted:
            await _look_again(opened, subject)
        return lifted

    if not with_container(lift):
        raise BadSettings("there is no tombstone to lift")
    typer.echo("Lifted; a worker looks at it afresh.")


async def _look_again(opened: "Container", subject: Subject) -> None:
    from service.ports.clock import now

    if subject.entity == "workspaces":
        await opened.queue.want_whole([subject.workspace], kind="workspaces")
        return
    item = ManifestItem(subject.entity, subject.id, ClientId(subject.id), "active", now())
    await opened.queue.want([item], workspace=subject.workspace)


def _show(receipt: SignedReceipt) -> None:
    told = receipt.told
    removed = ", ".join(f"{table} {count}" for table, count in sorted(told["removed"].items()))
    typer.echo(_line(receipt))
    typer.echo(f"  removed   {removed or 'nothing'}")
    typer.echo(f"  searched  {len(told['found'])} tables afterwards: no trace")
    for one in told["remains"]:
        typer.echo(f"  remains   {one}")


def _line(receipt: SignedReceipt) -> str:
    told, subject = receipt.told, receipt.subject
    what = f"{subject.entity} {subject.id}  workspace {subject.workspace}"
    at = moment(datetime.fromisoformat(told["at"]))
    return f"{at}  receipt {receipt.id}  {what}  asked by {told['asked_by']}"
