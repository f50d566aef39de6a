"""The stub of a provider on real sockets, seen by Cohere's own SDK and by httpx."""

import asyncio
import base64
import json
import ssl
import sys
from array import array
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import httpx
import pytest
from cohere import AsyncClientV2
from cohere.core.api_error import ApiError
from cohere.core.http_sse._exceptions import SSEError
from cohere.errors import (
    BadRequestError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
)

from service.demo.provider_stub import KEY, Cited, Pace, Stub, Written, citing, provider_stub
from service.demo.provider_stub.faults import (
    BadEvent,
    BadJson,
    Cut,
    Empty,
    Fault,
    FinishError,
    GarbageText,
    HalfBody,
    HalfOpen,
    Hang,
    Html,
    MissingFields,
    Misused,
    NoEnd,
    NotFinite,
    NotSse,
    Operation,
    Reset,
    Slow,
    Stall,
    Status,
    WrongCount,
    WrongDimension,
)

SLEEP, KNEE = "Sleeps better than in May. Wakes once a night.", "The knee is stiff. Stairs hurt."
DOCUMENTS = [
    {"id": "p1", "data": {"text": SLEEP, "field": "subjective"}},
    {"id": "p2", "data": {"text": "Likes the garden."}},
    {"id": "p3", "data": {"text": KNEE}},
]
QUESTION = "How does she sleep, and how are knee and stairs? She sleeps?"
IMPATIENT = httpx.Timeout(5, read=0.1)  # for what never answers: to wait longer would tell no more
HEADERS = {"authorization": f"Bearer {KEY}"}


def client(url: str, **how: Any) -> httpx.AsyncClient:
    """One that loads no certificates: there is no TLS here, and to load them takes longer than a test."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    how = {"headers": HEADERS, "timeout": 5, **how}
    return httpx.AsyncClient(base_url=url, verify=tls, trust_env=False, **how)


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with provider_stub() as running:
        yield running


@pytest.fixture
async def http(stub: Stub) -> AsyncIterator[httpx.AsyncClient]:
    """A pool of one connection."""
    async with client(stub.url, limits=httpx.Limits(max_connections=1)) as opened:
        yield opened


@pytest.fixture
def sdk(stub: Stub, http: httpx.AsyncClient) -> AsyncClientV2:
    return AsyncClientV2(api_key=KEY, base_url=stub.url, httpx_client=http, max_retries=0)


async def events(sdk: AsyncClientV2, **more: Any) -> list[Any]:
    return [event async for event in opened(sdk, **more)]


def opened(sdk: AsyncClientV2, **more: Any) -> AsyncGenerator[Any, None]:
    messages: Any = [{"role": "user", "content": QUESTION}]
    stream = sdk.chat_stream(
        model="stub-chat", messages=messages, documents=cast(Any, DOCUMENTS), **more
    )
    return cast(AsyncGenerator[Any, None], stream)


def text_of(said: list[Any]) -> str:
    return "".join(
        event.delta.message.content.text or "" for event in said if event.type == "content-delta"
    )


async def call(http: httpx.AsyncClient, operation: Operation) -> httpx.Response:
    bodies: dict[str, dict[str, Any]] = {
        "embed": {"texts": ["a", "b"], "input_type": "search_query", "output_dimension": 8},
        "rerank": {"query": "a", "documents": ["a b", "c"]},
        "chat": {"messages": [{"role": "user", "content": "a"}]},
        "entail": {"messages": [{"role": "user", "content": "[s1] [x]\na b\n\n[statement]\na"}]},
    }
    body = {"model": f"stub-{operation}", **bodies[operation]}
    path = "chat" if operation == "entail" else operation
    return await http.post(f"/v2/{path}", json=body)


# What it says


async def test_texts_with_the_same_words_are_near(sdk: AsyncClientV2) -> None:
    """The SDK reads unit vectors of the asked size, the same as floats and as base64, and likeness follows words."""
    answer = await sdk.embed(
        model="stub-embed",
        input_type="search_document",
        texts=["Sleeps badly since May", "since May she sleeps badly", "כאב בברך"],
        output_dimension=256,
        embedding_types=["float", "base64"],
    )
    floats = cast(Any, answer.embeddings).float_
    decoded = [array("f", base64.b64decode(one)) for one in answer.embeddings.base64 or []]
    for vector, same in zip(floats, decoded, strict=True):
        assert list(same) == pytest.approx(vector)
    near, far = (sum(a * b for a, b in zip(floats[0], floats[i], strict=True)) for i in (1, 2))
    assert [len(vector) for vector in floats] == [256] * 3
    assert sum(value * value for value in floats[2]) == pytest.approx(1)
    assert near > 0.8 > 0.3 > far


async def test_places_are_ranked_by_the_share_of_the_querys_words(sdk: AsyncClientV2) -> None:
    """Best first, between 0 and 1, no more than were asked for."""
    answer = await sdk.rerank(
        model="stub-rerank", query="stiff knee", documents=["garden", KNEE, "a knee"], top_n=2
    )
    assert [(one.index, one.relevance_score) for one in answer.results] == [(1, 1.0), (2, 0.5)]


async def test_a_stream_quotes_documents_and_cites_them(sdk: AsyncClientV2) -> None:
    """The events come in the provider's order, and each citation marks the quote it is for, once that was said."""
    said = await events(sdk)

    assert text_of(said) == "Sleeps better than in May. The knee is stiff."
    kinds = [event.type for event in said]
    assert kinds[:2] == ["message-start", "content-start"]
    assert kinds[-2:] == ["content-end", "message-end"]
    cited = [event.delta.message.citations for event in said if event.type == "citation-start"]
    assert [(one.text, one.sources[0].id) for one in cited] == [
        ("Sleeps better than in May.", "p1"),
        ("The knee is stiff.", "p3"),
    ]
    assert all(text_of(said)[one.start : one.end] == one.text for one in cited)
    assert cited[0].sources[0].document == {"id": "p1", "text": SLEEP, "field": "subjective"}
    first = kinds.index("citation-start")
    assert kinds[first : first + 3] == ["citation-start", "citation-end", "content-delta"]
    assert len(text_of(said[:first])) >= cited[0].end
    end = said[-1].delta
    assert (end.finish_reason, end.usage.tokens.output_tokens) == ("COMPLETE", 9)


