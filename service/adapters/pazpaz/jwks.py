"""PazPaz's token keys, from an address or a file: remembered, refreshed, and not let go at the first failure."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import httpx
import structlog

from service.errors import SourceUnavailable
from service.ports.clock import Clock
from service.ports.monolith import VerificationKey
from service.security.jwks import parse_jwks
from service.telemetry.metrics import JWKS_READS

log = structlog.get_logger()

REFRESH = timedelta(minutes=5)
"""A key that PazPaz took out of its set is refused after this, at the latest."""
KEEP = timedelta(hours=24)
"""While the set cannot be had, the last good one counts this long."""
MAX_BYTES = 64 * 1024
DEADLINE_SECONDS = 3.0


class KeySetSource(Protocol):
    """Where the set comes from."""

    async def read(self) -> bytes:
        """The document; raises OSError, httpx.HTTPError or TimeoutError."""
        ...

    def changed(self) -> bool:
        """Whether it is known to be another document than the one read last."""
        ...


@dataclass(slots=True)
class UrlSource:
    """JWKS_URL. Redirects are not followed: whoever can redirect would choose our keys."""

    http: httpx.AsyncClient
    url: str

    def changed(self) -> bool:
        return False

    async def read(self) -> bytes:
        plain = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with asyncio.timeout(DEADLINE_SECONDS):
            async with self.http.stream(
                "GET", self.url, headers=plain, follow_redirects=False
            ) as response:
                # A few compressed bytes could be gigabytes by the time we count them.
                if response.status_code != 200 or "content-encoding" in response.headers:
                    raise httpx.DecodingError("status or encoding")
                return await _capped(response)


async def _capped(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise httpx.DecodingError("too large")
    return body


@dataclass(slots=True)
class FileSource:
    """JWKS_FILE, read again as soon as it is another file or has another time."""

    path: Path
    _seen: tuple[int, int, int] | None = field(default=None, repr=False)

    def changed(self) -> bool:
        return self._stamp() != self._seen

    async def read(self) -> bytes:
        self._seen = self._stamp()
        with self.path.open("rb") as file:  # at most 64 KiB, and only when it changed
            body = file.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise ValueError("too large")
        return body

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size


@dataclass(slots=True)
class Jwks:
    """Keeps VerificationKeys."""

    source: KeySetSource
    clock: Clock
    retry: timedelta
    """An unknown key id, or a failure, makes us ask again this often at most: anybody can invent key ids."""
    _keys: dict[str, VerificationKey] = field(default_factory=dict, repr=False)
    _read_at: datetime | None = field(default=None, repr=False)
    _tried_at: datetime | None = field(default=None, repr=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def find(self, kid: str) -> VerificationKey | None:
        if self._should_read(kid):
            await self._read(kid)
        if self._read_at is None or self.clock() - self._read_at > KEEP:
            raise SourceUnavailable
        if kid not in self._keys and self._tried_at != self._read_at:
            raise SourceUnavailable  # it may be in the set that we could not read
        return self._keys.get(kid)

    def _should_read(self, kid: str) -> bool:
        if self.source.changed():
            return True
        if self._tried_at is not None and self.clock() - self._tried_at < self.retry:
            return False
        return kid not in self._keys or self._is_old()

    def _is_old(self) -> bool:
        return self._read_at is None or self.clock() - self._read_at >= REFRESH

    async def _read(self, kid: str) -> None:
        """One reads while those who know their key go on, and the others wait."""
        if self._reading.locked() and kid in self._keys:
            return
        async with self._reading:
            if self._should_read(kid):  # else somebody did it while we waited
                await self._take()

    async def _take(self) -> None:
        self._tried_at = self.clock()
        try:
            keys = parse_jwks(await self.source.read())
        except (OSError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as exc:
            JWKS_READS.labels(outcome="failed").inc()
            log.warning("jwks.not_read", error=type(exc).__name__, kept=len(self._keys))
            return
        self._keys, self._read_at = keys, self._tried_at
        JWKS_READS.labels(outcome="read").inc()
        log.info("jwks.read", keys=len(keys))
