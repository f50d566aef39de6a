"""A proxy that sees whole HTTP messages and keeps every byte of them, so that signatures hold."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
MAX_HEAD = 1 << 16
BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
Send = Callable[[bytes], Awaitable[bytes]]
"""Passes a request on and returns the answer; raises what a broken connection raises."""
Trick = Literal["pass", "swallow", "refuse", "twice", "late", "replay"]
T = TypeVar("T")


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(HEAD_END)
    found = LENGTH.search(head)
    return head + (await reader.readexactly(int(found[1])) if found else b"")


def answer(status: int, body: object = None) -> bytes:
    """A whole answer, of JSON or of bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    return head.encode() + HEAD_END + content


def status_of(said: bytes) -> int:
    return int(said.split(b" ", 2)[1])


def body_of(message: bytes) -> bytes:
    return message.partition(HEAD_END)[2]


def deck(chance: random.Random, cards: Sequence[T]) -> Iterator[T]:
    """Every card comes once before any comes again."""
    while True:
        yield from chance.sample(cards, len(cards))


@asynccontextmanager
async def http_proxy(
    url: str, treat: Callable[[bytes, Send], Awaitable[bytes | None]]
) -> AsyncIterator[str]:
    """An address on loopback; `treat` answers each request, or None to hang up."""
    parts = urlsplit(url)

    async def send(request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=MAX_HEAD)
        try:
            writer.write(request)
            return await _message(reader)
        finally:
            writer.close()

    talking: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking[writer] = asyncio.current_task()
        with suppress(*BROKEN):
            while said := await treat(await _message(reader), send):
                writer.write(said)
                await writer.drain()
        writer.close()
        del talking[writer]

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=MAX_HEAD)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in talking:
            writer.transport.abort()
        await asyncio.gather(*filter(None, talking.values()))


@dataclass
class Postman:
    """Carries PazPaz's deliveries to the service, and not always well."""

    chance: random.Random
    honest: bool = False
    tally: Counter[str] = field(default_factory=Counter)
    """In events."""
    errands: set[asyncio.Task[None]] = field(default_factory=set)
    _tricks: Iterator[Trick] = field(init=False)

    def __post_init__(self) -> None:
        # A busy machine makes few deliveries, of many events each: what every run must have comes first.
        self._tricks = chain[Trick](
            ["swallow", "twice"], deck(self.chance, (*get_args(Trick), *["pass"] * 6))
        )

    async def treat(self, request: bytes, send: Send) -> bytes | None:
        events = len(json.loads(body_of(request) or b"{}").get("events", ()))
        trick: Trick = "pass" if self.honest or not events else next(self._tricks)
        if trick == "swallow":
            self.tally["dropped"] += events
            return answer(202, {"accepted": events})
        if trick == "refuse":
            self.tally["refused, to be sent again"] += events
            return None if self.chance.random() < 0.5 else answer(503)
        if trick == "late":
            self._later(self._carry(request, send, events, "delivered late"))
            return answer(202, {"accepted": events})
        said = await self._pass(request, send, events)
        if trick == "replay":
            self._later(self._carry(request, send, events, "replayed"))
        if trick == "twice":
            return self._doubled(said, events)
        return said

    def _doubled(self, said: bytes | None, events: int) -> bytes | None:
        """PazPaz believes that it failed, and signs the same events anew."""
        if said and status_of(said) == 202:
            self.tally["duplicated"] += events
            return answer(500)
        self._tricks = chain[Trick](
            ["twice"], self._tricks
        )  # nothing to double: with the next one, then
        return said

    async def _pass(self, request: bytes, send: Send, events: int) -> bytes | None:
        try:
            said = await send(request)
        except BROKEN:
            return None
        if status_of(said) == 202:
            self.tally["delivered"] += events
        return said

    async def _carry(self, request: bytes, send: Send, events: int, how: str) -> None:
        """Later, when others have overtaken it. Nobody hears whether it arrived."""
        await asyncio.sleep(self.chance.uniform(0.2, 2.0))
        try:
            said = status_of(await send(request))
        except BROKEN:
            said = 0
        self.tally[how if said == 202 else f"{how}, to no effect"] += events

    def _later(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self.errands.add(task)
        task.add_done_callback(self.errands.discard)


Mood = Literal["well", "error", "slow", "garbage"]


@dataclass
class Pulls:
    """Carries our pulls to PazPaz, which is not always well."""

    mood: Mood = "well"
    tally: Counter[str] = field(default_factory=Counter)

    async def treat(self, request: bytes, send: Send) -> bytes | None:
        self.tally[self.mood] += 1
        if self.mood == "error":
            return answer(500, {"detail": "no"})
        if self.mood == "slow":
            await asyncio.sleep(1.5)  # longer than the service waits
        said = await send(request)
        if self.mood == "garbage":
            return said[:-7] + b"garbage"
        return said
