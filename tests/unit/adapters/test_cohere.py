"""The Cohere adapters against a stub of its wire format: what is trusted, and what ends as ModelUnavailable."""

import asyncio
import base64
import json
from array import array
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import httpx
import pytest

from service.adapters.models.cohere import (
    Cohere,
    CohereChat,
    CohereEmbedder,
    CohereEntailment,
    CohereReranker,
    embedder_named,
)
from service.adapters.models.entailment import VERDICT_TOKENS
from service.adapters.models.guard import guards
from service.domain.answers import CitationDelta, Finished, Question, Stretch, TextDelta, Usage
from service.domain.deadline import Deadline
from service.domain.usage import Meter
from service.errors import ModelUnavailable
from service.ports.models import Entailment
from service.vectors import DIMENSION
from tests.fakes import a_context, a_passage, at_once

SECRET = "סוד שאסור שיופיע"
Answer = Callable[[httpx.Request], httpx.Response]


def cohere(answer: Answer) -> Cohere:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    own = guards("cohere", sleep=at_once)
    return Cohere.open(api_key="k", base_url="https://cohere.invalid", http=http, guards=own)


def vectors(count: int, dimension: int = DIMENSION) -> dict[str, Any]:
    one = base64.b64encode(array("f", [3.0] + [0.0] * (dimension - 1)).tobytes()).decode()
    return {"id": "1", "embeddings": {"base64": [one] * count}, "texts": []}


def frames(*events: dict[str, Any]) -> httpx.Response:
    body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=(body + "data: [DONE]\n\n")
    )


def text(part: str) -> dict[str, Any]:
    delta = {"message": {"content": {"text": part}}}
    return {"type": "content-delta", "index": 0, "delta": delta}


def cited(start: int, end: int, words: str, source: str) -> dict[str, Any]:
    sources = [{"type": "document", "id": source, "document": {"id": source}}]
    citation = {"start": start, "end": end, "text": words, "sources": sources}
    return {"type": "citation-start", "index": 0, "delta": {"message": {"citations": citation}}}


def end(reason: str = "COMPLETE") -> dict[str, Any]:
    usage = {"tokens": {"input_tokens": 12, "output_tokens": 5}}
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": usage}}


async def written(answer: Answer, question: str = "q", *, seconds: float = 30) -> list[Any]:
    model = CohereChat(cohere(answer), "command-test")
    context, passages = a_context(deadline=Deadline.after(seconds)), [a_passage("Sleeps well.")]
    return [one async for one in model.stream(Question(question, "en"), passages, context=context)]


async def test_texts_are_embedded_in_batches_of_96_as_unit_vectors() -> None:
    """97 texts make two calls, typed as documents, and every vector has length one."""
    seen: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json=vectors(len(seen[-1]["texts"])))

    embedder = CohereEmbedder(cohere(answer), "embed-test")
    made = await embedder.embed(["x"] * 97, purpose="document", context=a_context())

    assert [len(call["texts"]) for call in seen] == [96, 1]
    assert {call["input_type"] for call in seen} == {"search_document"}
    assert {tuple(call["embedding_types"]) for call in seen} == {("base64",)}
    assert len(made) == 97
    assert made[0][0] == pytest.approx(1.0)
    assert embedder.model == f"cohere/embed-test/{DIMENSION}"


