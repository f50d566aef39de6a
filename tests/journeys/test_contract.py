"""The examples of the contract over real sockets: the page's through PazPaz's proxy, the service's at PazPaz's door."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
from redis.asyncio import Redis

import contract_examples as contract
from service.container import Container
from service.demo.stage import Stage
from tests.journeys.practice import Practice, open_practice

NOTE = "הטיפול בכאבי גב היה חימום ותרגול."
PROFILE = "כאבי גב מאז 2019, הטיפול היה פיזיותרפיה."
CITED = "an answer that cites a session and the client's profile"
LONG_AGO = "2026-01-01T00:00:00+00:00"


@pytest.fixture
async def practice(running: Stage, container: Container) -> AsyncIterator[Practice]:
    """The examples' refusals are in English."""
    async with open_practice(running, container, language="en") as opened:
        yield opened


async def _sent(http: httpx.AsyncClient, exchange: contract.Exchange) -> httpx.Response:
    """As PazPaz's page sends it: with the cookies, and the CSRF header beside them."""
    asked = exchange["request"]
    headers = {**asked.get("headers", {}), "X-CSRF-Token": http.cookies.get("csrf_token") or ""}
    return await http.request(
        asked["method"], asked["path"], json=asked.get("body"), headers=headers
    )


async def _written(practice: Practice) -> dict[str, str]:
    """A client with a profile and a note of back pain."""
    client = await practice.client("Dana", "Levi", medical_history=PROFILE)
    session = await practice.note(client, subjective=NOTE, plan="Heat twice a day.")
    await practice.settled()
    return {"client": client, "session": session}


def _sid(practice: Practice) -> str:
    token = practice.therapist.http.cookies["access_token"]
    return str(jwt.decode(token, options={"verify_signature": False})["jti"])


async def test_answers_are_as_promised(practice: Practice) -> None:
    """Both kinds of citations, as a document and as a stream, and the history of it to its end."""
    ids, http = await _written(practice), practice.therapist.http
    answer = contract.exchanges("chat", **ids)[CITED]
    asked = await _sent(http, answer)
    contract.check_response(answer, asked)
    assert {one["type"] for one in asked.json()["citations"]} == {"session", "client"}

    conversation, message = (asked.json()[name] for name in ("conversation_id", "message_id"))
    more = {"conversation": conversation, "message": message}
    for exchange in contract.exchanges("history", **ids, **more).values():
        contract.check_response(exchange, await _sent(http, exchange))

    stream = contract.exchanges("stream", **ids)["an answer as it comes"]
    contract.check_response(stream, await _sent(http, stream))


async def test_nothing_found_and_requests_refused_are_as_promised(practice: Practice) -> None:
    """By the service, through the proxy: no result, an unknown client, an empty question."""
    await practice.note(await practice.client(), subjective="She slept well.")
    await practice.settled()
    for exchange in contract.exchanges("chat").values():
        if exchange["given"] in {"a note about something else", "a sign-in"}:
            contract.check_response(exchange, await _sent(practice.therapist.http, exchange))


def _by_name(given: str) -> contract.Exchange:
    [found] = [one for one in contract.exchanges("chat").values() if one["given"] == given]
    return found


async def test_what_pazpaz_refuses_is_as_promised(practice: Practice, running: Stage) -> None:
    """By PazPaz itself, before the service hears of it: nobody, no CSRF header, idle, suspended."""
    http = practice.therapist.http
    async with httpx.AsyncClient(base_url=running.monolith_url, trust_env=False) as nobody:
        nobody.cookies.set("csrf_token", "a")
        exchange = _by_name("no cookie")
        contract.check_response(exchange, await _sent(nobody, exchange))

    exchange = _by_name("no CSRF header")
    asked = exchange["request"]
    contract.check_response(exchange, await http.post(asked["path"], json=asked["body"]))

    exchange = _by_name("a suspended workspace")
    lever = f"/workspaces/{practice.workspace}/status"
    await practice.admin.call("POST", lever, {"status": "suspended"})
    contract.check_response(exchange, await _sent(http, exchange))

    exchange = _by_name("an idle sign-in")
    async with Redis.from_url(running.servers.redis_url) as redis:
        await redis.set(f"session:activity:{practice.user}:{_sid(practice)}", LONG_AGO)
    refused = await _sent(http, exchange)
    contract.check_response(exchange, refused)
    assert refused.json()["idle_seconds"] > 1800


async def test_a_used_up_allowance_is_as_promised(practice: Practice, running: Stage) -> None:
    """The service's 429 arrives with its words and with when to ask again."""
    exchange = _by_name("a used-up allowance")
    allowed = int(running.environment["AI_AGENT_MAX_QUERIES_PER_HOUR"])
    async with Redis.from_url(running.servers.redis_url) as redis:
        asked = {f"q{number}": time.time() for number in range(allowed)}
        await redis.zadd(f"ai_agent_chat:{practice.workspace}", asked)
    refused = await _sent(practice.therapist.http, exchange)
    contract.check_response(exchange, refused)
    assert 3000 < int(refused.headers["Retry-After"]) <= 3600


async def test_pulls_are_answered_as_promised(practice: Practice, container: Container) -> None:
    """All that the service asks of PazPaz, signed with its own key."""
    ids = {**await _written(practice), "workspace": practice.workspace, "user": practice.user}
    deleted, broken = [await practice.note(ids["client"], plan="Rest.") for _ in range(2)]
    await practice.do("DELETE", f"/api/v1/sessions/{deleted}")
    lever = f"/sessions/{broken}/undecryptable"
    await practice.admin.call("POST", lever, {"undecryptable": True})
    ids |= {"event": deleted, "delivery": broken, "sid": _sid(practice)}

    base, signer = practice.therapist.http.base_url, container.notes.signer
    async with httpx.AsyncClient(base_url=base, trust_env=False) as service:
        for exchange in contract.exchanges("internal", **ids).values():
            asked: dict[str, Any] = exchange["request"]
            if "after" in asked["body"]:
                asked["body"]["after"] = None  # the example's place is in another feed
            response = await service.post(
                asked["path"], json=asked["body"], auth=signer.auth(asked["tag"])
            )
            contract.check_response(exchange, response)
