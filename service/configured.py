"""What settings alone decide: keys read, verifiers and connections made of them. Nothing is opened here but files."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import structlog
from redis.asyncio import Redis

from pazpaz_ai_client.signing import KeysUnusable, LiveKeys, read_folder
from service.adapters.erasure.receipts import ReceiptFolder
from service.adapters.http_client import open_http
from service.adapters.pazpaz.jwks import FileSource, Jwks, KeySetSource, UrlSource
from service.adapters.redis import TIMEOUT_SECONDS
from service.errors import BadSettings
from service.ports.clock import now
from service.ports.limits import Standing
from service.security.keys import KeyEncryptionKey
from service.security.tokens import AccessTokens, TokenVerifier
from service.settings import Settings

log = structlog.get_logger()

CONNECT_SECONDS = 2.0
# Before uvicorn, which serves PazPaz, drops an idle one after 5 s: what is sent meanwhile would be lost.
MOST_CONNECTIONS, IDLE_SECONDS = 100, 4.0


def receipts_of(settings: Settings) -> ReceiptFolder:
    """Raises BadSettings where the folder is not there."""
    path = settings.erasure_receipts_dir
    if path is not None and not path.is_dir():
        raise BadSettings("ERASURE_RECEIPTS_DIR: is not a folder")
    return ReceiptFolder(path)


def standing_of(settings: Settings) -> Standing:
    """What holds where no switch says otherwise."""
    return Standing(
        settings.ai_agent_enabled,
        settings.allowed_roles,
        settings.require_consent,
        settings.pseudonyms,
        settings.daily_budget,
        settings.conversations,
    )


def tokens_of(settings: Settings, http: httpx.AsyncClient) -> TokenVerifier:
    """Judges HS256 tokens, asymmetric ones, or both, as the settings name their keys."""
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    return TokenVerifier(secret, _access_tokens(settings, http), now)


def _access_tokens(settings: Settings, http: httpx.AsyncClient) -> AccessTokens | None:
    source: KeySetSource
    if settings.jwks_url is not None:
        source = UrlSource(http, str(settings.jwks_url))
    elif settings.jwks_file is not None:
        source = FileSource(settings.jwks_file)
    else:
        return None
    assert settings.token_issuer is not None  # noqa: S101 - the settings saw to it
    keys = Jwks(source, now, retry=timedelta(seconds=settings.jwks_retry_seconds))
    return AccessTokens(keys, settings.token_issuer, settings.token_audience)


def redis_of(settings: Settings) -> Redis:
    """Short timeouts everywhere: a stalled Redis must cost a quarter of a second, not five."""
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        decode_responses=True,
    )


def http_of(settings: Settings) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """Connections to PazPaz and to where its keys are."""
    timeouts = httpx.Timeout(settings.request_timeout_seconds, connect=CONNECT_SECONDS)
    return open_http(timeouts=timeouts, most=MOST_CONNECTIONS, idle_seconds=IDLE_SECONDS)


def key_encryption_key_of(settings: Settings) -> KeyEncryptionKey:
    """Raises BadSettings."""
    if settings.key_encryption_key is not None:
        return KeyEncryptionKey.from_base64(settings.key_encryption_key.get_secret_value())
    assert settings.key_encryption_key_file is not None  # noqa: S101 - the settings saw to it
    text = _read("KEY_ENCRYPTION_KEY_FILE", settings.key_encryption_key_file)
    return KeyEncryptionKey.from_base64(text.decode(errors="replace"))


def old_key_encryption_keys_of(settings: Settings) -> list[KeyEncryptionKey]:
    """Those that only unwrap. Raises BadSettings, which names the line."""
    name = "KEY_ENCRYPTION_KEYS_OLD_FILE"
    if settings.key_encryption_keys_old_file is None:
        return []
    lines = _read(name, settings.key_encryption_keys_old_file).decode(errors="replace").splitlines()
    return [
        KeyEncryptionKey.from_base64(line, name=f"{name}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def signing_keys_of(settings: Settings) -> LiveKeys:
    """Ours and PazPaz's, followed as their files change. Raises BadSettings."""
    with _named("SIGNING_KEYS_DIR"):
        read_folder(settings.signing_keys_dir, now())
    with _named("MONOLITH_KEYS_FILE"):
        return LiveKeys(
            folder=settings.signing_keys_dir,
            ring_file=settings.monolith_keys_file,
            on_fault=_keys_kept,
        )


def _keys_kept(source: str, code: str) -> None:
    log.warning("keys.kept", source=source, code=code)


@contextmanager
def _named(setting: str) -> Iterator[None]:
    try:
        yield
    except KeysUnusable as exc:
        raise BadSettings(f"{setting}: {exc}") from None


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise BadSettings(f"{name}: cannot be read ({exc.strerror})") from None
