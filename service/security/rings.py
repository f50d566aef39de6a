"""Public keys by key id, read from a `keys.json`. A retired key counts: what it signed before still stands."""

import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pazpaz_ai_client.signing import RING, PublicKey
from service.errors import BadSettings


def public_ring(name: str, path: Path) -> Mapping[str, Ed25519PublicKey]:
    """Raises BadSettings, which names the setting or option that gave the path."""
    try:
        entries = json.loads(path.read_text())["keys"]
        keys = [PublicKey.from_dict(entry) for entry in entries]
    except OSError as exc:
        raise BadSettings(f"{name}: cannot be read ({exc.strerror})") from None
    except (ValueError, KeyError, TypeError):
        raise BadSettings(f"{name}: not a list of public keys") from None
    return {key.keyid: key.key for key in keys}


def own_ring(folder: Path) -> Mapping[str, Ed25519PublicKey]:
    """Our own, of SIGNING_KEYS_DIR."""
    return public_ring("SIGNING_KEYS_DIR", folder / RING)
