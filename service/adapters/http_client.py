"""The HTTP clients that the service calls others with: httpx outside, aiohttp's parser in C inside.

A call costs half of what it does on httpx's own transport, an event of a stream a third less. `httpx-aiohttp`, which
does the same, calls a connection that was lost after the question was sent a ConnectTimeout, and lets some of
aiohttp's exceptions through; so this one names them as httpx itself does.
"""

import select
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from math import isfinite
from typing import TYPE_CHECKING
from weakref import WeakSet

import aiohttp
import httpx
from yarl import URL

from service.telemetry.metrics import CERTIFICATES_REFUSED

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

Hook = Callable[[httpx.Response], Awaitable[None]]

MOST_FIELD = 65_536
"""Bytes of one header field of an answer: aiohttp's 8 KiB is less than httpx takes."""

NAMES: Sequence[tuple[type[Exception], type[httpx.TransportError]]] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol),
    (aiohttp.ClientError, httpx.ReadError),
)
"""The first that fits is meant: the narrow stand before the wide."""


@asynccontextmanager
async def open_http(
    *,
    timeouts: httpx.Timeout,
    most: int = 0,
    idle_seconds: float,
    verify: ssl.SSLContext | bool = True,
    on_response: Sequence[Hook] = (),
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with its own pool of `most` connections, 0 for as many as it takes; closed at the end.

    It follows no redirects, keeps no cookies, and what the environment says of proxies and certificates is nothing
    to it. `timeouts.pool` is for all until a connection stands: a place in the pool, the name's address and itself.
    """
    tls = httpx.create_ssl_context(verify=verify, trust_env=False)
    tls.set_alpn_protocols(["http/1.1"])
    connector = _Connector(limit=most, keepalive_timeout=idle_seconds, ssl=tls)
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_field_size=MOST_FIELD,
        ) as session,
        httpx.AsyncClient(
            transport=_Transport(session),
            timeout=timeouts,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
            event_hooks={"response": [*on_response]},
        ) as http,
    ):
        yield http


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that an answer asks for; None for a day, or what is no time that anybody can wait."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        seconds = float(given.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


class _Connector(aiohttp.TCPConnector):
    """Uses no idle connection on which something came: its end, of which the loop may not know yet, or an answer that
    nobody asked for, which the next caller would take for theirs.
    """

    def __init__(self, *, limit: int, keepalive_timeout: float, ssl: ssl.SSLContext) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout, ssl=ssl)
        self._used: WeakSet[object] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> "Connection":
        connection = await super().connect(req, traces, timeout)
        while connection.protocol in self._used and _has_news(connection):
            connection.close()
            connection = await super().connect(req, traces, timeout)
        self._used.add(connection.protocol)
        return connection


def _has_news(connection: "Connection") -> bool:
    if (
        connection.transport is None
        or connection.protocol is None
        or connection.protocol.should_close
    ):
        return True
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with _named():
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),  # its bytes were signed as they are
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=_timeout(request),
            )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _named():
            async for part in self._response.content.iter_any():
                yield part

    async def aclose(self) -> None:
        """The connection stays open for another call only if the answer came whole."""
        self._response.release()


def _timeout(request: httpx.Request) -> aiohttp.ClientTimeout:
    seconds = request.extensions["timeout"]
    return aiohttp.ClientTimeout(
        connect=seconds["pool"], sock_connect=seconds["connect"], sock_read=seconds["read"]
    )


@contextmanager
def _named() -> Iterator[None]:
    """aiohttp's exceptions as those that httpx's own transport raises."""
    try:
        yield
    except aiohttp.ClientError as exc:
        if isinstance(exc, aiohttp.ClientConnectorCertificateError):
            CERTIFICATES_REFUSED.inc()
        kind = next(kind for theirs, kind in NAMES if isinstance(exc, theirs))
        raise kind(str(exc)) from exc