def test_an_embedder_is_found_by_the_name_its_vectors_are_stored_under() -> None:
    """So an index by another model of the provider than the settings' can still be asked and kept up."""
    client = cohere(lambda _: httpx.Response(500))
    stored = CohereEmbedder(client, "embed-older").model
    assert embedder_named(stored, client) == CohereEmbedder(client, "embed-older")
    for other in (
        "local-hash-1",
        "cohere/embed-v4.0/512",
        f"cohere//{DIMENSION}",
        "embed-v4.0",
        "",
    ):
        assert embedder_named(other, client) is None


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, json=vectors(1, dimension=512)),
        httpx.Response(200, json=vectors(2)),
        httpx.Response(200, json={"id": "1"}),
        httpx.Response(200, html=f"<p>{SECRET}</p>"),
        httpx.Response(200, content=b""),
        httpx.Response(401, json={"message": SECRET}),
        httpx.Response(402, json={"message": SECRET}),
        httpx.Response(500, json={"message": SECRET}),
    ],
    ids=["dimension", "count", "no-vectors", "html", "empty", "401", "402", "500"],
)
async def test_an_answer_that_cannot_be_trusted_is_an_absent_model(
    response: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong, the error is ModelUnavailable, and no word of text is in it, its causes or the log."""
    embedder = CohereEmbedder(cohere(lambda _: response), "embed-test")

    with pytest.raises(ModelUnavailable) as caught:
        await embedder.embed([SECRET], purpose="query", context=a_context())

    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert SECRET not in caplog.text


async def test_too_many_requests_says_when_to_come_back() -> None:
    """A 429 with Retry-After hands the wait on."""
    response = httpx.Response(429, headers={"Retry-After": "7"}, json={"message": "slow down"})
    embedder = CohereEmbedder(cohere(lambda _: response), "embed-test")

    with pytest.raises(ModelUnavailable) as caught:
        await embedder.embed(["x"], purpose="query", context=a_context())

    assert caught.value.retry_after == 7


@pytest.mark.parametrize("value", ["nan", "inf", "-5", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_wait_that_is_no_number_of_seconds_is_not_handed_on(value: str) -> None:
    """The usual wait stands instead; NaN or infinity would break the answer that says so."""
    response = httpx.Response(429, headers={"Retry-After": value}, json={})

    with pytest.raises(ModelUnavailable) as caught:
        await CohereEmbedder(cohere(lambda _: response), "m").embed(
            ["x"], purpose="query", context=a_context()
        )

    assert caught.value.retry_after == ModelUnavailable.retry_after


def stretches(*texts: str) -> list[Stretch]:
    return [Stretch(text, "Dana Levi", date(2026, 3, 12), "plan") for text in texts]


async def test_a_timeout_is_an_absent_model() -> None:
    """A provider that hangs costs its time limit and no traceback."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("hung", request=request)

    with pytest.raises(ModelUnavailable):
        await CohereReranker(cohere(answer), "rerank-test").rerank(
            "q", stretches("a"), rarity=float, context=a_context()
        )


@pytest.mark.parametrize("error", [httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_who_never_got_through_was_sent_nothing(error: type[httpx.TimeoutException]) -> None:
    """A connection that does not come to stand is no answer that took too long, and nobody's bill."""
    context = a_context()

    def answer(request: httpx.Request) -> httpx.Response:
        raise error("hung", request=request)

    with pytest.raises(ModelUnavailable) as caught:
        await CohereReranker(cohere(answer), "rerank-test").rerank(
            "q", stretches("a"), rarity=float, context=context
        )
    assert (caught.value.reason, context.meter.owed) == ("connection", set())


async def test_rerank_scores_come_back_in_the_order_of_the_texts() -> None:
    """Cohere sorts by relevance; callers get one score a text, in order, within 0..1. It reads whose and when too."""
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}]
    seen: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json={"id": "1", "results": results})

    reranker = CohereReranker(cohere(answer), "rerank-test")

    assert list(
        await reranker.rerank("q", stretches("a", "b"), rarity=float, context=a_context())
    ) == [0.2, 0.9]
    assert list(await reranker.rerank("q", [], rarity=float, context=a_context())) == []
    [request] = seen
    assert request["documents"][0] == "Dana Levi · 2026-03-12 · plan\na"


