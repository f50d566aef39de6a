"""Answers as events, through PazPaz's proxy, and callers and servers that leave before the end."""

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import httpx
import pytest

from service.container import Container
from service.demo.stage import Stage
from service.demo.therapist import CHAT, signed_in
from tests.journeys.practice import Practice, eventually, open_practice

HEBREW = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים.", "מתי התחילה לרוץ שוב?"
ENGLISH = "She started running again on Tuesday.", "When did she start running again?"
EVENT_STREAM = "text/event-stream"
SLOW_SECONDS = 8.0
CANCELLED = re.compile(r'^ai_agent_queries_total\{.*status="cancelled"\} (\S+)', re.MULTILINE)


def _asked_of(practice: Practice, query: str, client: str, accept: str) -> httpx.Request:
    http = practice.therapist.http
    headers = {"Accept": accept, "X-CSRF-Token": http.cookies.get("csrf_token") or ""}
    body = {"query": query, "client_id": client}
    return http.build_request("POST", CHAT, json=body, headers=headers)


async def _events(response: httpx.Response) -> AsyncIterator[tuple[str, dict]]:
    name = ""
    async for line in response.aiter_lines():
        kind, _, value = line.partition(": ")
        if kind == "event":
            name = value
        elif kind == "data":
            yield name, json.loads(value)


@pytest.mark.parametrize(("language", "said"), [("he", HEBREW), ("en", ENGLISH)])
async def test_an_answer_streams_through_pazpaz(
    running: Stage, container: Container, language: str, said: tuple[str, str]
) -> None:
    """Steps, citations, verified sentences, then the whole answer, which is what the JSON form and the history say."""
    async with open_practice(running, container, language=language) as practice:
        client = await practice.client()
        await practice.note(client, subjective=said[0])
        await practice.settled()
        request = _asked_of(practice, said[1], client, EVENT_STREAM)
        response = await practice.therapist.http.send(request, stream=True)
        events = [event async for event in _events(response)]
        await response.aclose()

        assert response.headers["content-type"].startswith(EVENT_STREAM)
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-cache"
        *told, (last, done) = events
        steps = [data["step"] for name, data in told if name == "status"]
        assert steps == ["understand", "retrieve", "synthesize", "filter", "postprocess"]
        texts = [data["text"] for name, data in told if name == "token"]
        assert (last, "".join(texts)) == ("done", done["answer"])
        assert [data for name, data in told if name == "citation"] == done["citations"] != []
        assert (done["language"], done["answer_status"]) == (language, "answered")
        whole = await practice.ask(said[1], client_id=client)
        assert (done["answer"], done["citations"]) == (whole["answer"], whole["citations"])
        kept = await practice.do("GET", f"/api/v1/ai/agent/history/{done['conversation_id']}")
        assert [turn["answer"] for turn in kept.json()["turns"]] == [done["answer"]]

        request = _asked_of(practice, "?", "00000000-0000-0000-0000-000000000000", EVENT_STREAM)
        refused = await practice.therapist.http.send(request)
        assert refused.status_code == 404
        assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("accept", ["application/json", EVENT_STREAM])
async def test_who_leaves_stops_the_work(practice: Practice, running: Stage, accept: str) -> None:
    """A browser that closes its connection to PazPaz ends the question here: counted, recorded, and not kept."""
    client = await practice.client()
    await practice.note(client, subjective=HEBREW[0])
    await practice.settled()
    lever = f"/workspaces/{practice.workspace}/slow"
    await practice.admin.call("POST", lever, {"seconds": SLOW_SECONDS})
    before = await _cancelled(running)

    asking = asyncio.create_task(
        practice.therapist.http.send(_asked_of(practice, HEBREW[1], client, accept))
    )
    await eventually(lambda: _is_open(running, practice))
    left = time.monotonic()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    async def counted() -> bool:
        return await _cancelled(running) == before + 1

    await eventually(counted, patience=SLOW_SECONDS - 1)
    print(f"\n{accept}: stopped after {time.monotonic() - left:.2f} s")  # noqa: T201
    assert await _outcomes(running, practice) == ["cancelled"]
    history = await practice.do("GET", "/api/v1/ai/agent/history")
    assert history.json()["conversations"] == []
    await practice.admin.call("POST", lever, {"seconds": 0})
    assert (await practice.ask(HEBREW[1], client_id=client))["answer_status"] == "answered"


@pytest.fixture
async def replaced(running: Stage) -> AsyncIterator[Stage]:
    """An API beside the running one, with a PazPaz that asks it."""
    stage = running.beside()
    stage.start("monolith", "api")
    await stage.until_up(stage.monolith_url, stage.service_url)
    yield stage
    stage.stop("api", "monolith")


async def test_a_server_that_is_told_to_stop_finishes_its_answers(
    practice: Practice, running: Stage, replaced: Stage
) -> None:
    """After SIGTERM a stream goes on to its last word, a new question finds nobody, and the exit is clean."""
    client = await practice.client()
    await practice.note(client, subjective=HEBREW[0])
    await practice.settled()
    lever = f"/workspaces/{practice.workspace}/slow"
    await practice.admin.call("POST", lever, {"seconds": 2.0})
    async with signed_in(replaced.monolith_url, practice.user) as therapist:
        elsewhere = replace(practice, therapist=therapist)
        request = _asked_of(elsewhere, HEBREW[1], client, EVENT_STREAM)
        asking = asyncio.create_task(therapist.http.send(request))
        await eventually(lambda: _is_open(running, practice))
        server = replaced.children["api"].process
        server.terminate()
        await eventually(lambda: _is_closed(replaced))
        assert not asking.done()
        refused = await therapist.ask(HEBREW[1], client_id=client)
        response = await asking
    assert refused.status_code == 503
    *_, (last, done) = [event async for event in _events(response)]
    assert (last, done["answer_status"]) == ("done", "answered")
    assert await asyncio.to_thread(server.wait, 10) in (0, -signal.SIGTERM)
    assert await _outcomes(running, practice) == ["answered"]
    await practice.admin.call("POST", lever, {"seconds": 0})


async def _is_closed(stage: Stage) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", int(stage.environment["PORT"]))
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def _cancelled(running: Stage) -> float:
    async with httpx.AsyncClient(base_url=running.service_url, trust_env=False) as http:
        return sum(map(float, CANCELLED.findall((await http.get("/metrics")).text)))


async def _is_open(running: Stage, practice: Practice) -> bool:
    return len(await _rows(running, practice)) == 1


async def _outcomes(running: Stage, practice: Practice) -> list[str]:
    return [row["outcome"] for row in await _rows(running, practice) if row["outcome"]]


async def _rows(running: Stage, practice: Practice) -> list[asyncpg.Record]:
    """The audit rows of the practice's questions; the owner sees everybody's."""
    connection = await asyncpg.connect(running.databases.owner.replace("+asyncpg", ""))
    try:
        return await connection.fetch(
            "SELECT action, details->>'outcome' AS outcome FROM audit"
            " WHERE chat_id IS NOT NULL AND workspace_id = $1 ORDER BY seq",
            practice.workspace,
        )
    finally:
        await connection.close()
