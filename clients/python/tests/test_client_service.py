"""The typed client of the service's API, before a service that is played here."""

import json
from contextlib import aclosing
from pathlib import Path
from urllib.parse import parse_qs
from uuid import UUID

import httpx
import pytest

from pazpaz_ai_client.api_models import (
    ChatAnswer,
    Chosen,
    Citation,
    Erasure,
    FeedbackRequest,
    Question,
    Sentence,
    Step,
    StreamProblem,
)
from pazpaz_ai_client.service import (
    AiOperators,
    AiService,
    AiServiceError,
    ConnectionLost,
    ServiceRefused,
    UnexpectedAnswer,
)

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())
ONE, TWO = UUID(int=1), UUID(int=2)
QUESTION = Question(query="How far?")
CITATION = {
    "type": "session",
    "session_id": str(ONE),
    "client_id": str(TWO),
    "client_name": "Dana",
    "session_date": "2026-10-01T09:00:00Z",
    "similarity": 0.5,
    "field_name": "plan",
    "marker": 1,
    "quote": "Rest.\u2028Walk.",
    "start": 0,
    "end": 11,
    "answer_start": 0,
    "answer_end": 5,
    "note_version": 1,
    "is_draft": False,
}
ANSWER = {
    "answer": "Rest. [1]",
    "citations": [CITATION],
    "language": "en",
    "retrieved_count": 1,
    "processing_time_ms": 12,
    "conversation_id": str(ONE),
    "message_id": str(TWO),
    "request_id": "r-1",
    "answer_status": "answered",
    "model": "m",
    "search": {
        "notes_read": 1,
        "from": "2026-10-01",
        "to": None,
        "drafts": 0,
        "complete": True,
    },
    "withheld": 0,
}
PROBLEM = {
    "type": "urn:pazpaz-ai:allowance_used",
    "title": "The allowance is used up.",
    "status": 429,
    "detail": "נסו שוב מאוחר יותר.",
    "request_id": "r-1",
}


def an_event(name, data) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


STEP = an_event("status", {"step": "retrieve"})
SENTENCE = an_event("token", {"text": "Rest. [1]", "answer_start": 0, "answer_end": 9})
DONE = an_event("done", ANSWER)
WHOLE = STEP + an_event("citation", CITATION) + SENTENCE + DONE


class Parts(httpx.AsyncByteStream):
    """The body of a stream, part by part; breaks at an error, and knows whether it was hung up on."""

    def __init__(self, *parts) -> None:
        self.parts, self.taken, self.closed = parts, 0, False

    async def __aiter__(self):
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            self.taken += 1
            yield part

    async def aclose(self):
        self.closed = True


class Service:
    """Gives one answer and remembers what it was asked."""

    def __init__(self, *args, **kwargs) -> None:
        self.body = kwargs.get("stream")
        self.answer = httpx.Response(*args, **kwargs)
        self.requests: list[httpx.Request] = []

    def __call__(self, request):
        self.requests.append(request)
        return self.answer


def streaming(*parts) -> Service:
    return Service(200, headers={"Content-Type": "text/event-stream"}, stream=Parts(*parts))


def http_to(serve) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.MockTransport(serve),
        headers={"X-Default": "1"},
        cookies={"access_token": "another's"},
        auth=("another", "login"),
        follow_redirects=True,
    )


def therapist(serve, **options) -> AiService:
    return AiService(http_to(serve), service_url="http://ai/", token="t", **options)


def operator(serve) -> AiOperators:
    return AiOperators(http_to(serve), service_url="http://ai", token="o")


async def events_of(serve, told=None) -> list:
    """The events of a stream; those before a fault are left in `told`."""
    told = [] if told is None else told
    async for event in therapist(serve).stream(QUESTION):
        told.append(event)
    return told


async def every(pages):
    return [one async for one in pages]


CALLS = {
    "chat": lambda ai, _: ai.chat(QUESTION),
    "list_conversations": lambda ai, _: ai.list_conversations(
        client_id=ONE, whole_practice=True, cursor="c", limit=3
    ),
    "read_conversation": lambda ai, _: ai.read_conversation(ONE),
    "export_conversation": lambda ai, _: ai.export_conversation(ONE),
    "delete_conversation": lambda ai, _: ai.delete_conversation(ONE),
    "delete_conversations": lambda ai, _: ai.delete_conversations(),
    "give_feedback": lambda ai, _: ai.give_feedback(FeedbackRequest(message_id=ONE, rating="up")),
    "list_dead_letters": lambda _, op: op.list_dead_letters(workspace_id=ONE, limit=3, offset=6),
    "end_dead_letters": lambda _, op: op.end_dead_letters("retry", Chosen(all=True)),
    "erase": lambda _, op: op.erase(Erasure(workspace_id=ONE, entity="clients", id=TWO)),
    "list_erasures": lambda _, op: op.list_erasures(ONE),
    "reconcile": lambda _, op: op.reconcile(ONE),
    "healthz": lambda _, op: op.healthz(),
    "readyz": lambda _, op: op.readyz(),
}
NOT_HERE = {"accept_events", "metrics"}  # the sender's, and Prometheus's
TOKENS = {"bearer": "Bearer t", "operator": "Bearer o"}


