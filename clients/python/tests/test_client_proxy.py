"""The thin proxy, between a browser and a service that are both played here."""

import asyncio
import json
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from starlette.middleware.base import BaseHTTPMiddleware

from pazpaz_ai_client import proxy
from pazpaz_ai_client.proxy import create_proxy_router

CHAT = "/api/v1/ai/agent/chat"


async def a_bearer(request):
    return "token"


def an_app(upstream, *, bearer=a_bearer, **options):
    client = httpx.AsyncClient(
        transport=httpx.MockTransport(upstream), headers={"X-Default": "1"}, cookies={"c": "1"}
    )
    app = FastAPI()
    app.include_router(
        create_proxy_router(service_url="http://ai/", client=client, bearer=bearer, **options)
    )
    return app


def a_browser(upstream, **options):
    transport = httpx.ASGITransport(an_app(upstream, **options))
    return httpx.AsyncClient(transport=transport, base_url="http://pazpaz")


class Recorder:
    """A service that remembers what it was sent."""

    def __init__(self, response=None):
        self.requests, self.response = [], response or httpx.Response(200, json={"ok": 1})

    def __call__(self, request):
        self.requests.append(request)
        return self.response


async def test_only_named_headers_travel():
    """Cookies, other credentials and defaults of the shared client stay behind."""
    service = Recorder()

    await a_browser(service).post(
        CHAT,
        json={"query": "x"},
        headers={
            "Cookie": "access_token=secret",
            "Authorization": "Bearer mine",
            "X-Workspace-ID": "w",
            "Accept": "application/json",
            "Accept-Language": "he",
            "X-Request-ID": "r-1",
        },
    )

    (sent,) = service.requests
    assert dict(sent.headers) == {
        "host": "ai",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-language": "he",
        "x-request-id": "r-1",
        "authorization": "Bearer token",
        "accept-encoding": "identity",
        "content-length": str(len(sent.content)),
    }
    assert sent.extensions["timeout"] == {"connect": 2, "read": 60, "write": 60, "pool": 2}


CONVERSATION = UUID(int=7)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/chat"),
        ("GET", "/history?cursor=a%2Fb&limit=5"),
        ("DELETE", "/history"),
        ("GET", f"/history/{CONVERSATION}"),
        ("DELETE", f"/history/{CONVERSATION}"),
        ("GET", f"/history/{CONVERSATION}/export"),
        ("POST", "/feedback"),
    ],
)
async def test_each_route_keeps_method_path_and_query(method, path):
    """What the browser asks is what the service is asked, byte for byte."""
    service = Recorder()
    browser = a_browser(service, prefix="/elsewhere")

    await browser.request(method, f"/elsewhere{path}")

    (sent,) = service.requests
    assert sent.method == method
    assert str(sent.url) == f"http://ai/api/v1/ai/agent{path}"


async def test_a_strange_conversation_id_reaches_nobody():
    """Only a UUID can be part of a path of the service."""
    service = Recorder()

    response = await a_browser(service).get("/api/v1/ai/agent/history/..%2F..%2Fadmin")

    assert response.status_code == 404
    assert service.requests == []


@pytest.mark.parametrize("status", [200, 401, 404, 422, 429, 503])
async def test_answers_pass_one_to_one(status):
    """Status, body and the headers a page needs are those of the service."""
    headers = {"Retry-After": "7", "X-Request-ID": "r", "Set-Cookie": "a=b", "Server": "s"}
    answer = httpx.Response(status, json={"detail": "כן"}, headers=headers)

    response = await a_browser(Recorder(answer)).post(CHAT, json={})

    assert (response.status_code, response.json()) == (status, {"detail": "כן"})
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-request-id"] == "r"
    assert "set-cookie" not in response.headers
    assert "server" not in response.headers


