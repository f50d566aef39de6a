"""Allowances, a workspace's hour and a user's minute: one Lua script in Redis, a local count when Redis is away."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from service.adapters.redis import AWAY
from service.domain.identity import UserId, WorkspaceId
from service.ports.limits import Allowance
from service.telemetry.metrics import LIMITER_FALLBACKS

log = structlog.get_logger()

HOUR, MINUTE = 3600, 60
LOOKS_PER_HOUR = 30
"""Client ids unknown here: each look costs PazPaz a call, and guessing ids should cost the guesser."""
MOST_LOCAL = 10_000

# Atomic, so a burst cannot slip between counting and adding. Every window is looked at before any is added to:
# a request that one of them refuses costs none of them.
SLIDING_WINDOWS = """
local now = redis.call('TIME')
local t = tonumber(now[1]) + tonumber(now[2]) / 1000000
local wait = 0
for i, key in ipairs(KEYS) do
  local window, limit = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', t - window)
  if redis.call('ZCARD', key) >= limit then
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    wait = math.max(wait, tonumber(oldest[2]) + window - t)
  end
end
if wait > 0 then return tostring(wait) end
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, t, ARGV[1])
  redis.call('EXPIRE', key, tonumber(ARGV[2 * i]))
end
return ''
"""


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` requests in any `seconds`, counted under `key`."""

    key: str
    seconds: int
    limit: int


@dataclass(slots=True)
class RedisRateLimiter:
    """Keeps RateLimiter. Redis away: open, but counted in this process."""

    redis: Redis
    per_hour: int
    per_minute: int
    clock: Callable[[], float] = time.monotonic
    _local: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict, repr=False)
    _script: AsyncScript = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._script = self.redis.register_script(SLIDING_WINDOWS)

    async def take(self, *, workspace: WorkspaceId, user: UserId) -> Allowance:
        return await self._take(
            Window(f"ai_agent_chat:{workspace}", HOUR, self.per_hour),
            Window(f"ai_agent_chat_user:{user}", MINUTE, self.per_minute),
        )

    async def look(self, *, user: UserId) -> Allowance:
        return await self._take(Window(f"ai_agent_look:{user}", HOUR, LOOKS_PER_HOUR))

    async def forget(self, *, workspace: WorkspaceId) -> None:
        """After an erasure. With Redis away its key goes by itself, an hour after the last question."""
        key = f"ai_agent_chat:{workspace}"
        self._local.pop(key, None)
        try:
            await self.redis.delete(key)
        except AWAY as exc:
            log.warning("rate_limiter.away", error=type(exc).__name__)

    async def _take(self, *windows: Window) -> Allowance:
        limits = [number for one in windows for number in (one.seconds, one.limit)]
        try:
            wait = await self._script([one.key for one in windows], [uuid4().hex, *limits])
            return Allowance(float(wait) if wait else None)
        except AWAY as exc:
            log.warning("rate_limiter.away", error=type(exc).__name__)
            LIMITER_FALLBACKS.inc()
            return self._take_locally(windows)

    def _take_locally(self, windows: Sequence[Window]) -> Allowance:
        now = self.clock()
        taken = [self._recent(one, now) for one in windows]
        waits = [
            times[0] + one.seconds - now
            for one, times in zip(windows, taken, strict=True)
            if len(times) >= one.limit
        ]
        if waits:
            return Allowance(max(waits))
        for times in taken:
            times.append(now)
        return Allowance(None)

    def _recent(self, window: Window, now: float) -> deque[float]:
        """The moments still in the window; those who were counted last are kept longest."""
        times = self._local.setdefault(window.key, deque())
        self._local.move_to_end(window.key)
        while len(self._local) > MOST_LOCAL:
            self._local.popitem(last=False)
        while times and times[0] <= now - window.seconds:
            times.popleft()
        return times
