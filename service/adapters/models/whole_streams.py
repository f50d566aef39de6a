"""Connections of event streams used again: who reads up to `[DONE]` leaves the end of the body unread, and httpx closes
a connection with something unread. Without this every answer of a model cost the next question a TCP and TLS handshake.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

END = b"[DONE]"
REST_SECONDS = 0.2
"""What follows is five bytes, sent along; a server that keeps them back loses its connection as before."""


async def read_to_the_end(response: httpx.Response) -> None:
    """A hook for responses: an event stream that is left after its last event is read to the end of its body."""
    kind = response.headers.get("content-type", "")
    if kind.startswith("text/event-stream") and isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _ToTheEnd(response.stream)


@dataclass(slots=True)
class _ToTheEnd(httpx.AsyncByteStream):
    inner: httpx.AsyncByteStream
    _parts: AsyncIterator[bytes] = field(init=False, repr=False)
    _last: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        self._parts = aiter(self.inner)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._parts:
            self._last = (self._last + part)[-2 * len(END) :]
            yield part

    async def aclose(self) -> None:
        if self._last.rstrip().endswith(END):
            with suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(REST_SECONDS):
                    async for _ in self._parts:
                        pass
        await self.inner.aclose()
