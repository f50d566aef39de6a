"""POST /internal/v1/events: only a signed, well-formed delivery is stored."""

import json
from uuid import UUID, uuid4

import httpx
import pytest

from pazpaz_ai_client.signing import MAX_EVENT_BODY, PrivateKey, Signer
from service.container import OUR_AUDIENCE
from tests.fakes import NOW, OTHER_WORKSPACE, WORKSPACE
from tests.unit.api.practice import EVENTS, KEY, ask, is_problem
from tests.unit.doubles import USER

JSON = {"Content-Type": "application/json"}


def a_row(entity: str = "sessions", key: UUID | None = None, **changes: object) -> dict:
    return {
        "id": str(uuid4()),
        "workspace_id": str(WORKSPACE),
        "entity": entity,
        "entity_id": str(key or uuid4()),
        "kind": "upserted",
        "occurred_at": NOW.isoformat(),
    } | changes


def a_delivery(*rows: dict, **changes: object) -> bytes:
    return json.dumps({"delivery_id": str(uuid4()), "events": rows or [a_row()]} | changes).encode()


async def deliver(http, parts, body: bytes, *, tag: str = "pp-event/1") -> httpx.Response:
    """A delivery as PazPaz sends it, signed."""
    auth = parts.signer().auth(tag)
    return await http.post(EVENTS, content=body, headers=JSON, auth=auth)


async def test_a_signed_delivery_is_stored(http, parts):
    """202 tells how many events are safe, and they are in the queue."""
    rows = [a_row(), a_row("clients", kind="purged")]
    response = await deliver(http, parts, a_delivery(*rows))
    assert (response.status_code, response.json()) == (202, {"accepted": 2})
    assert [str(event.id) for event in parts.queue.accepted] == [row["id"] for row in rows]
    assert parts.queue.accepted[1].kind == "purged"


async def test_an_unsigned_delivery_is_refused(http, parts):
    """Without a signature nothing is parsed, not even garbage."""
    for body in (a_delivery(), b"no JSON"):
        response = await http.post(EVENTS, content=body, headers=JSON)
        assert is_problem(response, 401, "not_authenticated")
    assert parts.queue.accepted == []


async def test_a_signature_does_not_cover_another_body(http, parts):
    """A delivery altered on the way is refused."""

    async def alter(request: httpx.Request) -> None:
        request.stream = httpx.ByteStream(request.content.replace(b"upserted", b"purgedXX"))

    http.event_hooks = {"request": [alter]}
    assert is_problem(await deliver(http, parts, a_delivery()), 401, "not_authenticated")
    assert parts.queue.accepted == []


async def test_a_signature_of_another_kind_key_or_age_is_refused(http, parts):
    """A pull's signature, a stranger's key, another audience and a stale signature are no delivery."""
    stranger = Signer(
        PrivateKey.generate("ml-2026-11-a"), audience=OUR_AUDIENCE, clock=parts.seconds
    )
    elsewhere = Signer(PrivateKey.generate("xx-1"), audience="pazpaz-monolith", clock=parts.seconds)
    stale = Signer(KEY, audience=OUR_AUDIENCE, clock=lambda: parts.seconds() - 120)
    auths = [stranger.auth("pp-event/1"), elsewhere.auth("pp-event/1"), stale.auth("pp-event/1")]
    for auth in [*auths, parts.signer().auth("pp-pull/1")]:
        response = await http.post(EVENTS, content=a_delivery(), headers=JSON, auth=auth)
        assert is_problem(response, 401, "not_authenticated")
    assert parts.queue.accepted == []


async def test_a_repeated_request_is_refused_and_a_repeated_delivery_is_not(http, parts):
    """The same signature counts once; the same events, signed anew, are accepted again."""
    sent: list[httpx.Request] = []

    async def remember(request: httpx.Request) -> None:
        sent.append(request)

    http.event_hooks = {"request": [remember]}
    body = a_delivery()
    assert (await deliver(http, parts, body)).status_code == 202
    http.event_hooks = {}

    replay = await http.post(EVENTS, content=body, headers=sent[0].headers)
    assert is_problem(replay, 401, "not_authenticated")
    assert (await deliver(http, parts, body)).status_code == 202


@pytest.mark.parametrize("path", ["/internal/v1/%65vents", "/internal%2Fv1/events"])
async def test_what_was_signed_is_what_was_received(http, parts, path):
    """A path that something on the way wrote differently leads to the same route, and is refused as another one."""
    body = a_delivery()
    request = http.build_request("POST", EVENTS, content=body, headers=JSON)
    signed = next(parts.signer().auth("pp-event/1").sync_auth_flow(request)).headers
    rewritten = await http.post(path, content=body, headers=signed)
    assert is_problem(rewritten, 401, "not_authenticated")
    assert parts.queue.accepted == []
    assert (await http.post(EVENTS, content=body, headers=signed)).status_code == 202


async def test_a_therapists_token_is_no_signature(http, parts):
    """Another door's key does not open this one."""
    from tests.unit.api.practice import bearer

    response = await http.post(EVENTS, content=a_delivery(), headers=JSON | bearer())
    assert is_problem(response, 401, "not_authenticated")


async def test_type_and_size_come_before_the_signature(http, parts):
    """What is no JSON, or too large, is refused before anything is computed over it."""
    auth = parts.signer().auth("pp-event/1")
    text = await http.post(
        EVENTS, content=a_delivery(), headers={"Content-Type": "text/plain"}, auth=auth
    )
    assert is_problem(text, 415, "wrong_media_type")
    large = await http.post(EVENTS, content=b"x" * (MAX_EVENT_BODY + 1), headers=JSON)
    assert is_problem(large, 413, "too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b"[]",
        a_delivery(a_row(note="zebra-canary")),
        a_delivery(text="zebra-canary"),
        a_delivery(events=[]),
    ],
    ids=["no JSON", "a list", "text in an event", "text beside the events", "no events"],
)
async def test_a_signed_delivery_of_the_wrong_shape_is_refused(http, parts, body):
    """Ids only: a delivery with text in it is refused whole, and the text goes nowhere."""
    response = await deliver(http, parts, body)
    assert is_problem(response, 422, "malformed")
    assert "zebra" not in response.text
    assert parts.queue.accepted == []


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        (a_row("users", USER, kind="status"), 2),
        (a_row("workspaces", WORKSPACE, kind="status"), 2),
        (a_row("users", UUID(int=22), kind="status"), 1),
        (a_row("users", USER, kind="status", workspace_id=str(OTHER_WORKSPACE)), 1),
        (a_row("sessions", USER), 1),
    ],
    ids=["this user", "this workspace", "a colleague", "another practice", "a note"],
)
async def test_a_change_of_user_or_workspace_is_asked_about_at_once(http, parts, row, asked):
    """The event drops what was remembered of exactly those logins."""
    await ask(http)
    assert (await deliver(http, parts, a_delivery(row))).status_code == 202
    await ask(http)
    assert parts.login.asked == asked
