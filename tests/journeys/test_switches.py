"""Operators' switches at the command line, felt by therapists within seconds and without a restart."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx

from service.adapters.limits.standings import MAX_AGE_SECONDS
from service.chores import clockwork_of
from service.demo.stage import Stage
from service.domain.identity import UserId, WorkspaceId
from tests.journeys.practice import Practice, eventually

NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
QUESTION = "מתי התחילה לרוץ שוב?"
SOON_SECONDS = 3.0
HISTORY = "/api/v1/ai/agent/history"


def switch(stage: Stage, *words: str) -> str:
    """Runs the command as an operator in the API's surroundings would."""
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "switch", *words],
        env={"PATH": os.environ["PATH"], **stage.environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def within_seconds(
    ask: Callable[[], Awaitable[httpx.Response]], status: int
) -> httpx.Response:
    """The first answer of this status; fails when it takes longer than a switch may."""
    started = time.monotonic()
    while (response := await ask()).status_code != status:
        assert time.monotonic() - started < SOON_SECONDS, response.text
    return response


async def test_off_is_felt_at_once_here_and_nowhere_else(
    practice: Practice, neighbour: Practice, running: Stage
) -> None:
    """503 with five minutes of Retry-After for the one practice, answers for the other, and on again."""
    client = await practice.client()
    await practice.note(client, subjective=NOTE)
    await practice.settled()

    async def ask() -> httpx.Response:
        return await practice.therapist.ask(QUESTION, client_id=client)

    assert (await ask()).status_code == 200
    switch(running, "off", "--workspace", practice.workspace)
    refused = await within_seconds(ask, 503)
    assert refused.headers["Retry-After"] == "300"
    assert (await neighbour.therapist.ask("anything?")).status_code == 200
    assert f"workspace {practice.workspace}  assistant = off" in switch(running, "show")

    switch(running, "on", "--workspace", practice.workspace)
    await within_seconds(ask, 200)


async def test_off_everywhere_wins_over_on_in_a_workspace(
    practice: Practice, running: Stage
) -> None:
    """A kill switch that a workspace's own row could undo would kill nothing."""
    switch(running, "on", "--workspace", practice.workspace)
    switch(running, "off")
    try:
        await within_seconds(lambda: practice.therapist.ask(QUESTION), 503)
    finally:
        switch(running, "reset", "assistant")
    await within_seconds(lambda: practice.therapist.ask(QUESTION), 200)


async def test_roles_and_consent_hold_without_a_restart(practice: Practice, running: Stage) -> None:
    """An owner is refused where only assistants may ask; a client without consent is refused by that name."""
    client = await practice.client()
    await practice.note(client, subjective=NOTE)
    await practice.settled()
    here = ("--workspace", practice.workspace)
    switch(running, "roles", "assistant", *here)
    await within_seconds(lambda: practice.therapist.ask(QUESTION), 403)
    switch(running, "reset", "roles", *here)
    await within_seconds(lambda: practice.therapist.ask(QUESTION), 200)

    switch(running, "consent", "required", *here)
    refused = await within_seconds(lambda: practice.therapist.ask(QUESTION, client_id=client), 403)
    assert refused.json()["type"] == "urn:pazpaz-ai:no_consent"
    await practice.settled()
    answer = await practice.ask(QUESTION)
    assert (answer["citations"], answer["search"]["notes_read"]) == ([], 0)

    switch(running, "reset", "consent", *here)
    await within_seconds(lambda: practice.therapist.ask(QUESTION, client_id=client), 200)
    await practice.settled()
    assert (await practice.ask(QUESTION))["search"]["notes_read"] == 1


async def test_nothing_is_kept_where_storage_is_off(practice: Practice, running: Stage) -> None:
    """Answers have no ids and the history is empty at once; the clock's next round deletes what was kept before."""
    kept = await practice.ask(QUESTION)
    here = ("--workspace", practice.workspace)
    assert "within an hour" in switch(running, "conversations", "off", *here)

    async def read() -> httpx.Response:
        return await practice.therapist.call("GET", f"{HISTORY}/{kept['conversation_id']}")

    await within_seconds(read, 404)
    answer = await practice.ask(QUESTION)
    assert (answer["conversation_id"], answer["message_id"]) == (None, None)
    assert (await practice.do("GET", HISTORY)).json() == {"conversations": [], "next": None}
    went_on = await practice.therapist.ask("?", conversation_id=kept["conversation_id"])
    assert went_on.status_code == 404

    await asyncio.sleep(MAX_AGE_SECONDS)  # this process's own look at the switches
    await clockwork_of(practice.container).chores["retention"].do()
    switch(running, "reset", "conversations", *here)
    workspace = WorkspaceId(UUID(practice.workspace))
    owner = {"user": UserId(UUID(practice.user)), "workspace": workspace}
    assert await practice.container.conversations.page(**owner, before=None, limit=9) == []

    async def is_kept_again() -> bool:
        return (await practice.ask(QUESTION))["conversation_id"] is not None

    await eventually(is_kept_again, patience=SOON_SECONDS)
    rows = await practice.container.audit.rows(workspace=workspace)
    assert sum(row.entry.action == "chat.closed" for row in rows) >= 3


async def test_every_change_is_in_the_trail(practice: Practice, running: Stage) -> None:
    """Name and value, in the chain of the workspace it concerns."""
    switch(running, "off", "--workspace", practice.workspace)
    switch(running, "reset", "assistant", "--workspace", practice.workspace)
    rows = await practice.container.audit.rows(workspace=WorkspaceId(UUID(practice.workspace)))
    told = [row.entry.details for row in rows if row.entry.action == "switch.changed"]
    assert told == [{"name": "assistant", "value": False}, {"name": "assistant", "value": None}]
