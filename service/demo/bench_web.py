"""What each layer of the web path costs: routes that add one after the other, asked in turn in one process."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import typer

from service.commands.progress import progress
from service.demo.bench_chat.sides import LOGIN
from service.demo.bench_databases import durable_servers
from service.demo.notes import Practice, read_practice
from service.demo.processes import Child, spawn
from service.demo.run import demo_admin
from service.demo.stage import Stage, open_stage, passing_folder

LAYERS = {
    "/bare": "bare ASGI callable",
    "/route": "FastAPI route, JSON",
    "/middleware": "+ our middleware",
    "/token": "+ token",
    "/principal": "+ principal",
    "/limiter": "+ limiter",
    "/sql": "+ one SQL",
}
"""By path, each with what it adds to the one before."""
CONNECTIONS = (1, 16)
WARMING = 50  # Requests of a layer before those that count.
ANY = str(10**6)
SETTINGS: dict[str, Any] = {
    "AI_AGENT_MAX_QUERIES_PER_HOUR": ANY,
    "AI_AGENT_MAX_QUERIES_PER_USER_PER_MINUTE": ANY,
}
Key = tuple[str, int]


class NotAnswered(Exception):
    """A layer answered with something else than 200."""


@dataclass(slots=True)
class Cell:
    """All rounds of one layer at one number of connections, in seconds."""

    cpu: list[float] = field(default_factory=list)
    """Of the serving process, a request, a round: Postgres and Redis are other processes."""
    wall: list[float] = field(default_factory=list)
    """Of each request."""

    def figures(self) -> Mapping[str, float]:
        """Microseconds."""
        p50, p95 = np.quantile(self.wall, [0.5, 0.95]) * 1e6
        return {
            "cpu": round(float(np.median(self.cpu)) * 1e6, 1),
            "wall_p50": round(float(p50), 1),
            "wall_p95": round(float(p95), 1),
        }


@dataclass(slots=True)
class Bench:
    """The serving process, and what is known so far."""

    child: Child
    port: int
    token: str
    cells: dict[Key, Cell] = field(default_factory=dict)

    async def run(self, *, rounds: int, requests: int) -> None:
        """Each layer in turn, and the other way round in the next round: what else the machine does falls on all."""
        for path in LAYERS:
            await self._round(path, 1, WARMING)
        self.cells.clear()
        with progress("rounds", rounds) as tick:
            for number in range(rounds):
                paths = list(LAYERS)
                for path in reversed(paths) if number % 2 else paths:
                    for connections in CONNECTIONS:
                        await self._round(path, connections, requests)
                tick(number + 1)

    async def _round(self, path: str, connections: int, requests: int) -> None:
        cell = self.cells.setdefault((path, connections), Cell())
        each = max(1, requests // connections)
        request = self._request(path)
        opened = await asyncio.gather(*(self._open() for _ in range(connections)))
        before = self.child.cpu_seconds
        taken = await asyncio.gather(*(_ask(*one, request, each) for one in opened))
        cell.cpu.append((self.child.cpu_seconds - before) / (each * connections))
        cell.wall.extend(seconds for one in taken for seconds in one)
        for _, writer in opened:
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def _request(self, path: str) -> bytes:
        """The same bytes to every layer."""
        lines = (
            f"GET {path} HTTP/1.1",
            f"host: 127.0.0.1:{self.port}",
            f"authorization: Bearer {self.token}",
            "accept: application/json",
            "accept-language: he",
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, times: int
) -> list[float]:
    """Seconds of each, one after the other on one connection. Raises NotAnswered."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        taken.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise NotAnswered(head.partition(b"\r\n")[0].decode())
    return taken


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])


async def run_bench(data: Path, *, rounds: int, requests: int, save: Path | None) -> None:
    """Prints what each layer costs, and writes all figures to `save`."""
    async with _house(data) as bench:
        await bench.run(rounds=rounds, requests=requests)
    figures = {key: cell.figures() for key, cell in bench.cells.items()}
    for connections in CONNECTIONS:
        for line in table(connections, figures):
            typer.echo(line)
    if save is not None:
        _save(figures, save)


def _save(figures: Mapping[Key, Mapping[str, float]], path: Path) -> None:
    rows = [
        {"layer": LAYERS[layer], "connections": connections, **told}
        for (layer, connections), told in figures.items()
    ]
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def table(connections: int, figures: Mapping[Key, Mapping[str, float]]) -> Iterable[str]:
    """A line a layer: its CPU with all before it, what it adds, its ratio to the bare callable, and its time."""
    bare = figures["/bare", connections]["cpu"]
    last = 0.0
    yield f"\n{connections} at once, us{'CPU':>22}{'adds':>8}{'ratio':>8}{'time p50':>11}{'p95':>8}"
    for path, name in LAYERS.items():
        told = figures[path, connections]
        yield (
            f"{name:24}{told['cpu']:12.0f}{told['cpu'] - last:8.0f}{told['cpu'] / bare:8.2f}"
            f"{told['wall_p50']:11.0f}{told['wall_p95']:8.0f}"
        )
        last = told["cpu"]


@asynccontextmanager
async def _house(data: Path) -> AsyncIterator[Bench]:
    """PazPaz with one therapist, and the layers as a process beside it."""
    async with passing_folder("-bench") as folder:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"pazpaz_bench_{os.getpid()}"
        with durable_servers(folder) as servers:
            async with open_stage(folder, name=name, servers=servers, **SETTINGS) as stage:
                stage.start("monolith")
                child = _serve(stage)
                await stage.until_up(stage.monolith_url, stage.service_url)
                token = await _signed_in(stage, read_practice(data))
                yield Bench(child, int(stage.environment["PORT"]), token)


def _serve(stage: Stage) -> Child:
    """In place of the stage's own API, with all that it is told."""
    argv = [sys.executable, "-m", "service.commands.web_layers"]
    env = {**os.environ, **stage.environment}
    child = spawn("layers", argv, log=stage.folder / "layers.log", env=env)
    stage.children["layers"] = child
    return child


async def _signed_in(stage: Stage, practice: Practice) -> str:
    """A session token of the first therapist's, as PazPaz gives it."""
    async with demo_admin(stage) as admin:
        await admin.put(Practice(practice.workspaces, practice.users, [], []), lambda _: None)
    async with httpx.AsyncClient(trust_env=False) as http:
        user = {"user_id": practice.users[0]["id"]}
        response = await http.post(stage.monolith_url + LOGIN, json=user)
        return response.raise_for_status().cookies["access_token"]
