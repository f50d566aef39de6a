"""The patch of the README, run as PazPaz: its models, nine middlewares, a browser, and the fake service."""

import asyncio
import importlib.util
import socket
import sys
import uuid
from contextlib import asynccontextmanager
from types import ModuleType, SimpleNamespace

import httpx
import pytest
import sqlalchemy.orm
import uvicorn
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fastapi import HTTPException
from readme_host import FILES, HERE, OWN_MAIN
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse

from pazpaz_ai_client.internal_api import Forbidden
from pazpaz_ai_client.models import (
    AuditEvent,
    ChangesRequest,
    IntrospectRequest,
    ManifestRequest,
    RecordError,
    RecordsRequest,
)
from pazpaz_ai_client.signing import RedisNonceStore

BRIDGE, MAIN = FILES["src/pazpaz/ai_bridge.py"], FILES["src/pazpaz/main.py"]
MIGRATION = FILES["alembic/versions/ai_outbox.py"]
CHAT = "/api/v1/ai/agent/chat"
CSRF = {"X-CSRF-Token": "c"}


def module(name, **members):
    made = ModuleType(name)
    made.__dict__.update(members)
    return made


def a_client_of(fake):
    class FakedClient(httpx.AsyncClient):
        def __init__(self):
            super().__init__(transport=fake.transport)

    return FakedClient


def fresh_models():
    spec = importlib.util.spec_from_file_location("pazpaz.models", HERE / "host_models.py")
    models = importlib.util.module_from_spec(spec)
    sys.modules["pazpaz.models"] = models
    spec.loader.exec_module(models)
    return models


class Csrf(BaseHTTPMiddleware):
    """As PazPaz's, with the exemption that the README asks for."""

    async def dispatch(self, request, call_next):
        exempt = request.url.path.startswith("/internal/ai/")
        if request.method != "GET" and not exempt:
            cookie = request.cookies.get("csrf_token")
            if not cookie or cookie != request.headers.get("X-CSRF-Token"):
                return JSONResponse({"detail": "CSRF token missing."}, status_code=403)
        return await call_next(request)


class PassesOn(BaseHTTPMiddleware):
    """One of the eight others."""

    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["X-Frame-Options"] = "DENY"
        return response


@pytest.fixture
async def host(monkeypatch, engine, redis_url, fake_ai_service, tmp_path):
    """PazPaz with the patch applied; nothing of the patch is written here."""
    folder, ring = fake_ai_service.write_keys(tmp_path)

    class HostSession(sqlalchemy.orm.Session):
        """PazPaz's sessions, for this test."""

    sessions = async_sessionmaker(engine, sync_session_class=HostSession, expire_on_commit=False)
    redis = Redis.from_url(redis_url)
    # A quarter of a second is what a pull waits for it; a machine full of tests may take longer to connect.
    monkeypatch.setitem(RedisNonceStore.__init__.__kwdefaults__, "timeout_seconds", 5.0)
    settings = SimpleNamespace(
        ai_keys_dir=folder,
        ai_service_keys=ring,
        ai_service_url=fake_ai_service.url,
        ai_service_internal_url=fake_ai_service.url,
        session_idle_timeout_minutes=30,
    )
    checked = []

    async def get_current_user(request, db):
        if "access_token" not in request.cookies:
            raise HTTPException(401, "Authentication required")
        checked.append(db)

    for name in ("pazpaz", "pazpaz.api", "pazpaz.core", "pazpaz.db"):
        monkeypatch.setitem(sys.modules, name, module(name))
    monkeypatch.setitem(sys.modules, "pazpaz.models", None)
    models = fresh_models()
    for name, members in {
        "pazpaz.api.deps": {"get_current_user": get_current_user},
        "pazpaz.core.config": {"settings": settings},
        "pazpaz.core.redis": {"redis": redis},
        "pazpaz.db.base": {"AsyncSessionLocal": sessions, "Base": models.Base},
    }.items():
        monkeypatch.setitem(sys.modules, name, module(name, **members))
    bridge = module("pazpaz.ai_bridge")
    sys.modules["pazpaz"].ai_bridge = bridge
    main = {}
    with monkeypatch.context() as patch:
        patch.setattr(httpx, "AsyncClient", a_client_of(fake_ai_service))
        patch.setattr(sqlalchemy.orm, "Session", HostSession)  # no other test is listened to
        exec(compile(BRIDGE, "README.md: ai_bridge.py", "exec"), bridge.__dict__)  # noqa: S102 - our own README
        exec(compile(OWN_MAIN + MAIN, "README.md: main.py", "exec"), main)  # noqa: S102
    app = main["app"]
    for layer in [PassesOn] * 8 + [Csrf]:
        app.add_middleware(layer)
    tables = [table for table in models.Base.metadata.sorted_tables if table.name != "ai_outbox"]
    migration = {}
    exec(compile(MIGRATION, "README.md: migration", "exec"), migration)  # noqa: S102

    def create(connection):
        models.Base.metadata.create_all(connection, tables)
        with Operations.context(MigrationContext.configure(connection)):
            migration["upgrade"]()

    async with engine.begin() as connection:
        await connection.run_sync(create)
    yield SimpleNamespace(
        app=app, bridge=bridge, models=models, sessions=sessions, redis=redis, engine=engine
    )
    await redis.aclose()


