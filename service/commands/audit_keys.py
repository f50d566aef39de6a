"""The public keys that checkpoints are checked with: a given ring, or our own folder's."""

from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.errors import BadSettings
from service.security.rings import own_ring, public_ring
from service.settings import AuditSettings


def checkpoint_keys(settings: AuditSettings, given: Path | None) -> Mapping[str, Ed25519PublicKey]:
    """By key id. A retired key counts: what it signed before still stands. Raises BadSettings."""
    if given:
        return public_ring("--keys", given)
    if settings.signing_keys_dir:
        return own_ring(settings.signing_keys_dir)
    raise BadSettings("--keys: name the file with our public keys")
