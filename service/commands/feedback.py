"""pazpaz-agent feedback: what therapists thought of their answers, for evaluation, without a word of them."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from service.commands.shared import DAYS
from service.domain.audit import SERVICE_CHAIN
from service.domain.identity import WorkspaceId

if TYPE_CHECKING:  # the adapters cost a third of a second that other commands need not pay
    from service.domain.feedback import RatedTurn

app = typer.Typer(help="Exports what therapists thought of their answers.")

OF_ANSWER = ("status", "language", "model", "mode", "citations", "risk", "withheld", "degraded")
"""What a line tells of the answer: states and counts. The days that were searched are a client's, and stay here."""


@app.callback()
def _top() -> None:
    """Exports what therapists thought of their answers."""


@app.command()
def export(
    workspace: Annotated[UUID | None, typer.Option(help="Of this workspace only.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=DAYS, help="Of answers from this day on, UTC.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A file; else standard output.")
    ] = None,
) -> None:
    """A JSON object a line and rated answer: ids, rating, reason, status and counts; no text, no user, no client."""
    from service.settings import AuditSettings, load

    url = load(AuditSettings).database_url.get_secret_value()
    moment = since.replace(tzinfo=UTC) if since else None
    lines = asyncio.run(_lines(url, workspace, moment))
    if out is None:
        for line in lines:
            typer.echo(line)
    else:
        out.write_text("".join(f"{line}\n" for line in lines))


async def _lines(url: str, workspace: UUID | None, since: datetime | None) -> list[str]:
    """One workspace after the other, each in its own transaction."""
    from service.adapters.audit_log import PgAuditLog
    from service.adapters.conversations.feedback import PgFeedback
    from service.adapters.postgres.database import open_database

    async with open_database(url, pool_size=1) as database:
        # Whoever has turns has keys, and a chain that tells of their making.
        known = [head.workspace for head in await PgAuditLog(database).heads()]
        asked = [WorkspaceId(workspace)] if workspace else sorted({*known} - {SERVICE_CHAIN})
        return [
            json.dumps(told(one))
            for each in asked
            for one in await PgFeedback(database).given(workspace=each, since=since)
        ]


def told(rated: "RatedTurn") -> dict[str, Any]:
    """A line of the export."""
    return {
        "workspace_id": str(rated.workspace),
        "message_id": str(rated.turn),
        "asked_on": rated.asked_on.isoformat(),
        "rating": rated.feedback.rating,
        "reason": rated.feedback.reason,
        **{name: rated.outcome.get(name) for name in OF_ANSWER},
    }