async def test_the_frames_are_those_of_the_provider(http: httpx.AsyncClient) -> None:
    """Each event is named in its frame as in its data, and the last frame says that nothing follows."""
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    response = await http.post("/v2/chat", json=body)

    assert response.headers["content-type"] == "text/event-stream"
    *frames, done, rest = response.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    for frame in frames:
        event, data = frame.splitlines()
        assert json.loads(data.removeprefix("data: "))["type"] == event.removeprefix("event: ")


async def test_a_scripted_answer_is_said_once(stub: Stub, sdk: AsyncClientV2) -> None:
    """With its thoughts before it and offsets in code points; the next answer comes from the documents again."""
    hebrew = Written("כאב 😀 בברך.", [Cited(6, 11, "בברך.", ("p3",))], thinking="Which knee?")
    stub.script(hebrew, citing(("Stairs hurt.", "p3")), "No citation.")

    said = await events(sdk)
    assert text_of(said) == hebrew.text
    assert said[2].delta.message.content.thinking == "Which knee?"
    (cited,) = (e.delta.message.citations for e in said if e.type == "citation-start")
    assert (cited.content_index, hebrew.text[cited.start : cited.end]) == (1, "בברך.")

    whole = await sdk.chat(
        model="stub-chat", messages=cast(Any, [{"role": "user", "content": "x"}])
    )
    assert cast(Any, whole.message.content)[0].text == "Stairs hurt."
    assert cast(Any, whole.message.citations)[0].sources[0].id == "p3"
    assert text_of(await events(sdk)) == "No citation."
    assert text_of(await events(sdk)).startswith("Sleeps better")


async def test_requests_that_a_provider_refuses(stub: Stub, sdk: AsyncClientV2) -> None:
    """Too many texts, a wrong key and an unknown model end as the SDK's own errors."""
    stub.unknown.add("gone")
    with pytest.raises(BadRequestError):
        await sdk.embed(model="m", input_type="search_query", texts=["x"] * 97)
    with pytest.raises(NotFoundError):
        await sdk.rerank(model="gone", query="x", documents=["x"])
    stub.key = "another"
    with pytest.raises(UnauthorizedError) as caught:
        await sdk.rerank(model="m", query="x", documents=["x"])
    assert cast(Any, caught.value.body).keys() == {"id", "message"}


