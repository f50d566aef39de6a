"""HTTP/1.1 on a bare socket: requests come off a connection, and answers may break it in every way a network does."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self, cast

import h11

READ = 65_536
AT_ONCE = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST instead of FIN


class Left(Exception):
    """The client closed its side, or what it sent is no HTTP."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its whole body; names of headers are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(Protocol):
    """What is done to a connection after a request."""

    async def send(self, connection: "Connection") -> None: ...


class Connection:
    """One client's connection. It is read all the time, so that a client that hangs up is noticed while it waits."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER)
        self._news, self._gone = asyncio.Event(), asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self.moments: list[float] = []
        """When the last request was there whole, and when each part of its answer was out; of the monotonic clock."""

    async def request(self) -> Request:
        """The next request; raises Left when none comes any more."""
        head = await self._event()
        if not isinstance(head, h11.Request):
            raise Left
        parts = []
        while isinstance(event := await self._event(), h11.Data):
            parts.append(event.data)
        self.moments = [time.monotonic()]
        return Request(
            head.method.decode(),
            head.target.decode().partition("?")[0],
            {name.decode(): value.decode("latin-1") for name, value in head.headers},
            b"".join(parts),
        )

    async def send(self, *events: h11.Event) -> None:
        """Writes events of an answer; raises ConnectionError when nobody is there."""
        for event in events:
            if data := self._http.send(event):
                self._writer.write(data)
        await self._writer.drain()
        self.moments.append(time.monotonic())

    async def unless_left(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether the work came to its end; it is stopped when the client hangs up."""
        task, gone = asyncio.create_task(work), asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            with suppress(ConnectionError):
                return task.done() and task.result() is None
            return False
        finally:
            await _stopped(task, gone)

    def next_cycle(self) -> bool:
        """Whether the connection may carry another request: the answer was whole and nobody wants to close."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def deafen(self) -> None:
        """From now on nothing is read; the kernel keeps the connection open, whatever the client does."""
        self._reading.cancel()
        cast(asyncio.Transport, self._writer.transport).pause_reading()

    def reset(self) -> None:
        """Ends the connection with RST; what was not sent yet is lost."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self._writer.transport.abort()

    async def close(self) -> None:
        await _stopped(self._reading)
        self._writer.close()

    async def _read(self) -> None:
        with suppress(OSError):
            while data := await self._reader.read(READ):
                self._http.receive_data(data)
                self._news.set()
        self._http.receive_data(b"")
        self._news.set()
        self._gone.set()

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._news.clear()
                await self._news.wait()
        except h11.RemoteProtocolError:
            raise Left from None
        return event  # type: ignore[return-value] # the loop leaves no NEED_DATA


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in one piece, begun `after` seconds; with `sent`, the connection closes after so many bytes of it."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    sent: int | None = None

    @classmethod
    def of(cls, value: object, status: int = 200) -> Self:
        return cls(json.dumps(value).encode(), status)

    async def send(self, connection: Connection) -> None:
        await asyncio.sleep(self.after)
        named = {"content-type": self.media_type, "content-length": str(len(self.body))}
        headers = [*{**named, **self.headers}.items()]
        await connection.send(
            h11.Response(status_code=self.status, headers=headers),
            h11.Data(data=self.body[: self.sent]),
        )
        if self.sent is None:
            await connection.send(h11.EndOfMessage())


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event; `closing` ones say that the answer is over."""

    data: str
    event: str | None = None
    closing: bool = False
    text: str = ""
    """What it adds to the answer's text."""

    @classmethod
    def of(
        cls, value: object, *, event: str | None = None, closing: bool = False, text: str = ""
    ) -> Self:
        return cls(json.dumps(value, ensure_ascii=False), event, closing, text)

    @property
    def encoded(self) -> bytes:
        named = f"event: {self.event}\n" if self.event else ""
        return f"{named}data: {self.data}\n\n".encode()


DONE = Frame("[DONE]", closing=True)


@dataclass(frozen=True, slots=True)
class EventStream:
    """Events spread over `seconds`, begun `after` seconds; the closing ones come together at the very end."""

    frames: Sequence[Frame]
    seconds: float = 0.0
    after: float = 0.0
    ending: Literal["clean", "cut", "stall"] = "clean"

    async def send(self, connection: Connection) -> None:
        await asyncio.sleep(self.after)
        began = asyncio.get_running_loop().time()
        headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]
        await connection.send(h11.Response(status_code=200, headers=headers))
        steps = sum(not frame.closing for frame in self.frames) + 1
        for number, frame in enumerate(self.frames, 1):
            await _until(began + self.seconds * min(1.0, number / steps))
            await connection.send(h11.Data(data=frame.encoded))
        if self.ending == "stall":
            await forever()
        if self.ending == "clean":
            await connection.send(h11.EndOfMessage())


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer ever; a `deaf` one reads nothing either, so it never learns that the client left."""

    deaf: bool = False

    async def send(self, connection: Connection) -> None:
        if self.deaf:
            connection.deafen()
        await forever()


@dataclass(frozen=True, slots=True)
class Rst:
    """The connection is reset."""

    async def send(self, connection: Connection) -> None:
        connection.reset()


async def forever() -> None:
    await asyncio.Event().wait()


async def _until(moment: float) -> None:
    # Without a pause in between, what is due goes out as one: then a quick client cannot leave half-way by accident.
    if (left := moment - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(left)


async def _stopped(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
