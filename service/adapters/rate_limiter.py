"""The hourly allowance: one Lua script in Redis, a local count when Redis is away."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.domain.identity import WorkspaceId
from service.ports import Allowance
from service.telemetry.metrics import LIMITER_FALLBACKS

log = structlog.get_logger()

WINDOW_SECONDS = 3600
MOST_LOCAL = 10_000
TIMEOUT_SECONDS = 0.25

# Atomic, so a burst cannot slip between counting and adding; a refused request adds nothing.
SLIDING_WINDOW = """
local now = redis.call('TIME')
local t = tonumber(now[1]) + tonumber(now[2]) / 1000000
local window = tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t - window)
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], t, ARGV[3])
  redis.call('EXPIRE', KEYS[1], window)
  return ''
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return tostring(tonumber(oldest[2]) + window - t)
"""


@dataclass(slots=True)
class RedisRateLimiter:
    """Keeps RateLimiter. Redis away: open, but counted in this process."""

    redis: Redis
    limit: int
    clock: Callable[[], float] = time.monotonic
    _local: OrderedDict[WorkspaceId, deque[float]] = field(default_factory=OrderedDict, repr=False)

    async def take(self, *, workspace: WorkspaceId) -> Allowance:
        key = f"ai_agent_chat:{workspace}"
        try:
            script = self.redis.register_script(SLIDING_WINDOW)
            wait = await script(keys=[key], args=[WINDOW_SECONDS, self.limit, str(uuid4())])
        except (RedisError, OSError, TimeoutError) as exc:
            log.warning("rate_limiter.away", error=type(exc).__name__)
            LIMITER_FALLBACKS.inc()
            return self._take_locally(workspace)
        return Allowance(float(wait) if wait else None)

    def _take_locally(self, workspace: WorkspaceId) -> Allowance:
        now = self.clock()
        taken = self._local.setdefault(workspace, deque())
        self._local.move_to_end(workspace)
        while len(self._local) > MOST_LOCAL:
            self._local.popitem(last=False)
        while taken and taken[0] <= now - WINDOW_SECONDS:
            taken.popleft()
        if len(taken) >= self.limit:
            return Allowance(taken[0] + WINDOW_SECONDS - now)
        taken.append(now)
        return Allowance(None)