@asynccontextmanager
async def served(app):
    """The application on a port, as PazPaz serves it: only there does a stream come in parts."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        running = asyncio.create_task(server.serve(sockets=[sock]))
        for _ in range(500):
            if server.started:
                break
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        server.should_exit = True
        await running


@pytest.fixture
async def practice(host):
    """A workspace, a therapist, a client and a finished note, written by PazPaz's own code."""
    models = host.models
    one = SimpleNamespace(
        **{name: uuid.uuid4() for name in ("workspace", "user", "client", "note")}
    )
    async with host.sessions.begin() as db:
        db.add(models.Workspace(id=one.workspace))
        await db.flush()
        db.add(models.User(id=one.user, workspace_id=one.workspace))
        db.add(models.Client(id=one.client, workspace_id=one.workspace))
        await db.flush()
        note = {"workspace_id": one.workspace, "client_id": one.client, "plan": "a heat pack"}
        db.add(models.SessionModel(id=one.note, is_draft=False, **note))
    return one


async def held_for_long(pool):
    """Connections that are out for a second on end; the sender's look at its rows is over long before."""
    least = pool.checkedout()
    for _ in range(50):
        if least == 0:
            break
        await asyncio.sleep(0.02)
        least = min(least, pool.checkedout())
    return least


async def test_a_therapist_asks_and_sees_it_come(host, fake_ai_service):
    """Events reach the browser one by one through nine middlewares, with no database session held meanwhile."""
    go_on = asyncio.Event()
    fake_ai_service.answers("What helped?", "Heat helped.", wait=go_on.wait)

    async with served(host.app) as url, httpx.AsyncClient(trust_env=False) as browser:
        asked = browser.stream(
            "POST",
            url + CHAT,
            json={"query": "What helped?"},
            headers=CSRF
            | {"Accept": "text/event-stream", "Cookie": "access_token=t; csrf_token=c"},
        )
        async with asked as response:
            parts = response.aiter_text()
            first = await asyncio.wait_for(anext(parts), 5)
            held = await held_for_long(host.engine.pool)
            go_on.set()
            rest = "".join([part async for part in parts])

    assert first.startswith("event: status")
    assert "event: done" not in first
    assert "event: done" in rest
    assert held == 0
    assert response.headers["X-Frame-Options"] == "DENY"
    assert fake_ai_service.tokens == ["t"]


@pytest.mark.parametrize(("cookies", "status"), [({}, 403), ({"csrf_token": "c"}, 401)])
async def test_pazpaz_s_own_checks_stay(host, fake_ai_service, cookies, status):
    """Without its CSRF cookie or its sign-in nothing is asked."""
    transport = httpx.ASGITransport(host.app)
    browser = httpx.AsyncClient(transport=transport, base_url="http://pazpaz", cookies=cookies)

    response = await browser.post(CHAT, json={"query": "What helped?"}, headers=CSRF)

    assert response.status_code == status
    assert fake_ai_service.questions == []


