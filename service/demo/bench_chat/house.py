"""Practices with notes, the service, a bare one and their provider: all that the rounds need, as processes."""

import asyncio
import json
import math
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from service.commands.progress import progress
from service.container import Container, open_container
from service.demo.bench_chat.asking import whole_of
from service.demo.bench_chat.figures import CALLS
from service.demo.bench_chat.practices import id_in, many
from service.demo.bench_chat.sides import MARK, Bare, Recorded, Seat, Service
from service.demo.bench_databases import durable_servers
from service.demo.evaluate import read_gold
from service.demo.notes import Practice, read_practice, until_searchable
from service.demo.processes import free_port, spawn
from service.demo.provider_stub import KEY, Pace, Stub, provider_stub, quoting
from service.demo.run import demo_admin
from service.demo.stage import Stage, open_stage, passing_folder
from service.errors import BadSettings
from service.evaluation.gold import Gold
from service.worker import Worker

OF_A_PRACTICE = 4  # Askers at once: what the service allows unless it is told otherwise.
QUESTIONS = 25  # Of a practice.
QUOTES = 4  # The most sentences that the service asks a model for.
ASKED_FIRST = 16  # As many practices may be warmed up at once, where few ask afterwards.
SECONDS = 60.0
ANY = str(10**6)


@dataclass(frozen=True)
class House:
    """Everything runs."""

    stage: Stage
    service: Service
    bare: Bare
    seats: Sequence[Seat]
    journal: Path
    pace: Pace


@asynccontextmanager
async def open_house(data: Path, *, most: int, pace: Pace) -> AsyncIterator[House]:
    """For so many askers at once. Raises BadSettings for a folder whose questions the model is never asked."""
    async with passing_folder("-bench") as folder:
        folder.mkdir(parents=True, exist_ok=True)
        port, name = free_port(), f"pazpaz_bench_{os.getpid()}"
        with durable_servers(folder) as servers:
            async with (
                open_stage(folder, name=name, servers=servers, **_settings(port, most)) as stage,
                _http() as http,
            ):
                yield await _furnished(stage, http, data, most=most, pace=pace, port=port)


def _settings(provider_port: int, most: int) -> dict[str, Any]:
    return {
        "MODEL_PROVIDER": "cohere",
        "COHERE_API_KEY": KEY,
        "COHERE_BASE_URL": f"http://127.0.0.1:{provider_port}",
        "MAX_CONCURRENT_CHATS": str(most + ASKED_FIRST),
        "MAX_CONCURRENT_CHATS_PER_WORKSPACE": str(2 * OF_A_PRACTICE),
        "AI_AGENT_MAX_QUERIES_PER_HOUR": ANY,
        "AI_AGENT_MAX_QUERIES_PER_USER_PER_MINUTE": ANY,
        "DEBOUNCE_SECONDS": "0",
    }


def _http() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(limits=limits, timeout=SECONDS, trust_env=False)


async def _furnished(
    stage: Stage, http: httpx.AsyncClient, data: Path, *, most: int, pace: Pace, port: int
) -> House:
    """Notes and recordings come from a quick provider in this process; then one of that pace takes its port."""
    practice = read_practice(data)
    copies = math.ceil(most / OF_A_PRACTICE / len(practice.workspaces))
    async with provider_stub(port=port) as stub:
        await _fill(stage, many(practice, copies))
        stub.writer = quoting(QUOTES)
        recording = Service(http, stage, ())
        recorded = await _record(recording, stub, practice, data)
    service = replace(recording, recorded=recorded)
    journal = _start_provider(stage, port, pace)
    url = _start_bare(stage, port, recorded)
    await _until_listening(port)
    await stage.until_up(url)
    bare = Bare(http, stage.children["bare"], url, service.marks)
    return House(stage, service, bare, _seats(practice, copies, recorded), journal, pace)