async def test_models_are_looked_up(stub: Stub, http: httpx.AsyncClient) -> None:
    """One by its name in Cohere's format with what it is for, all of them in OpenAI's; unknown ones are in neither."""
    stub.unknown.add("stub-chat")
    found = (await http.get("/v1/models/embed-v4.0")).json()
    assert (found["name"], found["endpoints"]) == ("embed-v4.0", ["embed"])
    assert (await http.get("/v1/models/stub-chat")).status_code == 404
    listed = (await http.get("/v1/models")).json()["data"]
    assert [one["id"] for one in listed] == ["stub-embed", "stub-rerank"]


# The OpenAI format


async def test_embeddings_and_ranks_in_the_openai_format(http: httpx.AsyncClient) -> None:
    """Vectors stand in `data` by index, as floats or base64; ranks have the shape that self-hosted servers share."""
    asked = {"model": "m", "input": ["a b", "c"], "dimensions": 16}
    plain = (await http.post("/v1/embeddings", json=asked)).json()
    coded = (await http.post("/v1/embeddings", json={**asked, "encoding_format": "base64"})).json()
    decoded = array("f", base64.b64decode(coded["data"][1]["embedding"]))
    assert [one["index"] for one in plain["data"]] == [0, 1]
    assert list(decoded) == pytest.approx(plain["data"][1]["embedding"])
    assert plain["usage"] == {"prompt_tokens": 3, "total_tokens": 3}

    asked = {"model": "m", "query": "c", "documents": ["a", {"text": "c"}], "top_n": 1}
    ranked = (await http.post("/v1/rerank", json=asked)).json()
    assert ranked["results"] == [{"index": 1, "relevance_score": 1.0}]


async def test_chunks_of_the_openai_format_answer_from_the_lines_of_the_prompt(
    http: httpx.AsyncClient,
) -> None:
    """Documents are the lines `[id] text` of the last user message, and the last chunk has the usage and no choice."""
    prompt = f"Is the knee stiff?\n[p1] {SLEEP}\n[p2] {KNEE}"
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
    whole = (await http.post("/v1/chat/completions", json=body)).json()
    assert whole["choices"][0]["message"]["content"] == "The knee is stiff. [p2]"

    streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
    response = await http.post("/v1/chat/completions", json=streamed)
    *chunks, done = [line[6:] for line in response.text.splitlines() if line]
    parsed = [json.loads(chunk) for chunk in chunks]
    assert done == "[DONE]"
    said = "".join(c["choices"][0]["delta"].get("content", "") for c in parsed[:-1])
    assert said == "The knee is stiff. [p2]"
    assert parsed[-2]["choices"][0]["finish_reason"] == "stop"
    assert (parsed[-1]["choices"], parsed[-1]["usage"]) == ([], whole["usage"])
    assert [chunk["usage"] for chunk in parsed[:-1]] == [None] * (len(parsed) - 1)


async def test_a_refusal_in_the_openai_format(http: httpx.AsyncClient) -> None:
    """The message stands in `error`."""
    response = await http.post(
        "/v1/embeddings", json={"model": "m", "input": []}, headers={"authorization": "no"}
    )
    assert response.status_code == 401
    assert response.json()["error"]["message"]


# HTTP