async def test_what_pazpaz_writes_reaches_the_service(host, practice, fake_ai_service):
    """While the application runs its sender sends; an edit is one more event."""
    async with served(host.app):
        for _ in range(200):
            if len(fake_ai_service.events) == 4:
                break
            await asyncio.sleep(0.02)
        async with host.sessions.begin() as db:
            (await db.get(host.models.SessionModel, practice.note)).plan = "two heat packs"
        for _ in range(200):
            if len(fake_ai_service.events) == 5:
                break
            await asyncio.sleep(0.02)

    told = [(event.entity, event.entity_id) for event in fake_ai_service.events]
    assert set(told[:4]) == {
        ("workspaces", practice.workspace),
        ("users", practice.user),
        ("clients", practice.client),
        ("sessions", practice.note),
    }
    assert told[4:] == [("sessions", practice.note)]


async def test_the_service_reads_the_note_and_leaves_a_trace(host, practice, fake_ai_service):
    """Signed calls pass the middlewares, and each reading is a committed audit row."""
    pazpaz = fake_ai_service.pull(host.app)
    unknown = uuid.uuid4()

    records = await pazpaz.records(
        RecordsRequest(
            workspace_id=practice.workspace,
            session_ids=[practice.note, unknown],
            client_ids=[practice.client],
            purpose="answer",
            actor_user_id=practice.user,
        )
    )

    assert records.sessions[0].plan == "a heat pack"
    assert records.clients[0].first_name == "Dana"
    assert records.missing == [unknown]
    (row,) = await audit_rows(host)
    assert (row.user_id, row.event_type) == (practice.user, "READ")


async def audit_rows(host):
    async with host.sessions() as db:
        return (await db.scalars(select(host.models.AuditEvent))).all()


@pytest.mark.parametrize("change", ["inactive", "stranger", "elsewhere"])
async def test_who_may_not_read_is_refused_and_noted(host, practice, fake_ai_service, change):
    """A user who is inactive, unknown or of another workspace reads nothing."""
    actor, workspace = practice.user, practice.workspace
    if change == "inactive":
        async with host.sessions.begin() as db:
            (await db.get(host.models.User, actor)).is_active = False
    actor = uuid.uuid4() if change == "stranger" else actor
    workspace = uuid.uuid4() if change == "elsewhere" else workspace
    asked = RecordsRequest(
        workspace_id=workspace, session_ids=[practice.note], purpose="answer", actor_user_id=actor
    )

    with pytest.raises(Forbidden):
        await fake_ai_service.pull(host.app).records(asked)
    assert [row.event_type for row in await audit_rows(host)] == ["READ_REFUSED"]


async def test_another_workspace_s_note_is_missing(host, practice, fake_ai_service):
    """The workspace that was asked for is the only one that is read."""
    asked = RecordsRequest(workspace_id=uuid.uuid4(), session_ids=[practice.note], purpose="index")

    records = await fake_ai_service.pull(host.app).records(asked)

    assert (records.sessions, records.missing) == ([], [practice.note])


async def test_a_deleted_note_comes_without_text(host, practice, fake_ai_service):
    """A tombstone, in the records and in the manifest."""
    async with host.sessions.begin() as db:
        note = await db.get(host.models.SessionModel, practice.note)
        note.deleted_at = host.models.utc_now()
    pazpaz = fake_ai_service.pull(host.app)
    workspace = {"workspace_id": practice.workspace}

    (record,) = (
        await pazpaz.records(
            RecordsRequest(**workspace, session_ids=[practice.note], purpose="index")
        )
    ).sessions
    manifest = await pazpaz.manifest(ManifestRequest(**workspace))

    assert record.deleted_at is not None
    assert (record.subjective, record.plan) == (None, None)
    states = {item.entity: item.state for item in manifest.items}
    assert states == {"sessions": "deleted", "clients": "active"}


