"""What `bench web` asks: a bare callable, a route, and routes of the service's app that each add one of its parts."""

from collections.abc import Mapping
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.chat import take_allowance
from service.api.dependencies import Caller, Claims, Opened
from service.commands.serving import server_config
from service.main import NO_TELEMETRY, create_app
from service.settings import Settings, load
from service.telemetry.logs import configure_logs

ANSWER: Mapping[str, Any] = {"answer": "yes", "citations": [{"id": 1, "field": "plan"}], "ms": 12.5}
BODY = b'{"answer":"yes","citations":[{"id":1,"field":"plan"}],"ms":12.5}'

routes = APIRouter()


@routes.get("/middleware")
async def middleware() -> dict[str, Any]:
    return {**ANSWER}


@routes.get("/token")
async def token(claims: Claims) -> dict[str, Any]:
    return {**ANSWER}


@routes.get("/principal")
async def principal(caller: Caller) -> dict[str, Any]:
    return {**ANSWER}


@routes.get("/limiter")
async def limiter(caller: Caller, opened: Opened) -> dict[str, Any]:
    await take_allowance(caller, opened)
    return {**ANSWER}


@routes.get("/sql")
async def sql(caller: Caller, opened: Opened) -> dict[str, Any]:
    await take_allowance(caller, opened)
    await opened.store.state(workspace=caller.workspace)
    return {**ANSWER}


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """The least that can answer: no framework, and a body that is ready."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def layers(settings: Settings) -> ASGIApp:
    """All of them behind one door, so that they are served by one process in one run."""
    plain, ours = FastAPI(openapi_url=None, telemetry=NO_TELEMETRY), create_app(settings)

    @plain.get("/route")
    async def route() -> dict[str, Any]:
        return {**ANSWER}

    ours.include_router(routes)
    ours.router.routes.insert(0, ours.router.routes.pop())  # chat comes first in the service, too
    apps: Mapping[str, ASGIApp] = {"/bare": bare, "/route": plain}

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await apps.get(scope.get("path", ""), ours)(scope, receive, send)

    return door


def main() -> None:
    """Serves until SIGTERM, with the settings of the environment."""
    settings = load(Settings)
    configure_logs(settings.log_level)
    config = server_config(layers(settings), settings)
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
