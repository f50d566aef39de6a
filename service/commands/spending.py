"""pazpaz-agent spending: what models cost, by day and workspace."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.shared import Workspace, dollars, scope

if TYPE_CHECKING:  # the adapters cost a third of a second that other commands need not pay
    from collections.abc import Sequence

    from service.domain.identity import WorkspaceId
    from service.ports.limits import Spent


def spending(
    workspace: Workspace = None,
    days: Annotated[
        int, typer.Option(min=1, max=60, help="How many, today (UTC) included; 60 are kept.")
    ] = 30,
) -> None:
    """US dollars by day and workspace: of questions, which a budget holds back, and of indexing, which none does."""
    spent = asyncio.run(_days(scope(workspace), days))
    for one in spent:
        typer.echo(_line(one))
    if not spent:
        typer.echo("Nothing was spent.")
        return
    asking, indexing = sum(one.asking for one in spent), sum(one.indexing for one in spent)
    typer.echo(f"total       asking {dollars(asking)}  indexing {dollars(indexing)}")


async def _days(workspace: "WorkspaceId | None", days: int) -> "Sequence[Spent]":
    from service.adapters.limits.spending import PgSpending
    from service.adapters.postgres.database import open_database
    from service.settings import Settings, load

    url = load(Settings).database_url.get_secret_value()
    async with open_database(url, pool_size=1) as database:
        return await PgSpending(database).days(workspace=workspace, days=days)


def _line(one: "Spent") -> str:
    what = f"asking {dollars(one.asking)} ({one.questions} questions)"
    return f"{one.day}  workspace {one.workspace}  {what}  indexing {dollars(one.indexing)}"
