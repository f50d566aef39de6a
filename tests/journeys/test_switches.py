"""Operators' switches at the command line, felt by therapists within seconds and without a restart."""

import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx

from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
from tests.journeys.practice import Practice

NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
QUESTION = "מתי התחילה לרוץ שוב?"
SOON_SECONDS = 3.0


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


async def test_every_change_is_in_the_trail(practice: Practice, running: Stage) -> None:
    """Name and value, in the chain of the workspace it concerns."""
    switch(running, "off", "--workspace", practice.workspace)
    switch(running, "reset", "assistant", "--workspace", practice.workspace)
    rows = await practice.container.audit.rows(workspace=WorkspaceId(UUID(practice.workspace)))
    told = [row.entry.details for row in rows if row.entry.action == "switch.changed"]
    assert told == [{"name": "assistant", "value": False}, {"name": "assistant", "value": None}]
