"""The contract of RateLimiter, and what happens while Redis is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from service.adapters.limits.rate_limiter import LOOKS_PER_HOUR, RedisRateLimiter
from service.container import open_container
from service.demo.stage import Stage
from service.domain.identity import UserId
from service.ports.limits import RateLimiter
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryRateLimiter

LIMIT = 3
PER_MINUTE = 2
HOUR, MINUTE = 3600, 60
USER, OTHER_USER = UserId(UUID(int=21)), UserId(UUID(int=22))
NOWHERE = "redis://127.0.0.1:1/0"
KEY = f"ai_agent_chat:{WORKSPACE}"
KEYS = (
    KEY,
    f"ai_agent_chat:{OTHER_WORKSPACE}",
    *(f"ai_agent_{kind}:{user}" for kind in ("chat_user", "look") for user in (USER, OTHER_USER)),
)


@dataclass
class Limited:
    """A limiter of three an hour and two a minute, and a way to let time pass for it."""

    limiter: RateLimiter
    later: Callable[[float], Awaitable[None]]

    async def take(self, times: int = 1) -> list[float | None]:
        """What each of so many questions is told, each of another user, so that only the hour counts."""
        return [await self.ask(UserId(uuid4())) for _ in range(times)]

    async def ask(self, user: UserId) -> float | None:
        return (await self.limiter.take(workspace=WORKSPACE, user=user)).retry_after


def fake() -> Limited:
    limiter = InMemoryRateLimiter(LIMIT, per_minute=PER_MINUTE, looks=LOOKS_PER_HOUR)

    async def later(seconds: float) -> None:
        limiter.now += seconds

    return Limited(limiter, later)


def real(redis: Redis) -> Limited:
    async def later(seconds: float) -> None:
        """Redis tells the time itself, so what it remembers is moved into the past."""
        for key in KEYS:
            for member in await redis.zrange(key, 0, -1):
                await redis.zincrby(key, -seconds, member)

    return Limited(RedisRateLimiter(redis, LIMIT, PER_MINUTE), later)


def local() -> Limited:
    """The limiter as it counts when no Redis answers."""
    now = 0.0
    nowhere = Redis.from_url(NOWHERE)  # the constructor, unlike this, tries again for seconds
    limiter = RedisRateLimiter(nowhere, LIMIT, PER_MINUTE, clock=lambda: now)

    async def later(seconds: float) -> None:
        nonlocal now
        now += seconds

    return Limited(limiter, later)


@pytest.fixture(params=["fake", "real", "local"])
async def limited(request: pytest.FixtureRequest, redis: Redis) -> Limited:
    await redis.delete(*KEYS)
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


async def test_an_erased_workspace_begins_anew(limited: Limited) -> None:
    """Nothing is counted any more of a workspace that was forgotten."""
    await limited.take(LIMIT)
    await limited.limiter.forget(workspace=WORKSPACE)
    assert await limited.take() == [None]


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

    said = await limited.limiter.take(workspace=OTHER_WORKSPACE, user=USER)
    assert said.retry_after is None


async def test_a_user_has_a_minute_of_their_own(limited: Limited) -> None:
    """Two a minute each, however much of the practice's hour is left, and the next waits for the minute only."""
    assert [await limited.ask(USER) for _ in range(PER_MINUTE)] == [None] * PER_MINUTE
    assert await limited.ask(USER) == pytest.approx(MINUTE, abs=2)
    assert await limited.ask(OTHER_USER) is None


async def test_what_one_window_refuses_costs_the_other_nothing(limited: Limited) -> None:
    """A question refused for its user's minute is not counted in the practice's hour, nor the other way round."""
    for _ in range(PER_MINUTE + 5):
        await limited.ask(USER)
    assert await limited.ask(OTHER_USER) is None
    assert await limited.ask(OTHER_USER) == pytest.approx(HOUR, abs=2)
    await limited.later(HOUR + 1)
    assert [await limited.ask(OTHER_USER) for _ in range(PER_MINUTE)] == [None] * PER_MINUTE


async def test_looks_for_unknown_clients_are_counted_apart(limited: Limited) -> None:
    """Whoever guesses client ids is stopped, and may still ask."""
    for _ in range(LOOKS_PER_HOUR):
        assert (await limited.limiter.look(user=USER)).retry_after is None
    assert (await limited.limiter.look(user=USER)).retry_after == pytest.approx(HOUR, abs=2)
    assert (await limited.limiter.look(user=OTHER_USER)).retry_after is None
    assert await limited.ask(USER) is None


async def test_a_burst_is_counted_exactly(limited: Limited) -> None:
    """Of many questions at once only so many are allowed."""
    said = await asyncio.gather(
        *(limited.limiter.take(workspace=WORKSPACE, user=UserId(uuid4())) for _ in range(5 * LIMIT))
    )
    assert sum(one.retry_after is None for one in said) == LIMIT


async def test_redis_forgets_what_no_longer_counts(redis: Redis) -> None:
    """A practice that stopped asking leaves nothing in Redis after an hour."""
    await redis.delete(KEY)
    await real(redis).take()

    assert 0 < await redis.ttl(KEY) <= HOUR


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
                allowance = await container.limiter.take(workspace=WORKSPACE, user=USER)
                said.append(allowance.retry_after)
                assert time.monotonic() - started < 0.9
    assert said[:LIMIT] == [None] * LIMIT
    assert said[LIMIT] == pytest.approx(HOUR, abs=5)
