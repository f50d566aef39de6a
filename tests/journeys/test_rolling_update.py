"""A rolling update while therapists work: every pod of the release before is replaced, and nobody notices."""

import asyncio
import json
import os
import random
import signal
import statistics
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from service.adapters.postgres.schema import migrate_async
from service.container import Container, open_container
from service.demo.index_judge import Judge, truth_of
from service.demo.stage import Stage, open_stage
from service.demo.therapist import CHAT, HISTORY
from tests.journeys.balancer import Balancer, Pod, balancer
from tests.journeys.practice import Practice, open_practice
from tests.journeys.test_key_rotation import A_SLOW_MACHINE, log_sizes, logged_since
from tests.releases import Release
from tests.schemas import EXPAND, head, migrations_with

ROUNDS = int(os.environ.get("ROUNDS", "1"))
"""How many pods of this code are replaced by their like afterwards."""
DRAIN_SECONDS = 8
PAUSE_SECONDS = 5
"""What the chart of a release that does not drain had in its place, before the signal."""
OF_BEFORE = 0.02
"""The part of calls that may be lost while there are pods which do not drain: they close connections under them."""
NOTE = "הסיסמה של הכספת המשפחתית היא ציפור כחולה."
QUESTION = "מה הסיסמה של הכספת המשפחתית?"
EDITED = 4
CALLERS = 4
KEPT_SECONDS = 4.5
SLOW_SECONDS = 0.5
TROUBLE = (
    "service away",
    "stream broke",
    "delivery not accepted",
    "request.failed",
    "worker.failed",
    "Traceback",
)

Call = Callable[[], Coroutine[Any, Any, str | None]]
"""Says what was wrong with an answer; raises httpx.HTTPError where there was none."""


@dataclass
class Load:
    """Calls that are made over and over until `over`; what went wrong is kept, and the rest goes on."""

    took: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    chance: random.Random = field(default_factory=random.Random)

    async def repeat(self, name: str, call: Call, pause: float) -> None:
        """Between two of them it pauses, `pause` seconds at most."""
        while not self.over.is_set():
            began = time.monotonic()
            try:
                if wrong := await call():
                    self.wrong.append(f"{name}: {wrong}")
            except httpx.HTTPError as exc:
                self.lost.append(f"{name}: {exc!r}")
            self.took.setdefault(name, []).append(time.monotonic() - began)
            await asyncio.sleep(self.chance.uniform(0, pause))

    @property
    def calls(self) -> int:
        return sum(map(len, self.took.values()))

    def told(self) -> str:
        return ", ".join(
            f"{len(took)} {name} (p50 {statistics.median(took):.2f}, most {max(took):.2f} s)"
            for name, took in self.took.items()
        )


@dataclass
class Desk:
    """A practice at work: one note that is asked about, others that change."""

    practice: Practice
    client: str
    asked: str
    changing: list[str]
    edits: int = 0
    asks: int = 0
    answers: int = 0

    @property
    def habits(self) -> list[tuple[Call, float]]:
        """What is done over and over, and the longest pause behind it."""
        return [
            *((self.ask, 0.4), (self.stream, 0.4), (self.stream, 0.8)),
            *((self.edit, 1.0), (self.read, 1.0)),
        ]

    async def ask(self) -> str | None:
        self.asks += 1
        response = await self.practice.therapist.ask(QUESTION, client_id=self.client)
        response.raise_for_status()
        return self._wrong(response.json())

    async def stream(self) -> str | None:
        self.asks += 1
        http = self.practice.therapist.http
        headers = {"Accept": "text/event-stream", "X-CSRF-Token": http.cookies["csrf_token"]}
        body = {"query": QUESTION, "client_id": self.client}
        async with http.stream("POST", CHAT, json=body, headers=headers) as response:
            response.raise_for_status()
            lines = [line async for line in response.aiter_lines() if line]
        if lines[-2] != "event: done":
            return f"ended with {lines[-2:]}"
        return self._wrong(json.loads(lines[-1].removeprefix("data: ")))

    def _wrong(self, said: dict) -> str | None:
        self.answers += 1
        cited = [one["session_id"] for one in said["citations"]]
        return None if cited == [self.asked] else f"{said['answer_status']}, cites {len(cited)}"

    async def edit(self) -> None:
        self.edits += 1
        session = self.changing[self.edits % len(self.changing)]
        await self.practice.therapist.edit(session, plan=f"שינה טובה יותר, פגישה {self.edits}.")

    async def read(self) -> None:
        (await self.practice.therapist.call("GET", HISTORY)).raise_for_status()


