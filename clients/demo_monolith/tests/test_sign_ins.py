"""Revocation and the idle rule, on a Redis with memory."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from demo_monolith.sign_ins import SignIns
from demo_monolith.tokens import SignIn

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
USER, JTI = uuid4(), str(uuid4())


class RememberingRedis:
    """The two commands that sign-ins need."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.lives: dict[str, Any] = {}

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def set(self, key: str, value: str, *, ex: Any) -> None:
        self.values[key] = value.encode()
        self.lives[key] = ex


def sign_ins_at(redis: RememberingRedis, now: datetime) -> SignIns:
    return SignIns(redis, idle=timedelta(minutes=30), now=lambda: now)  # type: ignore[arg-type]


async def idle_after(redis: RememberingRedis, away: timedelta) -> timedelta | None:
    later = sign_ins_at(redis, START + away)
    return later.idle_for(await later.idle_deadline(USER, JTI))


async def test_thirty_minutes_are_allowed_and_a_second_more_is_not():
    """The limit itself still counts as present."""
    redis = RememberingRedis()
    await sign_ins_at(redis, START).touch(USER, JTI)

    assert await idle_after(redis, timedelta(minutes=30)) is None
    assert await idle_after(redis, timedelta(minutes=30, seconds=1)) == timedelta(seconds=1801)


async def test_a_sign_in_without_a_record_is_not_idle():
    """PazPaz lets it pass, so its first request does not fail."""
    assert await idle_after(RememberingRedis(), timedelta(days=3)) is None


async def test_activity_stands_under_pazpaz_s_own_key():
    """The key and the shape of the value are what another reader of that Redis expects."""
    redis = RememberingRedis()

    await sign_ins_at(redis, START).touch(USER, JTI)

    assert redis.values == {f"session:activity:{USER}:{JTI}": b"2026-11-20T08:00:00+00:00"}


async def test_a_revoked_sign_in_is_remembered_for_the_rest_of_its_life():
    """No longer, because after it the token has ended by itself."""
    redis = RememberingRedis()
    sign_ins = sign_ins_at(redis, START)

    await sign_ins.revoke(SignIn(USER, JTI, expires_at=START + timedelta(hours=2)))

    assert await sign_ins.is_revoked(JTI)
    assert not await sign_ins.is_revoked(str(uuid4()))
    assert redis.lives == {f"blacklist:jwt:{JTI}": 7200}