async def test_one_connection_carries_many_requests(stub: Stub, http: httpx.AsyncClient) -> None:
    """Also after a stream and a refusal, and with a body in chunks; every call is kept as it came."""
    await call(http, "embed")
    body = json.dumps({"model": "m", "query": "כאב", "documents": ["x"]}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    await http.post("/v2/chat", content=b"no json")
    asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    await http.post("/v2/chat", json=asked)
    assert (await http.post("/v2/rerank", content=chunks())).status_code == 200

    assert [one.path for one in stub.calls] == ["/v2/embed", "/v2/chat", "/v2/chat", "/v2/rerank"]
    assert [one.connection for one in stub.calls] == [1] * 4
    assert stub.calls[3].json["query"] == "כאב"
    assert stub.calls[3].headers["transfer-encoding"] == "chunked"
    assert not any(one.hung_up for one in stub.calls)


async def test_a_client_that_leaves_a_stream_is_noticed(stub: Stub, sdk: AsyncClientV2) -> None:
    """`hung_up` tells one that closed in the middle from one that stayed to the end."""
    await events(sdk)
    stub.fault["chat"] = Stall(4)
    async with aclosing(opened(sdk)) as stream:
        for _ in range(4):
            await anext(stream)

    async with asyncio.timeout(5):
        await stub.calls[1].over()
    assert [one.hung_up for one in stub.calls] == [False, True]


async def test_a_client_that_gives_up_waiting_is_noticed(
    stub: Stub, http: httpx.AsyncClient
) -> None:
    """A call that hangs ends for the stub when its task at the client is cancelled."""
    stub.fault["embed"] = Hang()
    waiting = asyncio.create_task(call(http, "embed"))
    async with asyncio.timeout(5):
        (hanging,) = await stub.called()
        waiting.cancel()
        await hanging.over()
    assert hanging.hung_up


async def test_an_answer_takes_the_time_it_is_told_to(stub: Stub, sdk: AsyncClientV2) -> None:
    """The last event of a stream comes when that is over."""
    stub.pace = Pace(chat=0.2)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await events(sdk)
    assert loop.time() - began >= 0.2


async def test_events_are_spread_over_the_time_of_an_answer(stub: Stub, sdk: AsyncClientV2) -> None:
    """So a client that leaves with the first one leaves before the end."""
    stub.pace = Pace(chat=2)
    async with aclosing(opened(sdk)) as stream:
        await anext(stream)
    async with asyncio.timeout(5):
        await stub.calls[0].over()
    assert stub.calls[0].hung_up


# Faults


@pytest.mark.parametrize("operation", ["embed", "rerank", "chat", "entail"])
@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Hang(), httpx.ReadTimeout),
        (HalfOpen(), httpx.ReadTimeout),
        (Slow(30), httpx.ReadTimeout),
        (Reset(), httpx.ReadError),
        (HalfBody(), httpx.RemoteProtocolError),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Fault) else "",
)
async def test_a_connection_that_fails(
    stub: Stub,
    http: httpx.AsyncClient,
    operation: Operation,
    fault: Fault,
    raised: type[Exception],
) -> None:
    """Each fails at the client in its own way, the others' calls do not, and once healed it is over."""
    http.timeout = IMPATIENT if raised is httpx.ReadTimeout else http.timeout
    stub.fault[operation] = fault
    with pytest.raises(raised):
        await call(http, operation)
    http.timeout = httpx.Timeout(5)
    for healthy in {"embed", "rerank", "chat", "entail"} - {operation}:
        assert (await call(http, cast(Operation, healthy))).status_code == 200
    stub.fault.heal()
    assert (await call(http, operation)).status_code == 200


@pytest.mark.parametrize(
    ("fault", "raised"), [(HalfOpen(), httpx.ReadTimeout), (Reset(), httpx.NetworkError)]
)
async def test_a_connection_that_fails_before_a_request(
    stub: Stub, http: httpx.AsyncClient, fault: Fault, raised: type[Exception]
) -> None:
    """Then no call comes in at all, and a connection that was there before is not struck."""
    await call(http, "embed")
    stub.fault["connection"] = fault
    await call(http, "embed")
    timeout = IMPATIENT if raised is httpx.ReadTimeout else http.timeout
    async with client(stub.url, timeout=timeout) as other:
        with pytest.raises(raised):
            await call(other, "embed")
    assert [one.connection for one in stub.calls] == [1, 1]


async def test_a_half_open_connection_takes_nothing_in(stub: Stub, http: httpx.AsyncClient) -> None:
    """A body larger than the kernel's buffers gets stuck on the way."""
    stub.fault["connection"] = HalfOpen()
    http.timeout = httpx.Timeout(5, write=0.1)
    with pytest.raises(httpx.WriteTimeout):
        await http.post("/v2/embed", content=bytes(16_000_000))
    assert stub.calls == []


