"""One practice before an API whose every neighbour can be made to fail: TCP proxies, and a provider that is a stub."""

import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from service.container import open_container
from service.demo.provider_stub import KEY, Asked, Cited, Stub, Written, provider_stub
from service.demo.provider_stub.faults import Fault as Struck
from service.demo.provider_stub.faults import HalfOpen, Html, MissingFields, Operation, Slow, Status
from service.demo.provider_stub.writing import answer_from_documents
from service.demo.stage import Servers, Stage, open_stage
from tests.degradation.contract import Fault, Limits, Metric, Part
from tests.faults.tcp_proxy import TcpProxy, Toxic, tcp_proxy
from tests.journeys.practice import Practice, eventually, open_practice

LIMITS = Limits(question=6.0, request_timeout=1.5, transaction=1.5)
BREAKER_OPEN_SECONDS = 1.0
SETTINGS = {
    "MODEL_PROVIDER": "cohere",
    "COHERE_API_KEY": KEY,
    "QUESTION_SECONDS": str(LIMITS.question),
    "REQUEST_TIMEOUT_SECONDS": str(LIMITS.request_timeout),
    "TRANSACTION_SECONDS": str(LIMITS.transaction),
    "BREAKER_OPEN_SECONDS": str(BREAKER_OPEN_SECONDS),
    "DEBOUNCE_SECONDS": "0.05",
}
CHAT = "/api/v1/ai/agent/chat"

# Every sentence but one has a word of its own kind, the question too: a log that quotes any of them is found out.
CLIENT = ("Quibblewick", "Vexelmire")
NOTES = (
    "The frondlesnap mortgage came up again. Zibblethorn sleeps badly. Walks help.",
    "The frondlesnap mortgage is now paid. Grumblefax went seaward.",
)
"""The stub says three words at a time: a sentence of three or six is cited before the next begins."""
REWORDED = "The frondlesnap mortgage is paid."
QUESTION = "Is the frondlesnap mortgage paid?"
SECRET = "a provider echoes plinkerdoodle"
PLANTED = (*CLIENT, "frondlesnap", "Zibblethorn", "Grumblefax", "plinkerdoodle")

OPERATIONS: Mapping[Part, tuple[Operation, ...]] = {
    "embedder": ("embed",),
    "reranker": ("rerank",),
    "model": ("chat",),
    "entailment": ("entail",),
    "all models": ("embed", "rerank", "chat", "entail"),
}
TOXICS: Mapping[Fault, Toxic] = {
    "slow": Toxic("latency", 4),
    "failing": Toxic("reset_peer", 0),
    "garbage": Toxic("garbage", 0),
    "half-open": Toxic("timeout", 3600),
}
Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class House:
    """The parts, and the hands that hurt them."""

    stage: Stage
    practice: Practice
    stub: Stub
    links: Mapping[str, TcpProxy]
    http: httpx.AsyncClient
    texts: dict[str, str] = field(default_factory=dict)
    """By session."""

    async def ask(self) -> tuple[httpx.Response, float]:
        """The answer, and how many seconds it took. No vector of the question is remembered."""
        self._forget_vectors()
        began = time.monotonic()
        response = await self.http.post(CHAT, json={"query": QUESTION})
        return response, time.monotonic() - began

    async def listen(self) -> list[tuple[str, Any]]:
        """The events of an answer, in order."""
        headers = {"Accept": "text/event-stream"}
        response = await self.http.post(CHAT, json={"query": QUESTION}, headers=headers)
        assert response.status_code == 200, response.text
        return [*_events(response.text)]

    async def is_well(self) -> bool:
        """Whether a question is answered in full."""
        response, _ = await self.ask()
        return response.status_code == 200 and response.json()["answer_status"] == "answered"

    def hurt(self, part: Part, fault: Fault) -> None:
        if part in self.links:
            self.links[part].toxic = TOXICS[fault]
        for operation in OPERATIONS.get(part, ()):
            self.stub.fault[operation] = _struck(operation, fault)

    def heal(self) -> None:
        self.stub.fault.heal()
        for link in self.links.values():
            link.heal()

    async def series(self) -> Series:
        """Every metric that the API shows."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(await self.shown())
            for sample in family.samples
        }

    async def shown(self) -> str:
        return (await self.http.get("/metrics")).text

    def logs(self) -> str:
        """All that the service's processes wrote so far."""
        return "".join((self.stage.folder / f"{one}.log").read_text() for one in ("api", "worker"))

    @contextmanager
    def _redis(self) -> Iterator[Redis]:
        with Redis.from_url(self.stage.servers.redis_url) as redis:
            yield redis

    def _forget_vectors(self) -> None:
        with self._redis() as redis:
            for key in redis.scan_iter("ai_query_vector*"):
                redis.delete(key)


