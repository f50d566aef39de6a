"""No word of a note, a name or a question leaves the places where it may be."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from redis import Redis
from sqlalchemy import make_url

from service.demo.stage import Stage
from tests.journeys.practice import Practice

# In both scripts, none of them a word that could occur by chance.
NOTE = "זברולון קיקיון תרשישה דיברה על ההלוואה"
ENGLISH = "Quibblewick frondlesnap mentioned the mortgage"
NAME = ("ירקרקונית", "Vexelmire")
QUERY = "זברולון קיקיון ומה עם Quibblewick?"
CANARIES = ("זברולון", "קיקיון", "תרשישה", "Quibblewick", "frondlesnap", "ירקרקונית", "Vexelmire")


async def _walk_every_path(practice: Practice, stage: Stage) -> list[str]:
    """Indexing, answering, abstaining, history, and every kind of refusal; returns the refusals' bodies."""
    client = await practice.client(*NAME, medical_history=f"{ENGLISH} at home.")
    session = await practice.note(client, subjective=f"{NOTE}. שורה נוספת.", plan=ENGLISH)
    broken = await practice.note(client, subjective=f"{NOTE} שבור")
    lever = f"/sessions/{broken}/undecryptable"
    await practice.admin.call("POST", lever, {"undecryptable": True})
    await practice.do("POST", f"/api/v1/sessions/{broken}/unfinalize")
    await asyncio.sleep(2)  # the unreadable one stays open work, so nothing settles
    answer = await practice.ask(QUERY, client_id=client)
    assert any(word in answer["answer"] for word in CANARIES), "the canary never sang"
    await practice.ask(f"{QUERY} football", client_id=client)
    await _stream(practice, client)
    await practice.do("GET", f"/api/v1/ai/agent/history/{answer['conversation_id']}")
    await practice.therapist.edit(session, subjective=f"{NOTE} אחרת")
    return [*await _refusals(practice, stage)]


async def _stream(practice: Practice, client: str) -> None:
    http = practice.therapist.http
    headers = {
        "Accept": "text/event-stream",
        "X-CSRF-Token": http.cookies.get("csrf_token") or "",
    }
    body = {"query": QUERY, "client_id": client}
    streamed = await http.post("/api/v1/ai/agent/chat", json=body, headers=headers)
    assert any(word in streamed.text for word in CANARIES), "the canary was not streamed"


async def _refusals(practice: Practice, stage: Stage) -> Iterable[str]:
    bodies = []
    for body in (
        {"query": QUERY, "max_results": 99},
        {"query": QUERY * 200},
        {"query": f"{QUERY}\x00"},
        {"query": QUERY, "client_id": str(uuid4())},
        {"query": QUERY, "conversation_id": str(uuid4())},
    ):
        refused = await practice.therapist.call("POST", "/api/v1/ai/agent/chat", body)
        assert refused.status_code in (404, 422), refused.status_code
        bodies.append(refused.text)
    token = practice.therapist.http.cookies.get("access_token")
    raw = json.dumps({"query": QUERY})[:-1].encode()
    async with httpx.AsyncClient(base_url=stage.service_url, trust_env=False) as http:
        for headers, content, status in (
            ({}, raw, 401),
            ({"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}, raw, 415),
            ({"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, raw, 422),
            (
                {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                json.dumps({"query": QUERY * 3000}, ensure_ascii=False).encode(),
                413,
            ),
        ):
            path = "/api/v1/ai/agent/chat"
            refused = await http.post(path, content=content, headers=headers)
            assert refused.status_code == status, (refused.status_code, status)
            bodies.append(refused.text)
        bodies.append((await http.post("/internal/v1/events", json={"query": QUERY})).text)
        bodies.append((await http.get(f"/{QUERY}")).text)
        bodies.append((await http.get("/metrics")).text)
    return bodies


async def test_no_text_reaches_a_log_a_metric_an_error_or_a_table(
    practice: Practice, running: Stage
) -> None:
    """Planted words are found in no log, metric, error body, table (as text or bytes) or Redis key or value."""
    refusals = await _walk_every_path(practice, running)

    assert _found(refusals) == []
    logs = [running.folder / f"{name}.log" for name in ("api", "worker", "monolith", "postgres")]
    assert all(log.exists() for log in logs)
    assert _found(log.read_text() for log in logs) == []
    assert _found(await _dump(running.databases.owner)) == []
    assert _found(_redis_contents(running.servers.redis_url)) == []


def _found(texts: Iterable[str]) -> list[str]:
    """The canaries that occur: as text, as JSON escapes, or as hex of UTF-8 or UTF-16 bytes."""
    shapes = {
        shape: word
        for word in CANARIES
        for shape in (
            word,
            json.dumps(word).strip('"'),
            word.encode().hex(),
            word.encode("utf-16-le").hex(),
        )
    }
    return [word for text in texts for shape, word in shapes.items() if shape in text]


async def _dump(url: str) -> list[str]:
    """Every row of every table as text; the owner must set aside the walls to see all workspaces."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        rows: list[str] = []
        for table in tables:
            every = f'SELECT t::text AS row FROM "{table["relname"]}" t'
            found = await connection.fetch(every)
            rows += [record["row"] for record in found]
    finally:
        await connection.close()
    assert any("note_unreadable" in row for row in rows), "the poison note left no visible failure"
    return rows


def _redis_contents(url: str) -> list[str]:
    with Redis.from_url(url, decode_responses=True) as redis:
        return [f"{key} {_value(redis, key)}" for key in redis.scan_iter()]


def _value(redis: Any, key: str) -> Any:
    kind = redis.type(key)
    if kind == "zset":
        return redis.zrange(key, 0, -1, withscores=True)
    return redis.get(key) if kind == "string" else redis.dump(key)


def test_the_search_for_canaries_finds_them(tmp_path: Path) -> None:
    """A canary in clear, escaped, or in bytes is found; so the test above can fail."""
    assert _found([f"log: {CANARIES[0]}"]) == [CANARIES[0]]
    assert _found([json.dumps({"query": CANARIES[0]})]) == [CANARIES[0]]
    assert _found(["\\x" + CANARIES[3].encode().hex()]) == [CANARIES[3]]