@pytest.mark.parametrize(
    "results",
    [
        [{"index": 0, "relevance_score": 0.9}],
        [{"index": 0, "relevance_score": 0.9}, {"index": 7, "relevance_score": 0.2}],
        [{"index": 0, "relevance_score": None}, {"index": 1, "relevance_score": 0.2}],
        [{"index": 0, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}],
    ],
    ids=["one-missing", "index-out-of-range", "no-score", "one-twice"],
)
async def test_a_half_reranked_list_is_refused(results: list[Any]) -> None:
    """A list with a hole, a foreign place or no score is not an order."""
    response = httpx.Response(200, json={"id": "1", "results": results})

    with pytest.raises(ModelUnavailable):
        await CohereReranker(cohere(lambda _: response), "rerank-test").rerank(
            "q", stretches("a", "b"), rarity=float, context=a_context()
        )


async def test_text_and_citations_are_streamed_and_usage_is_counted() -> None:
    """Thoughts are skipped; citations point into the text so far, found by their words where offsets are off."""
    seen: list[dict[str, Any]] = []
    thought = {"type": "content-delta", "index": 0}
    thought["delta"] = {"message": {"content": {"thinking": "hm"}}}

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return frames(thought, text("Sleeps "), text("well."), cited(1, 3, "well", "p1"), end())

    deltas = await written(answer)

    assert deltas == [
        TextDelta("Sleeps "),
        TextDelta("well."),
        CitationDelta(7, 11, ("p1",)),
        Finished("complete", Usage(12, 5)),
    ]
    assert seen[0]["documents"][0]["id"] == "p1"
    assert seen[0]["temperature"] == 0


def verdict(said: str = '{"verdict": "contradicted"}', reason: str = "COMPLETE") -> dict[str, Any]:
    usage = {"billed_units": {"input_tokens": 80, "output_tokens": 7}}
    blocks = [{"type": "thinking", "thinking": "supported"}, {"type": "text", "text": said}]
    message = {"role": "assistant", "content": blocks}
    return {"id": "1", "finish_reason": reason, "message": message, "usage": usage}


async def confirmed(answer: Answer, *, meter: Meter | None = None) -> Entailment:
    model, context = (
        CohereEntailment(cohere(answer), "chat-test"),
        a_context(meter=meter or Meter()),
    )
    source = Stretch("ישנה [p1] רע", "דנה", date(2026, 3, 1), "plan")
    return await model.entails("She sleeps well.", [source], context=context)


async def test_a_sentence_is_judged_by_its_sources_in_json() -> None:
    """In the prompt, because documents and a format exclude each other; as few words as a verdict has, and billed."""
    seen: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json=verdict())

    meter = Meter()
    assert await confirmed(answer, meter=meter) == "contradicted"
    [body] = seen
    assert body["messages"][1]["content"] == (
        "[s1] [דנה · 2026-03-01 · plan]\nישנה (p1) רע\n\n[statement]\nShe sleeps well."
    )
    assert body["response_format"]["type"] == "json_object"
    assert (body["temperature"], body["max_tokens"]) == (0, VERDICT_TOKENS)
    assert "documents" not in body
    assert not body.get("stream")
    assert meter.by_model == {"chat-test": Usage(80, 7)}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (verdict("It is supported."), "garbage"),
        (verdict(reason="MAX_TOKENS"), "garbage"),
        (verdict(reason="ERROR"), "server_error"),
        (verdict(reason="ERROR_TOXIC"), "refused"),
        (verdict(""), "garbage"),
        ([], "garbage"),
        ({}, "server_error"),
    ],
)
async def test_what_is_no_verdict_is_an_absent_model(answer: Any, reason: str) -> None:
    """Thoughts are none, nor is a sentence about it, nor what did not end by itself."""
    with pytest.raises(ModelUnavailable) as caught:
        await confirmed(lambda _: httpx.Response(200, json=answer))
    assert caught.value.reason == reason


async def test_a_stream_without_an_end_was_cut() -> None:
    """The SDK's loop just ends when `message-end` never came; here it is an absent model."""
    with pytest.raises(ModelUnavailable) as caught:
        await written(lambda _: frames(text("Sleeps")))

    assert caught.value.reason == "cut"


