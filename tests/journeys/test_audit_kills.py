"""Chats while processes are killed at random: each that began has one opening and one closing row, no more, no less."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from service.container import open_container
from service.demo.stage import Stage, open_stage
from tests.journeys.practice import Practice, eventually, open_practice

CHATS = int(os.environ.get("CHATS", "24"))
AT_ONCE = 8
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
VICTIMS = ("api", "api", "api", "worker", "monolith")
ORPHAN_SECONDS = 5
QUESTION = "מתי התחילה לרוץ שוב?"
CHAT = "/api/v1/ai/agent/chat"


@dataclass
class Tally:
    """What each question that reached the service was answered, by its request id."""

    statuses: dict[str, int | None] = field(default_factory=dict)
    """None: the connection broke, so nobody knows."""
    kills: Counter[str] = field(default_factory=Counter)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def answers(self) -> bool:
        """Whether a caller was given an answer."""
        return 200 in self.statuses.values()

    @property
    def begun(self) -> int:
        """Answered, or cut off on the way: what was refused at the door is no chat."""
        return sum(status in {200, None} for status in self.statuses.values())


@pytest.fixture
async def house(stage: Stage) -> AsyncIterator[Stage]:
    """A stage of its own, with an impatient sweeper: other journeys must not meet these kills."""
    async with open_stage(
        stage.folder / "kills",
        name=f"pazpaz_kills_{os.getpid()}",
        AUDIT_ORPHAN_SECONDS=str(ORPHAN_SECONDS),
        AI_AGENT_MAX_QUERIES_PER_HOUR="1000000",
        AI_AGENT_MAX_QUERIES_PER_USER_PER_MINUTE="1000000",
        MAX_CONCURRENT_CHATS_PER_WORKSPACE=str(AT_ONCE),
    ) as apart:
        apart.start("monolith", "api", "worker")
        await apart.until_up(apart.monolith_url, apart.service_url)
        yield apart


async def test_every_chat_is_opened_once_and_closed_once(house: Stage) -> None:
    """No kill loses a row or doubles one; what the caller was shown is what the closing row says."""
    chance, tally = random.Random(SEED), Tally()  # noqa: S311 - which process dies is no secret
    async with open_container(house.settings()) as container, open_practice(house, container) as at:
        client = await at.client()
        await at.note(client, subjective="התחילה לרוץ שוב ביום שלישי, שני קילומטרים.")
        await at.settled()
        killing = asyncio.create_task(_kill_now_and_then(house, chance, tally))
        await asyncio.gather(*(_ask_on(house, at, client, tally) for _ in range(AT_ONCE)))
        tally.done.set()
        await killing
        await house.until_up(house.monolith_url, house.service_url)
        rows = await _rows_once_settled(house, UUID(at.workspace))
    outcomes = _one_of_each(rows)
    for request_id, status in tally.statuses.items():
        if status == 200:
            assert outcomes[request_id] in {"answered", "partial", "abstained"}
    kills, closed = dict(tally.kills), dict(Counter(outcomes.values()))
    summary = f"seed {SEED}: {tally.begun} chats of {len(tally.statuses)} requests, kills {kills}, closed {closed}"
    print(f"\n{summary}")  # noqa: T201 - the figure `make kills` is run for
    assert tally.kills["api"] > 0
    assert await tally.answers()


async def _ask_on(house: Stage, at: Practice, client: str, tally: Tally) -> None:
    """Asks until enough questions have reached the service."""
    token = at.therapist.http.cookies.get("access_token")
    body = {"query": QUESTION, "client_id": client}
    async with httpx.AsyncClient(base_url=house.service_url, trust_env=False, timeout=30) as http:
        while tally.begun < CHATS:
            request_id = str(uuid4())
            headers = {"Authorization": f"Bearer {token}", "X-Request-ID": request_id}
            try:
                response = await http.post(CHAT, json=body, headers=headers)
                tally.statuses[request_id] = response.status_code
            except httpx.ConnectError:
                await asyncio.sleep(0.05)  # it never arrived
            except httpx.HTTPError:
                tally.statuses[request_id] = None
            if tally.statuses.get(request_id) == 503:  # PazPaz is being killed too
                await asyncio.sleep(0.05)


async def _kill_now_and_then(house: Stage, chance: random.Random, tally: Tally) -> None:
    await eventually(tally.answers)  # on a slow machine none may come to its end later
    while not tally.done.is_set():
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        victim = chance.choice(VICTIMS) if tally.kills["api"] else "api"
        child = house.children.pop(victim)
        child.process.kill()
        child.process.wait()
        tally.kills[victim] += 1
        house.start(victim)
        await house.until_up(house.monolith_url, house.service_url)


async def _rows_once_settled(house: Stage, workspace: UUID) -> list[asyncpg.Record]:
    """All rows of chats, after the sweeper has closed what was left open."""
    connection = await asyncpg.connect(house.databases.owner.replace("+asyncpg", ""))

    async def none_open() -> bool:
        return await connection.fetchval("SELECT count(*) FROM open_chats") == 0

    try:
        await eventually(none_open)
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('app.workspace_id', $1, true)", str(workspace)
            )
            return await connection.fetch(
                "SELECT action, chat_id, details->>'request_id' AS request_id,"
                " details->>'outcome' AS outcome FROM audit WHERE chat_id IS NOT NULL"
            )
    finally:
        await connection.close()


def _one_of_each(rows: list[asyncpg.Record]) -> dict[str, str]:
    """The outcome of each chat by the request id of its opening; fails unless rows come in pairs."""
    opened = {row["chat_id"]: row["request_id"] for row in rows if row["action"] == "chat.opened"}
    closed = {row["chat_id"]: row["outcome"] for row in rows if row["action"] == "chat.closed"}
    assert len(rows) == len(opened) + len(closed), "a chat has two rows of one kind"
    assert opened.keys() == closed.keys()
    return {request_id: closed[chat] for chat, request_id in opened.items()}
