"""Encryption at rest: one value, sealed to the one place it belongs."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.errors import SealBroken

VERSION = b"\x01"
NONCE_BYTES = 12  # NIST SP 800-38D: 96-bit nonces are the size GCM is defined for.


def seal(plain: bytes, *, key: bytes, place: tuple[str, ...]) -> bytes:
    """`VERSION | nonce(12) | AES-256-GCM(plain, tag)`, bound to `place` (workspace, table, column, row)."""
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _bind(place))


def unseal(blob: bytes, *, key: bytes, place: tuple[str, ...]) -> bytes:
    """The plain bytes; raises SealBroken for another key, another place, or an altered blob."""
    if blob[:1] != VERSION:
        raise SealBroken
    body = blob[1:]
    try:
        return AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], _bind(place))
    except (InvalidTag, ValueError):
        raise SealBroken from None


def _bind(place: tuple[str, ...]) -> bytes:
    """Length-prefixed, so that no two places read the same ("ab","c" is not "a","bc")."""
    parts = (part.encode() for part in ("pazpaz-ai.seal.v1", *place))
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
