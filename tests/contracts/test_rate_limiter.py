"""The contract of RateLimiter, and what happens while Redis is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from service.adapters.rate_limiter import WINDOW_SECONDS, RedisRateLimiter
from service.container import open_container
from service.demo.stage import Stage
from service.ports import RateLimiter
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryRateLimiter

LIMIT = 3
HOUR = 3600
NOWHERE = "redis://127.0.0.1:1/0"
KEY = f"ai_agent_chat:{WORKSPACE}"


@dataclass
class Limited:
    """A limiter of three an hour, and a way to let time pass for it."""

    limiter: RateLimiter
    later: Callable[[float], Awaitable[None]]

    async def take(self, times: int = 1) -> list[float | None]:
        """What each of so many questions is told."""
        return [(await self.limiter.take(workspace=WORKSPACE)).retry_after for _ in range(times)]


def fake() -> Limited:
    limiter = InMemoryRateLimiter(LIMIT)

    async def later(seconds: float) -> None:
        limiter.now += seconds

    return Limited(limiter, later)


def real(redis: Redis) -> Limited:
    async def later(seconds: float) -> None:
        """Redis tells the time itself, so what it remembers is moved into the past."""
        for member in await redis.zrange(KEY, 0, -1):
            await redis.zincrby(KEY, -seconds, member)

    return Limited(RedisRateLimiter(redis, LIMIT), later)


def local() -> Limited:
    """The limiter as it counts when no Redis answers."""
    now = 0.0
    nowhere = Redis.from_url(NOWHERE)  # the constructor, unlike this, tries again for seconds
    limiter = RedisRateLimiter(nowhere, LIMIT, clock=lambda: now)

    async def later(seconds: float) -> None:
        nonlocal now
        now += seconds

    return Limited(limiter, later)


@pytest.fixture(params=["fake", "real", "local"])
async def limited(request: pytest.FixtureRequest, redis: Redis) -> Limited:
    await redis.delete(KEY, f"ai_agent_chat:{OTHER_WORKSPACE}")
    made = {"fake": fake, "real": lambda: real(redis), "local": local}
    return made[request.param]()


async def test_so_many_an_hour(limited: Limited) -> None:
    """The first questions are allowed, the next is told how long to wait."""
    *allowed, refused = await limited.take(LIMIT + 1)

    assert allowed == [None] * LIMIT
    assert refused == pytest.approx(HOUR, abs=2)


async def test_the_window_slides(limited: Limited) -> None:
    """Each question counts for an hour of its own; no hour begins anew for all."""
    await limited.take()
    await limited.later(HOUR / 2)
    await limited.take(LIMIT - 1)
    (refused,) = await limited.take()
    assert refused == pytest.approx(HOUR / 2, abs=2)

    await limited.later(HOUR / 2 + 2)
    allowed, refused = await limited.take(2)
    assert allowed is None
    assert refused == pytest.approx(HOUR / 2, abs=4)


async def test_a_refused_question_costs_nothing(limited: Limited) -> None:
    """However often it is tried meanwhile, the allowance returns when it was said to."""
    await limited.take(LIMIT)
    await limited.later(HOUR / 2)
    assert None not in await limited.take(20)

    await limited.later(HOUR / 2 + 2)
    assert await limited.take(LIMIT) == [None] * LIMIT


async def test_workspaces_have_their_own_allowance(limited: Limited) -> None:
    """One practice's questions cost another nothing."""
    await limited.take(LIMIT + 1)

    assert (await limited.limiter.take(workspace=OTHER_WORKSPACE)).retry_after is None


async def test_a_burst_is_counted_exactly(limited: Limited) -> None:
    """Of many questions at once only so many are allowed."""
    said = await asyncio.gather(
        *(limited.limiter.take(workspace=WORKSPACE) for _ in range(5 * LIMIT))
    )
    assert sum(one.retry_after is None for one in said) == LIMIT


async def test_redis_forgets_what_no_longer_counts(redis: Redis) -> None:
    """A practice that stopped asking leaves nothing in Redis after an hour."""
    await redis.delete(KEY)
    await real(redis).take()

    assert 0 < await redis.ttl(KEY) <= WINDOW_SECONDS


@asynccontextmanager
async def stalled() -> AsyncIterator[str]:
    """The address of a Redis that takes connections and never answers."""
    release = asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        release.set()
        server.close()


@asynccontextmanager
async def absent() -> AsyncIterator[str]:
    """An address where nobody listens."""
    yield NOWHERE


@pytest.mark.parametrize("gone", [stalled, absent])
async def test_without_redis_questions_are_counted_here(
    gone: Callable[[], "asynccontextmanager[str]"], stage: Stage
) -> None:
    """Redis stalled or gone: a question waits well below a second, and the limit still holds."""
    async with gone() as address:
        changed = {"redis_url": SecretStr(address), "ai_agent_max_queries_per_hour": LIMIT}
        async with open_container(stage.settings().model_copy(update=changed)) as container:
            said = []
            for _ in range(LIMIT + 1):
                started = time.monotonic()
                said.append((await container.limiter.take(workspace=WORKSPACE)).retry_after)
                assert time.monotonic() - started < 0.9
    assert said[:LIMIT] == [None] * LIMIT
    assert said[LIMIT] == pytest.approx(HOUR, abs=5)
