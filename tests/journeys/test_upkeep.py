"""What operators do about lost events, drift, dead letters and a lost index, at the command line."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from service.container import Container
from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
from tests.journeys.practice import Practice, eventually
from tests.journeys.test_erasing import agent

NOTE = "She took up rowing on the lake."
QUESTION = "What did she take up on the lake?"


@asynccontextmanager
async def owner_of(url: str) -> AsyncIterator[Any]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        yield connection
    finally:
        await connection.close()


async def cites(practice: Practice, client: str) -> set[str]:
    answer = await practice.ask(QUESTION, client_id=client)
    return {one["session_id"] for one in answer["citations"]}


async def test_an_event_that_no_webhook_brought_is_in_the_feed(
    practice: Practice, running: Stage
) -> None:
    """PazPaz takes its deliveries for done, and nothing arrived: reading its outbox brings the notes in."""
    client = await practice.client()
    await practice.settled()
    running.stop("api")
    session = await practice.note(client, subjective=NOTE)
    async with owner_of(running.databases.monolith) as connection:
        await connection.execute(
            "UPDATE ai_outbox SET delivered_at = now() WHERE workspace_id = $1 AND delivered_at IS NULL",
            UUID(practice.workspace),
        )
    running.start("api")
    await running.until_up(running.service_url)
    await practice.settled()
    assert await cites(practice, client) == set()

    told = await asyncio.to_thread(agent, running, "reconcile", "--workspace", practice.workspace)
    assert "0 of them new" not in told
    await practice.settled()
    assert await cites(practice, client) == {session}


async def test_drift_is_told_and_repaired(practice: Practice, running: Stage) -> None:
    """A missed, an extra and a stale note are named by a dry run, which changes nothing, and are then put right."""
    client = await practice.client()
    missed, stale = [await practice.note(client, subjective=NOTE) for _ in range(2)]
    await practice.settled()
    named, extra = ("--workspace", practice.workspace), str(uuid4())
    assert "0 differ" in agent(running, "reconcile", "--dry-run", *named)
    async with owner_of(running.databases.owner) as connection:
        await connection.execute("DELETE FROM note_catalogue WHERE entity_id = $1", UUID(missed))
        await connection.execute(
            "UPDATE note_catalogue SET updated_at = updated_at - interval '1 day' WHERE entity_id = $1",
            UUID(stale),
        )
        await connection.execute(
            "INSERT INTO note_catalogue (workspace_id, entity, entity_id, client_id, state, updated_at)"
            " VALUES ($1, 'sessions', $2, $3, 'active', now())",
            *map(UUID, (practice.workspace, extra, client)),
        )
    for _ in range(2):
        told = agent(running, "reconcile", "--dry-run", *named, code=1)
        assert "missed 1  extra 1  stale 1" in told
        for fault, id in (("missed", missed), ("extra", extra), ("stale", stale)):
            assert any(fault in line and id in line for line in told.splitlines())

    assert agent(running, "reconcile", *named).endswith("equal\n")
    assert "0 differ" in agent(running, "reconcile", "--dry-run", *named)
    assert await cites(practice, client) >= {missed}


async def test_a_dead_letter_is_explained_retried_and_dropped(
    practice: Practice, running: Stage, container: Container
) -> None:
    """What cannot be decrypted stands in the list with its cause, comes back when it is mended, or is let go."""
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    lever = f"/sessions/{session}/undecryptable"
    await practice.admin.call("POST", lever, {"undecryptable": True})
    workspace = WorkspaceId(UUID(practice.workspace))

    async def park() -> None:
        async with owner_of(running.databases.owner) as connection:
            await connection.execute(
                "UPDATE work SET attempts = 4, not_before = now() WHERE key = $1", UUID(session)
            )
        await eventually(parked)

    async def parked() -> bool:
        return bool((await container.queue.open_work(workspace=workspace)).parked)

    await practice.do("POST", f"/api/v1/sessions/{session}/unfinalize")
    await practice.do("POST", f"/api/v1/sessions/{session}/finalize")
    await asyncio.sleep(0.5)
    await park()
    listed = agent(running, "dead-letters", "list", "--workspace", practice.workspace)
    assert session in listed
    assert "note_unreadable" in listed
    assert "PazPaz could not decrypt" in agent(running, "dead-letters", "show", session)
    assert "dead letters 1" in agent(
        running, "reconcile", "--dry-run", "--workspace", practice.workspace, code=1
    )

    await practice.admin.call("POST", lever, {"undecryptable": False})
    assert agent(running, "dead-letters", "retry", session).startswith("1 ")
    await practice.settled()
    assert await cites(practice, client) == {session}
    assert agent(running, "dead-letters", "list", "--workspace", practice.workspace).startswith(
        "No dead letters"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dead-letters", "retry"), "name one id, or say --all"),
        (("dead-letters", "drop", str(UUID(int=5)), "--all"), "name one id, or say --all"),
        (("dead-letters", "drop", str(UUID(int=5))), "no dead letter has the id"),
        (("dead-letters", "show", str(UUID(int=5))), "no dead letter has the id"),
        (("backfill", "--since", "yesterday"), "does not match"),
        (("reconcile", "--workspace", "mine"), "a valid UUID"),
    ],
)
async def test_a_wrong_word_changes_nothing(
    running: Stage, words: tuple[str, ...], said: str
) -> None:
    """One line that says what is wrong, and exit code 2."""
    complaint = agent(running, *words, code=2)
    assert said in complaint
    assert complaint.count("\n") == 1


async def test_the_apis_login_may_not_do_a_workers_work(running: Stage) -> None:
    """The command names the login it needs, instead of ending in the database's words."""
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", "erase", "session", str(uuid4())),
        *("--workspace", str(uuid4()), "--yes"),
        env={"PATH": os.environ["PATH"], **running.environment},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, complaint = await done.communicate()
    assert (done.returncode, b"the worker's login" in complaint) == (2, True)


async def test_a_killed_backfill_goes_on_where_it_was(practice: Practice, running: Stage) -> None:
    """The index of a practice is lost; the backfill is killed in the middle, and a later run ends with an exact sum."""
    client = await practice.client()
    notes = 40
    for number in range(notes):
        await practice.note(client, subjective=f"{NOTE} {number}")
    await practice.settled()
    async with owner_of(running.databases.owner) as connection:
        await connection.execute(
            "DELETE FROM note_catalogue WHERE workspace_id = $1", UUID(practice.workspace)
        )
    named = ("backfill", "--workspace", practice.workspace)
    first = await _start(running, *named, "--requests-per-minute", "60", "--concurrency", "1")
    await asyncio.sleep(5)
    first.send_signal(signal.SIGKILL)
    await first.wait()
    other = agent(running, "backfill", "--since", "2026-01-01", code=2)
    assert "another backfill is unfinished" in other

    second = await _start(running, *named, "--requests-per-minute", "60")
    await asyncio.sleep(2.5)
    second.send_signal(signal.SIGTERM)
    assert await second.wait() == 130
    third = await _start(running, *named, "--requests-per-minute", "6000")
    out, err = await third.communicate()
    assert "going on after" in err.decode()
    assert third.returncode == 0, err
    assert f"{notes + 1} notes and profiles of 1 workspaces: {notes + 1} indexed" in out.decode()
    answer = await practice.ask(QUESTION, client_id=client)
    assert answer["search"]["notes_read"] == notes


async def _start(stage: Stage, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", *words),
        env={"PATH": os.environ["PATH"], **stage.worker_environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