def documented() -> dict[str, tuple[str, str, dict]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, ways in DOCUMENT["paths"].items()
        for method, operation in ways.items()
    }


def test_every_operation_of_the_document_has_a_method():
    """One that the service adds is missed here."""
    assert set(CALLS) | NOT_HERE == set(documented())
    owners = [AiService, AiOperators]
    assert all(any(hasattr(owner, name) for owner in owners) for name in CALLS)


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_is_the_documents(name):
    """Method, path, parameters, body and whose token: as the document has them."""
    service = Service(404, json=PROBLEM)
    with pytest.raises(ServiceRefused):
        await CALLS[name](therapist(service), operator(service))

    method, path, operation = documented()[name]
    (sent,) = service.requests
    path = path.replace("{conversation_id}", str(ONE)).replace("{what}", "retry")
    assert (sent.method, sent.url.path) == (method, path)
    in_query = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    assert set(parse_qs(sent.url.query.decode())) == in_query
    assert bool(sent.content) == ("requestBody" in operation)
    [scheme] = [TOKENS[name] for one in operation.get("security", ()) for name in one] or [None]
    assert sent.headers.get("Authorization") == scheme


async def test_a_question_carries_nothing_of_the_shared_client():
    """No cookie, login or default header of whoever else uses it; only what the caller said is in the body."""
    service = Service(200, json=ANSWER)
    asking = therapist(service, language="en", request_id="r-1")
    await asking.chat(Question(query="How far?", client_id=ONE))

    (sent,) = service.requests
    assert dict(sent.headers) == {
        "host": "ai",
        "accept": "application/json",
        "accept-encoding": "identity",
        "accept-language": "en",
        "authorization": "Bearer t",
        "content-type": "application/json",
        "content-length": str(len(sent.content)),
        "x-request-id": "r-1",
    }
    assert json.loads(sent.content) == {"query": "How far?", "client_id": str(ONE)}
    assert sent.extensions["timeout"] == {"connect": 2, "read": 60, "write": 60, "pool": 2}


async def test_an_answer_is_typed_and_may_know_more():
    """Ids, times and days as such; a field of a newer service is passed over."""
    newer = {**ANSWER, "new": 1, "citations": [{**CITATION, "new": 1}]}
    answer = await therapist(Service(200, json=newer)).chat(QUESTION)

    assert (answer.conversation_id, answer.citations[0].client_id) == (ONE, TWO)
    assert answer.citations[0].session_date.isoformat() == "2026-10-01T09:00:00+00:00"
    assert (answer.search.first.year, answer.search.last) == (2026, None)
    assert (answer.risk, answer.degraded) == ([], [])


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_events_come_typed_whatever_the_parts(size):
    """Cut anywhere, with comments between them, and a line separator inside a quote."""
    text = b": ping\n\n" + WHOLE
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    step, citation, sentence, done = await events_of(streaming(*parts))

    assert step == Step(step="retrieve")
    assert isinstance(citation, Citation)
    assert citation.quote == CITATION["quote"]
    assert sentence == Sentence(text="Rest. [1]", answer_start=0, answer_end=9)
    assert isinstance(done, ChatAnswer)
    assert done.citations == [citation]


async def test_unknown_kinds_of_events_are_passed_over():
    """A newer service may tell more."""
    new = an_event("thought", {"x": 1}) + b"data: {}\n\n"
    assert len(await events_of(streaming(new, STEP, new, DONE))) == 2


async def test_an_error_is_the_last_event():
    """It is told, not raised, and whoever wants it raised has all of it in the exception."""
    told = {**PROBLEM, "status": 503, "code": "busy", "retry_after": 5}
    *_, last = await events_of(streaming(STEP, an_event("error", told), SENTENCE))

    assert isinstance(last, StreamProblem)
    refused = ServiceRefused.by(last)
    assert (refused.status, refused.code, refused.retry_after) == (503, "busy", 5)
    assert (refused.detail, refused.request_id) == (PROBLEM["detail"], "r-1")


@pytest.mark.parametrize(
    "rest", [(), (b"event: done\nda",), (httpx.ReadError("secret"),), (httpx.ReadTimeout("x"),)]
)
async def test_a_stream_without_an_end_raises(rest):
    """What was told stands, then it is lost; the question is not asked again."""
    service, events = streaming(STEP, *rest), []
    with pytest.raises(ConnectionLost):
        await events_of(service, events)

    assert events == [Step(step="retrieve")]
    assert len(service.requests) == 1


async def test_leaving_a_stream_hangs_up():
    """The service sees it, and works no further for nobody."""
    service = streaming(STEP, SENTENCE, DONE)
    async with aclosing(therapist(service).stream(QUESTION)) as events:
        async for _ in events:
            break

    assert (service.body.taken, service.body.closed) == (1, True)