async def test_nobody_notices_that_a_client_left_a_half_open_connection(
    stub: Stub, http: httpx.AsyncClient
) -> None:
    """Though time enough goes by for a whole other call."""
    stub.fault["embed"] = HalfOpen()
    http.timeout = IMPATIENT
    with pytest.raises(httpx.ReadTimeout):
        await call(http, "embed")
    http.timeout = httpx.Timeout(5)
    await call(http, "rerank")
    assert [one.hung_up for one in stub.calls] == [False, False]


async def test_a_slow_answer_comes_whole(stub: Stub, http: httpx.AsyncClient) -> None:
    """Only later."""
    loop = asyncio.get_running_loop()
    stub.fault["rerank"] = Slow(0.1)
    began = loop.time()
    assert (await call(http, "rerank")).json()["results"]
    assert loop.time() - began >= 0.1


async def test_a_fault_strikes_as_many_calls_as_it_is_told(
    stub: Stub, http: httpx.AsyncClient
) -> None:
    """And then no more; one that is set anew counts anew."""
    stub.fault["embed"] = Status(500, calls=2)
    assert [(await call(http, "embed")).status_code for _ in range(3)] == [500, 500, 200]
    stub.fault["embed"] = Status(502)
    assert [(await call(http, "embed")).status_code for _ in range(3)] == [502] * 3
    del stub.fault["embed"]
    assert (await call(http, "embed")).status_code == 200


async def test_a_status_says_when_to_come_back(stub: Stub, sdk: AsyncClientV2) -> None:
    """The SDK hands on the headers and the body of the error."""
    stub.fault["rerank"] = Status(429, retry_after=7, retry_after_ms=7000, body='{"message": "!"}')
    with pytest.raises(TooManyRequestsError) as caught:
        await sdk.rerank(model="m", query="x", documents=["x"])
    headers = caught.value.headers or {}
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("7", "7000")
    assert cast(Any, caught.value.body) == {"message": "!"}


@pytest.mark.parametrize("fault", [Html(), Empty(), BadJson()], ids=["html", "empty", "bad json"])
async def test_a_body_that_is_no_json(stub: Stub, sdk: AsyncClientV2, fault: Fault) -> None:
    """The SDK makes an error with status 200 of it."""
    stub.fault["rerank"] = fault
    with pytest.raises(ApiError) as caught:
        await sdk.rerank(model="m", query="x", documents=["x"])
    assert caught.value.status_code == 200


async def test_fields_that_are_missing(stub: Stub, sdk: AsyncClientV2) -> None:
    """The SDK does not mind; its answer has no results."""
    stub.fault["rerank"] = MissingFields()
    answer = await sdk.rerank(model="m", query="x", documents=["x"])
    assert getattr(answer, "results", None) is None


@pytest.mark.parametrize("path", ["/v2/embed", "/v1/embeddings"])
async def test_vectors_that_are_wrong(stub: Stub, http: httpx.AsyncClient, path: str) -> None:
    """One too few, half as long, or beginning with what is no number, in both formats."""
    asked = {"texts": ["a", "b"], "input": ["a", "b"], "input_type": "x", "embedding_types": None}
    sizes = {"output_dimension": 8, "dimensions": 8}

    async def vectors(fault: Fault) -> list[list[float]]:
        stub.fault["embed"] = fault
        answer = (await http.post(path, json={"model": "m", **asked, **sizes})).json()
        if "data" in answer:
            return [one["embedding"] for one in answer["data"]]
        return cast(list[list[float]], answer["embeddings"]["float"])

    assert [len(one) for one in await vectors(WrongCount())] == [8]
    assert [len(one) for one in await vectors(WrongDimension())] == [4, 4]
    assert all(one[0] != one[0] for one in await vectors(NotFinite()))


@pytest.mark.parametrize("path", ["/v2/rerank", "/v1/rerank"])
async def test_scores_that_are_wrong(stub: Stub, http: httpx.AsyncClient, path: str) -> None:
    """One too few, or one that is no number, in both formats."""
    asked = {"model": "m", "query": "a", "documents": ["a", "b"]}
    stub.fault["rerank"] = WrongCount()
    short = (await http.post(path, json=asked)).json()["results"]
    assert [one["index"] for one in short] == [0]
    stub.fault["rerank"] = NotFinite()
    scores = {
        one["index"]: one["relevance_score"]
        for one in (await http.post(path, json=asked)).json()["results"]
    }
    assert scores[0] != scores[0]
    assert scores[1] == 0


