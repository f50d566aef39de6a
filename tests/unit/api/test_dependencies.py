"""What a route receives: a bearer's claims, and a body read within its limit and checked."""

import json

import pytest
from starlette.requests import Request

from service.api.dependencies import MAX_CHAT_BODY, read_capped
from service.errors import MalformedRequest
from tests.unit.api.practice import (
    CHAT,
    HISTORY,
    a_token,
    ask,
    bearer,
    everything_sent,
    is_problem,
)

CANARY = "zebra-canary"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": f"access_token={a_token()}"},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": a_token()},
        {"Authorization": f"Token {a_token()}"},
        {"Authorization": f"Basic {a_token()}"},
        {"Authorization": f"Bearer {a_token()} {a_token()}"},
        {"Authorization": f"Bearer {a_token()},"},
        {"Authorization": "Bearer a.b.c", "Cookie": f"access_token={a_token()}"},
        {"X-Authorization": f"Bearer {a_token()}"},
    ],
    ids=[
        "nothing",
        "cookie only",
        "empty",
        "no token",
        "blank token",
        "no scheme",
        "other scheme",
        "basic",
        "two tokens",
        "comma",
        "bad token and good cookie",
        "other header",
    ],
)
@pytest.mark.parametrize("path", [CHAT, HISTORY])
async def test_only_a_bearer_is_let_in(http, parts, headers, path):
    """Cookies are never read, and nothing but one bearer token in its one header counts."""
    method = "POST" if path == CHAT else "GET"
    response = await http.request(method, path, headers=headers, json={"query": CANARY})
    assert is_problem(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert parts.login.asked == 0
    assert CANARY not in everything_sent(response)


async def test_two_authorization_headers_are_refused(http):
    """Which of two tokens a proxy meant cannot be known."""
    twice = [("Authorization", f"Bearer {a_token()}")] * 2
    assert is_problem(await http.get(HISTORY, headers=twice), 401, "not_authenticated")
    assert (await http.get(HISTORY, headers=twice[:1])).status_code == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
async def test_the_scheme_is_read_as_http_says(http, scheme):
    """A scheme has no case, and more than one blank may follow it."""
    response = await http.get(HISTORY, headers={"Authorization": f"{scheme} {a_token()}"})
    assert response.status_code == 200


MALFORMED = {
    "no JSON": b"query=zebra-canary",
    "empty": b"",
    "a string": b'"zebra-canary"',
    "a list": b'[{"query": "zebra-canary"}]',
    "null": b"null",
    "cut": b'{"query": "zebra-canary"',
    "two values": b'{"query": "zebra-canary"} {}',
    "not UTF-8": b'{"query": "zebra-canary \xff"}',
    "UTF-16": '{"query": "zebra-canary"}'.encode("utf-16"),
    "NaN": b'{"query": "zebra-canary", "min_similarity": NaN}',
    "Infinity": b'{"query": "zebra-canary", "min_similarity": Infinity}',
    "NaN where nobody looks": b'{"query": "zebra-canary", "else": NaN}',
    "a huge number": b'{"query": "zebra-canary", "max_results": ' + b"9" * 5000 + b"}",
    "deeply nested": b'{"query": ' + b"[" * 30_000 + b"}",
    "lone surrogate": b'{"query": "zebra-canary \\ud800"}',
    "lone surrogate in a key": b'{"query": "zebra-canary", "mode": "\\udfff"}',
    "NUL": b'{"query": "zebra-canary \\u0000"}',
    "escape character": b'{"query": "zebra-canary \\u001b[2J"}',
    "no query": b'{"question": "zebra-canary"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_question_is_refused_without_an_echo(http, parts, body):
    """Whatever the bytes are, the answer is 422 and repeats none of them."""
    headers = bearer(**{"Content-Type": "application/json"})
    response = await http.post(CHAT, content=body, headers=headers)
    assert is_problem(response, 422, "malformed")
    assert CANARY not in everything_sent(response)
    assert parts.login.asked == 0


FIELDS = {
    "query empty": {"query": ""},
    "query blank": {"query": " \n\t "},
    "query of 2,001 characters": {"query": "א" * 2001},
    "query of 2,001 emoji": {"query": "🙂" * 2001},
    "query null": {"query": None},
    "query a number": {"query": 7},
    "query a list": {"query": ["x"]},
    "client_id no UUID": {"client_id": "dana"},
    "client_id a number": {"client_id": 7},
    "conversation_id no UUID": {"conversation_id": "x"},
    "max_results 0": {"max_results": 0},
    "max_results 11": {"max_results": 11},
    "max_results a string": {"max_results": "5"},
    "max_results true": {"max_results": True},
    "max_results a float": {"max_results": 5.5},
    "max_results null": {"max_results": None},
    "min_similarity below": {"min_similarity": -0.1},
    "min_similarity above": {"min_similarity": 1.1},
    "min_similarity a string": {"min_similarity": "0.5"},
    "min_similarity true": {"min_similarity": True},
    "min_similarity 1e999": {"min_similarity": 10**400},
    "mode unknown": {"mode": "delete"},
    "mode null": {"mode": None},
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
async def test_a_field_of_the_wrong_shape_is_refused(http, parts, fields):
    """Limits and types are the contract's, and nothing is guessed from another type."""
    response = await ask(http, **{"query": CANARY} | fields)
    assert is_problem(response, 422, "malformed")
    assert CANARY not in everything_sent(response)
    assert parts.limiter.taken == 0


GOOD = {
    "2,000 characters": {"query": "א" * 2000},
    "2,000 emoji": {"query": "🙂" * 2000},
    "line breaks and tabs": {"query": "one\r\ntwo\tthree"},
    "a whole similarity": {"min_similarity": 1},
    "edges": {"max_results": 1, "min_similarity": 0.0},
    "null scope": {"client_id": None, "conversation_id": None},
    "a field of tomorrow": {"temperature": 0.5},
}


@pytest.mark.parametrize("fields", GOOD.values(), ids=GOOD)
async def test_a_question_at_the_edge_of_the_contract_is_taken(http, fields):
    """What the contract allows is not refused."""
    assert (await ask(http, **{"query": "x"} | fields)).status_code == 200


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
async def test_a_body_of_another_type_is_refused(http, parts, media_type):
    """Only JSON is read: a form from a foreign page is not."""
    headers = bearer() | ({"Content-Type": media_type} if media_type else {})
    body = json.dumps({"query": CANARY})
    response = await http.post(CHAT, content=body.encode(), headers=headers)
    assert is_problem(response, 415, "wrong_media_type")
    assert CANARY not in everything_sent(response)


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_is_recognised_as_http_writes_it(http, media_type):
    """Parameters and case of a media type do not matter."""
    headers = bearer(**{"Content-Type": media_type})
    response = await http.post(CHAT, content=b'{"query": "x"}', headers=headers)
    assert response.status_code == 200


def a_body(size: int) -> bytes:
    frame = len(json.dumps({"query": "x", "padding": ""}))
    return json.dumps({"query": "x", "padding": "p" * (size - frame)}).encode()


async def test_a_body_over_the_limit_is_refused(http, parts):
    """One byte too many is 413; exactly the limit is read."""
    headers = bearer(**{"Content-Type": "application/json"})
    fits = await http.post(CHAT, content=a_body(MAX_CHAT_BODY), headers=headers)
    assert fits.status_code == 200
    over = await http.post(CHAT, content=a_body(MAX_CHAT_BODY + 1), headers=headers)
    assert is_problem(over, 413, "too_large")
    assert len(parts.asked) == 1


async def test_an_endless_body_is_not_read_to_its_end(http):
    """Reading stops at the limit, so nobody can fill the memory; a stranger's body is not read at all."""
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 10_000:
            sent += 1
            yield b"x" * 1024

    headers = {"Content-Type": "application/json"}
    assert (await http.post(CHAT, content=endless(), headers=headers)).status_code == 401
    assert sent <= 1
    sent = 0
    response = await http.post(CHAT, content=endless(), headers=headers | bearer())
    assert is_problem(response, 413, "too_large")
    assert sent == MAX_CHAT_BODY // 1024 + 1


async def test_a_caller_who_leaves_in_the_middle_of_a_body_asked_nothing():
    """Half a body followed by a hang-up is a refusal, not a failure of ours."""
    messages = [
        {"type": "http.request", "body": b'{"query": "x"}', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive():
        return messages.pop(0)

    with pytest.raises(MalformedRequest):
        await read_capped(Request({"type": "http"}, receive), MAX_CHAT_BODY)
    assert messages == []
