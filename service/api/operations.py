"""For operators: alive, ready, metrics."""

import asyncio
from contextlib import suppress

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.api.dependencies import Opened
from service.errors import StoreUnavailable
from service.telemetry.metrics import (
    AUDIT_WAITING,
    DEAD_LETTERS,
    INGEST_LAG,
    OLDEST_OPEN_CHAT,
    OPEN_CHATS,
    OPEN_WORK,
)

router = APIRouter(tags=["operations"])

READY_SECONDS = 2.0


@router.get("/healthz", operation_id="healthz")
async def healthz() -> dict[str, str]:
    """The process runs; it asks nobody."""
    return {"status": "ok"}


@router.get("/readyz", operation_id="readyz", responses={503: {"description": "Not ready"}})
async def readyz(opened: Opened, response: Response) -> dict[str, str]:
    """Whether a question could be answered: Postgres must be there; Redis may be away (the limiter falls back)."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await opened.database.ping()
    except (StoreUnavailable, TimeoutError):
        response.status_code = 503
        return {"status": "unavailable", "postgres": "away"}
    return {"status": "ready", "postgres": "ok"}


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(opened: Opened) -> Response:
    """The worker serves no page, so the state of its work is read here; Postgres away leaves the last values."""
    with suppress(StoreUnavailable, TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            depth, trail = await opened.queue.depth(), await opened.audit.depth()
        OPEN_WORK.set(depth.waiting)
        AUDIT_WAITING.set(trail.waiting)
        OPEN_CHATS.set(trail.open)
        OLDEST_OPEN_CHAT.set(trail.oldest)
        DEAD_LETTERS.set(depth.parked)
        INGEST_LAG.set(depth.lag)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
