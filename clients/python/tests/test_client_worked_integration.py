"""The package inside an application with PazPaz's stack, over real sockets and a real PostgreSQL."""

import asyncio
import uuid
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta

import httpx
import pytest
import uvicorn
import worked_host
from postgres_server import a_server
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import create_async_engine
from worked_host import AuditRow, Base, Client, Host, Note, User, Workspace

import contract_examples as contract
from pazpaz_ai_client.internal_api import Forbidden
from pazpaz_ai_client.models import ChangesRequest, IntrospectRequest, RecordsRequest

CHAT = "/api/v1/ai/agent/chat"
QUESTION = "What helped Dana's knee?"
PLAN = "Heat twice a day, and rest."
SOON = 10  # seconds: only a test that fails waits for so long


@pytest.fixture(scope="module")
def server():
    with a_server() as url:
        yield url


@pytest.fixture
async def database(server):
    """A fresh database with the tables, whose pool has one connection and gives no second."""
    name = f"pazpaz_worked_{uuid.uuid4().hex}"
    admin = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    engine = create_async_engine(
        server.set(database=name), pool_size=1, max_overflow=0, pool_timeout=SOON / 2
    )
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield engine
    await engine.dispose()
    async with admin.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name}"))
    await admin.dispose()


class PazPaz:
    """The application where it listens, and a therapist's browser that is signed in."""

    def __init__(self, host, app, browser, rows):
        self.host, self.app, self.browser = host, app, browser
        self.workspace, self.user, self.client = rows

    async def send(self, method, path, *, accept="application/json", **options):
        return await self.browser.send(self.request(method, path, accept, **options))

    def request(self, method, path, accept="application/json", **options):
        headers = {"Accept": accept, "X-CSRF-Token": self.browser.cookies["csrf_token"]}
        return self.browser.build_request(method, path, headers=headers, **options)

    @asynccontextmanager
    async def listening(self):
        """An open stream of an answer."""
        asked = self.request("POST", CHAT, "text/event-stream", json={"query": QUESTION})
        response = await self.browser.send(asked, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def audited(self):
        async with self.host.sessions() as db:
            rows = await db.execute(select(AuditRow.path, AuditRow.status))
            return [tuple(row) for row in rows]


class Server(uvicorn.Server):
    """Leaves the signals to pytest."""

    def capture_signals(self):
        return nullcontext()


@asynccontextmanager
async def listening_on_a_port(app):
    config = uvicorn.Config(app, port=0, log_level="warning")
    server, sock = Server(config), config.bind_socket()
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:
        assert not serving.done()
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    server.should_exit = True
    await serving


async def rows_in(host):
    """A workspace with a therapist and a client."""
    workspace = Workspace()
    async with host.sessions.begin() as db:
        db.add(workspace)
        await db.flush()
        user = User(workspace_id=workspace.id, email="therapist@example.org")
        client = Client(workspace_id=workspace.id, first_name="Dana", last_name="Levi")
        db.add_all([user, client])
    return workspace, user, client


@pytest.fixture
async def pazpaz(database, fake_ai_service):
    host = Host(database)
    rows = await rows_in(host)
    app = worked_host.create_app(host, fake_ai_service)
    async with (
        listening_on_a_port(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=SOON) as browser,
    ):
        await browser.post(worked_host.LOGIN, json={"email": "therapist@example.org"})
        yield PazPaz(host, app, browser, rows)


class Gate:
    """Holds an answer back in the service until a test lets it go, and knows when nobody waits any more."""

    def __init__(self):
        self.reached, self.opened, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self):
        self.reached.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise


@pytest.fixture
def gate(fake_ai_service):
    gate = Gate()
    fake_ai_service.answers(QUESTION, "Heat helped.\nSo did rest.", wait=gate)
    yield gate
    gate.opened.set()  # a test that failed must not keep the server


