"""The public keys that checkpoints are checked with: a given ring, or our own folder's."""

import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pazpaz_ai_client.signing import PublicKey
from service.errors import BadSettings
from service.settings import AuditSettings


def checkpoint_keys(settings: AuditSettings, given: Path | None) -> Mapping[str, Ed25519PublicKey]:
    """By key id. A retired key counts: what it signed before still stands. Raises BadSettings."""
    if given:
        return _ring("--keys", given)
    if settings.signing_keys_dir:
        return _ring("SIGNING_KEYS_DIR", settings.signing_keys_dir / "keys.json")
    raise BadSettings("--keys: name the file with our public keys")


def _ring(name: str, path: Path) -> Mapping[str, Ed25519PublicKey]:
    try:
        entries = json.loads(path.read_text())["keys"]
        keys = [PublicKey.from_dict(entry) for entry in entries]
    except OSError as exc:
        raise BadSettings(f"{name}: cannot be read ({exc.strerror})") from None
    except (ValueError, KeyError, TypeError):
        raise BadSettings(f"{name}: not a list of public keys") from None
    return {key.keyid: key.key for key in keys}
