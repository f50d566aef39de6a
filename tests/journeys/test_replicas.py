"""Two of everything on one Postgres and one Redis: what one did, the other knows at its next question."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from service.container import Container
from service.demo.stage import Stage
from service.demo.therapist import Therapist, signed_in
from tests.journeys.practice import Practice, open_practice
from tests.journeys.test_erasing import agent

SECRET = "הסיסמה של הכספת המשפחתית היא ציפור כחולה."
QUESTION = "מה הסיסמה של הכספת המשפחתית?"
MOST_A_MINUTE = 8
NOTES = 200
"""More than one worker has in hand at once."""
LOOKED = re.compile(
    r'"note\.looked_at".*?"key": "([0-9a-f-]{36})"|"key": "([0-9a-f-]{36})".*?"note\.looked_at"'
)


@dataclass(frozen=True, slots=True)
class Both:
    """A therapist who is signed in at two monoliths, each of which asks an API of its own."""

    practice: Practice
    elsewhere: Therapist

    async def ask(self, query: str = QUESTION) -> list[dict[str, Any]]:
        """The answers of both, here first."""
        said = [await one.ask(query) for one in (self.practice.therapist, self.elsewhere)]
        assert [one.status_code for one in said] == [200, 200], [one.text for one in said]
        return [one.json() for one in said]

    async def cited(self) -> list[list[str]]:
        return [[one["session_id"] for one in said["citations"]] for said in await self.ask()]


@pytest.fixture(scope="module")
async def second(running: Stage) -> AsyncIterator[Stage]:
    """Few questions a minute are allowed here, and thousands at the first."""
    stage = running.beside(AI_AGENT_MAX_QUERIES_PER_USER_PER_MINUTE=str(MOST_A_MINUTE))
    stage.start("monolith", "api", "worker-2")
    await stage.until_up(stage.monolith_url, stage.service_url)
    yield stage
    stage.stop("worker-2", "api", "monolith")


@asynccontextmanager
async def opened(running: Stage, second: Stage, container: Container) -> AsyncIterator[Both]:
    async with (
        open_practice(running, container) as practice,
        signed_in(second.monolith_url, practice.user, language="he") as elsewhere,
    ):
        yield Both(practice, elsewhere)


@pytest.fixture
async def both(running: Stage, second: Stage, container: Container) -> AsyncIterator[Both]:
    async with opened(running, second, container) as made:
        yield made


async def test_a_note_is_found_and_forgotten_through_both(both: Both) -> None:
    """Both remember a practice without the note; written, both cite it; deleted, neither does."""
    practice = both.practice
    client = await practice.client()
    await practice.note(client, subjective="דיברנו על העבודה.")
    await practice.settled()
    assert await both.cited() == [[], []]

    session = await practice.note(client, subjective=SECRET)
    await practice.settled()
    assert await both.cited() == [[session], [session]]

    await practice.do("DELETE", f"/api/v1/sessions/{session}")
    await practice.settled()
    assert await both.cited() == [[], []]


async def test_an_archived_client_is_found_through_neither(both: Both) -> None:
    """And, brought back, through both."""
    practice = both.practice
    client = await practice.client()
    session = await practice.note(client, subjective=SECRET)
    await practice.settled()
    assert await both.cited() == [[session], [session]]

    await practice.do("DELETE", f"/api/v1/clients/{client}")
    await practice.settled()
    assert await both.cited() == [[], []]

    await practice.do("PUT", f"/api/v1/clients/{client}", {"is_active": True})
    await practice.settled()
    assert await both.cited() == [[session], [session]]


async def test_an_erased_client_is_gone_from_both(both: Both, running: Stage) -> None:
    """Whichever process erased them: neither finds, counts or tells of them, and their conversations are closed."""
    practice = both.practice
    client = await practice.client("Quillfeather", "צפרירונית")
    session = await practice.note(client, subjective=SECRET)
    await practice.settled()
    here, there = await both.ask()
    assert [one["session_id"] for said in (here, there) for one in said["citations"]] == [
        session
    ] * 2

    asked = ("erase", "client", client, "--workspace", practice.workspace, "--yes")
    await asyncio.to_thread(agent, running, *asked)
    await practice.settled()
    for said in await both.ask():
        assert said["citations"] == []
        assert said["search"]["notes_read"] == 0
        assert "Quillfeather" not in str(said)
        assert "ציפור" not in str(said)
    for one in (practice.therapist, both.elsewhere):
        for conversation in (here, there):
            kept = await one.call(
                "GET", f"/api/v1/ai/agent/history/{conversation['conversation_id']}"
            )
            assert "ציפור" not in kept.text


async def test_an_allowance_is_counted_over_both(both: Both) -> None:
    """Questions asked here use up what may be asked there."""
    here, there = both.practice.therapist, both.elsewhere
    asked = [(await here.ask(QUESTION)).status_code for _ in range(MOST_A_MINUTE)]
    assert set(asked) == {200}

    refused = await there.ask(QUESTION)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


async def test_two_workers_never_look_at_the_same_note(both: Both, running: Stage) -> None:
    """Each note is indexed once by one of them, and both have a part in it."""
    practice = both.practice
    client = await practice.client()
    # A client who is new wakes every session, and each would be wanted twice.
    await practice.settled()
    rows = [
        {
            "session_id": str(uuid4()),
            "client_id": client,
            "workspace_id": practice.workspace,
            "session_date": "2026-10-01T09:00:00Z",
            "subjective": f"{SECRET} {number}",
        }
        for number in range(NOTES)
    ]
    await practice.admin.call("POST", "/import", {"sessions": rows})
    await practice.settled()

    looks = {name: _looked_at(running, name) for name in ("worker", "worker-2")}
    ours = {str(row["session_id"]) for row in rows}
    parts = [{key: n for key, n in looked.items() if key in ours} for looked in looks.values()]
    together = sum((Counter(part) for part in parts), Counter[str]())
    assert together == Counter(ours)
    assert all(parts), "one of them did everything"


def _looked_at(stage: Stage, name: str) -> Counter[str]:
    log = (stage.folder / f"{name}.log").read_text(encoding="utf-8")
    return Counter(first or second for first, second in LOOKED.findall(log))