async def test_one_row_that_cannot_be_decrypted_spoils_no_other(host, practice, fake_ai_service):
    """It is told as such; the manifest, which reads no text, does not even notice."""
    async with host.sessions.begin() as db:
        note = {"workspace_id": practice.workspace, "client_id": practice.client}
        db.add(broken := host.models.SessionModel(plan="no key opens this", **note))

    pazpaz = fake_ai_service.pull(host.app)

    records = await pazpaz.records(
        RecordsRequest(
            workspace_id=practice.workspace,
            session_ids=[practice.note, broken.id],
            purpose="index",
        )
    )
    items = (await pazpaz.manifest(ManifestRequest(workspace_id=practice.workspace))).items

    rows = {row.id: row for row in records.sessions}
    assert rows[practice.note].plan == "a heat pack"
    assert rows[broken.id] == RecordError(id=broken.id, error="decrypt_failed")
    assert {item.id for item in items} == {practice.note, broken.id, practice.client}


async def test_a_manifest_comes_in_pages(host, practice, fake_ai_service):
    """Each thing once, in the order of ids, and of one client where one is named."""
    async with host.sessions.begin() as db:
        note = {"workspace_id": practice.workspace, "client_id": practice.client}
        db.add_all([host.models.SessionModel(**note) for _ in range(5)])
        db.add(other := host.models.Client(workspace_id=practice.workspace))
    pazpaz = fake_ai_service.pull(host.app)
    seen, after = [], None
    while True:
        page = await pazpaz.manifest(
            ManifestRequest(workspace_id=practice.workspace, after_id=after, limit=3)
        )
        seen += [item.id for item in page.items]
        if (after := page.next) is None:
            break
    of_one = await pazpaz.manifest(
        ManifestRequest(workspace_id=practice.workspace, client_id=practice.client)
    )

    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 8
    assert {item.id for item in of_one.items} == set(seen) - {other.id}


async def test_the_service_learns_of_workspaces_changes_and_people(host, practice, fake_ai_service):
    """The rest of what it asks, of PazPaz's tables and its Redis."""
    pazpaz = fake_ai_service.pull(host.app)
    sid = str(uuid.uuid4())
    asked = IntrospectRequest(sid=sid, user_id=practice.user)

    (workspace,) = (await pazpaz.workspaces()).workspaces
    known = await pazpaz.introspect(asked)
    await host.redis.set(f"blacklist:jwt:{sid}", "1")
    revoked = await pazpaz.introspect(asked)
    changes = await pazpaz.changes(ChangesRequest())

    assert (workspace.id, workspace.status) == (practice.workspace, "active")
    assert (known.role, known.active, known.revoked) == ("owner", True, False)
    assert known.idle_deadline > host.models.utc_now()
    assert revoked.revoked
    assert await pazpaz.introspect(IntrospectRequest(sid=sid, user_id=uuid.uuid4())) is None
    assert len(changes.events) == 4


async def test_an_idle_sign_in_stays_idle(host, practice, fake_ai_service):
    """Who was away too long is not made active by the question whether they are."""
    sid = str(uuid.uuid4())
    key, long_ago = f"session:activity:{practice.user}:{sid}", "2026-01-01T00:00:00+00:00"
    await host.redis.set(key, long_ago)

    answer = await fake_ai_service.pull(host.app).introspect(
        IntrospectRequest(sid=sid, user_id=practice.user)
    )

    assert answer.idle_deadline < host.models.utc_now()
    assert (await host.redis.get(key)).decode() == long_ago


async def test_an_audit_line_that_comes_twice_is_one_row(host, practice, fake_ai_service):
    """The key makes the row's id, so PazPaz's table needs no column for it."""
    pazpaz = fake_ai_service.pull(host.app)
    for _ in range(2):
        await pazpaz.audit(AuditEvent(idempotency_key="k", workspace_id=practice.workspace))

    assert len(await audit_rows(host)) == 1
