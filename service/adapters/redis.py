"""Redis: how long it is waited for, and what tells that it is away."""

from redis.exceptions import RedisError

TIMEOUT_SECONDS = 0.25
AWAY = (RedisError, OSError, TimeoutError, ValueError)
"""ValueError: what the client raises where an answer is no Redis's."""
