"""Fresh secrets of a stage, kept in its folder so that a later command opens what an earlier one sealed."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pazpaz_ai_client.signing import KeyRing, PrivateKey
from service.security.keys import new_key

OURS, THEIRS = "ai-stage-a", "ml-stage-a"


@dataclass(frozen=True, slots=True)
class StageKeys:
    """Files and secrets; the two sides hold their own private key and the other's public one."""

    our_key: Path
    our_public_keys: Path
    their_key: Path
    their_public_keys: Path
    key_encryption_key: Path
    secret_key: str
    admin_token: str


def stage_keys(folder: Path) -> StageKeys:
    """Makes what is missing, readable for us alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for keyid in (OURS, THEIRS):
        _once(folder / f"{keyid}.pem", lambda: PrivateKey.generate(keyid).to_pem())  # noqa: B023
        _once(folder / f"{keyid}.public.json", lambda: _public(folder, keyid))  # noqa: B023
    return StageKeys(
        our_key=folder / f"{OURS}.pem",
        our_public_keys=folder / f"{OURS}.public.json",
        their_key=folder / f"{THEIRS}.pem",
        their_public_keys=folder / f"{THEIRS}.public.json",
        key_encryption_key=_once(folder / "kek", lambda: base64.b64encode(new_key())),
        secret_key=_once(folder / "secret_key", _token).read_text(),
        admin_token=_once(folder / "admin_token", _token).read_text(),
    )


def _token() -> bytes:
    return secrets.token_hex(32).encode()


def _public(folder: Path, keyid: str) -> bytes:
    private = PrivateKey.from_pem(keyid, (folder / f"{keyid}.pem").read_bytes())
    return KeyRing([private.public]).to_json().encode()


def _once(path: Path, make: Callable[[], bytes]) -> Path:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(make())
    return path
