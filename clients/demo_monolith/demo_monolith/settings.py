"""What the stand-in is told by its environment; only the entry point reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pazpaz_ai_client.signing import KeyRing, PrivateKey

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
    signing_key: PrivateKey = field(repr=False)
    service_keys: KeyRing
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
            signing_key=_signing_key(env),
            service_keys=_service_keys(env),
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


def _signing_key(env: Mapping[str, str]) -> PrivateKey:
    """The key that signs events and answers; its id is the file's name unless given."""
    path = Path(_required(env, "DEMO_SIGNING_KEY_FILE"))
    try:
        return PrivateKey.from_pem(env.get("DEMO_SIGNING_KEYID") or path.stem, path.read_bytes())
    except (OSError, ValueError, TypeError):
        # `from None`: a parser's message could repeat part of the key.
        raise SettingsError(
            f"DEMO_SIGNING_KEY_FILE: {path} is not a readable Ed25519 PEM key"
        ) from None


def _service_keys(env: Mapping[str, str]) -> KeyRing:
    path = Path(_required(env, "DEMO_SERVICE_PUBLIC_KEYS_FILE"))
    try:
        return KeyRing.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise SettingsError(
            f"DEMO_SERVICE_PUBLIC_KEYS_FILE: {path} is not a readable key ring"
        ) from exc
