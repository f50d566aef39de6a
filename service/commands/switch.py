"""pazpaz-agent switch: the assistant off and on, for whom, on which terms, at what cost; within two seconds."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer

from service.commands.shared import dollars, moment
from service.domain.audit import SERVICE_CHAIN
from service.domain.identity import WorkspaceId
from service.domain.usage import MICROS, MOST_DOLLARS
from service.errors import BadSettings

if TYPE_CHECKING:  # the adapters cost a third of a second that other commands need not pay
    from service.adapters.limits.switches import PgSwitches, Switch

app = typer.Typer(help="Switches the assistant, everywhere or for one workspace.")

Workspace = Annotated[
    UUID | None, typer.Option("--workspace", help="Of this workspace only; else everywhere.")
]
NAMES = {
    "assistant": "assistant",
    "roles": "allowed_roles",
    "consent": "require_consent",
    "pseudonyms": "pseudonyms",
    "budget": "daily_budget",
    "conversations": "conversations",
}
ROLES = ("owner", "assistant")


@app.command()
def off(workspace: Workspace = None) -> None:
    """Nobody is answered any more (503), until it is switched on again."""
    _put("assistant", False, workspace)


@app.command()
def on(workspace: Workspace = None) -> None:
    """Answers again. A workspace is answered only if it is on both everywhere and there."""
    _put("assistant", True, workspace)


@app.command()
def consent(rule: Literal["required", "optional"], workspace: Workspace = None) -> None:
    """Required: clients without consent are neither answered about nor indexed."""
    _put("require_consent", rule == "required", workspace)


@app.command()
def pseudonyms(rule: Literal["on", "off"], workspace: Workspace = None) -> None:
    """On: a model provider reads invented names in place of clients' names, phone numbers, e-mails and ids."""
    _put("pseudonyms", rule == "on", workspace)


@app.command()
def conversations(rule: Literal["on", "off"], workspace: Workspace = None) -> None:
    """Off: nothing of a question or its answer is kept, and there is no history. What is audited stays."""
    _put("conversations", rule == "on", workspace)
    if rule == "off":
        typer.echo("What was kept is not shown any more, and is deleted within an hour.")


@app.command()
def budget(
    amount: Annotated[str, typer.Argument(help="US dollars, as 2.50; or none.")],
    workspace: Workspace = None,
) -> None:
    """What each workspace's questions may cost in a day (UTC). Beyond it answers are quotes alone."""
    _put("daily_budget", "none" if amount == "none" else _micros(amount), workspace)


@app.command()
def roles(
    allowed: Annotated[str, typer.Argument(help="owner, assistant, or both with a comma.")],
    workspace: Workspace = None,
) -> None:
    """Which roles may use the assistant."""
    named = [role.strip() for role in allowed.split(",")]
    if not set(named) <= set(ROLES):
        raise BadSettings(f"roles are {' and '.join(ROLES)}, with a comma between them")
    _put("allowed_roles", sorted(set(named)), workspace)


@app.command()
def reset(
    name: Literal["assistant", "roles", "consent", "pseudonyms", "budget", "conversations"],
    workspace: Workspace = None,
) -> None:
    """Back to the setting, or to what holds everywhere."""

    async def remove(switches: "PgSwitches") -> bool:
        return await switches.remove(NAMES[name], workspace=_scope(workspace))

    was_there = _with_switches(remove)
    typer.echo(f"{NAMES[name]} {_where(workspace)}: {'reset' if was_there else 'was not switched'}")


@app.command()
def show() -> None:
    """What holds: the settings, and the switches over them."""
    from service.settings import Settings, load

    settings = load(Settings)
    typer.echo(f"setting  everywhere  assistant = {_said(settings.ai_agent_enabled)}")
    typer.echo(f"setting  everywhere  allowed_roles = {_said(sorted(settings.allowed_roles))}")
    typer.echo(f"setting  everywhere  require_consent = {_said(settings.require_consent)}")
    typer.echo(f"setting  everywhere  pseudonyms = {_said(settings.pseudonyms)}")
    typer.echo(f"setting  everywhere  daily_budget = {_said(settings.daily_budget)}")
    typer.echo(f"setting  everywhere  conversations = {_said(settings.conversations)}")
    for switch in _with_switches(lambda switches: switches.all()):
        typer.echo(_line(switch))


def _line(switch: "Switch") -> str:
    where = "everywhere" if switch.workspace == SERVICE_CHAIN else f"workspace {switch.workspace}"
    said, since = _said(switch.value), moment(switch.changed_at)
    return f"switch   {where}  {switch.name} = {said}  since {since}"


def _put(name: str, value: Any, workspace: UUID | None) -> None:
    async def put(switches: "PgSwitches") -> bool:
        return await switches.put(name, value, workspace=_scope(workspace))

    was_known = _with_switches(put)
    typer.echo(f"{name} {_where(workspace)}: {_said(value)}; holds within two seconds")
    if not was_known:  # in a hurry one digit is mistyped, and the practice that was meant goes on
        typer.echo("Nothing is known of that workspace yet: is its id right?", err=True)


def _with_switches(work: "Callable[[PgSwitches], Awaitable[Any]]") -> Any:
    from service.adapters.limits.switches import PgSwitches
    from service.adapters.postgres.database import open_database
    from service.settings import Settings, load

    async def run() -> Any:
        url = load(Settings).database_url.get_secret_value()
        async with open_database(url, pool_size=1) as database:
            return await work(PgSwitches(database))

    return asyncio.run(run())


def _micros(amount: str) -> int:
    with suppress(InvalidOperation):  # of what is no number, and of comparing with NaN
        if 0 <= Decimal(amount) <= MOST_DOLLARS:
            return round(Decimal(amount) * MICROS)
    raise BadSettings(f"a budget is none, or from 0 to {MOST_DOLLARS:,} US dollars")


def _scope(workspace: UUID | None) -> WorkspaceId:
    return SERVICE_CHAIN if workspace is None else WorkspaceId(workspace)


def _where(workspace: UUID | None) -> str:
    return "everywhere" if workspace is None else f"in workspace {workspace}"


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"{dollars(value)} dollars"
    if value is None or isinstance(value, str):
        return value or "none"
    return ", ".join(value)
