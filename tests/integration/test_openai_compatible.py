"""The adapters of OpenAI's format over real sockets, to a server that fails in every way."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from service.adapters.models.guard import guards
from service.adapters.models.openai_compatible import (
    OpenAIChat,
    OpenAIEmbedder,
    OpenAIEntailment,
    OpenAIReranker,
    Server,
    open_provider,
)
from service.chat.filter import admit
from service.chat.synthesize import claims
from service.demo.provider_stub import KEY, Stub
from service.demo.provider_stub.faults import (
    BadEvent,
    BadJson,
    Cut,
    FinishError,
    GarbageText,
    HalfBody,
    Html,
    MissingFields,
    NoEnd,
    NotFinite,
    NotSse,
    NoVerdict,
    Refusal,
    Reset,
    Stall,
    Status,
    WrongCount,
    WrongDimension,
)
from service.domain.answers import Claim, Finished
from service.errors import BadSettings, ModelUnavailable
from service.ports.calls import NO_VEIL
from service.settings import Settings
from tests.fakes import at_once
from tests.integration.providers import QUESTION, SECRET, Place, a_provider, passages


@dataclass
class Served(Place):
    """A server's that speaks OpenAI's format."""

    def __post_init__(self) -> None:
        own = guards("openai", sleep=at_once)
        self.server = Server(self.http, f"{self.stub.url}/v1", SecretStr(KEY), guards=own)
        self.embedder = OpenAIEmbedder(self.server, "stub-embed")
        self.reranker = OpenAIReranker(self.server, "stub-rerank")
        self.model = OpenAIChat(self.server, "stub-chat")
        self.judge = OpenAIEntailment(self.server, "stub-chat")

    async def claims(self, *texts: str) -> list[Claim]:
        deltas = self.model.stream(QUESTION, passages(*texts), context=self.context())
        return [
            one async for one in claims(deltas, model=self.model.model, veil=NO_VEIL, passages=())
        ]


@pytest.fixture
async def place() -> AsyncIterator[Served]:
    async with a_provider() as (stub, http):
        yield Served(stub, http)


async def test_texts_become_vectors_and_usage_is_counted(place: Served) -> None:
    """33 texts take two calls; tokens are told to the meter under the model's name."""
    vectors = await place.embed(*(f"text {n}" for n in range(33)))
    assert [len(vectors), len(vectors[0]), len(place.stub.calls)] == [33, 1024, 2]
    assert place.meter.by_model["stub-embed"].input_tokens == 66


async def test_rerank_scores_the_texts(place: Served) -> None:
    """The text that says it scores higher."""
    said, silent = await place.rerank("the sleep is good", "went to the sea")
    assert said > silent
    assert place.meter.by_model["stub-rerank"].input_tokens > 0


async def test_an_answer_streams_with_citations(place: Served) -> None:
    """Each sentence with its document, in time to be judged with it, from notes of many lines and with brackets."""
    first = "The sleep is good.\n[p2] is what nobody said."
    assert await place.claims(first, "It is late.\nMore.", "No word.") == [
        Claim("The sleep is good.", ("p1",)),
        Claim("It is late.", ("p2",)),
    ]
    assert place.meter.by_model["stub-chat"].output_tokens > 0


async def test_what_a_model_makes_up_is_withheld(place: Served) -> None:
    """Whatever documents it names, sent or not, an invention reaches nobody."""
    place.stub.fault["chat"] = GarbageText()
    said = await place.claims("The sleep is good.")
    assert said
    assert not any(admit(one, passages("The sleep is good.")).admitted for one in said)


async def test_a_sentence_is_confirmed_or_not(place: Served) -> None:
    """By a server that takes a schema for its answer, and by one that does not, which is asked twice at first."""
    assert await place.entail("She sleeps.", "All is well.") == "supported"
    place.stub.takes_forms = False
    assert await place.entail("She sleeps.") == "not_stated"
    assert await place.entail("She sleeps well.") == "supported"
    assert [call.operation for call in place.stub.calls] == ["entail"] * 4
    assert place.meter.by_model["stub-chat"].output_tokens > 0


