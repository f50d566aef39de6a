"""A house of its own for faults: servers that wait for the disk, proxies between all parts, two workers."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from service.demo.embedded import start_postgres, start_redis
from service.demo.processes import Child
from service.demo.stage import Servers, Stage, open_stage
from service.errors import BadSettings
from tests.faults.http_proxy import Postman, Pulls, http_proxy
from tests.faults.tcp_proxy import TcpProxy, tcp_proxy

LEASE_SECONDS = 1.5
PARTS = ("monolith", "api", "worker", "worker-2")
WORKERS = ("worker", "worker-2")
SETTINGS = {
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "REQUEST_TIMEOUT_SECONDS": "1",
    "DEBOUNCE_SECONDS": "0.1",
    "DEBOUNCE_LIMIT_SECONDS": "0.5",
    # Not in a run: what was lost must be found by the reconciliation at its end.
    "FEED_SECONDS": "86400",
}


@dataclass
class House:
    """The parts, and the hands that hurt them."""

    stage: Stage
    servers: dict[str, Child]
    postman: Postman
    pulls: Pulls
    links: dict[str, TcpProxy]
    tally: Counter[str] = field(default_factory=Counter)

    async def keep_up(self) -> None:
        """As an orchestrator does: a part that ended is started again."""
        while True:
            for name, child in list(self.stage.children.items()):
                if child.ended:
                    self.tally[f"{name} ended with {child.process.returncode}"] += 1
                    self.stage.start(name)
            await asyncio.sleep(0.2)

    def kill(self, name: str) -> None:
        """kill -9; `keep_up` brings it back."""
        self._child(name).process.kill()
        self.tally["kills"] += 1

    async def freeze(self, name: str, seconds: float) -> None:
        """As a machine that sleeps: it goes on where it was, and does not know that time has passed."""
        child = self._child(name)
        child.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            child.process.send_signal(signal.SIGCONT)
        self.tally["stops"] += 1

    async def restart(self, name: str, how: signal.Signals) -> None:
        """A server ends in the middle of everything and comes back: SIGQUIT is Postgres's immediate mode."""
        old = self.servers[name]
        old.process.send_signal(how)
        await asyncio.to_thread(old.process.wait)
        self.servers[name] = old.again()
        self.tally["restarts"] += 1

    def errors_of_postgres(self) -> str:
        """The last of its log; it holds no statements and no rows."""
        lines = self.servers["postgres"].log.read_text().splitlines()
        return "\n".join([line for line in lines if "ERROR" in line or "FATAL" in line][-8:])

    def _child(self, name: str) -> Child:
        return self.servers.get(name) or self.stage.children[name]

    async def heal(self) -> None:
        """The trouble ends: nothing is lost or late from here on, and every part is up."""
        self.postman.honest, self.pulls.mood = True, "well"
        for link in self.links.values():
            link.heal()
        await asyncio.gather(*self.postman.errands)
        for _ in range(20):
            try:
                await self.stage.until_up(self.stage.monolith_url, self.stage.service_url)
            except BadSettings:  # one ended, because Postgres was not back yet
                await asyncio.sleep(0.5)
            else:
                return
        raise AssertionError("a part does not come up again")


@asynccontextmanager
async def open_house(folder: Path, *, name: str, chance: random.Random) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        servers, given = _servers(folder, stack)
        stage = await stack.enter_async_context(
            open_stage(folder, name=name, servers=given, **SETTINGS)
        )
        house = await _furnished(stage, servers, chance, stack)
        house.stage.start(*PARTS)
        await house.stage.until_up(house.stage.monolith_url, house.stage.service_url)
        keeping = asyncio.create_task(house.keep_up())
        try:
            yield house
        finally:
            keeping.cancel()
            for name in list(house.stage.children):
                # Asked politely they would finish by way of our proxies, which stand still while we wait.
                house.kill(name)


def _servers(folder: Path, stack: AsyncExitStack) -> tuple[dict[str, Child], Servers]:
    folder.mkdir(parents=True, exist_ok=True)
    postgres, admin_url = start_postgres(folder, durable=True)
    redis, redis_url = start_redis(folder)
    servers = {"postgres": postgres, "redis": redis}
    # Whatever runs under these names at the end, not what runs now.
    stack.callback(lambda: [child.stop() for child in servers.values()])
    return servers, Servers(admin_url, redis_url)


async def _furnished(
    stage: Stage, servers: dict[str, Child], chance: random.Random, stack: AsyncExitStack
) -> House:
    """The same stage with proxies in every way but those of the test itself."""
    postman, pulls = Postman(random.Random(chance.random())), Pulls()  # noqa: S311
    events = await stack.enter_async_context(http_proxy(stage.service_url, postman.treat))
    pulled = await stack.enter_async_context(http_proxy(stage.monolith_url, pulls.treat))
    addresses = {
        "worker's postgres": stage.worker_environment["DATABASE_URL"],
        "api's postgres": stage.environment["DATABASE_URL"],
        "redis": stage.servers.redis_url,
        "monolith": pulled,
    }
    links = {
        link: await stack.enter_async_context(tcp_proxy(url)) for link, url in addresses.items()
    }
    return House(_by_way_of(stage, links, events, pulled), servers, postman, pulls, links)


def _by_way_of(stage: Stage, links: dict[str, TcpProxy], events: str, pulled: str) -> Stage:
    shared = {
        "REDIS_URL": links["redis"].instead_of(stage.servers.redis_url),
        "MONOLITH_URL": links["monolith"].instead_of(pulled),
    }
    api, worker = stage.environment, stage.worker_environment
    return replace(
        stage,
        environment={**api, **shared, **_database(api, links["api's postgres"])},
        worker_environment={**worker, **shared, **_database(worker, links["worker's postgres"])},
        monolith_environment={**stage.monolith_environment, "AI_SERVICE_URL": events},
    )


def _database(environment: Mapping[str, str], link: TcpProxy) -> dict[str, str]:
    return {"DATABASE_URL": link.instead_of(environment["DATABASE_URL"])}
