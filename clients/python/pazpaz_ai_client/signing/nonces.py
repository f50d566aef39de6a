"""Nonces: what was seen once is not accepted a second time."""

import asyncio
import time
from typing import Any, Protocol

from pazpaz_ai_client.signing.profile import Clock, NonceStoreUnavailable


class NonceStore(Protocol):
    """Remembers nonces for a while. It may forget everything in a crash, so it is no ledger."""

    async def remember(self, direction: str, keyid: str, nonce: str, ttl_seconds: int) -> bool:
        """Keep this nonce; False when it was there already.

        Raises NonceStoreUnavailable when nobody can tell.
        """
        ...


class SetIfAbsent(Protocol):
    """The one command needed from a Redis client."""

    def set(self, name: str, value: str, *, nx: bool, ex: int) -> Any:
        """`SET name value NX EX ex`, awaitable; falsy when the name existed."""
        ...


class RedisNonceStore:
    """Nonces in Redis, shared by all processes of one side."""

    def __init__(self, redis: SetIfAbsent, *, timeout_seconds: float = 0.25) -> None:
        self._redis = redis
        self._timeout = timeout_seconds

    async def remember(self, direction: str, keyid: str, nonce: str, ttl_seconds: int) -> bool:
        """Set the nonce if it is absent, in one command."""
        name = f"pp:nonce:{direction}:{keyid}:{nonce}"
        try:
            async with asyncio.timeout(self._timeout):
                return bool(await self._redis.set(name, "1", nx=True, ex=ttl_seconds))
        except Exception as exc:  # any client library, any fault: the answer is 'nobody knows'
            raise NonceStoreUnavailable from exc


class MemoryNonceStore:
    """Nonces of one process: for tests, demos and deployments with a single process."""

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._forget_at: dict[tuple[str, str, str], float] = {}

    async def remember(self, direction: str, keyid: str, nonce: str, ttl_seconds: int) -> bool:
        """Keep the nonce and forget what is over."""
        now = self._clock()
        self._forget(now)
        name = (direction, keyid, nonce)
        if name in self._forget_at:
            return False
        self._forget_at[name] = now + ttl_seconds
        return True

    def _forget(self, now: float) -> None:
        # All nonces live equally long, so the oldest entry is always the first.
        while self._forget_at:
            oldest = next(iter(self._forget_at))
            if self._forget_at[oldest] > now:
                return
            del self._forget_at[oldest]
