"""pazpaz-agent audit: is the trail whole, who read this client's notes, and what is old enough to go."""

import asyncio
import csv
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer

from service.domain.audit import AuditEntry, AuditRow
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.errors import BadSettings

if TYPE_CHECKING:  # the adapters cost a third of a second that other commands need not pay
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from service.adapters.audit_log import PgAuditLog
    from service.ports import AuditHead
    from service.security.chain import BadLink

app = typer.Typer(help="Checks, exports and prunes the audit trail.")

MONTH = timedelta(days=30.5)
LEAST_MONTHS = 24  # Israel's Data Security Regulations (2017) ask for 24 months of access records
BROKEN = 1


@app.command()
def verify(
    workspace: Annotated[UUID | None, typer.Option(help="This chain only.")] = None,
    keys: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Public keys of checkpoints.")
    ] = None,
) -> None:
    """Follows every chain from its first row, and names the first bad link. Exit code 1 if there is one."""
    from service.commands.progress import progress

    known = _public_keys(keys)

    async def follow(trail: "PgAuditLog") -> list["BadLink"]:
        heads = [head for head in await trail.heads() if workspace in {None, head.workspace}]
        bad = []
        with progress("rows", sum(head.seq for head in heads)) as tick:
            done = 0
            for head in heads:
                if (link := await _first_bad_link(trail, head, known)) is not None:
                    bad.append(link)
                done += head.seq
                tick(done)
        typer.echo(f"{len(heads)} chains, {done} rows, {len(bad)} broken")
        return bad

    broken = _with_trail(follow)
    for link in broken:
        typer.echo(str(link))
    raise typer.Exit(BROKEN if broken else 0)


async def _first_bad_link(
    trail: "PgAuditLog", head: "AuditHead", keys: dict[str, "Ed25519PublicKey"]
) -> "BadLink | None":
    from service.security.chain import ChainCheck

    check = ChainCheck(
        workspace=head.workspace,
        length=head.seq,
        checkpoints=await trail.checkpoints(workspace=head.workspace),
        keys=keys,
        prunable_before=_now() - LEAST_MONTHS * MONTH,
        forwarded=head.forwarded,
        checkpointed=head.checkpointed,
    )
    # Rows that came after the head was read are not judged by it.
    async with aclosing(trail.all_rows(workspace=head.workspace)) as rows:
        async for row in rows:
            if row.seq > head.seq:
                break
            if (link := check.step(row)) is not None:
                return link
    return check.end()


@app.command()
def export(
    workspace: Annotated[UUID, typer.Option(help="Whose trail.")],
    client: Annotated[UUID | None, typer.Option(help="Who read this client's notes?")] = None,
    user: Annotated[UUID | None, typer.Option(help="What did this user do?")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", help="From this day on (UTC).")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Before this day (UTC).")] = None,
    format: Annotated[Literal["jsonl", "csv"], typer.Option(help="A row a line.")] = "jsonl",
) -> None:
    """Writes a workspace's rows: times, people, ids and versions of notes, outcomes; and is a row itself."""

    async def write(trail: "PgAuditLog") -> int:
        scope = WorkspaceId(workspace)
        told = {"client": str(client) if client else None, "user": str(user) if user else None}
        await trail.append(AuditEntry("audit.exported", details=told), workspace=scope)
        rows = await trail.about(
            workspace=scope,
            client=ClientId(client) if client else None,
            user=UserId(user) if user else None,
            since=_utc(since),
            until=_utc(until),
        )
        _write_csv(rows, client) if format == "csv" else _write_lines(rows)
        return len(rows)

    count = _with_trail(write)
    typer.echo(f"{count} rows", err=True)


def _write_lines(rows: Sequence[AuditRow]) -> None:
    for row in rows:
        typer.echo(json.dumps(_told(row), ensure_ascii=False))


COLUMNS = (
    "at",
    "seq",
    "user",
    "action",
    "chat",
    "outcome",
    "entity",
    "id",
    "client",
    "version",
    "use",
)


def _write_csv(rows: Sequence[AuditRow], client: UUID | None) -> None:
    """One line a note touched, so that a spreadsheet can filter by it."""
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerows(_notes(row, client))


def _notes(row: AuditRow, client: UUID | None) -> Iterator[Sequence[Any]]:
    told, details = _told(row), row.entry.details
    outcome = details.get("outcome") or details.get("code")
    begin = [told["at"], row.seq, told["user"], told["action"], told["chat"], outcome]
    for note in details.get("notes") or [{"client": details.get("client")}]:
        if client is None or note["client"] in {None, str(client)}:
            yield [*begin, *(note.get(name) for name in COLUMNS[len(begin) :])]


def _told(row: AuditRow) -> dict[str, Any]:
    return {
        "at": row.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "seq": row.seq,
        "user": str(row.entry.user) if row.entry.user else None,
        "action": row.entry.action,
        "chat": str(row.entry.chat) if row.entry.chat else None,
        "details": dict(row.entry.details),
        "hash": row.hash.hex(),
    }


@app.command()
def prune(
    months: Annotated[int, typer.Option(min=LEAST_MONTHS, help="Older rows go.")] = LEAST_MONTHS,
) -> None:
    """Removes rows older than that, up to a checkpoint. Needs MIGRATION_DATABASE_URL, the owner's login."""
    from service.settings import MigrationSettings, load

    url = load(MigrationSettings).migration_database_url.get_secret_value()

    async def remove(trail: "PgAuditLog") -> int:
        before = _now() - months * MONTH
        return sum(
            [
                await trail.prune(workspace=head.workspace, before=before)
                for head in await trail.heads()
            ]
        )

    typer.echo(f"{_with_trail(remove, url=url)} rows older than {months} months removed")


def _with_trail(work: "Callable[[PgAuditLog], Awaitable[Any]]", *, url: str | None = None) -> Any:
    from service.adapters.audit_log import PgAuditLog
    from service.adapters.database import open_database
    from service.settings import Settings, load

    address = url or load(Settings).database_url.get_secret_value()

    async def run() -> Any:
        async with open_database(address, pool_size=1) as database:
            return await work(PgAuditLog(database))

    return asyncio.run(run())


def _public_keys(path: Path | None) -> dict[str, "Ed25519PublicKey"]:
    """Every key that may have signed a checkpoint, retired ones included."""
    from service.container import our_public_keys
    from service.settings import Settings, load

    try:
        entries = json.loads(path.read_text())["keys"] if path else our_public_keys(load(Settings))
        return {key.keyid: key.key for key in map(_public_key, entries)}
    except (OSError, ValueError, KeyError, TypeError):
        raise BadSettings("--keys: not a list of public keys") from None


def _public_key(entry: Any) -> Any:
    from pazpaz_ai_client.signing import PublicKey

    return PublicKey.from_dict(entry)


def _now() -> datetime:
    return datetime.now(UTC)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