@pytest.mark.parametrize(
    "fault",
    [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")],
)
@pytest.mark.parametrize(("language", "word"), [("he-IL", "העוזר"), ("en", "assistant")])
async def test_an_absent_service_is_one_clear_refusal(fault, language, word):
    """503 with a string to show, in the reader's language, and when to try again."""

    def away(request):
        raise fault

    response = await a_browser(away).post(
        CHAT, json={}, headers={"Accept-Language": language, "X-Request-ID": "r-1"}
    )

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.headers["content-type"] == "application/problem+json"
    assert word in response.json()["detail"]
    assert response.json()["request_id"] == "r-1"


async def test_a_large_request_is_refused_here():
    """The service never sees more than 64 KiB."""
    service = Recorder()

    response = await a_browser(service).post(CHAT, content=b" " * (proxy.MAX_BODY + 1))

    assert response.status_code == 413
    assert service.requests == []


async def test_their_own_refusal_comes_first():
    """Who is not signed in to PazPaz reaches nobody, and the body is not read."""
    service = Recorder()

    async def nobody(request):
        raise HTTPException(401, "Authentication required")

    response = await a_browser(service, bearer=nobody).post(CHAT, content=b" " * 100_000)

    assert (response.status_code, response.json()["detail"]) == (401, "Authentication required")
    assert service.requests == []


async def test_the_client_may_be_made_later():
    """A callable gives the client when a request comes, after the application has started."""
    service = Recorder()
    app = FastAPI()
    app.include_router(
        create_proxy_router(
            service_url="http://ai",
            client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(service)),
            bearer=a_bearer,
        )
    )
    browser = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pazpaz")

    assert (await browser.get("/api/v1/ai/agent/history")).status_code == 200


class Events(httpx.AsyncByteStream):
    """A stream whose parts are given one by one."""

    def __init__(self):
        self.parts, self.closed = asyncio.Queue(), asyncio.Event()

    async def __aiter__(self):
        while (part := await self.parts.get()) is not None:
            if isinstance(part, Exception):
                raise part
            yield part

    async def aclose(self):
        self.closed.set()


class Browser:
    """Speaks ASGI by hand, because httpx waits for the whole of an answer."""

    def __init__(self, app):
        self.app, self.received, self.left = app, asyncio.Queue(), asyncio.Event()
        self.asked = False

    def ask(self):
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "method": "POST",
            "path": CHAT,
            "raw_path": CHAT.encode(),
            "query_string": b"",
            "headers": [(b"accept", b"text/event-stream")],
        }
        return asyncio.create_task(self.app(scope, self._receive, self.received.put))

    async def _receive(self):
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"{}", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}


def a_stream():
    events = Events()
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "X-Request-ID": "r"}
    return events, lambda request: httpx.Response(200, headers=headers, stream=events)


async def test_events_pass_as_they_come():
    """Each event reaches the browser before the next one exists, with buffering switched off."""
    events, upstream = a_stream()
    browser = Browser(an_app(upstream))
    asking = browser.ask()

    start = await browser.received.get()
    headers = dict(start["headers"])
    assert headers[b"x-accel-buffering"] == b"no"
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    for part in (b"event: token\ndata: x\n\n", b": beat\n\n", b"event: done\ndata: {}\n\n"):
        events.parts.put_nowait(part)
        assert (await browser.received.get())["body"] == part
    events.parts.put_nowait(None)
    await asking
    assert browser.received.get_nowait()["body"] == b""
    assert events.closed.is_set()


@pytest.mark.parametrize("end", [None, httpx.ReadError("reset")], ids=["ends", "breaks"])
async def test_a_stream_that_breaks_off_ends_with_an_error(end):
    """A service that is killed says nothing; half an event is not passed on, and the page is told in its language."""
    events, upstream = a_stream()
    browser = Browser(an_app(upstream))
    asking = browser.ask()
    await browser.received.get()
    for part in (b"event: token\nda", b"ta: x\n\nevent: don", b"e\ndata: {", end):
        events.parts.put_nowait(part)
    await asking
    bodies = []
    while not browser.received.empty():
        bodies.append(browser.received.get_nowait()["body"])
    assert bodies[0] == b"event: token\ndata: x\n\n"
    name, data = bodies[1].decode().strip().split("\n")
    told = json.loads(data.removeprefix("data: "))
    assert name == "event: error"
    assert (told["status"], told["code"], told["retry_after"]) == (503, "stream_broken", 5)
    assert told["detail"].startswith("The assistant is not available")
    assert bodies[2:] == [b""]