async def until(holds):
    """Waits until it holds; fails after a while."""
    async with asyncio.timeout(SOON):
        while not holds():  # noqa: ASYNC110 - the sender of the application tells nobody
            await asyncio.sleep(0.01)


async def test_nine_middlewares_are_in_between(pazpaz):
    """As many as PazPaz has, so that what follows is told of its stack."""
    names = [one.cls.__name__ for one in pazpaz.app.user_middleware]
    assert names == ["BaseHTTPMiddleware"] * 9


async def test_an_answer_arrives_whole(pazpaz, fake_ai_service, gate):
    """The service gets the question with the cookie's token, the page the answer with PazPaz's own headers."""
    gate.opened.set()
    asked = {"query": QUESTION, "client_id": str(pazpaz.client.id)}

    response = await pazpaz.send("POST", CHAT, json=asked)

    assert (response.status_code, response.json()["answer_status"]) == (200, "answered")
    contract.check("#answer", response.json())
    assert response.headers["X-Frame-Options"] == "DENY"
    assert fake_ai_service.tokens == [pazpaz.browser.cookies["access_token"]]
    assert fake_ai_service.questions[0].client_id == pazpaz.client.id
    assert (CHAT, 200) in await pazpaz.audited()


async def test_events_arrive_while_the_service_holds_the_rest(pazpaz, gate):
    """Nothing of nine layers and a socket keeps the first event until the others are there."""
    async with asyncio.timeout(SOON), pazpaz.listening() as response:
        parts = response.aiter_text()
        first = await anext(parts)
        assert first.startswith("event: status\n")
        assert "event: done" not in first
        assert not gate.opened.is_set()

        gate.opened.set()
        rest = "".join([part async for part in parts])

    exchange = contract.exchanges("stream")["an answer as it comes"]
    contract.check_headers(exchange["response"]["headers"], response.headers)
    contract.check_events(exchange, contract.events_in(first + rest))
    assert response.headers["X-Frame-Options"] == "DENY"


async def test_an_open_stream_holds_no_database_session(pazpaz, gate):
    """With one connection for everybody, PazPaz's own pages and its audit go on while an answer streams."""
    async with asyncio.timeout(SOON), pazpaz.listening() as response:
        parts = response.aiter_text()
        await anext(parts)
        await gate.reached.wait()

        assert (await pazpaz.send("GET", "/api/v1/clients")).json() == ["Dana"]
        assert (CHAT, 200) in await pazpaz.audited()

        gate.opened.set()
        assert "event: done" in "".join([part async for part in parts])


async def test_a_question_that_waits_holds_no_database_session(pazpaz, gate):
    """Nor does one that is answered as a whole."""
    async with asyncio.timeout(SOON):
        asking = asyncio.create_task(pazpaz.send("POST", CHAT, json={"query": QUESTION}))
        await gate.reached.wait()

        assert (await pazpaz.send("GET", "/api/v1/clients")).json() == ["Dana"]

        gate.opened.set()
        assert (await asking).status_code == 200


async def test_a_browser_that_leaves_a_stream_ends_the_work(pazpaz, gate):
    """The service stops, and PazPaz serves on."""
    async with asyncio.timeout(SOON):
        async with pazpaz.listening() as response:
            await anext(response.aiter_text())
            await gate.reached.wait()
        await gate.left.wait()

        assert (await pazpaz.send("GET", "/api/v1/clients")).status_code == 200


async def test_a_browser_that_leaves_while_it_waits_ends_the_work(pazpaz, gate):
    """Also before anything was answered."""
    async with asyncio.timeout(SOON):
        asking = asyncio.create_task(pazpaz.send("POST", CHAT, json={"query": QUESTION}))
        await gate.reached.wait()
        asking.cancel()
        await gate.left.wait()

        assert (await pazpaz.send("GET", "/api/v1/clients")).status_code == 200


