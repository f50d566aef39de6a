"""PazPaz in small, with its stack: async SQLAlchemy on PostgreSQL, sealed columns, cookies, nine middlewares."""

import asyncio
import os
import secrets
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import DateTime, ForeignKey, LargeBinary, TypeDecorator, select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import BaseHTTPMiddleware

from pazpaz_ai_client.internal_api import Forbidden, create_internal_router
from pazpaz_ai_client.models import (
    ClientRecord,
    IntrospectAnswer,
    ManifestAnswer,
    ManifestItem,
    RecordsAnswer,
    SessionRecord,
    WorkspaceItem,
    WorkspacesAnswer,
)
from pazpaz_ai_client.outbox import EntityMapping, OutboxMixin, install_outbox, read_changes
from pazpaz_ai_client.proxy import create_proxy_router
from pazpaz_ai_client.sender import OutboxSender

SECRET_KEY = "a-secret-key-of-pazpaz-with-more-than-32-bytes"
SEAL = AESGCM(AESGCM.generate_key(256))
IDLE = timedelta(minutes=30)
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
LOGIN = "/api/v1/auth/login"


# Tables


class Sealed(TypeDecorator):
    """Text that the database never sees."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value, dialect):
        if value is None:
            return None
        nonce = os.urandom(12)
        return nonce + SEAL.encrypt(nonce, value.encode(), None)

    def process_result_value(self, value, dialect):
        return None if value is None else SEAL.decrypt(value[:12], value[12:], None).decode()


def now():
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - as SQLAlchemy has it


class Row(Base):
    __abstract__ = True
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)


class Workspace(Row):
    __tablename__ = "workspaces"
    status: Mapped[str] = mapped_column(default="active")


class OfWorkspace(Row):
    __abstract__ = True
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id"))
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class User(OfWorkspace):
    __tablename__ = "users"
    email: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)


class Client(OfWorkspace):
    __tablename__ = "clients"
    first_name: Mapped[str] = mapped_column(Sealed())
    last_name: Mapped[str] = mapped_column(Sealed())
    medical_history: Mapped[str | None] = mapped_column(Sealed())
    notes: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    consent_status: Mapped[bool] = mapped_column(default=False)


class Note(OfWorkspace):
    __tablename__ = "sessions"
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id"))
    session_date: Mapped[datetime] = mapped_column(default=now)
    subjective: Mapped[str | None] = mapped_column(Sealed())
    objective: Mapped[str | None] = mapped_column(Sealed())
    assessment: Mapped[str | None] = mapped_column(Sealed())
    plan: Mapped[str | None] = mapped_column(Sealed())
    is_draft: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class AuditRow(Row):
    __tablename__ = "audit"
    path: Mapped[str]
    status: Mapped[int]


class AiOutbox(OutboxMixin, Base):
    __tablename__ = "ai_outbox"


class HostSession(Session):
    """The class that the outbox listens to."""


install_outbox(
    HostSession,
    AiOutbox,
    [
        EntityMapping(Note, "sessions", lambda note: note.workspace_id),
        EntityMapping(Client, "clients", lambda client: client.workspace_id),
        EntityMapping(Workspace, "workspaces", lambda workspace: workspace.id),
        EntityMapping(User, "users", lambda user: user.workspace_id),
    ],
)


@dataclass
class Host:
    """What the application holds: its database, and what PazPaz keeps in Redis."""

    engine: AsyncEngine
    last_seen: dict[str, datetime] = field(default_factory=dict)
    calls_of_ip: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.sessions = async_sessionmaker(
            self.engine, sync_session_class=HostSession, expire_on_commit=False
        )


# The nine, from the outermost to the innermost; each of them is a BaseHTTPMiddleware


def host_of(request):
    return request.app.state.host


def no(status, detail, **more):
    return JSONResponse({"detail": detail, **more}, status_code=status)


async def csrf(request, call_next):
    free = request.url.path == LOGIN or request.url.path.startswith("/internal/")
    if request.method in UNSAFE and not free:
        cookie, header = request.cookies.get("csrf_token"), request.headers.get("X-CSRF-Token")
        if not cookie or not header or not secrets.compare_digest(cookie, header):
            return no(403, "The CSRF token is missing or wrong.")
    return await call_next(request)


async def audit(request, call_next):
    response = await call_next(request)
    async with host_of(request).sessions.begin() as db:  # in a stream, while it goes on
        db.add(AuditRow(path=request.url.path, status=response.status_code))
    return response


async def session_activity(request, call_next):
    claims = claims_of(request)
    if claims is None or request.url.path == LOGIN:
        return await call_next(request)
    seen = host_of(request).last_seen
    idle = now() - seen.get(claims["jti"], now())
    if idle > IDLE:
        told = {"error_code": "SESSION_IDLE_TIMEOUT", "idle_seconds": int(idle.total_seconds())}
        return no(401, "You were away for too long.", **told)
    response = await call_next(request)
    if response.status_code < 300:
        seen[claims["jti"]] = now()
    return response


async def content_type(request, call_next):
    if request.method in UNSAFE - {"DELETE"} and "content-type" not in request.headers:
        return no(415, "Say what you send.")
    return await call_next(request)


async def json_depth(request, call_next):
    body = await request.body()  # read here, and once more by the route
    if body.count(b"[") + body.count(b"{") > 1000:
        return no(400, "Too deep.")
    return await call_next(request)


async def request_size(request, call_next):
    if int(request.headers.get("Content-Length", 0)) > 20_000_000:
        return no(413, "Too large.")
    return await call_next(request)


async def ip_rate_limit(request, call_next):
    if not request.url.path.startswith("/internal/"):
        host_of(request).calls_of_ip += 1
    if host_of(request).calls_of_ip > 1000:
        return Response("Too many requests.", 429, {"Retry-After": "60"})
    return await call_next(request)


async def request_logging(request, call_next):
    request.state.request_id = str(uuid.uuid4())
    response = await call_next(request)
    host_of(request).log.append(f"{request.method} {request.url.path} {response.status_code}")
    response.headers.setdefault("X-Request-ID", request.state.request_id)
    return response


async def security_headers(request, call_next):
    response = await call_next(request)
    response.headers["X-Frame-Options"] = "DENY"
    return response


NINE = (
    csrf, audit, session_activity, content_type, json_depth,
    request_size, ip_rate_limit, request_logging, security_headers,
)  # fmt: skip


# Who asks


def claims_of(request):
    try:
        return jwt.decode(request.cookies["access_token"], SECRET_KEY, algorithms=["HS256"])
    except (KeyError, jwt.PyJWTError):
        return None


async def current_user(request, db):
    claims = claims_of(request)
    user = await db.get(User, uuid.UUID(claims["user_id"])) if claims else None
    if user is None or not user.is_active:
        raise HTTPException(401, "Please sign in.", {"WWW-Authenticate": "Bearer"})
    if (await db.get(Workspace, user.workspace_id)).status != "active":
        raise HTTPException(403, "This practice is suspended.")
    return user


async def verified_token(request):
    """What the proxy forwards. It opens and closes a session of its own: a stream may take a minute."""
    async with host_of(request).sessions() as db:
        await current_user(request, db)
    return request.cookies["access_token"]


# PazPaz's own routes. None has its session from a dependency with `yield`: that one is held until the answer is out,
# and the audit, which is written before that, would wait for a second one.

router = APIRouter(prefix="/api/v1")


@router.post("/auth/login")
async def login(request: Request, response: Response) -> dict[str, str]:
    email = (await request.json())["email"]
    async with host_of(request).sessions() as db:
        user = await db.scalar(select(User).where(User.email == email))
    claims = {"sub": str(user.id), "user_id": str(user.id), "workspace_id": str(user.workspace_id)}
    times = {"iat": now(), "exp": now() + timedelta(days=7)}
    sign_in = {**claims, **times, "email": email, "jti": str(uuid.uuid4())}
    token = jwt.encode(sign_in, SECRET_KEY, algorithm="HS256")
    response.set_cookie("access_token", token, httponly=True, samesite="lax")
    response.set_cookie("csrf_token", secrets.token_urlsafe(), samesite="lax")
    return {"jti": sign_in["jti"]}


@router.get("/clients")
async def clients(request: Request) -> list[str]:
    async with host_of(request).sessions() as db:
        user = await current_user(request, db)
        mine = select(Client).where(Client.workspace_id == user.workspace_id)
        return [client.first_name for client in await db.scalars(mine)]


@router.post("/sessions", status_code=201)
async def write_note(request: Request) -> dict[str, uuid.UUID]:
    body = await request.json()
    async with host_of(request).sessions.begin() as db:
        user = await current_user(request, db)
        client = await db.get(Client, uuid.UUID(body["client_id"]))
        note = Note(workspace_id=user.workspace_id, client_id=client.id, plan=body["plan"])
        db.add(note)
    return {"id": note.id}


# What the service may ask


class HostLoader:
    """The Loader over these tables: what the columns sealed, the ORM has opened."""

    def __init__(self, sessions):
        self._sessions = sessions

    async def records(self, request):
        async with self._sessions() as db:
            if request.purpose == "answer":
                actor = await db.get(User, request.actor_user_id)
                if actor is None or (actor.workspace_id, actor.is_active) != (
                    request.workspace_id,
                    True,
                ):
                    raise Forbidden
            notes = await self._rows(db, Note, request.workspace_id, request.session_ids)
            clients = await self._rows(db, Client, request.workspace_id, request.client_ids)
        found = {row.id for row in (*notes, *clients)}
        return RecordsAnswer(
            sessions=[SessionRecord.model_validate(row, from_attributes=True) for row in notes],
            clients=[ClientRecord.model_validate(row, from_attributes=True) for row in clients],
            missing=[
                one for one in (*request.session_ids, *request.client_ids) if one not in found
            ],
        )

    async def _rows(self, db, table, workspace, ids):
        wanted = select(table).where(table.workspace_id == workspace, table.id.in_(ids))
        return (await db.scalars(wanted)).all()

    async def changes(self, request):
        async with self._sessions() as db:
            return await read_changes(db, AiOutbox, request.after, request.limit)

    async def manifest(self, request):
        wanted = select(Note).where(Note.workspace_id == request.workspace_id).order_by(Note.id)
        async with self._sessions() as db:
            rows = (await db.scalars(wanted.limit(request.limit))).all()
        items = [
            ManifestItem(
                entity="sessions", id=row.id, client_id=row.client_id, updated_at=row.updated_at,
                version=row.version, state="draft" if row.is_draft else "active",
            )
            for row in rows
        ]  # fmt: skip
        return ManifestAnswer(items=items, next=None)

    async def workspaces(self):
        async with self._sessions() as db:
            rows = await db.scalars(select(Workspace))
            found = [WorkspaceItem(id=row.id, status=row.status) for row in rows]
        return WorkspacesAnswer(workspaces=found)

    async def introspect(self, request):
        async with self._sessions() as db:
            user = await db.get(User, request.user_id)
            workspace = user and await db.get(Workspace, user.workspace_id)
        if user is None:
            return None
        return IntrospectAnswer(
            user_id=user.id, workspace_id=workspace.id, role="owner", active=user.is_active,
            workspace_status=workspace.status, revoked=False,
        )  # fmt: skip

    async def audit(self, event):
        async with self._sessions.begin() as db:
            db.add(AuditRow(path=f"ai:{event.idempotency_key}", status=200))


# All of it together


def create_app(host, service):
    """The application; `service` is the AI service, here its fake."""

    @asynccontextmanager
    async def lifespan(app):
        stop = asyncio.Event()
        sender = OutboxSender(
            sessionmaker=host.sessions,
            outbox_model=AiOutbox,
            client=service.client,
            service_url=service.url,
            signer=service.signer,
            poll_seconds=0.05,
        )
        sending = asyncio.create_task(sender.run(stop))
        yield
        stop.set()
        await sending

    app = FastAPI(lifespan=lifespan)
    app.state.host = host
    for dispatch in reversed(NINE):  # the last added surrounds the others
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    app.add_exception_handler(StarletteHTTPException, _with_request_id)
    app.include_router(router)
    app.include_router(
        create_proxy_router(service_url=service.url, client=service.client, bearer=verified_token)
    )
    app.include_router(
        create_internal_router(
            HostLoader(host.sessions), verifier=service.verifier, signer=service.signer
        )
    )
    return app


async def _with_request_id(request, exc):
    response = no(exc.status_code, exc.detail, request_id=request.state.request_id)
    response.headers.update(exc.headers or {})
    return response
