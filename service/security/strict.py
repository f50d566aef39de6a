"""Encodings read so that each value has one spelling only."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NoReturn


def base64url(text: str) -> bytes:
    """Unpadded base64url whose spare bits are zero; raises ValueError for any other spelling."""
    raw = urlsafe_b64decode(text + "==")  # as many as any length can want; more are ignored
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise ValueError("encoding")
    return raw


def json_object(raw: bytes) -> dict[str, Any]:
    """A JSON object without repeated names, NaN or Infinity; raises ValueError.

    Of two members with one name libraries take one or the other, and which is the attack.
    """
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_without_repeats, parse_constant=no_constant
        )
    except RecursionError:
        raise ValueError("depth") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found


def no_constant(name: str) -> NoReturn:
    """For `parse_constant`: NaN and Infinity are not JSON."""
    raise ValueError(name)