async def test_a_browser_that_leaves_stops_the_service():
    """The upstream stream is closed at once, in the middle of it."""
    events, upstream = a_stream()
    browser = Browser(an_app(upstream))
    asking = browser.ask()
    await browser.received.get()
    events.parts.put_nowait(b"data: x\n\n")
    await browser.received.get()

    browser.left.set()
    await asyncio.wait_for(asking, 1)

    assert events.closed.is_set()


async def test_a_browser_gone_before_the_first_event_stops_the_service():
    """Also a stream of which nothing was read is closed."""
    events, upstream = a_stream()
    browser = Browser(an_app(upstream))
    browser.left.set()

    await asyncio.wait_for(browser.ask(), 1)

    assert events.closed.is_set()


async def test_a_server_that_goes_down_leaves_no_stream_open():
    """Whenever a request is cancelled, what the service answered by then is closed."""
    asked = 0
    for turns in range(40):
        events, upstream = a_stream()
        service = Recorder(upstream(None))
        asking = Browser(behind(passes_it_on, an_app(service), layers=1)).ask()
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        asked += bool(service.requests)
        assert events.closed.is_set() or not service.requests
    assert asked > 20


class Slow:
    """A service that is asked and does not answer; it knows when nobody waits any more."""

    def __init__(self):
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def __call__(self, request):
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()


async def reads_it_whole(request, call_next):
    await request.body()
    return await call_next(request)


async def hands_it_out_again(request, call_next):
    body = await request.body()

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    request._receive = receive
    return await call_next(request)


def behind(dispatch, app, layers=9):
    """The application inside middleware like PazPaz's own."""
    for _ in range(layers):
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    return app


async def passes_it_on(request, call_next):
    return await call_next(request)


@pytest.mark.parametrize("dispatch", [None, passes_it_on, reads_it_whole])
async def test_a_browser_that_leaves_while_it_waits_stops_the_service(dispatch):
    """The call is given up at once, also behind nine layers of middleware."""
    service = Slow()
    browser = Browser(behind(dispatch, an_app(service), layers=9 if dispatch else 0))
    asking = browser.ask()
    await service.asked.wait()
    assert not service.left.is_set()

    browser.left.set()
    await asyncio.wait_for(asking, 5)

    assert service.left.is_set()
    assert browser.received.get_nowait()["status"] == proxy.BROWSER_LEFT


@pytest.mark.parametrize("dispatch", [passes_it_on, reads_it_whole, hands_it_out_again])
async def test_who_stays_is_answered_behind_any_middleware(dispatch):
    """A middleware that hides whether somebody left costs nobody the answer, in JSON and as events."""
    service = Recorder()
    browser = Browser(behind(dispatch, an_app(service)))
    await asyncio.wait_for(browser.ask(), 5)
    assert browser.received.get_nowait()["status"] == 200

    events, upstream = a_stream()
    for part in (b"event: done\ndata: x\n\n", None):
        events.parts.put_nowait(part)
    browser = Browser(behind(dispatch, an_app(upstream)))
    await asyncio.wait_for(browser.ask(), 5)
    sent = [browser.received.get_nowait() for _ in range(browser.received.qsize())]
    assert b"".join(message.get("body", b"") for message in sent) == b"event: done\ndata: x\n\n"


async def test_a_stream_that_breaks_just_ends():
    """A broken stream has no `done`, and no error of ours inside it."""
    events, upstream = a_stream()
    browser = Browser(an_app(upstream))
    events.parts.put_nowait(b"event: done\ndata: x\n\n")
    events.parts.put_nowait(httpx.ReadError("x"))

    await asyncio.wait_for(browser.ask(), 1)

    assert events.closed.is_set()