async def test_the_length_limit_is_told_and_a_failed_generation_is_refused() -> None:
    """MAX_TOKENS ends as `length`; ERROR ends as an absent model, though the status was 200."""
    assert (await written(lambda _: frames(text("a"), end("MAX_TOKENS"))))[-1].reason == "length"

    with pytest.raises(ModelUnavailable):
        await written(lambda _: frames(text("a"), end("ERROR")))


async def test_leaving_closes_the_connection() -> None:
    """A consumer that stops listening closes the stream at the provider."""
    closed: list[bool] = []

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield f"event: content-delta\ndata: {json.dumps(text('x'))}\n\n".encode()

        async def aclose(self) -> None:
            closed.append(True)

    headers = {"content-type": "text/event-stream"}
    model = CohereChat(
        cohere(lambda _: httpx.Response(200, headers=headers, stream=Body())), "command-test"
    )
    stream = model.stream(Question("q", "en"), [a_passage("x")], context=a_context())
    await anext(stream)
    await stream.aclose()

    assert closed


async def test_an_unreadable_event_ends_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """The SDK skips it with a warning that quotes it; an answer that lost a "not" must not go on."""
    broken = 'event: content-delta\ndata: {"type": "content-delta", "' + SECRET + "\n\n"
    start = f"data: {json.dumps(text('He did '))}\n\n"
    rest = f"data: {json.dumps(text('sleep.'))}\n\ndata: {json.dumps(end())}\n\n"
    headers = {"content-type": "text/event-stream"}
    body = (start + broken + rest).encode()

    with pytest.raises(ModelUnavailable):
        await written(lambda _: httpx.Response(200, headers=headers, content=body))

    assert SECRET not in caplog.text


async def test_half_a_sign_ends_the_answer() -> None:
    """A lone surrogate is no text: an answer that held one was verified, and then could not be sent."""
    events = [text("He slept \ud83d well."), end()]
    with pytest.raises(ModelUnavailable) as caught:
        await written(lambda _: frames(*events))
    assert caught.value.reason == "garbage"


async def test_a_first_word_that_does_not_come_is_an_absent_model() -> None:
    """Pings keep a socket alive but are no answer."""

    class Pings(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b": ping\n\n"
                await asyncio.sleep(0)

    headers = {"content-type": "text/event-stream"}

    with pytest.raises(ModelUnavailable) as caught:
        await written(lambda _: httpx.Response(200, headers=headers, stream=Pings()), seconds=0.05)

    assert caught.value.reason == "timeout"


async def test_a_deadline_never_cancels_who_listens() -> None:
    """The total is over while the consumer works: it hears ModelUnavailable, not a cancellation."""

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield f"data: {json.dumps(text('x'))}\n\n".encode()
                await asyncio.sleep(0)

    headers = {"content-type": "text/event-stream"}
    model = CohereChat(
        cohere(lambda _: httpx.Response(200, headers=headers, stream=Endless())), "command-test"
    )

    async def listen_slowly() -> None:
        context = a_context(deadline=Deadline.after(0.5))
        async for _ in model.stream(Question("q", "en"), [a_passage("x")], context=context):
            await asyncio.sleep(0.6)

    with pytest.raises(ModelUnavailable):
        await listen_slowly()


def test_all_models_but_the_english_ones_cross_languages() -> None:
    """What does not cross must not be said to have read both languages."""
    nobody = cohere(lambda _: httpx.Response(500))
    assert CohereEmbedder(nobody, "embed-v4.0").crosses_languages
    assert CohereReranker(nobody, "rerank-v3.5").crosses_languages
    assert not CohereEmbedder(nobody, "embed-english-v3.0").crosses_languages
    assert not CohereReranker(nobody, "rerank-english-v3.0").crosses_languages
