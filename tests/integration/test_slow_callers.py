"""What callers do to a server on the wire: never finish a sentence, say two at once, ask for another protocol."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from service.api import dependencies
from service.commands import slow_callers
from service.commands.serving import server_config
from service.settings import Settings
from tests.unit.api import practice
from tests.unit.api.practice import APP, CHAT, EVENTS, HISTORY, Parts, a_token

PATIENCE = 20
IMPATIENCE = 0.2
HOST = b"Host: ai.test\r\n"
JSON = b"Content-Type: application/json\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
async def port(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The app as `serve` serves it, at a port of its own, and in a hurry."""
    monkeypatch.setattr(slow_callers, "HEAD_SECONDS", IMPATIENCE)
    monkeypatch.setattr(dependencies, "BODY_SECONDS", IMPATIENCE)
    practice._parts[:] = [parts]
    settings = Settings.model_construct(host="127.0.0.1", port=0, question_seconds=5)
    server = uvicorn.Server(server_config(APP, settings))
    async with asyncio.TaskGroup() as group:
        group.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def head(method: str, path: str, *lines: bytes) -> bytes:
    return f"{method} {path} HTTP/1.1\r\n".encode() + HOST + b"".join(lines) + b"\r\n"


def token() -> bytes:
    return f"Authorization: Bearer {a_token()}\r\n".encode()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server hangs up; fails if it does not."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def one_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    async with asyncio.timeout(PATIENCE):
        told = await reader.readuntil(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in told.split(b"\r\n")[1:-2])
        body = await reader.readexactly(int(lines[b"content-length"]))
    return int(told.split()[1]), body


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: ai"], ids=["none", "half"])
async def test_a_head_that_does_not_come_is_not_waited_for(port: int, said: bytes) -> None:
    """Neither a connection without a word nor half a head is held for ever."""
    async with connected(port) as (reader, writer):
        writer.write(said)
        assert await rest(reader) == b""


async def test_a_head_that_drips_in_is_not_waited_for(port: int) -> None:
    """A byte now and then buys no more time, on a kept connection either."""
    async with connected(port) as (reader, writer):
        writer.write(head("GET", "/healthz"))
        assert (await one_answer(reader))[0] == 200
        ended = asyncio.create_task(rest(reader))
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        while not ended.done():
            writer.write(b"X: y\r\n")
            await asyncio.sleep(IMPATIENCE / 10)
        assert await ended == b""


async def test_a_body_that_does_not_come_is_refused(port: int) -> None:
    """The body of an event is read before its signature is checked: a stranger cannot leave it open."""
    async with connected(port) as (reader, writer):
        writer.write(head("POST", EVENTS, JSON, b"Content-Length: 1000\r\n") + b"{")
        status, body = await one_answer(reader)
        assert (status, json.loads(body)["type"]) == (422, "urn:pazpaz-ai:malformed")


async def test_what_drips_in_after_a_refusal_holds_nothing(port: int) -> None:
    """A body whose caller was refused already is no reason to keep listening."""
    async with connected(port) as (reader, writer):
        writer.write(head("POST", CHAT, JSON, b"Content-Length: 60000\r\n"))
        assert (await one_answer(reader))[0] == 401
        ended = asyncio.create_task(rest(reader))
        while not ended.done():
            writer.write(b"x")
            await asyncio.sleep(IMPATIENCE / 10)
        assert await ended == b""


async def test_a_question_may_take_longer_than_its_head(port: int, parts: Parts) -> None:
    """Who has asked is waited upon, however long the answer takes."""
    parts.meanwhile = lambda: asyncio.sleep(IMPATIENCE * 3)
    body = b'{"query": "How is the knee?"}'
    asked = head("POST", CHAT, JSON, token(), f"Content-Length: {len(body)}\r\n".encode()) + body
    async with connected(port) as (reader, writer):
        writer.write(asked)
        assert (await one_answer(reader))[0] == 200


async def test_requests_in_one_breath_are_judged_one_by_one(port: int) -> None:
    """A token holds for the request it came with, and for none before or behind it on the connection."""
    bare, signed_in = head("GET", HISTORY), head("GET", HISTORY, token())
    async with connected(port) as (reader, writer):
        writer.write(bare + signed_in + bare)
        assert [(await one_answer(reader))[0] for _ in range(3)] == [401, 200, 401]


async def test_two_lengths_of_one_body_are_no_request(port: int) -> None:
    """Where a proxy and we could disagree on where a request ends, it is refused and the connection ends."""
    lengths = b"Content-Length: 4\r\nContent-Length: 5\r\n"
    async with connected(port) as (reader, writer):
        writer.write(head("POST", CHAT, JSON, token(), lengths) + b"aaaaa" + head("GET", HISTORY))
        answer = await rest(reader)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1


async def test_no_other_protocol_is_spoken(port: int) -> None:
    """Asked for a WebSocket, the route answers as the HTTP it is."""
    async with connected(port) as (reader, writer):
        writer.write(head("GET", HISTORY, UPGRADE))
        assert (await one_answer(reader))[0] == 401
