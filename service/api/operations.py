"""For operators: alive, ready, metrics."""

import asyncio
from contextlib import suppress

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.api.dependencies import Opened
from service.errors import StoreUnavailable, why

log = structlog.get_logger()

router = APIRouter(tags=["operations"])

READY_SECONDS = 2.0


@router.get("/healthz", operation_id="healthz")
async def healthz() -> dict[str, str]:
    """The process runs; it asks nobody."""
    return {"status": "ok"}


@router.get("/readyz", operation_id="readyz", responses={503: {"description": "Not ready"}})
async def readyz(request: Request, opened: Opened, response: Response) -> dict[str, str]:
    """Whether a question could be answered: Postgres must be there, take writes, and be no older state of itself; Redis
    may be away."""
    if request.app.state.leaving:  # it was told to stop; what is on its way it still answers
        response.status_code = 503
        return {"status": "leaving"}
    try:
        async with asyncio.timeout(READY_SECONDS):
            await opened.standings.refresh()
            takes_writes = await opened.database.takes_writes()
            restoring = await opened.restoration.recent()
    except (StoreUnavailable, TimeoutError) as exc:
        log.warning("readyz.store_away", error=why(exc))
        response.status_code = 503
        return {"status": "unavailable", "postgres": "away"}
    if not takes_writes:
        log.warning("readyz.store_read_only")
        response.status_code = 503
        return {"status": "unavailable", "postgres": "read_only"}
    if restoring:
        response.status_code = 503
        return {"status": "restoring", "postgres": restoring}
    return {"status": "ready", "postgres": "ok"}


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """The state of the work is read from Postgres; while that is away, the last values stay."""
    with suppress(StoreUnavailable, TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            await request.state.gauges.get()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
