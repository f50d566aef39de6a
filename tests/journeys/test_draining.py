"""An API that was told to stop: who has a connection to it loses nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest

from service.demo.stage import Stage
from tests.journeys.practice import eventually

ASKED = b"GET /healthz HTTP/1.1\r\nHost: api\r\n\r\n"


@pytest.fixture
async def api(stage: Stage) -> AsyncIterator[Stage]:
    """Another API, which takes a minute to leave."""
    apart = stage.beside(DRAIN_SECONDS="60")
    apart.start("api")
    await apart.until_up(apart.service_url)
    yield apart
    apart.stop("api")


async def test_a_request_on_an_idle_connection_is_answered(api: Stage) -> None:
    """After the signal too, as the last one on it; new connections are taken, readiness says to open none."""
    child, where = api.children["api"], urlsplit(api.service_url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    async with httpx.AsyncClient(base_url=api.service_url, trust_env=False) as http:

        async def ready() -> dict[str, str]:
            return dict((await http.get("/readyz")).json())

        async def is_leaving() -> bool:
            return await ready() == {"status": "leaving"}

        with closing(writer):
            assert b"connection: close" not in await _asked(reader, writer)
            assert (await ready())["status"] == "ready"
            child.process.send_signal(signal.SIGTERM)
            await eventually(is_leaving)
            assert b"connection: close" in await _asked(reader, writer)
            assert await asyncio.wait_for(reader.read(), 5) == b""
        answer = await http.get("/healthz")
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    assert not child.ended
    child.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(child.process.wait, 20)


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The head of the answer, in lower case."""
    writer.write(ASKED)
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).lower()
    assert head.startswith(b"http/1.1 200 ")
    await reader.readexactly(len(b'{"status":"ok"}'))
    return head
