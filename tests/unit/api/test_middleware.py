"""Around every request: its id, its one log line, its last net."""

import json
from uuid import UUID

import pytest
import structlog

from service.api.middleware import RequestContext
from tests.unit.api.practice import CHAT, HISTORY, a_token, ask, bearer, is_problem


@pytest.mark.parametrize("given", ["req-12345", "A" * 64, "0" * 8, str(UUID(int=7)), "a_b-c_d-e"])
async def test_a_callers_request_id_is_kept(http, given):
    """The id a proxy gave travels through, into the answer and its header."""
    response = await ask(http, headers=bearer(**{"X-Request-ID": given}))
    assert response.headers["X-Request-ID"] == response.json()["request_id"] == given


@pytest.mark.parametrize(
    "given", ["", "short12", "A" * 65, "two words", "a;b=12345", "../../etc/passwd", '{"a":"bcd"}']
)
async def test_anything_else_gets_an_id_of_ours(http, given):
    """A header of another shape reaches neither log nor answer."""
    response = await ask(http, headers=bearer(**{"X-Request-ID": given}))
    assert str(UUID(response.headers["X-Request-ID"])) == response.json()["request_id"]


async def test_two_requests_have_two_ids(http):
    """An id of ours belongs to one request."""
    ids = {(await http.get("/healthz")).headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", HISTORY, CHAT])
async def test_every_answer_forbids_caching_and_sniffing(http, path):
    """Health data and refusals alike stay out of caches."""
    response = await http.get(path)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_request_is_one_line_without_content(http, parts, lines):
    """Method, route template, status and time; no path, no query, no token."""
    await http.get(f"{HISTORY}/{UUID(int=77)}?cursor=zebra", headers=bearer())
    *_, line = lines()
    assert line["event"] == "request.answered"
    assert line["route"] == HISTORY + "/{conversation_id}"
    assert (line["method"], line["status"]) == ("GET", 404)
    assert "zebra" not in json.dumps(line)
    assert str(UUID(int=77)) not in json.dumps(line)


async def test_what_went_wrong_is_logged_by_type_and_place_only(http, parts, lines):
    """An operator sees where it broke and for which request; the message stays inside."""
    parts.answer = ValueError("the patient said zebra")
    response = await ask(http, "zebra question")
    failed, answered = lines()
    assert failed["event"] == "request.failed"
    assert failed["error"] == "ValueError"
    assert failed["raised_at"].startswith("tests.unit.api.practice:")
    assert failed["request_id"] == answered["request_id"] == response.headers["X-Request-ID"]
    assert "zebra" not in json.dumps([failed, answered])
    assert a_token() not in json.dumps([failed, answered])


async def test_an_unknown_path_and_probes_do_not_fill_the_log(http, lines):
    """A path nobody knows is logged as unmatched, a probe not at all."""
    await http.get("/zebra")
    await http.get("/healthz")
    [refused] = [line for line in lines() if line["event"] == "request.answered"]
    assert refused["route"] == "unmatched"


async def test_the_id_of_a_request_does_not_stay_for_the_next(http):
    """Nothing of a request's context outlives it."""
    await ask(http)
    assert "request_id" not in structlog.contextvars.get_contextvars()


async def test_an_answer_that_has_begun_is_cut_not_continued():
    """After the first byte only a cut connection tells the caller that the answer is not whole."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("in the middle")

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    with pytest.raises(ValueError, match="in the middle"):
        await RequestContext(app)(scope, None, send)
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_a_failure_inside_any_app_becomes_a_problem():
    """The net hangs below everything, also below what no route handles."""

    async def app(scope, receive, send):
        raise ValueError("zebra")

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    await RequestContext(app)(scope, None, send)
    start, body = sent
    assert start["status"] == 500
    assert b"zebra" not in body["body"]
    assert json.loads(body["body"])["request_id"].encode() in dict(start["headers"]).values()


async def test_other_kinds_of_connection_pass_untouched():
    """Lifespan messages are none of its business."""
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    scope = {"type": "lifespan"}
    await RequestContext(app)(scope, "receive", "send")
    assert seen == [(scope, "receive", "send")]


async def test_a_refusal_in_front_of_the_routes_carries_the_id_too(http):
    """A caller can name even the request that found no route."""
    response = await http.get("/nowhere", headers={"X-Request-ID": "req-12345"})
    assert is_problem(response, 404, "not_found")
    assert response.json()["request_id"] == "req-12345"