@dataclass
class Caller:
    """Somebody else of PazPaz's, such as its second process: asks for little, and often."""

    url: str
    http: httpx.AsyncClient

    async def knock(self) -> None:
        """On a connection of its own."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            await self._asked(http)

    async def come_back(self) -> None:
        """On the connection that it kept since the last time, for as long as httpx keeps one."""
        await self._asked(self.http)

    async def _asked(self, http: httpx.AsyncClient) -> None:
        (await http.get(f"{self.url}/healthz")).raise_for_status()


@dataclass(frozen=True)
class House:
    """A PazPaz that reaches the service by way of the balancer."""

    stage: Stage
    old: Stage
    service: Balancer
    container: Container


@pytest.fixture
async def house(stages: Path, stage: Stage, release: Release) -> AsyncIterator[House]:
    """Two pods and two workers of the release before, on the schema of before."""
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(
            open_stage(
                stages / "rolling",
                name=f"pazpaz_rolling_{os.getpid()}",
                servers=stage.servers,
                DRAIN_SECONDS=str(DRAIN_SECONDS),
            )
        )
        service = await stack.enter_async_context(balancer())
        reached = {**made.monolith_environment, "AI_SERVICE_URL": service.url}
        new = replace(made, monolith_environment=reached, children={})
        old = replace(release.on(new), children={})
        for one in (new, old):
            stack.callback(one.stop_all)
        new.start("monolith")
        old.start("worker-old-1", "worker-old-2")
        await asyncio.gather(*(service.start(old.beside()) for _ in range(2)))
        await new.until_up(new.monolith_url)
        container = await stack.enter_async_context(open_container(new.settings()))
        yield House(new, old, service, container)


async def test_a_rolling_update_fails_no_request(
    house: House, release: Release, tmp_path: Path
) -> None:
    """Migrated, then pod after pod and worker after worker: every question is answered rightly, every stream ends, and
    the index equals PazPaz's notes."""
    load, sizes = Load(), log_sizes(house.stage)
    folder = migrations_with(tmp_path / "m", after=head(), **EXPAND)
    async with AsyncExitStack() as stack:
        desks = [await _open_desk(stack, house, slow) for slow in (0.0, SLOW_SECONDS)]
        callers = [await _a_caller(stack, house) for _ in range(CALLERS)]
        async with asyncio.TaskGroup() as group:
            for desk in desks:
                for call, pause in desk.habits:
                    group.create_task(load.repeat(call.__name__, call, pause))
            for caller in callers:
                group.create_task(load.repeat("knock", caller.knock, 0.4))
                group.create_task(load.repeat("come_back", caller.come_back, KEPT_SECONDS))
            await migrate_async(house.stage.databases.owner, folder=folder)
            await _update(house, release)
            mixed = f"{load.calls} calls, {len(load.lost)} lost"
            if not release.drains:
                assert len(load.lost) <= load.calls * OF_BEFORE, load.lost
                load.lost.clear()
                sizes = log_sizes(house.stage)
            for _ in range(ROUNDS):
                await _again(house)
            load.over.set()
        print(f"\n{load.told()}; with pods of before: {mixed}; {len(load.lost)} lost later")  # noqa: T201
        assert load.wrong == []
        assert load.lost == []
        for desk in desks:
            await desk.practice.settled(patience=A_SLOW_MACHINE)
            await _judge(house, desk)
    said = logged_since(sizes)
    assert [word for word in TROUBLE if word in said] == []


async def _update(house: House, release: Release) -> None:
    """As `helm upgrade` does it after the migration: pods one by one, each new one before an old one leaves."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_roll_workers(house))
        for pod in list(house.service.pods):
            await house.service.start(house.stage.beside())
            group.create_task(_leaves(house, pod, 0 if release.drains else PAUSE_SECONDS))


async def _again(house: House) -> None:
    """A pod of this code is replaced by its like."""
    pod = house.service.pods[0]
    await house.service.start(house.stage.beside())
    await _leaves(house, pod, 0)


async def _leaves(house: House, pod: Pod, pause: float) -> None:
    house.service.take_out(pod)
    await asyncio.sleep(pause)
    assert await house.service.end(pod) == -signal.SIGTERM


async def _roll_workers(house: House) -> None:
    for number in (1, 2):
        house.stage.start(f"worker-new-{number}")
        await asyncio.sleep(3)
        old = house.old.children.pop(f"worker-old-{number}").process
        old.terminate()
        assert await asyncio.to_thread(old.wait, A_SLOW_MACHINE) == 0


async def _open_desk(stack: AsyncExitStack, house: House, slow: float) -> Desk:
    practice = await stack.enter_async_context(open_practice(house.stage, house.container))
    client = await practice.client()
    asked = await practice.note(client, subjective=NOTE)
    changing = [await practice.note(client, plan="שינה טובה יותר.") for _ in range(EDITED)]
    await practice.settled()
    await practice.admin.call("POST", f"/workspaces/{practice.workspace}/slow", {"seconds": slow})
    return Desk(practice, client, asked, changing)


async def _a_caller(stack: AsyncExitStack, house: House) -> Caller:
    http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
    return Caller(house.service.url, http)


async def _judge(house: House, desk: Desk) -> None:
    """The trail has every question twice, and the index every note as PazPaz has it."""
    workspace = UUID(desk.practice.workspace)
    databases = house.stage.databases
    owner, source = [
        await asyncpg.connect(url.replace("+asyncpg", ""))
        for url in (databases.owner, databases.monolith)
    ]
    try:
        rows = await owner.fetch(
            "SELECT action, details->>'outcome' AS outcome, count(*) FROM audit"
            " WHERE chat_id IS NOT NULL AND workspace_id = $1 GROUP BY 1, 2",
            workspace,
        )
        told = {(row["action"], row["outcome"]): row["count"] for row in rows}
        assert told.keys() == {("chat.opened", None), ("chat.closed", "answered")}
        [number] = set(told.values())
        assert desk.answers <= number <= desk.asks  # all three are one where nothing was lost
        judge = Judge(owner, house.container)
        held = await judge.judge(await truth_of(source, workspace), workspace)
        assert held == len(desk.changing) + 2  # and the note that was asked about, and the client
    finally:
        await owner.close()
        await source.close()