def rewording(asked: Asked) -> Written:
    """Quotes, and before them a sentence in other words than the note's: only that one is confirmed by a model."""
    quotes = answer_from_documents(asked)
    source = next((one.id for one in asked.documents if NOTES[1] in one.text), None)
    if source is None:
        return quotes
    shift = len(REWORDED) + 1
    later = [replace(one, start=one.start + shift, end=one.end + shift) for one in quotes.citations]
    first = Cited(0, len(REWORDED), REWORDED, (source,))
    return Written(f"{REWORDED} {quotes.text}", [first, *later])


def value(series: Series, metric: Metric) -> float:
    return series.get((metric.name, frozenset(metric.labels.items())), 0.0)


def _struck(operation: Operation, fault: Fault) -> Struck:
    """A provider that fails or talks nonsense also echoes what it was asked, as some do."""
    page = Html(f"<html><body>{SECRET}</body></html>")
    return {
        "slow": Slow(60),
        "failing": Status(500, json.dumps({"message": SECRET})),
        "garbage": MissingFields() if operation == "embed" else page,
        "half-open": HalfOpen(),
    }[fault]


def _events(stream: str) -> Iterator[tuple[str, Any]]:
    for frame in stream.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.splitlines() if not line.startswith(":"))
        if lines:
            yield lines["event"], json.loads(lines["data"])


@asynccontextmanager
async def open_house(folder: Path, servers: Servers, *, name: str) -> AsyncIterator[House]:
    """The parts run, and the practice's notes can be found by vectors of the stub."""
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(provider_stub())
        stub.writer = rewording
        settings = {**SETTINGS, "COHERE_BASE_URL": stub.url}
        opened = await stack.enter_async_context(
            open_stage(folder, name=name, servers=servers, **settings)
        )
        links = await _links(opened, stack)
        stage = _by_way_of(opened, links)
        stage.start("monolith", "api", "worker")
        await stage.until_up(stage.monolith_url, stage.service_url)
        container = await stack.enter_async_context(open_container(stage.settings()))
        practice = await stack.enter_async_context(open_practice(stage, container))
        house = House(stage, practice, stub, links, await _caller(stage, practice, stack))
        await _furnish(house)
        try:
            yield house
        finally:
            for child in stage.children.values():
                # Asked politely they would finish by way of our proxies, which stand still while we wait.
                child.process.kill()


async def _links(stage: Stage, stack: AsyncExitStack) -> dict[str, TcpProxy]:
    addresses = {
        "postgres": stage.environment["DATABASE_URL"],
        "redis": stage.servers.redis_url,
        "monolith": stage.monolith_url,
    }
    return {
        part: await stack.enter_async_context(tcp_proxy(url)) for part, url in addresses.items()
    }


def _by_way_of(stage: Stage, links: Mapping[str, TcpProxy]) -> Stage:
    """The API's ways lead through the proxies; the worker's, the monolith's and the test's own do not."""
    names = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "monolith": "MONOLITH_URL"}
    ways = {
        name: links[part].instead_of(stage.environment[name].rstrip("/"))
        for part, name in names.items()
    }
    return replace(stage, environment={**stage.environment, **ways})


async def _caller(stage: Stage, practice: Practice, stack: AsyncExitStack) -> httpx.AsyncClient:
    token = practice.therapist.http.cookies.get("access_token")
    return await stack.enter_async_context(
        httpx.AsyncClient(
            base_url=stage.service_url,
            trust_env=False,
            timeout=30,
            headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"},
        )
    )


async def _furnish(house: House) -> None:
    client = await house.practice.client(*CLIENT)
    for text in NOTES:
        house.texts[await house.practice.note(client, subjective=text)] = text
    await house.practice.settled()
    await eventually(house.is_well)
