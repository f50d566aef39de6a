"""A TCP proxy between two parts that can be made to misbehave; the toxics have toxiproxy's names."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

ToxicName = Literal["latency", "timeout", "reset_peer", "limit_data", "slow_close", "garbage"]
RESET = struct.pack("ii", 1, 0)
"""Linger on, for no time: closing sends RST instead of FIN."""
PIECE = 65536
NONSENSE = b":nonsense\r\n"
"""Of no protocol that is spoken here, though Redis's clients read a number's beginning in it."""


@dataclass(frozen=True, slots=True)
class Toxic:
    """What happens to every connection. `amount` is bytes for limit_data, else seconds."""

    name: ToxicName
    amount: float


@dataclass(slots=True)
class TcpProxy:
    """Passes bytes on. A toxic holds for open connections too, from their next byte on."""

    host: str
    port: int
    listening: int = 0
    toxic: Toxic | None = None
    connections: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _forgotten: set[asyncio.StreamWriter] = field(default_factory=set)

    def instead_of(self, url: str) -> str:
        """The same address, by way of this proxy."""
        return url.replace(f"{self.host}:{self.port}", f"127.0.0.1:{self.listening}")

    def heal(self) -> None:
        """Without a toxic; connections that one has silenced are reset, as nobody else would end them."""
        silenced = self.toxic is not None and self.toxic.name == "timeout"
        self.toxic = None
        if silenced:
            self.cut()

    def forget(self) -> None:
        """As a router that lost its table: on every connection there is nothing passes any more; new ones are fine."""
        self._forgotten |= self._open

    def cut(self) -> None:
        """Resets every open connection."""
        for writer in list(self._open):
            reset(writer)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until either end closes it."""
        self.connections += 1
        self._open.add(writer)
        try:
            there_reader, there_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            self._open.discard(writer)
            reset(writer)
            return
        self._open.add(there_writer)
        try:
            await asyncio.gather(
                self._ask(reader, there_writer), self._spoil(there_reader, writer, there_writer)
            )
        finally:
            for one in (writer, there_writer):
                self._open.discard(one)
                self._forgotten.discard(one)
                one.close()

    async def _ask(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        """The questions' way. Its end leaves the other one open, as TCP does; a reset ends both."""
        try:
            while data := await client.read(PIECE):
                if server in self._forgotten:
                    continue
                await _write(server, data)
            server.write_eof()
        except OSError:
            server.close()

    async def _spoil(
        self,
        source: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        server: asyncio.StreamWriter,
    ) -> None:
        """The answers' way, as toxiproxy has it: what was asked arrives and is done, and nobody hears of it."""
        try:
            while data := await source.read(PIECE):
                if client in self._forgotten:
                    continue
                if not await self._passes(data, client):
                    client.close()
                    server.close()
                    return
            if self.toxic and self.toxic.name == "slow_close":
                await asyncio.sleep(self.toxic.amount)
            client.write_eof()
        except OSError:
            client.close()

    async def _passes(self, data: bytes, client: asyncio.StreamWriter) -> bool:
        """False when the connection ends with this piece."""
        toxic = self.toxic
        if toxic is None or toxic.name == "slow_close":
            return await _write(client, data)
        if toxic.name == "garbage":
            return await _write(client, (NONSENSE * len(data))[: len(data)])
        if toxic.name == "limit_data":
            await _write(client, data[: int(toxic.amount)])
            return False
        await asyncio.sleep(toxic.amount)
        if toxic.name == "reset_peer":
            reset(client)
        return toxic.name == "latency" and await _write(client, data)


async def _write(sink: asyncio.StreamWriter, data: bytes) -> bool:
    sink.write(data)
    await sink.drain()
    return True


def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@asynccontextmanager
async def tcp_proxy(url: str) -> AsyncIterator[TcpProxy]:
    """A proxy on loopback before the address's server."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = TcpProxy(parts.hostname, parts.port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.listening = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
