"""A client erased while their practice is at work: no trace of text, name, vector or quote, and proof of it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import make_url

from pazpaz_ai_client.signing import EVENT_TAG, Signer, read_folder
from service.container import OUR_AUDIENCE, Container
from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
from service.ports.clock import now
from tests.journeys.practice import Practice, eventually
from tests.journeys.test_nothing_leaks import _redis_contents as redis_contents

NAME = ("Quillfeather", "צפרירונית")
TEXT = "Marzipanesque עננכבידות dreams since the brindlewick move"
WORDS = ("Quillfeather", "צפרירונית", "Marzipanesque", "עננכבידות", "brindlewick")
QUESTION = "Marzipanesque עננכבידות brindlewick?"
NAMED_IN = {"audit", "tombstones", "erasures"}


def agent(stage: Stage, *words: str, code: int = 0) -> str:
    """Runs a command as an operator in the worker's surroundings would; its output."""
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *words],
        env={"PATH": os.environ["PATH"], **stage.worker_environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code == 2 else done.stdout


async def tables_naming(stage: Stage, words: list[str]) -> dict[str, set[str]]:
    """The tables in whose rows a word occurs: as text, in JSON, or in the bytes of a column."""
    url = make_url(stage.databases.owner).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    found: dict[str, set[str]] = {word: set() for word in words}
    try:
        for (table,) in await connection.fetch(
            "SELECT relname::text FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ):
            for (row,) in await connection.fetch(f'SELECT to_jsonb(t)::text FROM "{table}" t'):
                for word in words:
                    shapes = (word, json.dumps(word).strip('"'), word.encode().hex())
                    if any(shape in row for shape in (*shapes, word.encode("utf-16-le").hex())):
                        found[word].add(table)
    finally:
        await connection.close()
    return found


async def vectors_of(stage: Stage, client: str) -> list[str]:
    """The vectors and bags as they lie there, to look for after they are gone."""
    url = make_url(stage.databases.owner).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        vectors = "SELECT embedding::text FROM session_vectors WHERE client_id = $1"
        bags = "SELECT encode(sealed, 'hex') FROM bags WHERE client_id = $1"
        turns = (
            "SELECT encode(unnest(sentences), 'hex') FROM turns t JOIN conversations c"
            " ON c.id = t.conversation_id WHERE c.client_id = $1"
        )
        rows = [
            row
            for query in (vectors, bags, turns)
            for row in await connection.fetch(query, UUID(client))
        ]
    finally:
        await connection.close()
    return [row[0] for row in rows if row[0]]


@asynccontextmanager
async def busy(practice: Practice, client: str, other: str) -> AsyncIterator[None]:
    """Questions about both clients and edits of the other, until the block ends."""
    session = await practice.note(other, subjective="A quiet week.")
    stop = asyncio.Event()

    async def ask(client_id: str | None) -> None:
        while not stop.is_set():
            scope = {"client_id": client_id} if client_id else {}
            response = await practice.therapist.ask(QUESTION, **scope)
            assert response.status_code in {200, 404, 503}, response.text

    async def edit() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await practice.therapist.edit(session, subjective=f"A quiet week, {number}.")
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as loads:
        for load in (ask(client), ask(None), ask(other), edit()):
            loads.create_task(load)
        await asyncio.sleep(0.5)
        try:
            yield
            await asyncio.sleep(0.5)
        finally:
            stop.set()


async def test_an_erased_client_leaves_no_trace(
    practice: Practice, running: Stage, container: Container, tmp_path: Path
) -> None:
    """Erased at the command line under load: no table, Redis, log or metric holds a word, vector or quote; ids stand
    in audit, tombstone and receipt only; an old event changes nothing; and the receipt holds offline."""
    client, other = await practice.client(*NAME, medical_history=TEXT), await practice.client()
    sessions = [await practice.note(client, subjective=f"{TEXT} {n}", plan=TEXT) for n in range(3)]
    draft = await practice.note(client, subjective=TEXT, finalize=False)
    await practice.settled()
    answer = await practice.ask(QUESTION, client_id=client)
    assert any(word in answer["answer"] for word in WORDS), "the canary never sang"
    remains = await vectors_of(running, client)
    assert len(remains) > 8

    named = ("--workspace", practice.workspace)
    async with busy(practice, client, other):
        told = await asyncio.to_thread(agent, running, "erase", "client", client, *named, "--yes")
    assert "no trace" in told
    await practice.settled()

    ids = [client, draft, *sessions]
    found = await tables_naming(running, [*WORDS, *remains, *ids])
    assert {word: tables for word, tables in found.items() if word not in ids and tables} == {}
    assert found[client] <= NAMED_IN
    assert {one: found[one] for one in (draft, *sessions) if found[one] - {"audit"}} == {}
    logs = [(running.folder / f"{name}.log").read_text() for name in ("api", "worker", "postgres")]
    async with httpx.AsyncClient(base_url=running.service_url, trust_env=False) as http:
        metrics = (await http.get("/metrics")).text
    for text in (*logs, metrics, *redis_contents(running.servers.redis_url)):
        assert not [word for word in WORDS if word in text]
    assert client not in metrics

    await _replay_an_old_event(practice, running, sessions[0])
    await practice.settled()
    workspace = WorkspaceId(UUID(practice.workspace))
    held = {str(item.id) for item in await container.store.catalogue(workspace=workspace)}
    assert held.isdisjoint(ids)
    # PazPaz still has the note, and says so: reconciliation does not bring it back either.
    assert "missed 0" in agent(running, "reconcile", *named)

    files = (running.folder / "receipts").glob("*.json")
    (receipt,) = [file for file in files if client in file.read_text()]
    keys = running.keys.our_keys / "keys.json"
    checked = ("erase", "verify", str(receipt), "--keys", str(keys))
    assert agent(running, *checked).startswith("holds")
    forged = tmp_path / receipt.name
    forged.write_text(receipt.read_text().replace('"asked_by": "operator"', '"asked_by": "event"'))
    assert agent(running, "erase", "verify", str(forged), "--keys", str(keys), code=1).startswith(
        "DOES NOT HOLD"
    )


async def _replay_an_old_event(practice: Practice, stage: Stage, session: str) -> None:
    """Signed as PazPaz does: accepted, because only what it asks for is refused."""
    event = {"id": str(uuid4()), "workspace_id": practice.workspace, "entity": "sessions"}
    event |= {"entity_id": session, "kind": "upserted", "occurred_at": "2026-11-01T10:00:00Z"}
    body = {"delivery_id": str(uuid4()), "events": [event]}
    signer = Signer(read_folder(stage.keys.their_keys, now()).at(now()), audience=OUR_AUDIENCE)
    async with httpx.AsyncClient(base_url=stage.service_url, trust_env=False) as http:
        sent = await http.post("/internal/v1/events", json=body, auth=signer.auth(EVENT_TAG))
    assert sent.status_code == 202


async def test_undone_a_client_is_indexed_again(practice: Practice, running: Stage) -> None:
    """The tombstone lifted, PazPaz's own notes come back, and what was said stays gone."""
    client = await practice.client()
    await practice.note(client, subjective="She began to swim on Tuesdays.")
    await practice.settled()
    answer = await practice.ask("When did she begin to swim?", client_id=client)
    assert answer["citations"]
    named = (client, "--workspace", practice.workspace, "--yes")
    agent(running, "erase", "client", *named)
    assert (await practice.therapist.ask("swim?", client_id=client)).status_code in {200, 404}
    agent(running, "erase", "client", *named, "--undo")

    async def back() -> bool:
        asked = await practice.therapist.ask("When did she begin to swim?", client_id=client)
        return asked.status_code == 200 and bool(asked.json()["citations"])

    await eventually(back)
    path = f"/api/v1/ai/agent/history/{answer['conversation_id']}"
    assert (await practice.therapist.call("GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("session", "no-id", "--workspace", str(UUID(int=1))), "a valid UUID"),
        (("client", str(UUID(int=1)), "--yes"), "Missing option '--workspace'"),
        (("workspace", str(UUID(int=1))), "say --yes"),
        (
            ("session", str(UUID(int=1)), "--workspace", str(UUID(int=2)), "--undo", "--yes"),
            "no tombstone",
        ),
        (("verify", __file__, "--keys", __file__), "not a list of public keys"),
    ],
)
async def test_a_wrong_word_erases_nothing(
    running: Stage, words: tuple[str, ...], said: str
) -> None:
    """One line that says what is missing, and exit code 2."""
    complaint = agent(running, "erase", *words, code=2)
    assert said in complaint
    assert complaint.count("\n") == 1
