"""The application: routes, middleware, and the outbox sender beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text

from demo_monolith import auth, notes, people
from demo_monolith.admin import create_admin_router
from demo_monolith.loader import DemoLoader
from demo_monolith.middleware import AnswerHeaders, CsrfGuard, IdleRule, add_error_handlers
from demo_monolith.resources import Resources, Transaction
from demo_monolith.settings import Settings
from demo_monolith.tables import AiOutbox, Base
from pazpaz_ai_client.internal_api import create_internal_router
from pazpaz_ai_client.loader import RedisSignIns
from pazpaz_ai_client.proxy import Bearer, create_proxy_router
from pazpaz_ai_client.sender import OutboxSender
from pazpaz_ai_client.signing import RedisNonceStore, RequestVerifier, Signer
from pazpaz_ai_client.tokens import TokenMinter, create_jwks_router

PAGE = Path(__file__).parent / "page"
US, THEM = "pazpaz-monolith", "pazpaz-ai"


def create_app(settings: Settings) -> FastAPI:
    """Build the application; nothing connects before it starts."""
    resources = Resources.build(settings)
    app = FastAPI(
        title="PazPaz stand-in", lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.resources = resources
    app.add_middleware(IdleRule, sign_ins=resources.sign_ins, secret_key=settings.secret_key)
    app.add_middleware(CsrfGuard)
    app.add_middleware(AnswerHeaders)  # Added last, so it surrounds the others.
    add_error_handlers(app)
    _add_routes(app, resources)
    return app


def _add_routes(app: FastAPI, resources: Resources) -> None:
    settings = resources.settings
    sign_ins = RedisSignIns(resources.redis, idle=settings.session_idle)
    loader = DemoLoader(resources.sessions, sign_ins)
    for router in (auth.router, people.router, notes.router):
        app.include_router(router)
    app.include_router(
        create_proxy_router(
            service_url=settings.service_url, client=resources.http, bearer=_bearer_for(settings)
        )
    )
    app.include_router(
        create_internal_router(
            loader,
            verifier=RequestVerifier(
                keys=settings.keys,
                audience=US,
                direction="pull",
                nonces=RedisNonceStore(resources.redis),
                accept_without_nonce_store=False,
            ),
            signer=Signer(settings.keys, audience=THEM),
        )
    )
    if settings.token_keys:
        app.include_router(create_jwks_router(settings.token_keys))
    if settings.admin_token:
        app.include_router(create_admin_router(settings.admin_token, loader))
    app.get("/healthz")(healthz)
    app.get("/", include_in_schema=False)(page)
    app.mount("/page", StaticFiles(directory=PAGE, check_dir=False), name="page")


def _bearer_for(settings: Settings) -> Bearer:
    """What the proxy forwards: a short token where there are keys for one, else the cookie's own."""
    if settings.token_keys is None:
        return _cookie_as_bearer
    minter = TokenMinter(settings.token_keys, issuer=settings.token_issuer)

    async def exchange(request: Request) -> str:
        user = await auth.get_current_user(request)
        return minter.mint(
            user_id=user.id,
            workspace_id=user.workspace_id,
            role=user.role,
            sid=UUID(user.sign_in.jti),
        )

    return exchange


async def _cookie_as_bearer(request: Request) -> str:
    """The token to forward, after everything PazPaz checks about it."""
    return (await auth.get_current_user(request)).token


async def healthz(db: Transaction) -> dict[str, str]:
    """Up, and the database answers."""
    await db.execute(text("SELECT 1"))
    return {"status": "ok"}


async def page() -> Response:
    """The chat page; it is built from clients/web and not committed."""
    index = PAGE / "index.html"
    if not index.exists():
        return PlainTextResponse("The page is not built yet: run `make web`, then reload.", 503)
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    resources: Resources = app.state.resources
    async with resources.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    stop = asyncio.Event()
    sending = asyncio.create_task(_send_outbox(resources, stop))
    try:
        yield
    finally:
        stop.set()
        await _finish(sending)
        await resources.close()


async def _send_outbox(resources: Resources, stop: asyncio.Event) -> None:
    sender = OutboxSender(
        sessionmaker=resources.sessions,
        outbox_model=AiOutbox,
        client=resources.http,
        service_url=resources.settings.internal_url,
        signer=Signer(resources.settings.keys, audience=THEM),
    )
    await sender.run(stop)


async def _finish(task: asyncio.Task[None]) -> None:
    """Wait for a task that was asked to stop; a stuck network call does not hold up the exit."""
    done, _ = await asyncio.wait({task}, timeout=3)
    if not done:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
