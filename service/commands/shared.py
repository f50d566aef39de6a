"""What commands have in common: the opened parts, a scope, and how days, moments and dollars are read and written."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from service.commands.signals import interruptible
from service.domain.identity import WorkspaceId
from service.domain.usage import MICROS
from service.errors import BadSettings

if TYPE_CHECKING:  # the adapters cost a third of a second that other commands need not pay
    from service.container import Container

R = TypeVar("R")
DAYS = ["%Y-%m-%d"]
"""How an option that takes a day reads it."""
NOT_GRANTED = "42501"  # Postgres's insufficient_privilege
Workspace = Annotated[
    UUID | None, typer.Option("--workspace", help="Of this workspace only; else of all.")
]


def with_container(work: "Callable[[Container], Awaitable[R]]") -> R:
    """Runs with the service's parts opened as a worker's; SIGTERM and SIGINT end it in order."""
    from sqlalchemy.exc import DBAPIError

    from service.container import open_container
    from service.settings import Settings, load
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    settings = load(Settings)

    async def run() -> R:
        try:
            async with open_container(settings) as opened:
                return await work(opened)
        except DBAPIError as exc:
            if getattr(exc.orig, "sqlstate", None) != NOT_GRANTED:
                raise
            raise BadSettings("DATABASE_URL: this command needs the worker's login") from None

    done: Any = interruptible(run())
    return done  # type: ignore[no-any-return]


def scope(workspace: UUID | None) -> WorkspaceId | None:
    """None: all of them."""
    return None if workspace is None else WorkspaceId(workspace)


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def dollars(micros: int) -> str:
    """Down to the cent, or as far as there is anything: 2.50, 0.0345."""
    whole, _, rest = f"{Decimal(micros) / MICROS:f}".partition(".")
    return f"{whole}.{rest:0<2}"
