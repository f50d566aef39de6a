"""POST /internal/v1/events: PazPaz's signed hint that something changed; 202 only after it is stored."""

import structlog
from fastapi import APIRouter, Request
from pydantic import ValidationError

from pazpaz_ai_client.signing import (
    MAX_EVENT_BODY,
    MalformedBody,
    SignatureRefused,
    VerifiedRequest,
)
from service.api.deliveries import Accepted, Delivery, EventRow
from service.api.dependencies import Opened, read_capped, require_json
from service.api.depth import is_too_deep
from service.api.document import documents, responses
from service.container import Container
from service.domain.identity import WorkspaceId
from service.errors import MalformedRequest, NotAuthenticated
from service.telemetry.metrics import EVENTS_ACCEPTED, EVENTS_REFUSED

router = APIRouter(prefix="/internal/v1", tags=["ingest"])
log = structlog.get_logger()

TAG = "pp-event/1"


@router.post(
    "/events",
    status_code=202,
    operation_id="accept_events",
    responses=responses(401, 413, 415, 422, 503),
    openapi_extra=documents(Delivery),
)
async def events(request: Request, opened: Opened) -> Accepted:
    require_json(request)
    verified = await _verify(request, await read_capped(request, MAX_EVENT_BODY), opened)
    delivery = _read(verified)
    stored = [row.event() for row in delivery.events]
    fresh = await opened.queue.accept(stored)
    for row in delivery.events:
        EVENTS_ACCEPTED.labels(entity=row.entity).inc()
        _drop_principals(row, opened)
    log.info("events.accepted", delivery=delivery.delivery_id, events=len(stored), fresh=fresh)
    return Accepted(accepted=len(stored))


def _read(verified: VerifiedRequest) -> Delivery:
    try:
        if is_too_deep(verified.body):
            raise MalformedBody
        return Delivery.model_validate(verified.json())
    except (MalformedBody, ValidationError):
        EVENTS_REFUSED.labels(reason="malformed").inc()
        raise MalformedRequest from None  # the cause would quote the body


async def _verify(request: Request, raw: bytes, opened: Container) -> VerifiedRequest:
    try:
        return await opened.events_verifier.verify(
            method=request.method,
            raw_path=request.scope["raw_path"],
            query_string=request.scope["query_string"],
            headers=request.scope["headers"],
            body=raw,
            tag=TAG,
        )
    except SignatureRefused as exc:
        EVENTS_REFUSED.labels(reason="signature").inc()
        log.warning("events.refused", rule=exc.rule)
        raise NotAuthenticated from None


def _drop_principals(row: EventRow, opened: Container) -> None:
    """A changed workspace or user is asked about again at once."""
    workspace = WorkspaceId(row.workspace_id)
    if row.entity == "workspaces":
        opened.principals.drop(workspace)
    elif row.entity == "users":
        opened.principals.drop(workspace, row.entity_id)