async def _fill(stage: Stage, practice: Practice) -> None:
    """Indexed here: a worker beside the rounds would take of the processor they are measured on."""
    stage.start("monolith", "api")
    await stage.until_up(stage.monolith_url, stage.service_url)
    async with open_container(stage.settings()) as container, demo_admin(stage) as admin:
        with progress("loading notes", practice.size) as tick:
            await admin.put(practice, tick)
        async with _working(container):
            with progress("making them searchable", practice.size) as tick:
                await until_searchable(admin, container, practice.size, tick)


@asynccontextmanager
async def _working(container: Container) -> AsyncIterator[None]:
    stop = asyncio.Event()
    work = asyncio.create_task(Worker(container.queue, container.indexer).run(stop))
    try:
        yield
    finally:
        stop.set()
        await work


async def _record(service: Service, stub: Stub, practice: Practice, data: Path) -> list[Recorded]:
    """Questions that go all the way to the model, with what its provider was sent. Raises BadSettings."""
    golds = [gold for gold in read_gold(data / "questions.jsonl") if gold.answerable]
    recorded: list[Recorded] = []
    with progress("recording questions", QUESTIONS * len(practice.users)) as tick:
        for user in practice.users:
            found = 0
            for gold in golds:
                if found == QUESTIONS or str(gold.asked.workspace) != user["workspace_id"]:
                    continue
                if one := await _recorded(service, stub, gold, user["id"]):
                    recorded.append(one)
                    found += 1
                    tick(len(recorded))
            if not found:
                raise BadSettings(f"{data}: no question of a practice gets as far as the model")
    return recorded


async def _recorded(service: Service, stub: Stub, gold: Gold, user: str) -> Recorded | None:
    """None where an answer is not the model's, or some of it is held back."""
    before, mark, question = len(stub.calls), next(service.marks), gold.asked.question
    client = str(question.client) if question.client else None
    body = {"query": f"{question.text} {mark}"} | ({"client_id": client} if client else {})
    prepared = await service.ask(body, mark, user, "JSON")
    answer = whole_of((await service.http.send(prepared.request)).content)
    calls: dict[str, Any] = {call.operation: call.json for call in stub.calls[before:]}
    usual = answer.get("answer_status") == "answered" and not answer["withheld"]
    if not usual or answer["degraded"] or calls.keys() != CALLS:
        return None
    asked = {"query": question.text, "client": client, "workspace": str(gold.asked.workspace)}
    return {**asked, "mark": mark, "answer": answer, **calls}


def _start_provider(stage: Stage, port: int, pace: Pace) -> Path:
    """The journal that it keeps."""
    journal = stage.folder / "provider.jsonl"
    seconds = {"": pace.chat, "embed-": pace.embed, "rerank-": pace.rerank}
    options = {"port": port, "journal": journal, "mark": MARK, "quotes": QUOTES}
    options |= {f"{name}seconds": value for name, value in seconds.items()}
    _start(stage, "provider", "service.demo.provider_stub", options)
    return journal


def _start_bare(stage: Stage, provider_port: int, recorded: Sequence[Recorded]) -> str:
    """Its URL."""
    port, file = free_port(), stage.folder / "recorded.json"
    file.write_text(json.dumps(recorded), encoding="utf-8")
    options = {"recorded": file, "provider": f"http://127.0.0.1:{provider_port}", "key": KEY}
    _start(stage, "bare", "service.demo.bench_chat.bare", {**options, "port": port})
    return f"http://127.0.0.1:{port}"


def _start(stage: Stage, name: str, module: str, options: Mapping[str, object]) -> None:
    """Beside the stage's own parts, which end with it."""
    told = [f"--{option}={value}" for option, value in options.items()]
    argv = [sys.executable, "-m", module, *told]
    stage.children[name] = spawn(name, argv, log=stage.folder / f"{name}.log")


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)


def _seats(practice: Practice, copies: int, recorded: Sequence[Recorded]) -> list[Seat]:
    """One a workspace."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(recorded):
        places.setdefault(one["workspace"], []).append(place)
    return [
        Seat(id_in(copy, user["id"]), copy, places[user["workspace_id"]])
        for copy in range(copies)
        for user in practice.users
    ]
