"""The Cohere adapters through the real SDK and real sockets, to a provider that fails in every way."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from service.adapters.models.cohere import (
    Cohere,
    CohereChat,
    CohereEmbedder,
    CohereEntailment,
    CohereReranker,
    open_provider,
)
from service.adapters.models.guard import guards
from service.demo.provider_stub import KEY
from service.demo.provider_stub.faults import (
    BadEvent,
    BadJson,
    Cut,
    Empty,
    FinishError,
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
from service.domain.answers import CitationDelta, Finished, TextDelta
from service.errors import BadSettings, ModelUnavailable
from tests.fakes import at_once
from tests.integration.providers import (
    QUESTION,
    SECRET,
    Place,
    a_provider,
    cohere_settings,
    passages,
)


@dataclass
class Cohered(Place):
    """Cohere's."""

    def __post_init__(self) -> None:
        own = guards("cohere", sleep=at_once)
        cohere = Cohere.open(api_key=KEY, base_url=self.stub.url, http=self.http, guards=own)
        self.embedder = CohereEmbedder(cohere, "embed-v4.0")
        self.reranker = CohereReranker(cohere, "rerank-v3.5")
        self.model = CohereChat(cohere, "command-a-03-2025")
        self.judge = CohereEntailment(cohere, "command-a-03-2025")


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_provider() as (stub, http):
        yield Cohered(stub, http)


async def test_texts_become_vectors_and_usage_is_counted(place: Place) -> None:
    """97 texts take two calls; tokens are told to the meter under the model's name."""
    vectors = await place.embed(*(f"text {n}" for n in range(97)))
    assert [len(vectors), len(vectors[0]), len(place.stub.calls)] == [97, 1024, 2]
    assert place.meter.by_model["embed-v4.0"].input_tokens > 0


async def test_rerank_orders_and_counts_searches(place: Place) -> None:
    """The text that says it scores higher; each call over up to 100 texts is one search."""
    said, silent = await place.rerank("the sleep is good", "went to the sea")
    assert said > silent
    assert place.meter.by_model["rerank-v3.5"].searches == 1


async def test_an_answer_streams_with_citations(place: Place) -> None:
    """Text, its citation with offsets into the text, and an end with usage."""
    deltas = await place.chat("The sleep is good. More.", "Went to the sea.")
    text = "".join(one.text for one in deltas if isinstance(one, TextDelta))
    cited = [one for one in deltas if isinstance(one, CitationDelta)]
    assert "The sleep is good." in text
    assert text[cited[0].start : cited[0].end] == "The sleep is good."
    assert cited[0].passage_ids == ("p1",)
    assert isinstance(deltas[-1], Finished)
    assert place.meter.by_model["command-a-03-2025"].output_tokens > 0


async def test_a_sentence_is_confirmed_or_not(place: Place) -> None:
    """By all its sources together; what it costs is told to the meter."""
    assert await place.entail("She sleeps.", "All is well.") == "supported"
    assert await place.entail("She sleeps.", "[statement] well") == "supported"
    assert await place.entail("She sleeps.") == "not_stated"
    place.stub.judge = lambda asked: "contradicted"
    assert await place.entail("She sleeps well.") == "contradicted"
    assert place.meter.by_model["command-a-03-2025"].output_tokens > 0
    assert {call.operation for call in place.stub.calls} == {"entail"}


