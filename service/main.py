"""create_app(settings): routers, problem documents, request ids; the lifespan opens the container."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from service.api import chat, feedback, history, ingest, operations, operators
from service.api.bulkhead import Bulkhead
from service.api.document import install_document
from service.api.doors import Doors
from service.api.middleware import RequestContext
from service.api.problems import install_problems
from service.container import Container, open_container
from service.gauges import gauges_of
from service.language.lists import read_lists
from service.settings import Settings
from service.telemetry.logs import tell_started, tell_stopped

log = structlog.get_logger()

# The framework's own telemetry exports errors with their messages, if a variable tells it where to.
NO_TELEMETRY: TelemetryConfig = {
    "auto_configure": False,
    "tracing": False,
    "metrics": False,
    "logs": False,
}


def create_app(settings: Settings) -> FastAPI:
    """The ASGI app. Building it touches nothing outside; its lifespan does."""
    bulkhead = Bulkhead(settings.max_concurrent_chats, settings.max_concurrent_chats_per_workspace)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as opened:
            with _remembering_why_not(app):
                container = await opened.enter_async_context(
                    open_container(settings, transaction_seconds=settings.transaction_seconds)
                )
                _warm(container)
                await container.check_start("pazpaz_ai_api")
            tell_started("api", provider=settings.model_provider, vectors=settings.vectors)
            yield {"container": container, "bulkhead": bulkhead, "gauges": gauges_of(container)}
        tell_stopped("api")

    return build_app(lifespan, internal_port=settings.internal_port)


def why_not_started(app: FastAPI) -> Exception | None:
    """What kept the app from starting. A server says only that something did."""
    error: Exception | None = getattr(app.state, "why_not_started", None)
    return error


def leaving(app: FastAPI) -> None:
    """From now on it is not ready: whoever looks sends nobody here any more."""
    app.state.leaving = True
    log.info("api.leaving")


def build_app(lifespan: Any = None, *, internal_port: int | None = None) -> FastAPI:
    """The routes without their parts: enough for the OpenAPI document."""
    app = FastAPI(
        title="PazPaz AI service",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
        redirect_slashes=False,  # a redirect names the Host header's host, and is no problem document
    )
    app.state.leaving = False
    for room in (chat, history, feedback, ingest, operations, operators):
        app.include_router(room.router)
    install_problems(app)
    install_document(app)
    if internal_port is not None:
        app.add_middleware(Doors, internal_port=internal_port)
    app.add_middleware(RequestContext)  # added last, so it surrounds the doors and their 404s
    return app


@contextmanager
def _remembering_why_not(app: FastAPI) -> Iterator[None]:
    try:
        yield
    except Exception as exc:
        app.state.why_not_started = exc
        raise


def _warm(container: Container) -> None:
    """Pays for LangGraph's import and our lists of words before the first question, not during it.

    They made it 0.96 s of CPU, where the next ones took 0.04.
    """
    from service.chat import state, telling

    assert container.graph and state and telling  # noqa: S101, PT018
    read_lists()
