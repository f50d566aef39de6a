"""The audit rows of a request: before text is read, after it was shown, and when somebody was refused."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import structlog
from fastapi import Request

from service import errors
from service.api.context import request_id, route_of
from service.api.leaving import to_its_end
from service.container import Container
from service.domain.audit import Action, AuditEntry, Trail
from service.domain.identity import Principal, TokenClaims
from service.errors import ServiceError, StoreUnavailable

log = structlog.get_logger()

REFUSALS = (
    errors.NotAllowed,
    errors.ClientNotFound,
    errors.ConversationNotFound,
    errors.MessageNotFound,
    errors.ScopeFixed,
    errors.AllowanceUsed,
    errors.SwitchedOff,
    errors.Busy,
)
"""What is said to a caller we know. A part that is away, or a body we cannot read, is no decision about them."""


@dataclass(slots=True)
class ChatRecord:
    """What the closing row of a question will say."""

    chat: UUID = field(default_factory=uuid4)
    trail: Trail = field(default_factory=Trail)
    outcome: str = "internal"
    model: str | None = None
    keep: Callable[[], Awaitable[None]] | None = None
    """Stores the turn, before the closing row; whoever leaves meanwhile stops neither."""
    open: bool = False
    """Whether the first row is written and the second was not tried."""

    def details(self) -> dict[str, Any]:
        told = {
            "outcome": self.outcome,
            "model": self.model,
            "notes": self.trail.details(),
            "instruction_score": self.trail.instruction_score,
        }
        return told | self.trail.costs()


@asynccontextmanager
async def recorded_chat(
    opened: Container, caller: Principal, opening: Mapping[str, Any]
) -> AsyncIterator[ChatRecord]:
    """A question between its two rows: no text is pulled before the first, no whole answer shown before the second.

    Raises StoreUnavailable where a row cannot be written: what cannot be recorded is not done.
    """
    record = ChatRecord()
    try:
        await to_its_end(_open(record, opened, caller, opening))
        yield record
        await to_its_end(_keep_and_close(record, opened, caller))
    except BaseException as exc:
        if record.open:
            record.outcome = outcome_of(exc)
            await _close_after(exc, record, opened, caller)
        raise


def outcome_of(exc: BaseException) -> str:
    """How a question ended that raised this."""
    if isinstance(exc, ServiceError):
        return exc.code
    return "internal" if isinstance(exc, Exception) else "cancelled"


async def _open(
    record: ChatRecord, opened: Container, caller: Principal, opening: Mapping[str, Any]
) -> None:
    await write(opened, caller, "chat.opened", opening, chat=record.chat)
    record.open = True


async def _keep_and_close(record: ChatRecord, opened: Container, caller: Principal) -> None:
    if record.keep:
        await record.keep()
    await _close(record, opened, caller)


async def _close(record: ChatRecord, opened: Container, caller: Principal) -> None:
    record.open = False
    await write(opened, caller, "chat.closed", record.details(), chat=record.chat)


async def _close_after(
    exc: BaseException, record: ChatRecord, opened: Container, caller: Principal
) -> None:
    """The closing row of a question that failed; if it cannot be written, the sweeper will close it as unknown."""
    try:
        await to_its_end(_close(record, opened, caller))
    except ServiceError:
        log.warning("audit.left_open")
        return
    if isinstance(exc, ServiceError):
        exc.recorded = True


async def write(
    opened: Container,
    caller: Principal | TokenClaims,
    action: Action,
    details: Mapping[str, Any],
    *,
    chat: UUID | None = None,
) -> None:
    """One row in the caller's workspace. Raises StoreUnavailable."""
    told = {**details, "request_id": request_id()}
    entry = AuditEntry(action=action, user=caller.user, chat=chat, details=told)
    await opened.audit.append(entry, workspace=caller.workspace)


async def record_refusal(request: Request, error: ServiceError) -> None:
    """One row for a caller who is known and was refused; none twice. Raises StoreUnavailable."""
    caller: Principal | TokenClaims | None = getattr(request.state, "caller", None)
    if caller is None or error.recorded or not isinstance(error, REFUSALS):
        return
    details = {"code": error.code, "route": route_of(request.scope)}
    await write(request.state.container, caller, "refused", details)


async def public_error(request: Request, error: ServiceError) -> ServiceError:
    """The error to answer with: where a refusal cannot be recorded, that is what is wrong."""
    try:
        await record_refusal(request, error)
    except StoreUnavailable as unrecorded:
        return unrecorded
    return error
