"""What an operator may do without a shell: dead letters, reconciliation, erasure."""

import hmac
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, StrictBool

from service.api.dependencies import Opened, bearer, read_json
from service.api.document import documents, responses
from service.api.schemas import Instant
from service.domain.audit import AuditEntry
from service.domain.erasure import Erasable, Subject
from service.domain.identity import WorkspaceId
from service.errors import MalformedRequest, NotAuthenticated
from service.ports.work import DeadLetter, WorkKind
from service.security import receipts

log = structlog.get_logger()


def operator(request: Request, opened: Opened) -> None:
    """Whoever has OPERATOR_TOKEN; without that setting, nobody."""
    known, given = opened.settings.operator_token, bearer(request).encode()
    if known is None or not hmac.compare_digest(given, known.get_secret_value().encode()):
        raise NotAuthenticated


router = APIRouter(prefix="/internal/v1", tags=["operators"], dependencies=[Depends(operator)])
REFUSALS = responses(401, 413, 415, 422, 503)


class DeadLetterOut(BaseModel):
    """A note, client or workspace that was given up on, and why."""

    workspace_id: UUID
    kind: WorkKind
    key: UUID
    code: str | None
    wanted_at: Instant
    parked_at: Instant


class DeadLettersOut(BaseModel):
    """Oldest first."""

    dead_letters: list[DeadLetterOut]


class Chosen(BaseModel):
    """Which dead letters: one, those of a workspace, or, with `all`, every one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace_id: UUID | None = None
    key: UUID | None = None
    all: StrictBool = False

    @property
    def scope(self) -> WorkspaceId | None:
        return WorkspaceId(self.workspace_id) if self.workspace_id else None


class Count(BaseModel):
    """How many were meant."""

    count: int


class Scope(BaseModel):
    """One workspace, or every one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace_id: UUID | None = None


@router.get("/dead-letters", operation_id="list_dead_letters", responses=responses(401, 422, 503))
async def dead_letters(
    opened: Opened,
    workspace_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> DeadLettersOut:
    workspace = WorkspaceId(workspace_id) if workspace_id else None
    letters = await opened.queue.dead_letters(workspace=workspace, limit=limit, offset=offset)
    return DeadLettersOut(dead_letters=[_out(letter) for letter in letters])


@router.post(
    "/dead-letters/{what}",
    operation_id="end_dead_letters",
    responses=REFUSALS,
    openapi_extra=documents(Chosen),
)
async def end_dead_letters(
    what: Literal["retry", "drop"], request: Request, opened: Opened
) -> Count:
    """Nothing is meant by an empty body: `all` must be said."""
    chosen = await read_json(Chosen, request)
    named = chosen.workspace_id or chosen.key
    queue = opened.queue
    end = queue.retry_dead_letters if what == "retry" else queue.drop_dead_letters
    count = await end(workspace=chosen.scope, key=chosen.key) if named or chosen.all else 0
    log.info("dead_letters.ended", what=what, workspace=chosen.workspace_id, count=count)
    return Count(count=count)


@router.post(
    "/reconcile",
    status_code=202,
    operation_id="reconcile",
    responses=REFUSALS,
    openapi_extra=documents(Scope),
)
async def reconcile(request: Request, opened: Opened) -> Count:
    """Asks for workspaces to be compared with PazPaz's list; workers do it, and repair what differs."""
    scope = await read_json(Scope, request)
    everything = [scope.workspace_id] if scope.workspace_id else await _everything(opened)
    workspaces = [WorkspaceId(one) for one in everything]
    await opened.queue.want_whole(workspaces, kind="reconcile")
    log.info("reconcile.asked", count=len(workspaces))
    return Count(count=len(workspaces))


class ErasureIn(BaseModel):
    """What to erase for good; for a workspace `id` is its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace_id: UUID
    entity: Erasable
    id: UUID


class ErasureOut(BaseModel):
    """A signed receipt, as its file has it."""

    receipt: dict[str, Any]
    keyid: str
    signature: str


class ErasuresOut(BaseModel):
    """Oldest first."""

    erasures: list[ErasureOut]


@router.post(
    "/erasures",
    status_code=202,
    operation_id="erase",
    responses=REFUSALS,
    openapi_extra=documents(ErasureIn),
)
async def erase(request: Request, opened: Opened) -> Count:
    """From this answer on it is refused; a worker erases what is there, and then its receipt is listed."""
    asked = await read_json(ErasureIn, request)
    if asked.entity == "workspaces" and asked.id != asked.workspace_id:
        raise MalformedRequest
    subject = Subject(WorkspaceId(asked.workspace_id), asked.entity, asked.id)
    told = {"entity": asked.entity, "entity_id": str(asked.id)}
    entry = AuditEntry("erasure.asked", details=told)
    await opened.audit.append(entry, workspace=subject.workspace)
    await opened.queue.want_erased(subject, asked_by="operator")
    return Count(count=1)


@router.get("/erasures", operation_id="list_erasures", responses=responses(401, 422, 503))
async def erasures(opened: Opened, workspace_id: UUID | None = None) -> ErasuresOut:
    workspace = WorkspaceId(workspace_id) if workspace_id else None
    kept = await opened.eraser.receipts(workspace=workspace)
    return ErasuresOut(erasures=[ErasureOut(**receipts.whole(one)) for one in kept])


async def _everything(opened: Opened) -> list[UUID]:
    return [UUID(str(one)) for one in await opened.indexer.reconciler.everything()]


def _out(letter: DeadLetter) -> DeadLetterOut:
    moments: dict[str, datetime] = {
        "wanted_at": letter.wanted_at,
        "parked_at": letter.parked_at,
    }
    return DeadLetterOut(
        workspace_id=letter.workspace, kind=letter.kind, key=letter.key, code=letter.code, **moments
    )