async def test_a_stream_that_is_cut(stub: Stub, sdk: AsyncClientV2) -> None:
    """The SDK gives the events so far, and then the connection is lost."""
    stub.fault["chat"] = Cut(3)
    seen = []
    with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - events come before it
        async for event in opened(sdk):
            seen.append(event.type)
    assert seen == ["message-start", "content-start", "content-delta"]


async def test_a_stream_that_stalls(stub: Stub, sdk: AsyncClientV2) -> None:
    """The events so far come, then nothing."""
    stub.fault["chat"] = Stall(2)
    async with aclosing(opened(sdk)) as stream:
        assert [(await anext(stream)).type for _ in range(2)] == ["message-start", "content-start"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(stream)


async def test_a_stream_without_its_end(stub: Stub, sdk: AsyncClientV2) -> None:
    """It ends cleanly for the SDK, which says nothing."""
    stub.fault["chat"] = NoEnd()
    assert [event.type for event in await events(sdk)][-1] == "content-end"


async def test_a_stream_with_an_event_that_is_no_json(
    stub: Stub, sdk: AsyncClientV2, http: httpx.AsyncClient
) -> None:
    """Its text is sent as it was given; the SDK makes another event of it and goes on."""
    stub.fault["chat"] = BadEvent("secret-7f3a", events=3)
    said = await events(sdk)
    assert (said[3].type, getattr(said[3], "delta", None)) == ("message-start", None)
    assert said[-1].type == "message-end"
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    (bad,) = (
        line[6:]
        for line in (await http.post("/v2/chat", json=body)).text.splitlines()
        if "secret-7f3a" in line
    )
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(bad)


async def test_a_generation_that_fails(
    stub: Stub, sdk: AsyncClientV2, http: httpx.AsyncClient
) -> None:
    """The end of the message says so; the OpenAI format sends an error in place of the end."""
    stub.fault["chat"] = FinishError()
    assert (await events(sdk))[-1].delta.finish_reason == "ERROR"
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    response = await http.post("/v1/chat/completions", json=body)
    *_, last, done = [line[6:] for line in response.text.splitlines() if line]
    assert "error" in json.loads(last)
    assert done == "[DONE]"


async def test_a_stream_that_is_none(stub: Stub, sdk: AsyncClientV2) -> None:
    """JSON where events were asked for is an error of the SDK's transport."""
    stub.fault["chat"] = NotSse()
    with pytest.raises(SSEError):
        await events(sdk)


async def test_an_invented_answer(stub: Stub, sdk: AsyncClientV2) -> None:
    """It cites what nobody sent and what it does not say."""
    stub.fault["chat"] = GarbageText()
    said = await events(sdk)
    cited = [event.delta.message.citations for event in said if event.type == "citation-start"]
    assert cited[0].sources[0].id not in {one["id"] for one in DOCUMENTS}
    assert cited[1].start > len(text_of(said))


async def test_a_fault_that_could_not_strike_is_an_error() -> None:
    """At once where the operation tells, at the stub's end where only the call did: else a test would prove nothing."""
    with pytest.raises(Misused):  # noqa: PT012 - it is raised at the end of the block
        async with provider_stub() as stub:
            for operation in ("embed", "rerank"):
                with pytest.raises(Misused):
                    stub.fault[cast(Any, operation)] = Cut(1)
            stub.fault["chat"] = Cut(1)
            async with client(stub.url) as http:
                with pytest.raises(httpx.RemoteProtocolError):
                    await call(http, "chat")


async def test_it_runs_as_a_process() -> None:
    """It prints its URL, answers in the time it was told, and ends when asked to."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.demo.provider_stub", "--rerank-seconds", "0.1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        url = (await cast(asyncio.StreamReader, process.stdout).readline()).decode().strip()
        async with client(url) as http:
            answer = await call(http, "rerank")
        assert answer.elapsed.total_seconds() >= 0.1
    finally:
        process.terminate()
        _, errors = await process.communicate()
    assert b"Traceback" not in errors