@pytest.mark.parametrize(
    ("operation", "fault", "reason"),
    [
        ("embed", Status(429), "rate_limited"),
        ("entail", Status(429), "rate_limited"),
        ("entail", Status(400, body=SECRET), "refused"),
        ("entail", Reset(), "connection"),
        ("entail", HalfBody(), "cut"),
        ("entail", MissingFields(), "garbage"),
        ("entail", NoVerdict(), "garbage"),
        ("embed", Status(400, body=SECRET), "refused"),
        ("embed", Reset(), "connection"),
        ("embed", HalfBody(), "cut"),
        ("embed", BadJson(), "garbage"),
        ("embed", MissingFields(), "garbage"),
        ("embed", WrongCount(), "garbage"),
        ("embed", WrongDimension(), "garbage"),
        ("embed", NotFinite(), "garbage"),
        ("rerank", Status(503), "server_error"),
        ("rerank", Html(), "garbage"),
        ("rerank", WrongCount(), "garbage"),
        ("rerank", NotFinite(), "garbage"),
        ("chat", Status(401), "denied"),
        ("chat", Reset(), "connection"),
        ("chat", NotSse(), "garbage"),
        ("chat", Cut(3), "cut"),
        ("chat", NoEnd(), "cut"),
        ("chat", BadEvent(SECRET), "garbage"),
        ("chat", FinishError(), "server_error"),
        ("chat", Refusal(), "refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_each_fault_has_its_reason_and_quotes_nothing(
    place: Served, operation: str, fault: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An absent model with the reason that metrics and retries go by; no word of text in error or log."""
    place.stub.fault[operation] = fault  # type: ignore[index]
    ask: Callable[..., Any] = getattr(place, operation)
    with caplog.at_level(logging.DEBUG), pytest.raises(ModelUnavailable) as caught:
        await ask(SECRET)
    assert caught.value.reason == reason
    assert caught.value.__cause__ is None
    assert SECRET not in caplog.text + repr(caught.value)
    assert KEY not in caplog.text + repr(place.server)


async def test_a_stream_is_begun_again_but_never_repeated(place: Served) -> None:
    """Before its first word an answer may be asked for once more; after it, what was read must not come twice."""
    place.stub.fault["chat"] = Status(503, calls=2)
    assert isinstance((await place.chat("The sleep is good."))[-1], Finished)
    assert len(place.stub.calls) == 3
    place.stub.fault["chat"] = Cut(4, calls=1)
    with pytest.raises(ModelUnavailable):
        await place.chat("The sleep is good. " * 9)
    assert len(place.stub.calls) == 4


async def test_who_leaves_is_gone_at_the_server_too(place: Served) -> None:
    """A closed generator closes its connection while the model still writes."""
    place.stub.script("The sleep is good, as far as anybody can tell. [p1] More.")
    place.stub.fault["chat"] = Stall(5)
    stream = place.model.stream(QUESTION, passages("The sleep."), context=place.context(30))
    await anext(stream)
    await stream.aclose()
    await asyncio.wait_for(place.stub.calls[0].over(), 10)
    assert place.stub.calls[0].hung_up


def settings(stub: Stub, **given: Any) -> Settings:
    """Those of the provider alone."""
    told = {
        "openai_base_url": stub.url,
        "openai_api_key": KEY,
        "openai_embed_model": "stub-embed",
        "openai_rerank_model": "stub-rerank",
        "openai_chat_model": "stub-chat",
    }
    return Settings.model_construct(
        **{**told, **given, "openai_api_key": SecretStr(given.get("openai_api_key", KEY))}
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"openai_api_key": "wrong"}, "OPENAI_API_KEY or OPENAI_EMBED_MODEL"),
        ({"openai_embed_model": "unknown-1"}, "OPENAI_API_KEY or OPENAI_EMBED_MODEL"),
        ({"openai_rerank_model": "unknown-1"}, "OPENAI_API_KEY or OPENAI_RERANK_MODEL"),
        (
            {"openai_chat_model": "unknown-1"},
            "OPENAI_CHAT_MODEL: the server does not list unknown-1",
        ),
        (
            {"openai_entailment_model": "unknown-1"},
            "OPENAI_ENTAILMENT_MODEL: the server refuses it",
        ),
    ],
)
async def test_a_start_with_a_wrong_key_or_model_is_refused(
    place: Served, given: dict[str, str], named: str
) -> None:
    """One line that names the setting."""
    place.stub.unknown = {"unknown-1"}
    good = open_provider(settings(place.stub), place.http)
    bad = open_provider(settings(place.stub, **given), place.http)
    assert good
    assert bad
    await good.check()
    with pytest.raises(BadSettings, match=named):
        await bad.check()


async def test_a_server_that_is_away_is_no_wrong_setting(place: Served) -> None:
    """A start goes on without it."""
    place.stub.fault["models"] = Status(500)
    opened = open_provider(settings(place.stub), place.http)
    assert opened
    with pytest.raises(ModelUnavailable):
        await opened.check()
