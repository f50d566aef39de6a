"""The load itself: everybody at work until the time is over, seen by the minute."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx

from service.commands.progress import Shown, progress
from service.demo.bench_load.asker import Asker
from service.demo.bench_load.asking import Heard, Kind, Way, ask
from service.demo.bench_load.changing import Changes
from service.demo.bench_load.figures import Window
from service.demo.bench_load.house import House
from service.demo.bench_load.ledger import Asking
from service.demo.bench_load.plan import Plan
from service.demo.bench_load.practices import People
from service.demo.bench_load.report import minute
from service.demo.bench_load.watch import Lags, Sample, Watch
from service.demo.therapist import signed_in

TICK_SECONDS = 0.25
EXAMPLES = 20
NOT_FOUND = "a client who was there was not found"


@dataclass
class Load:
    """What is known so far."""

    plan: Plan
    house: House
    people: People
    over: asyncio.Event
    """Set, nobody asks or changes anything any more."""
    total: Window = field(default_factory=Window)
    windows: list[Window] = field(default_factory=lambda: [Window()])
    samples: list[Sample] = field(default_factory=list)
    lags: Lags = field(default_factory=Lags)
    asked: dict[str, str] = field(default_factory=dict)
    """The outcome of each question by its request id."""
    kinds: Counter[tuple[Kind, Way]] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    """Changes that PazPaz did not make, by why."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Answers that say what they must not, by what is wrong."""
    examples: list[str] = field(default_factory=list)
    """Some of them, by ids."""
    quotes: int = 0
    seconds: float = 0.0
    was_cut: bool = False
    """Whether it ended before its time."""

    async def run(self) -> None:
        """Until the time is over, or `over` is set from outside; what is under way then ends by itself."""
        began = time.monotonic()
        watch = Watch(self.house.owner, self.house.databases, self.house.pids)
        async with AsyncExitStack() as stack:
            askers = [one async for one in self._askers(stack)]
            changers = [one async for one in self._changers(stack)]
            async with asyncio.TaskGroup() as everybody:
                for work in (*map(self._asks, askers), *map(self._changes, changers)):
                    everybody.create_task(work)
                await self._watched(watch)
        self._end(changers, time.monotonic() - began)

    def _end(self, changers: Iterable[Changes], seconds: float) -> None:
        for changes in changers:
            self.done += changes.done
            self.errors += changes.errors
        self.seconds, self.was_cut = seconds, seconds < self.plan.seconds
        self._close_window()
        if seconds % self.plan.window < self.plan.window / 2 and len(self.windows) > 1:
            self.windows.pop()  # a piece of a minute

    async def _askers(self, stack: AsyncExitStack) -> AsyncIterator[Asker]:
        """Each signed in at one of the PazPazes."""
        stages, number = self.house.stages, 0
        for practice in self.people.practices:
            for user in practice.users:
                url = stages[number % len(stages)].monolith_url
                therapist = await stack.enter_async_context(signed_in(url, user))
                yield Asker(practice, therapist, random.Random(self.people.chance.random()))  # noqa: S311
                number += 1

    async def _changers(self, stack: AsyncExitStack) -> AsyncIterator[Changes]:
        stage = self.house.stage
        service = await stack.enter_async_context(
            httpx.AsyncClient(base_url=stage.service_url, trust_env=False, timeout=30)
        )
        for practice in self.people.practices:
            therapist = await stack.enter_async_context(
                signed_in(stage.monolith_url, practice.users[0])
            )
            yield Changes(self.people, practice, therapist, service, self.lags)

    async def _asks(self, asker: Asker) -> None:
        await self._pause(asker.chance.uniform(0, self.plan.think))
        while not self.over.is_set():
            heard = await ask(asker.therapist, asker.next())
            self._judge(heard)
            asker.heard(heard)
            think = self.plan.think
            await self._pause(asker.chance.expovariate(1 / think) if think else 0)

    async def _changes(self, changes: Changes) -> None:
        pause = 60 * self.plan.practices / self.plan.changes if self.plan.changes else 0
        chance = changes.practice.chance
        while pause:
            await self._pause(chance.expovariate(1 / pause))
            if self.over.is_set():
                return
            done = int(await changes.act())
            self.total.changes += done
            self.windows[-1].changes += done

    async def _pause(self, seconds: float) -> None:
        """Or until it is over."""
        try:
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            pass

    def _judge(self, heard: Heard) -> None:
        query = heard.query
        self.asked[heard.request_id] = heard.outcome
        self.kinds[query.kind, query.way] += 1
        for window in (self.total, self.windows[-1]):
            window.add(heard)
        asked = Asking(query.workspace, query.client, heard.began, heard.ended)
        answer, raw = heard.answer, heard.raw.decode(errors="replace")
        self.quotes += len(answer.get("citations", ())) + len(answer.get("risk", ()))
        for fault in self.people.ledger.faults(answer, raw, asked):
            self._found(fault, heard)
        if heard.outcome == "404 client_not_found" and query.client:
            client = self.people.ledger.clients[query.client]
            if client.was_there_all_along(heard.began, heard.ended):
                self._found(NOT_FOUND, heard)

    def _found(self, fault: str, heard: Heard) -> None:
        self.wrong[fault] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{fault}: request {heard.request_id}, {heard.query.kind}")

    async def _watched(self, watch: Watch) -> None:
        """Looks now and then, tells of each minute, and ends the load."""
        began = time.monotonic()
        looked = asyncio.create_task(self.lags.keep_looking(watch.owner))
        try:
            with progress("load, in seconds", round(self.plan.seconds)) as shown:
                while not self.over.is_set():
                    elapsed = time.monotonic() - began
                    await self._look(watch, began, elapsed)
                    self._tell(shown, elapsed)
                    if elapsed >= self.plan.seconds or self.house.ended:
                        self.over.set()
                    await self._pause(TICK_SECONDS)
        finally:
            looked.cancel()

    async def _look(self, watch: Watch, began: float, elapsed: float) -> None:
        if elapsed >= len(self.samples) * self.plan.sample:
            self.samples.append(await watch.look())
            self.windows[-1].sample = self.total.sample = self.samples[-1]

    def _tell(self, shown: Shown, elapsed: float) -> None:
        if sys.stderr.isatty():
            shown(min(round(elapsed), round(self.plan.seconds)))
        if elapsed >= len(self.windows) * self.plan.window:
            self._close_window()
            shown.say(minute(len(self.windows), self.windows[-1]))
            self.windows.append(Window(sample=self.windows[-1].sample))

    def _close_window(self) -> None:
        """Lags that were found since the last one are of this one."""
        known = len(self.total.lag)
        new = [late for _, late in self.lags.found[known:]]
        self.total.lag += new
        self.windows[-1].lag += new
