"""What PazPaz keeps in Redis about a sign-in: was it revoked, and when did it last do something."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from redis.asyncio import Redis

from demo_monolith.tables import utc_now
from demo_monolith.tokens import LIFE, SignIn


class SignIns:
    """Revocation and the idle rule, under PazPaz's own key names.

    Redis errors pass through: revocation fails closed and idleness fails open, and only the
    caller knows which of the two it asks for.
    """

    def __init__(
        self, redis: Redis, *, idle: timedelta, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._redis = redis
        self._idle = idle
        self._now = now

    async def revoke(self, sign_in: SignIn) -> None:
        """Sign out for good: remembered until the token would have ended by itself."""
        left = int((sign_in.expires_at - self._now()).total_seconds())
        await self._redis.set(f"blacklist:jwt:{sign_in.jti}", "1", ex=max(left, 1))

    async def is_revoked(self, jti: str) -> bool:
        """Whether this sign-in was ended by a logout."""
        return await self._redis.get(f"blacklist:jwt:{jti}") is not None

    async def touch(self, user_id: UUID, jti: str) -> None:
        """Note that the therapist did something now."""
        await self._redis.set(_activity_key(user_id, jti), self._now().isoformat(), ex=LIFE)

    async def idle_deadline(self, user_id: UUID, jti: str) -> datetime:
        """When this sign-in ends if nothing more happens; in the past when it already has."""
        stored = await self._redis.get(_activity_key(user_id, jti))
        # PazPaz lets a sign-in without a record pass, so a missing one counts from now.
        last = datetime.fromisoformat(_text(stored)) if stored else self._now()
        return last + self._idle

    def idle_for(self, deadline: datetime) -> timedelta | None:
        """How long the therapist has been away, or None while the sign-in still counts."""
        now = self._now()
        return now - (deadline - self._idle) if now > deadline else None


def _activity_key(user_id: UUID, jti: str) -> str:
    return f"session:activity:{user_id}:{jti}"


def _text(stored: bytes | str) -> str:
    return stored.decode() if isinstance(stored, bytes) else stored