async def test_a_note_written_is_told_and_pulled_in_plain_text(pazpaz, fake_ai_service):
    """The page saves, the service hears of it and gets the text that the database has only sealed."""
    body = {"client_id": str(pazpaz.client.id), "plan": PLAN}
    written = await pazpaz.send("POST", "/api/v1/sessions", json=body)
    assert written.status_code == 201
    note = uuid.UUID(written.json()["id"])

    def told():
        return [(one.entity, one.kind) for one in fake_ai_service.events if one.entity_id == note]

    await until(told)
    assert told() == [("sessions", "upserted")]
    assert fake_ai_service.refused_rules == []
    async with pazpaz.host.engine.connect() as connection:
        [stored] = (await connection.execute(text("SELECT plan FROM sessions"))).scalars()
    assert PLAN.encode() not in stored
    asked = RecordsRequest(
        workspace_id=pazpaz.workspace.id,
        session_ids=[note],
        client_ids=[pazpaz.client.id],
        purpose="answer",
        actor_user_id=pazpaz.user.id,
    )
    records = await fake_ai_service.pull(pazpaz.app).records(asked)
    assert records.sessions[0].plan == PLAN
    assert records.clients[0].first_name == "Dana"


async def test_every_change_so_far_is_in_the_feed(pazpaz, fake_ai_service):
    """What the service missed it finds: the rows of the outbox, below all that still runs."""
    feed = await fake_ai_service.pull(pazpaz.app).changes(ChangesRequest())

    assert {(one.entity, one.entity_id) for one in feed.events} == {
        ("workspaces", pazpaz.workspace.id),
        ("users", pazpaz.user.id),
        ("clients", pazpaz.client.id),
    }


async def test_a_change_that_is_taken_back_is_not_told(pazpaz, fake_ai_service):
    """Its event was in its transaction."""
    async with pazpaz.host.sessions() as db:
        db.add(Note(workspace_id=pazpaz.workspace.id, client_id=pazpaz.client.id, plan=PLAN))
        await db.flush()
        await db.rollback()

    feed = await fake_ai_service.pull(pazpaz.app).changes(ChangesRequest())
    assert "sessions" not in {one.entity for one in feed.events}


async def test_a_stranger_is_told_nothing(pazpaz, fake_ai_service):
    """Neither the text, nor that there is such a person."""
    service, nobody = fake_ai_service.pull(pazpaz.app), uuid.uuid4()
    asked = RecordsRequest(workspace_id=pazpaz.workspace.id, purpose="answer", actor_user_id=nobody)
    with pytest.raises(Forbidden):
        await service.records(asked)
    assert await service.introspect(IntrospectRequest(sid="s", user_id=nobody)) is None


REFUSED = [
    one
    for one in contract.exchanges("chat").values()
    if one["response"]["status"] in (401, 403) and one["answered_by"] == "pazpaz"
]


@pytest.mark.parametrize("exchange", REFUSED, ids=[one["name"] for one in REFUSED])
async def test_pazpaz_s_own_refusals_come_first(pazpaz, fake_ai_service, exchange):
    """In their own words and shape, and the service hears of none of them."""
    request = pazpaz.request("POST", CHAT, json=exchange["request"]["body"])
    match exchange["given"]:
        case "no cookie":
            token = pazpaz.browser.cookies["csrf_token"]
            request.headers["Cookie"] = f"csrf_token={token}"
        case "no CSRF header":
            del request.headers["X-CSRF-Token"]
        case "an idle sign-in":
            sign_in = await sign_in_of(pazpaz)
            pazpaz.host.last_seen[sign_in] = worked_host.now() - timedelta(minutes=31)
        case "a suspended workspace":
            async with pazpaz.host.sessions.begin() as db:
                (await db.get(Workspace, pazpaz.workspace.id)).status = "suspended"

    contract.check_response(exchange, await pazpaz.browser.send(request))
    assert fake_ai_service.tokens == []


async def sign_in_of(pazpaz):
    """The `jti` of the browser's sign-in, once it did something."""
    await pazpaz.send("GET", "/api/v1/clients")
    [sign_in] = pazpaz.host.last_seen
    return sign_in
