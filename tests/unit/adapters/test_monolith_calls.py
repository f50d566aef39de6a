"""A call to PazPaz ends in time, whatever the other side does with its answer."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from pazpaz_ai_client.signing import KeyRing, PrivateKey, ResponseVerifier, Signer
from service.adapters.monolith import Monolith
from service.errors import SourceUnavailable
from tests.fakes import NOW, WORKSPACE

KEY = PrivateKey.generate("ai-2026-11-a")


class Trickle(httpx.AsyncByteStream):
    """An answer that begins, and never ends."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()


def monolith(http: httpx.AsyncClient) -> Monolith:
    return Monolith(
        http=http,
        base_url="http://pazpaz.test",
        signer=Signer(KEY, audience="pazpaz-monolith"),
        verifier=ResponseVerifier(KeyRing([])),
        clock=lambda: NOW,
        deadline=0.05,
    )


async def test_an_answer_that_trickles_for_ever_is_cut_off():
    """The deadline is for the whole call: a byte now and then does not extend it."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Trickle()))
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(SourceUnavailable):
            await asyncio.wait_for(monolith(http).workspace_status(workspace=WORKSPACE), 5)


async def test_an_unsigned_answer_is_no_answer():
    """A 200 nobody signed says no more than a broken wire, and a redirect is not followed."""

    def answer(request: httpx.Request) -> httpx.Response:
        elsewhere = {"Location": "http://elsewhere.test"}
        return httpx.Response(302, headers=elsewhere, stream=httpx.ByteStream(b"{}"))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(SourceUnavailable):
            await monolith(http).workspace_status(workspace=WORKSPACE)
