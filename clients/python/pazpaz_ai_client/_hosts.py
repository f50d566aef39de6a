"""What PazPaz gives us, looked at when it starts: what would fail at each request fails there, by name."""

from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import sessionmaker


class HostUnfit(TypeError):
    """A model or a sessionmaker of PazPaz's cannot serve as what it was given for."""


def only_async(sessions: async_sessionmaker[AsyncSession]) -> async_sessionmaker[AsyncSession]:
    """The same; raises HostUnfit for a synchronous one, whose every use would fail."""
    if isinstance(sessions, sessionmaker):
        raise HostUnfit(
            "an async_sessionmaker is needed; beside synchronous sessions, make an async engine for this"
        )
    return sessions


def require_columns(model: type[Any], *names: str) -> None:
    """Raises HostUnfit with the names a model lacks, and with those whose times have no zone."""
    if missing := [name for name in names if not hasattr(model, name)]:
        raise HostUnfit(f"{model.__name__} has no {', '.join(missing)}")
    if naive := [name for name in names if _is_naive(getattr(model, name))]:
        raise HostUnfit(f"{model.__name__}: no DateTime(timezone=True): {', '.join(naive)}")


def _is_naive(attribute: Any) -> bool:
    kind = getattr(attribute, "type", None)
    return isinstance(kind, DateTime) and not kind.timezone
