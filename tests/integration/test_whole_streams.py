"""One connection to a provider, answer after answer, on real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from service.adapters.http_client import open_http
from service.adapters.models.cohere import Cohere, CohereChat
from service.adapters.models.guard import guards
from service.adapters.models.openai_compatible import OpenAIChat, Server
from service.adapters.models.whole_streams import read_to_the_end
from service.demo.provider_stub import KEY, Stub, provider_stub
from service.demo.provider_stub.faults import Stall
from service.domain.answers import Finished, Question
from service.ports.models import ChatModel
from tests.fakes import a_context, a_passage

QUESTION = Question("how is the sleep?", "en")
PASSAGES = [a_passage("The sleep is good. " * 10)]


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with provider_stub() as running:
        yield running


@pytest.fixture(params=["cohere", "openai"])
async def model(request: pytest.FixtureRequest, stub: Stub) -> AsyncIterator[ChatModel]:
    async with open_http(
        timeouts=httpx.Timeout(5),
        idle_seconds=60,
        verify=ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        ),  # certificates take longer to load than the test
        on_response=[read_to_the_end],
    ) as http:
        if request.param == "cohere":
            yield CohereChat(
                Cohere.open(api_key=KEY, base_url=stub.url, http=http, guards=guards("cohere")),
                "stub-chat",
            )
        else:
            yield OpenAIChat(Server(http, f"{stub.url}/v1", SecretStr(KEY)), "stub-chat")


async def test_an_answer_that_was_read_leaves_its_connection_to_the_next(
    stub: Stub, model: ChatModel
) -> None:
    """Up to its last event; the provider sees nobody hang up."""
    for _ in range(3):
        async for delta in model.stream(QUESTION, PASSAGES, context=a_context()):
            if isinstance(delta, Finished):
                break  # as the service listens
    assert {call.connection for call in stub.calls} == {1}
    assert not any(call.hung_up for call in stub.calls)


async def test_an_answer_that_is_left_early_ends_its_connection(
    stub: Stub, model: ChatModel
) -> None:
    """At once: the rest may be long in coming, and costs money."""
    stub.fault["chat"] = Stall(5)
    stream = model.stream(QUESTION, PASSAGES, context=a_context())
    await anext(stream)
    await stream.aclose()
    await asyncio.wait_for(stub.calls[0].over(), 10)
    assert stub.calls[0].hung_up
