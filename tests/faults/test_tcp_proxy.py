"""Each toxic does what its name says; otherwise the fault suite would test nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.faults.tcp_proxy import TcpProxy, Toxic, reset, tcp_proxy


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """Before a server that gives back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with tcp_proxy(f"tcp://127.0.0.1:{port}") as opened:
        yield opened
    server.close()


async def _say(proxy: TcpProxy, words: bytes) -> bytes:
    """Everything that comes back until the other side closes or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.listening)
    writer.write(words)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_without_a_toxic_bytes_pass(proxy: TcpProxy) -> None:
    """What is said comes back whole."""
    assert await _say(proxy, b"hello") == b"hello"


@pytest.mark.parametrize("name", ["latency", "slow_close"])
async def test_slow_toxics_lose_nothing(proxy: TcpProxy, name: str) -> None:
    """It comes back whole, and later."""
    proxy.toxic = Toxic(name, 0.05)  # type: ignore[arg-type]
    began = time.monotonic()
    assert await _say(proxy, b"hello") == b"hello"
    assert time.monotonic() - began >= 0.05


async def test_limit_data_ends_a_connection_in_the_middle(proxy: TcpProxy) -> None:
    """So many bytes, then the end."""
    proxy.toxic = Toxic("limit_data", 2)
    assert await _say(proxy, b"hello") == b"he"


async def test_garbage_replaces_every_byte(proxy: TcpProxy) -> None:
    """As many bytes come back, and none of those that were said."""
    proxy.toxic = Toxic("garbage", 0)
    assert await _say(proxy, b"hello") == b":nons"


async def test_a_forgotten_connection_is_silent_and_a_new_one_is_not(proxy: TcpProxy) -> None:
    """Neither end is told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.listening)
    writer.write(b"a")
    assert await reader.read(1) == b"a"
    proxy.forget()
    writer.write(b"b")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    assert await _say(proxy, b"hello") == b"hello"
    writer.close()


async def test_timeout_swallows_and_closes(proxy: TcpProxy) -> None:
    """Nothing comes back."""
    proxy.toxic = Toxic("timeout", 0.01)
    assert await _say(proxy, b"hello") == b""


async def test_reset_peer_is_seen_as_a_reset(proxy: TcpProxy) -> None:
    """Not an orderly end."""
    proxy.toxic = Toxic("reset_peer", 0)
    with pytest.raises(ConnectionResetError):
        await _say(proxy, b"hello")


async def test_the_server_hears_of_a_client_that_died() -> None:
    """A process that is killed resets its connections; a server that did not hear of it would keep its locks."""
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while await reader.read(1000):
                pass
        ended.set()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with tcp_proxy(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}") as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.listening)
        writer.write(b"hello")
        await writer.drain()
        reset(writer)
        await asyncio.wait_for(ended.wait(), 2)
    server.close()


async def test_an_open_connection_can_be_cut(proxy: TcpProxy) -> None:
    """What was fine a moment ago is reset, as a restarted machine does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.listening)
    writer.write(b"hello")
    assert await reader.read(5) == b"hello"
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
