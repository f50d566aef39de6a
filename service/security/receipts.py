"""Receipts of erasures, signed: whoever has our public keys can check one offline."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Protocol, get_args
from uuid import UUID

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.domain.erasure import Erasable, Receipt, SignedReceipt
from service.errors import BadReceipt

PREFIX = b"pazpaz-ai.erasure-receipt.v1\n"
"""What is signed begins with its purpose, so that no signature of ours can be taken for another."""


class SigningKey(Protocol):
    """A key we sign with, and its public name."""

    @property
    def keyid(self) -> str: ...

    @property
    def key(self) -> Ed25519PrivateKey: ...


def sign(receipt: Receipt, key: SigningKey) -> SignedReceipt:
    """The receipt with a signature over exactly what it tells, by this key."""
    told = receipt.told()
    return SignedReceipt(told, key.keyid, key.key.sign(_signed_bytes(told, key.keyid)))


def holds(receipt: SignedReceipt, keys: Mapping[str, Ed25519PublicKey]) -> bool:
    """Whether a key we know signed exactly this."""
    try:
        keys[receipt.keyid].verify(receipt.signature, _signed_bytes(receipt.told, receipt.keyid))
    except (KeyError, InvalidSignature, rfc8785.CanonicalizationError):
        return False
    return True


def whole(receipt: SignedReceipt) -> dict[str, Any]:
    """All of it in JSON's own types, as a file and the API give it."""
    signature = base64.b64encode(receipt.signature).decode()
    return {"receipt": dict(receipt.told), "keyid": receipt.keyid, "signature": signature}


def to_json(receipt: SignedReceipt) -> str:
    """The file's text."""
    return json.dumps(whole(receipt), indent=2, sort_keys=True) + "\n"


def from_json(text: str) -> SignedReceipt:
    """Raises BadReceipt for anything that is not of this shape; whether it holds is another question."""
    try:
        made = _made(json.loads(text))
        known = made.subject.entity in get_args(Erasable) and isinstance(made.id, UUID)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadReceipt from None
    if not known:
        raise BadReceipt
    return made


def _made(told: Any) -> SignedReceipt:
    signature = base64.b64decode(told["signature"], validate=True)
    return SignedReceipt(told["receipt"], str(told["keyid"]), signature)


def _signed_bytes(told: Mapping[str, Any], keyid: str) -> bytes:
    return PREFIX + rfc8785.dumps({"receipt": dict(told), "keyid": keyid})
