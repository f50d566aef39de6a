"""What the stand-in is told by its environment; only the entry point reads it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pazpaz_ai_client.signing import KeysUnusable, LiveKeys, read_ring
from pazpaz_ai_client.tokens import TokenKeys

MIN_SECRET_BYTES = 32  # RFC 7518: an HS256 key is at least as long as its digest.


class SettingsError(Exception):
    """A setting is missing or cannot be used; the message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the program needs to start, checked."""

    database_url: str
    redis_url: str
    secret_key: str = field(repr=False)
    service_url: str
    internal_url: str
    """Where the service takes events; the same, where it has one port."""
    keys: LiveKeys = field(repr=False)
    """Signs our events and answers, and knows the service's keys; follows rotations of both."""
    token_keys: TokenKeys | None = field(default=None, repr=False)
    """Set, the proxy sends short tokens signed with these, and not the cookie's own."""
    token_issuer: str = "pazpaz-demo"  # noqa: S105 - a name, no secret
    port: int = 8800
    session_idle: timedelta = timedelta(minutes=30)
    admin_token: str | None = field(default=None, repr=False)
    die_with_parent: bool = False

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """Read and check the settings; raises SettingsError naming the first bad one."""
        return cls(
            database_url=_database_url(env),
            redis_url=_required(env, "REDIS_URL"),
            secret_key=_secret_key(env),
            service_url=_required(env, "AI_SERVICE_URL").rstrip("/"),
            internal_url=(
                env.get("AI_SERVICE_INTERNAL_URL") or _required(env, "AI_SERVICE_URL")
            ).rstrip("/"),
            keys=_keys(env),
            token_keys=_token_keys(env),
            token_issuer=env.get("DEMO_TOKEN_ISSUER") or "pazpaz-demo",
            port=_number(env, "DEMO_PORT", default=8800, lowest=1, highest=65535),
            session_idle=timedelta(
                minutes=_number(env, "DEMO_SESSION_IDLE_MINUTES", default=30, lowest=1, highest=480)
            ),
            admin_token=env.get("DEMO_ADMIN_TOKEN") or None,
            die_with_parent=env.get("DEMO_DIE_WITH_PARENT") == "1",
        )


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _database_url(env: Mapping[str, str]) -> str:
    url = _required(env, "DEMO_DATABASE_URL")
    if not url.startswith("postgresql+asyncpg://"):
        raise SettingsError("DEMO_DATABASE_URL must start with postgresql+asyncpg://")
    return url


def _secret_key(env: Mapping[str, str]) -> str:
    key = _required(env, "SECRET_KEY")
    if len(key.encode()) < MIN_SECRET_BYTES:
        raise SettingsError(f"SECRET_KEY must have at least {MIN_SECRET_BYTES} bytes")
    return key


def _number(env: Mapping[str, str], name: str, *, default: int, lowest: int, highest: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        raise SettingsError(f"{name} must be a whole number from {lowest} to {highest}")
    return int(text)


def _keys(env: Mapping[str, str]) -> LiveKeys:
    ring_file = Path(_required(env, "DEMO_SERVICE_KEYS_FILE"))
    folder = Path(_required(env, "DEMO_SIGNING_KEYS_DIR"))
    with _named("DEMO_SERVICE_KEYS_FILE"):
        read_ring(ring_file)
    with _named("DEMO_SIGNING_KEYS_DIR"):
        return LiveKeys(folder=folder, ring_file=ring_file)


def _token_keys(env: Mapping[str, str]) -> TokenKeys | None:
    folder = env.get("DEMO_TOKEN_KEYS_DIR")
    if not folder:
        return None
    with _named("DEMO_TOKEN_KEYS_DIR"):
        return TokenKeys(Path(folder))


@contextmanager
def _named(setting: str) -> Iterator[None]:
    try:
        yield
    except KeysUnusable as exc:
        raise SettingsError(f"{setting}: {exc}") from None
