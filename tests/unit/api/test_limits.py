"""What a caller may ask for at most: places, looks, depth, and what every answer forbids."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.bulkhead import Bulkhead
from service.api.depth import MAX_DEPTH, is_too_deep
from service.errors import Busy, TooManyAtOnce
from service.main import build_app
from tests.fakes import CLIENT, OTHER_WORKSPACE, WORKSPACE, a_client
from tests.unit.api.practice import APP, CHAT, ask, bearer, is_problem
from tests.unit.api.practice import HISTORY as HISTORY_PATH
from tests.unit.doubles import CountedLimiter


def test_places_are_few_and_given_back():
    """So many of a practice, so many in all; a place is free again however its question ended."""
    bulkhead = Bulkhead(most=3, most_per_workspace=2)
    with bulkhead.place(WORKSPACE), bulkhead.place(WORKSPACE):
        with pytest.raises(TooManyAtOnce), bulkhead.place(WORKSPACE):
            pass
        with bulkhead.place(OTHER_WORKSPACE), pytest.raises(Busy), bulkhead.place(OTHER_WORKSPACE):
            pass
    with pytest.raises(LookupError), bulkhead.place(WORKSPACE):
        raise LookupError
    with bulkhead.place(WORKSPACE), bulkhead.place(WORKSPACE):
        pass
    assert not bulkhead._inside


async def test_one_question_too_many_is_told_when_to_come_again(http, parts):
    """429 for the practice that asks too much at once, 503 for everybody else when the house is full."""
    with parts.bulkhead.place(WORKSPACE), parts.bulkhead.place(WORKSPACE):
        refused = await ask(http)
        assert is_problem(refused, 429, "too_many_at_once")
        assert refused.headers["Retry-After"] == "2"
    with (
        parts.bulkhead.place(OTHER_WORKSPACE),
        parts.bulkhead.place(OTHER_WORKSPACE),
        parts.bulkhead.place(WORKSPACE),
    ):
        refused = await ask(http)
        assert is_problem(refused, 503, "busy")
        assert refused.headers["Retry-After"] == "2"
    assert parts.limiter.taken == 0
    assert (await ask(http)).status_code == 200


async def test_guessing_client_ids_has_an_end(http, parts):
    """A look at PazPaz for a client nobody knows here costs the guesser, not the practice's allowance."""
    parts.store.known.clear()
    parts.limiter = CountedLimiter()
    parts.limiter.most_looks = 2
    parts.notes.take(a_client())
    for _ in range(2):
        assert (await ask(http, client_id=str(CLIENT))).status_code == 200
    refused = await ask(http, client_id=str(CLIENT))
    assert is_problem(refused, 429, "allowance_used")
    assert (parts.limiter.taken, refused.headers["Retry-After"]) == (2, "60")


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    ("raw", "deep"),
    [
        (nested(MAX_DEPTH), False),
        (nested(MAX_DEPTH + 1), True),
        (b"[" * 100_000, True),
        (b'{"query": "' + b"[" * 1000 + b'"}', False),
        (b'{"query": "\\"' + b"{" * 1000 + b'"}', False),
        (b"[]" * 1000, False),
        (b"", False),
        (b'"' + b"\\" * 1001, False),
    ],
)
def test_depth_is_told_without_parsing(raw, deep):
    """Brackets inside a string are text."""
    assert is_too_deep(raw) is deep


@given(
    st.recursive(
        st.text() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_depth_agrees_with_the_parsed_value(value):
    """Whatever a JSON text holds, its depth is that of the value."""

    def depth(one: object) -> int:
        if isinstance(one, dict):
            return 1 + max(map(depth, one.values()), default=0)
        return 1 + max(map(depth, one), default=0) if isinstance(one, list) else 0

    assert is_too_deep(json.dumps(value).encode()) is (depth(value) > MAX_DEPTH)


async def test_a_body_too_deep_is_malformed(http):
    """A bomb of brackets is refused before a parser sees it."""
    response = await http.post(
        CHAT,
        content=b'{"query": "?", "x": ' + nested(MAX_DEPTH) + b"}",
        headers=bearer(**{"Content-Type": "application/json"}),
    )
    assert is_problem(response, 422, "malformed")


@pytest.mark.parametrize(
    "path", ["/healthz", "/nowhere", HISTORY_PATH, CHAT, "/internal/v1/events"]
)
async def test_every_answer_says_what_a_browser_must_not_do_with_it(http, path):
    """Nothing runs, loads, frames, sniffs or refers; errors included."""
    headers = (await http.get(path)).headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert "server" not in headers


@pytest.mark.parametrize("path", sorted(APP.openapi()["paths"]))
async def test_no_other_site_is_let_in(http, path):
    """No CORS: a preflight, and a request with an Origin, get no Access-Control header on any route."""
    foreign = {"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}
    for response in (
        await http.options(path, headers=foreign),
        await http.get(path, headers=foreign),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]


PUBLIC_PORT, INTERNAL_PORT = 8810, 8811
PUBLIC_ONLY = [CHAT, HISTORY_PATH]
INTERNAL_ONLY = ["/metrics", "/internal/v1/events", "/readyz", "/openapi.json"]


@pytest.mark.parametrize(
    ("port", "closed", "path"),
    [(PUBLIC_PORT, True, path) for path in INTERNAL_ONLY]
    + [(INTERNAL_PORT, True, path) for path in PUBLIC_ONLY]
    + [(INTERNAL_PORT, False, "/openapi.json"), (INTERNAL_PORT, False, "/healthz")]
    + [(PUBLIC_PORT, False, "/healthz")]
    + [
        (PUBLIC_PORT, True, path)
        for path in ("/metrics/", "//metrics", "/Metrics", "/api/../metrics")
    ],
)
async def test_with_two_ports_each_serves_its_own(port, closed, path):
    """What a therapist's proxy can reach has no metrics and no internal route, and the other way round."""
    app = build_app(internal_port=INTERNAL_PORT)

    async def at_port(scope, receive, send):
        await app({**scope, "server": ("127.0.0.1", port)}, receive, send)

    transport = httpx.ASGITransport(at_port, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://ai.test") as http:
        response = await http.get(path, headers={"Host": f"ai.test:{INTERNAL_PORT}"})
    assert (response.status_code == 404) is closed
    if closed:
        assert is_problem(response, 404, "not_found")
