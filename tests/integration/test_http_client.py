"""The client that calls others, on real sockets: it fails as httpx's own transport does, and reuses what is alive."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    CertificateBuilder,
    IPAddress,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    random_serial_number,
)
from cryptography.x509.oid import NameOID

from service.adapters.http_client import open_http
from service.demo.provider_stub.wire import AT_ONCE
from service.telemetry.metrics import CERTIFICATES_REFUSED

IMPATIENT = httpx.Timeout(5, read=0.2)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
SIZED, CHUNKED = HEAD + b"content-length: 10\r\n\r\n", HEAD + b"transfer-encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"content-length: 2\r\n\r\nok"

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def no_tls() -> ssl.SSLContext:
    """Without certificates, which take longer to load than a test."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture
async def ours() -> AsyncIterator[httpx.AsyncClient]:
    async with open_http(timeouts=IMPATIENT, idle_seconds=60, verify=no_tls()) as http:
        yield http


@pytest.fixture
async def theirs() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=IMPATIENT, verify=no_tls(), trust_env=False) as http:
        yield http


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """The address of a server that reads the head of a request, and then does this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def saying(said: bytes, *, then: Answer | None = None) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        if then is not None:
            await then(writer)

    return answer


async def reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1)


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, played by the test."""

    sock: socket.socket

    async def answer(self, said: bytes) -> bytes:
        """Reads a question, says this, and gives what was read."""
        loop = asyncio.get_running_loop()
        head = await loop.sock_recv(self.sock, 65_536)
        await loop.sock_sendall(self.sock, said)
        return head


@contextmanager
def peers() -> Iterator[tuple[str, Callable[[], Awaitable[Peer]]]]:
    """An address, and the next connection that comes in there."""
    accepted: list[socket.socket] = []

    async def accept() -> Peer:
        sock, _ = await asyncio.get_running_loop().sock_accept(listening)
        accepted.append(sock)
        return Peer(sock)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", accept
    for sock in accepted:
        sock.close()