async def test_nothing_is_read_after_the_end():
    """A connection that stays open after the last event holds nobody."""
    service = streaming(DONE, STEP)
    assert len(await events_of(service)) == 1
    assert (service.body.taken, service.body.closed) == (1, True)


async def test_a_stream_asks_for_events():
    """And takes nothing else for one."""
    service = Service(200, json=ANSWER)
    with pytest.raises(UnexpectedAnswer, match="not an event stream"):
        await events_of(service)
    assert service.requests[0].headers["Accept"] == "text/event-stream"


@pytest.mark.parametrize("ask", [lambda serve: therapist(serve).chat(QUESTION), events_of])
async def test_a_refusal_says_all_the_document_says(ask):
    """In streams too, where it comes before the first event."""
    headers = {"Content-Type": "application/problem+json", "Retry-After": "30"}
    service = Service(429, headers=headers, content=json.dumps(PROBLEM))
    with pytest.raises(ServiceRefused, match=r"^429 The allowance is used up\.$") as raised:
        await ask(service)

    refused = raised.value
    assert (refused.status, refused.code, refused.title) == (
        429,
        "allowance_used",
        PROBLEM["title"],
    )
    assert (refused.detail, refused.request_id) == (PROBLEM["detail"], "r-1")
    assert refused.retry_after == 30
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind", "content"),
    [
        (502, "text/html", b"<html>secret</html>"),
        (503, "application/problem+json", b"{}"),
        (307, "text/plain", b""),
    ],
)
async def test_a_refusal_of_something_else_is_one_too(status, kind, content):
    """A gateway's page, a broken document, a redirect (which is not followed): the status, and nothing of the body."""
    headers = {"Content-Type": kind, "Location": "http://elsewhere/"}
    service = Service(status, headers=headers, content=content)
    with pytest.raises(ServiceRefused) as raised:
        await therapist(service).chat(QUESTION)

    assert (raised.value.status, raised.value.code, raised.value.detail) == (status, None, "")
    assert "secret" not in str(raised.value)
    assert len(service.requests) == 1


@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ReadTimeout, httpx.PoolTimeout])
@pytest.mark.parametrize("ask", [lambda serve: therapist(serve).chat(QUESTION), events_of])
async def test_an_absent_service_is_a_lost_connection(ask, fault):
    """Named by its kind, without its text, and not tried again."""
    asked = []

    def away(request):
        asked.append(request)
        raise fault("secret")

    with pytest.raises(ConnectionLost, match=f"^{fault.__name__}$"):
        await ask(away)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (json.dumps({**ANSWER, "withheld": "secret"}).encode(), "withheld int_parsing"),
        (b'{"answer": "secret', "body json_invalid"),
        (b'\xff"secret"', "body json_invalid"),
    ],
)
async def test_an_answer_of_another_shape_is_named_without_its_words(content, fault):
    """Which field and what is wrong with it: the words may be a note's."""
    with pytest.raises(UnexpectedAnswer) as raised:
        await therapist(Service(200, content=content)).chat(QUESTION)

    assert fault in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__
    assert isinstance(raised.value, AiServiceError)


async def test_pages_follow_each_other():
    """Each with the cursor of the one before, until there is none."""
    head = {"client_id": None, "title": None, "turns": 1}
    head |= {"started_at": "2026-10-01T09:00:00Z", "updated_at": "2026-10-01T09:00:00Z"}
    asked = []

    def pages(request):
        asked.append(dict(request.url.params))
        at = len(asked)
        line = {**head, "conversation_id": str(UUID(int=at))}
        following = None if at == 3 else f"c{at}"
        return httpx.Response(200, json={"conversations": [line], "next": following})

    found = await every(therapist(pages).conversations(client_id=TWO))

    assert [one.conversation_id.int for one in found] == [1, 2, 3]
    assert [one.get("cursor") for one in asked] == [None, "c1", "c2"]
    assert {one["client_id"] for one in asked} == {str(TWO)}


async def test_an_export_is_the_file_as_it_was_written():
    """Also fields that this client does not know."""
    service = Service(200, content=b'{"new":  1}')
    assert await therapist(service).export_conversation(ONE) == b'{"new":  1}'


async def test_not_ready_is_an_answer():
    """What is in the way is told; a gateway's 503 is a refusal."""
    state = {"status": "unavailable", "postgres": "away"}
    health = await operator(Service(503, json=state)).readyz()
    assert (health.status, health.postgres) == ("unavailable", "away")
    with pytest.raises(ServiceRefused):
        await operator(Service(503, html="<html>")).readyz()


@pytest.mark.parametrize("url", ["ai.internal", "ftp://ai", "http://", ""])
def test_an_address_that_cannot_be_called_is_refused_at_once(url):
    """Not at the first question."""
    with pytest.raises(ValueError, match="service_url"):
        AiService(http_to(Service(200)), service_url=url, token="t")
