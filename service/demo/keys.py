"""Fresh secrets of a stage, kept in its folder so that a later command opens what an earlier one sealed."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pazpaz_ai_client.signing import RING
from pazpaz_ai_client.signing.rotation import MIN_OVERLAP, Side, rotate
from service.security.keys import new_key


@dataclass(frozen=True, slots=True)
class StageKeys:
    """Folders, files and secrets; each side signs with its own folder and reads the other's ring."""

    our_keys: Path
    their_keys: Path
    their_token_keys: Path
    key_encryption_key: Path
    secret_key: str
    admin_token: str


def stage_keys(folder: Path) -> StageKeys:
    """Makes what is missing, readable for us alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return StageKeys(
        our_keys=_key_folder(folder / "ai", "ai"),
        their_keys=_key_folder(folder / "ml", "ml"),
        their_token_keys=_key_folder(folder / "tokens", "ml"),
        key_encryption_key=_once(folder / "kek", lambda: base64.b64encode(new_key())),
        secret_key=_once(folder / "secret_key", _token).read_text(),
        admin_token=_once(folder / "admin_token", _token).read_text(),
    )


def _key_folder(folder: Path, side: Side) -> Path:
    if not (folder / RING).exists():
        rotate(
            folder,
            side=side,
            now=datetime.now(UTC),
            switch_after=timedelta(),
            overlap=MIN_OVERLAP,
        )
    return folder


def _token() -> bytes:
    return secrets.token_hex(32).encode()


def _once(path: Path, make: Callable[[], bytes]) -> Path:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(make())
    return path