async def outcome(http: httpx.AsyncClient, url: str) -> tuple[int, bytes] | type[Exception]:
    try:
        answer = await http.post(url, json={"a": 1})
    except httpx.HTTPError as exc:
        return type(exc)
    return answer.status_code, answer.content


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (saying(WHOLE), (200, b"ok")),
        (saying(b"HTTP/1.1 204 No Content\r\n\r\n"), (204, b"")),
        (saying(HEAD + b"\r\nabc"), (200, b"abc")),
        (saying(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"), (200, b"abc")),
        (saying(HEAD + b"x-long: " + b"a" * 20_000 + b"\r\ncontent-length: 0\r\n\r\n"), (200, b"")),
        (saying(b""), httpx.RemoteProtocolError),
        (reset, httpx.ReadError),
        (silence, httpx.ReadTimeout),
        (saying(b"SSH-2.0-none\r\n\r\n"), httpx.RemoteProtocolError),
        (saying(HEAD + b"content-length: x\r\n\r\n"), httpx.RemoteProtocolError),
        (saying(SIZED + b"abc"), httpx.RemoteProtocolError),
        (saying(CHUNKED + b"3\r\nabc\r\n"), httpx.RemoteProtocolError),
        (saying(CHUNKED + b"3\r\nabc\r\nzz\r\n", then=silence), httpx.RemoteProtocolError),
        (saying(CHUNKED + b"3\r\nabc\r\n", then=silence), httpx.ReadTimeout),
        (
            saying(HEAD + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"),
            httpx.DecodingError,
        ),
    ],
)
async def test_an_answer_ends_as_it_does_on_the_transport_of_httpx(
    ours: httpx.AsyncClient, theirs: httpx.AsyncClient, answer: Answer, expected: object
) -> None:
    """Whole, cut, garbled, late or never."""
    async with answering(answer) as url:
        assert await outcome(theirs, url) == expected
        assert await outcome(ours, url) == expected


async def test_a_connection_that_is_reset_within_an_answer_has_cut_it(
    ours: httpx.AsyncClient,
) -> None:
    """httpx calls it a ReadError; either way the answer is not believed to be whole."""
    cut = saying(CHUNKED + b"3\r\nabc\r\n", then=reset)
    async with answering(cut) as url:
        assert await outcome(ours, url) is httpx.RemoteProtocolError


@pytest.mark.parametrize(
    ("url", "raised"),
    [
        ("http://127.0.0.1:1/", httpx.ConnectError),
        ("http://nowhere.invalid/", httpx.ConnectError),
        ("ftp://127.0.0.1/", httpx.UnsupportedProtocol),
    ],
)
async def test_nobody_is_there(
    ours: httpx.AsyncClient, theirs: httpx.AsyncClient, url: str, raised: type[Exception]
) -> None:
    """What cannot be reached is named as httpx names it: nothing was sent."""
    assert await outcome(theirs, url) is raised
    assert await outcome(ours, url) is raised


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, vouched for by itself."""
    key = generate_private_key(SECP256R1())
    name = Name([NameAttribute(NameOID.COMMON_NAME, "ours")])
    now = datetime.now(UTC)
    made = (
        CertificateBuilder(name, name, key.public_key(), random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(SubjectAlternativeName([IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@asynccontextmanager
async def behind_tls(certificate: Path) -> AsyncIterator[tuple[str, list[int]]]:
    """An address, and how many questions came on each of its connections."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(asked)
        asked.append(0)
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                asked[number] += 1
                writer.write(WHOLE)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    """Nothing is said to whoever cannot show who they are, and it is counted."""
    before = CERTIFICATES_REFUSED._value.get()
    async with (
        behind_tls(certificate) as (url, asked),
        open_http(timeouts=IMPATIENT, idle_seconds=60) as http,
    ):
        with pytest.raises(httpx.ConnectError):
            await http.get(url)
        assert sum(asked) == 0
        assert CERTIFICATES_REFUSED._value.get() == before + 1


async def test_a_certificate_of_our_own_is_believed(certificate: Path) -> None:
    """One handshake serves the questions that follow, whatever TLS itself says in between."""
    ours = ssl.create_default_context(cafile=certificate)
    async with (
        behind_tls(certificate) as (url, asked),
        open_http(timeouts=IMPATIENT, idle_seconds=60, verify=ours) as http,
    ):
        for _ in range(3):
            assert (await http.get(url)).content == b"ok"
            await asyncio.sleep(0.01)
        assert asked == [3]


async def test_cookies_and_redirects_are_not_followed(ours: httpx.AsyncClient) -> None:
    """What one answer sets goes along with no other question, nobody chooses our next address, and a path goes out as
    it was signed.
    """
    moved = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\nset-cookie: a=b; path=/\r\n"
    with peers() as (url, next_peer):
        for _ in range(2):
            asked = asyncio.create_task(ours.get(url + "/as%7Eit%2Fis?q=%2f"))
            peer = await next_peer()
            head = await peer.answer(moved + b"content-length: 0\r\nconnection: close\r\n\r\n")
            assert (await asked).status_code == 302
            assert head.startswith(b"GET /as%7Eit%2Fis?q=%2f HTTP/1.1")
            assert b"cookie" not in head.lower()


async def test_an_idle_connection_carries_the_next_question(ours: httpx.AsyncClient) -> None:
    """One handshake for both."""
    with peers() as (url, next_peer):
        first = asyncio.create_task(ours.post(url))
        peer = await next_peer()
        await peer.answer(WHOLE)
        await first
        second = asyncio.create_task(ours.post(url))
        await peer.answer(WHOLE)
        assert (await second).content == b"ok"


@pytest.mark.parametrize("last", [b"", HEAD + b"content-length: 5\r\n\r\nwrong"])
@pytest.mark.parametrize("heard", [False, True])
async def test_an_idle_connection_on_which_something_came_is_not_used(
    ours: httpx.AsyncClient, last: bytes, *, heard: bool
) -> None:
    """Closed, the question would be lost on it; an answer that nobody asked for would be taken for the next one's.
    Whether or not the event loop has heard of it.
    """
    with peers() as (url, next_peer):
        first = asyncio.create_task(ours.post(url))
        peer = await next_peer()
        await peer.answer(WHOLE)
        await first
        peer.sock.send(last) if last else peer.sock.close()
        if heard:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(ours.post(url))
        await (await asyncio.wait_for(next_peer(), 5)).answer(WHOLE)
        assert (await second).content == b"ok"


async def test_no_variable_chooses_our_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names would read notes; nobody is asked but who was called."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with peers() as (url, next_peer):
        async with open_http(timeouts=IMPATIENT, idle_seconds=60, verify=no_tls()) as http:
            asked = asyncio.create_task(http.get(url))
            await (await asyncio.wait_for(next_peer(), 5)).answer(WHOLE)
            assert (await asked).content == b"ok"
