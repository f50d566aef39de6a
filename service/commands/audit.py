"""pazpaz-agent audit: the trail checked, told to whoever may ask, and pruned when the law lets it go."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer

from service.commands.shared import DAYS
from service.domain.audit import RETENTION_MONTHS, AuditEntry, months_before
from service.domain.identity import ClientId, UserId, WorkspaceId

if TYPE_CHECKING:  # the adapters cost a third of a second that other commands need not pay
    from service.adapters.audit_log import PgAuditLog

app = typer.Typer(help="Checks, exports and prunes the audit trail.")


@app.command()
def verify(
    workspace: Annotated[UUID | None, typer.Option(help="Of this workspace only.")] = None,
    keys: Annotated[
        Path | None,
        typer.Option(help="Our public keys, the retired ones too; else those of the settings."),
    ] = None,
) -> None:
    """Walks every chain; names the first bad link of each, and exits 1 if there is one."""
    from service.commands.audit_keys import checkpoint_keys
    from service.commands.audit_verify import verify_chains
    from service.settings import AuditSettings, load

    settings = load(AuditSettings)
    known = checkpoint_keys(settings, keys)

    async def run() -> bool:
        async with _log(settings.database_url.get_secret_value()) as log:
            return await verify_chains(log, known, only=_workspace(workspace))

    raise typer.Exit(0 if asyncio.run(run()) else 1)


@app.command()
def export(
    workspace: Annotated[UUID, typer.Option()],
    client: Annotated[UUID | None, typer.Option(help="What touched this client.")] = None,
    user: Annotated[UUID | None, typer.Option(help="What this user did.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=DAYS, help="From this day on, UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=DAYS, help="Up to and with this day, UTC.")
    ] = None,
    format: Annotated[Literal["jsonl", "csv"], typer.Option()] = "jsonl",
) -> None:
    """Who read what through the assistant: rows on standard output. The export is itself a row of the trail."""
    from service.commands.audit_export import told, write
    from service.settings import AuditSettings, load

    url = load(AuditSettings).database_url.get_secret_value()
    asked = {"client": client, "user": user, "from": since, "to": until}

    async def run() -> Any:
        async with _log(url) as log:
            rows = await log.about(
                workspace=WorkspaceId(workspace),
                client=ClientId(client) if client else None,
                user=UserId(user) if user else None,
                since=since.replace(tzinfo=UTC) if since else None,
                until=until.replace(tzinfo=UTC) + timedelta(days=1) if until else None,
            )
            entry = AuditEntry("audit.exported", details=told(asked, rows=len(rows)))
            await log.append(entry, workspace=WorkspaceId(workspace))
            return rows

    # Told first, shown then: no export without a row.
    write(asyncio.run(run()), sys.stdout, format=format, client=client)


@app.command()
def prune(
    months: Annotated[
        int, typer.Option(min=RETENTION_MONTHS, help="How long rows are kept.")
    ] = RETENTION_MONTHS,
) -> None:
    """Removes what is older, up to a signed checkpoint, so that the rest can still be verified."""
    from service.ports.clock import now
    from service.settings import MigrationSettings, load

    url = load(MigrationSettings).migration_database_url.get_secret_value()

    async def run() -> int:
        before = months_before(now(), months)
        async with _log(url) as log:
            heads = await log.heads()
            return sum([await log.prune(workspace=one.workspace, before=before) for one in heads])

    typer.echo(f"Removed {asyncio.run(run())} rows older than {months} months.")


@asynccontextmanager
async def _log(url: str) -> "AsyncIterator[PgAuditLog]":
    from service.adapters.audit_log import PgAuditLog
    from service.adapters.postgres.database import open_database

    async with open_database(url, pool_size=1) as database:
        yield PgAuditLog(database)


def _workspace(given: UUID | None) -> WorkspaceId | None:
    return WorkspaceId(given) if given else None