@pytest.mark.parametrize(
    ("operation", "fault", "reason"),
    [
        ("embed", Status(500), "server_error"),
        ("embed", Status(429), "rate_limited"),
        ("embed", Status(400, body=SECRET), "refused"),
        ("embed", Reset(), "connection"),
        ("embed", HalfBody(), "cut"),
        ("embed", Html(), "garbage"),
        ("embed", Empty(), "garbage"),
        ("embed", BadJson(), "garbage"),
        ("embed", MissingFields(), "garbage"),
        ("embed", WrongCount(), "garbage"),
        ("embed", WrongDimension(), "garbage"),
        ("embed", NotFinite(), "garbage"),
        ("rerank", Status(503), "server_error"),
        ("rerank", Html(), "garbage"),
        ("rerank", MissingFields(), "garbage"),
        ("rerank", WrongCount(), "garbage"),
        ("rerank", NotFinite(), "garbage"),
        ("chat", Status(429), "rate_limited"),
        ("chat", Status(401), "denied"),
        ("chat", Reset(), "connection"),
        ("chat", NotSse(), "garbage"),
        ("chat", Cut(3), "cut"),
        ("chat", NoEnd(), "cut"),
        ("chat", BadEvent(SECRET), "garbage"),
        ("chat", FinishError(), "server_error"),
        ("entail", Status(429), "rate_limited"),
        ("entail", Status(400, body=SECRET), "refused"),
        ("entail", Reset(), "connection"),
        ("entail", HalfBody(), "cut"),
        ("entail", Html(), "garbage"),
        ("entail", Empty(), "garbage"),
        ("entail", BadJson(), "garbage"),
        ("entail", NoVerdict(), "garbage"),
        ("chat", Refusal(), "refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_each_fault_has_its_reason_and_quotes_nothing(
    place: Place, operation: str, fault: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An absent model with the reason that metrics and retries go by; no word of text in error or log."""
    place.stub.fault[operation] = fault
    ask: Callable[..., Any] = getattr(place, operation)
    with caplog.at_level(logging.DEBUG), pytest.raises(ModelUnavailable) as caught:
        await ask(SECRET)
    assert caught.value.reason == reason
    assert caught.value.__cause__ is None
    assert SECRET not in caplog.text + repr(caught.value)


async def test_what_passes_is_tried_again(place: Place) -> None:
    """Two refusals for now, then the answer: the caller notices nothing."""
    place.stub.fault["embed"] = Status(503, calls=2)
    assert len(await place.embed("x")) == 1
    assert len(place.stub.calls) == 3


async def test_a_stream_is_begun_again_but_never_repeated(place: Place) -> None:
    """Before its first word an answer may be asked for once more; after it, what was read must not come twice."""
    place.stub.fault["chat"] = Status(429, calls=1)
    assert isinstance((await place.chat("The sleep is good."))[-1], Finished)
    assert len(place.stub.calls) == 2
    assert place.meter.owed == set()
    place.stub.fault["chat"] = Cut(4, calls=1)
    with pytest.raises(ModelUnavailable):
        await place.chat("The sleep is good.")
    assert len(place.stub.calls) == 3
    assert place.meter.owed == {"model"}


async def test_who_leaves_is_gone_at_the_provider_too(place: Place) -> None:
    """A closed generator closes its connection while the model still writes."""
    place.stub.fault["chat"] = Stall(5)
    long = passages("The sleep is good. " * 40)
    stream = place.model.stream(QUESTION, long, context=place.context(30))
    await anext(stream)
    await stream.aclose()
    await asyncio.wait_for(place.stub.calls[0].over(), 10)
    assert place.stub.calls[0].hung_up
    assert place.meter.owed == {"model"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"cohere_api_key": "wrong"}, "COHERE_API_KEY or COHERE_EMBED_MODEL"),
        ({"cohere_embed_model": "unknown-1"}, "COHERE_API_KEY or COHERE_EMBED_MODEL"),
        ({"cohere_rerank_model": "unknown-1"}, "COHERE_RERANK_MODEL"),
        ({"cohere_chat_model": "rerank-v3.5"}, "COHERE_CHAT_MODEL"),
        ({"cohere_entailment_model": "unknown-1"}, "COHERE_ENTAILMENT_MODEL: Cohere refuses it"),
    ],
)
async def test_a_start_with_a_wrong_key_or_model_is_refused(
    place: Place, given: dict[str, str], named: str
) -> None:
    """One line that names the setting; a provider that is away does not stop a start."""
    place.stub.unknown = frozenset({"unknown-1"})
    good = open_provider(cohere_settings(place.stub), place.http)
    bad = open_provider(cohere_settings(place.stub, **given), place.http)
    assert good
    assert bad
    await good.check()
    with pytest.raises(BadSettings, match=named):
        await bad.check()
    place.stub.fault["embed"] = Status(500)
    with pytest.raises(ModelUnavailable):
        await good.check()


async def test_a_start_with_a_model_that_gives_no_verdict_is_refused(place: Place) -> None:
    """As one that thinks before it speaks; without the check nobody asks it."""
    place.stub.fault["entail"] = NoVerdict()
    for checks in (True, False):
        opened = open_provider(cohere_settings(place.stub, entailment_check=checks), place.http)
        assert opened
        if checks:
            with pytest.raises(BadSettings, match="COHERE_ENTAILMENT_MODEL: it gives no verdict"):
                await opened.check()
        else:
            await opened.check()
            assert opened.entailment is None
