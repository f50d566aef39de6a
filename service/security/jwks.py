"""A JSON Web Key Set, read strictly: one odd key spoils the set. Pure."""

import re
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from service.ports.monolith import VerificationKey
from service.security.strict import base64url, json_object

KINDS = {"EdDSA": ("OKP", "Ed25519"), "ES256": ("EC", "P-256"), "RS256": ("RSA", None)}
"""The one key type, and curve, of each algorithm we take."""
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
NUMBERS = ("x", "y", "n", "e")
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
MIN_RSA_BITS = 2048  # RFC 7518 section 3.3
MAX_RSA_BITS = 8192  # beyond it a key costs more than it protects
RSA_EXPONENT = 65537  # what everybody uses; a key with another one is odd
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
    if not KEY_ID.fullmatch(kid):
        raise ValueError("a kid that no token can name")
    if (entry.get("kty"), entry.get("crv")) != KINDS.get(algorithm):
        raise ValueError("kty")
    if entry.get("key_ops", ["verify"]) != ["verify"]:
        raise ValueError("key_ops")
    return VerificationKey(kid, algorithm, _public_key(dict(entry)))


def _public_key(entry: dict[str, Any]) -> Any:
    """PyJWT reads the numbers; it would also take padding and blanks in them."""
    try:
        for name in entry.keys() & set(NUMBERS):
            base64url(entry[name])
        key = jwt.PyJWK(entry).key
    except (jwt.PyJWTError, TypeError) as exc:
        raise ValueError("key") from exc
    if isinstance(key, RSAPublicKey):
        usual = key.public_numbers().e == RSA_EXPONENT
        if not usual or not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            raise ValueError("RSA")
    return key
