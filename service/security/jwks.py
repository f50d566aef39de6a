"""A JSON Web Key Set, read strictly: one odd key spoils the set. Pure."""

from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from service.ports import VerificationKey
from service.security.strict import json_object

KINDS = {"EdDSA": ("OKP", "Ed25519"), "ES256": ("EC", "P-256"), "RS256": ("RSA", None)}
"""The one key type, and curve, of each algorithm we take."""
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
MIN_RSA_BITS, MAX_RSA_BITS = (
    2048,
    8192,
)  # below: RFC 7518 section 3.3; above: a key that costs more than it protects
MOST_KEYS = 20


def parse_jwks(raw: bytes) -> dict[str, VerificationKey]:
    """The keys by id. Raises ValueError unless every key is one that may check a token, and each id occurs once."""
    entries = json_object(raw).get("keys")
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_KEYS:
        raise ValueError("keys")
    keys = [_key(entry) for entry in entries]
    by_id = {key.id: key for key in keys}
    if len(by_id) != len(keys):
        raise ValueError("two keys with one id")
    return by_id


def _key(entry: Any) -> VerificationKey:
    if not isinstance(entry, Mapping) or entry.keys() & PRIVATE:
        raise ValueError("key")
    kid, algorithm = entry.get("kid"), entry.get("alg")
    if not isinstance(kid, str) or not isinstance(algorithm, str) or entry.get("use") != "sig":
        raise ValueError("kid, alg or use")
    if (entry.get("kty"), entry.get("crv")) != KINDS.get(algorithm):
        raise ValueError("kty")
    if entry.get("key_ops", ["verify"]) != ["verify"]:
        raise ValueError("key_ops")
    return VerificationKey(kid, algorithm, _public_key(dict(entry)))


def _public_key(entry: dict[str, Any]) -> Any:
    try:
        key = jwt.PyJWK(entry).key
    except jwt.PyJWTError as exc:
        raise ValueError("key") from exc
    if isinstance(key, RSAPublicKey):
        exponent = key.public_numbers().e
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS or exponent < 65537:
            raise ValueError("RSA")
    return key
