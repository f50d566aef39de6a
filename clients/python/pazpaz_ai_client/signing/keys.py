"""Keys of both sides, and the ring of those accepted from one direction."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pazpaz_ai_client.signing.profile import KEYID, SignatureRefused


@dataclass(frozen=True)
class PublicKey:
    """A key in a ring; from `retired_at` on nothing it signed is accepted.

    `sign_from` is for its owner: who verifies accepts the key as soon as it is in the ring, so that
    a rotation may reach both sides in any order.
    """

    keyid: str
    key: Ed25519PublicKey = field(repr=False)
    retired_at: datetime | None = None
    sign_from: datetime | None = None

    algorithm: ClassVar[str] = "ed25519"

    def __post_init__(self) -> None:
        require_keyid(self.keyid)
        for name in ("retired_at", "sign_from"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name} of key {self.keyid} has no time zone")

    def is_retired(self, now: datetime) -> bool:
        return self.retired_at is not None and now >= self.retired_at

    def is_started(self, now: datetime) -> bool:
        """Whether its owner may sign with it already."""
        return self.sign_from is None or now >= self.sign_from

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PublicKey":
        """One entry of a key ring file."""
        raw = base64.b64decode(data["public_key"], validate=True)
        return cls(
            keyid=data["keyid"],
            key=Ed25519PublicKey.from_public_bytes(raw),
            retired_at=_moment(data.get("retired_at")),
            sign_from=_moment(data.get("sign_from")),
        )

    def to_dict(self) -> dict[str, str | None]:
        """The entry that `from_dict` reads."""
        raw = self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        entry = {
            "keyid": self.keyid,
            "public_key": base64.b64encode(raw).decode(),
            "retired_at": self.retired_at.isoformat() if self.retired_at else None,
        }
        return entry | ({"sign_from": self.sign_from.isoformat()} if self.sign_from else {})


@dataclass(frozen=True)
class PrivateKey:
    """Our own key, read from a file or the environment, never from a database."""

    keyid: str
    key: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        require_keyid(self.keyid)

    @classmethod
    def from_pem(cls, keyid: str, pem: bytes) -> "PrivateKey":
        """Read an unencrypted PKCS#8 PEM."""
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"key {keyid} is not an Ed25519 private key")
        return cls(keyid, key)

    @classmethod
    def generate(cls, keyid: str) -> "PrivateKey":
        """Make a new key."""
        return cls(keyid, Ed25519PrivateKey.generate())

    def to_pem(self) -> bytes:
        """The PEM that `from_pem` reads; it is a secret."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public(self) -> PublicKey:
        """The half to give to the other side."""
        return PublicKey(self.keyid, self.key.public_key())

    def at(self, now: datetime) -> "PrivateKey":
        """A key alone signs at any time."""
        return self


class SigningKeys(Protocol):
    """Whatever knows which of our keys signs at a moment."""

    def at(self, now: datetime) -> PrivateKey: ...


class AcceptedKeys(Protocol):
    """Whatever knows the keys accepted from one direction."""

    def find(self, keyid: str, now: datetime) -> PublicKey:
        """The key of that name; raises SignatureRefused when it is unknown or retired."""
        ...


class KeyRing:
    """The public keys accepted from one direction."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys: dict[str, PublicKey] = {}
        for key in keys:
            if key.keyid in self._keys:
                raise ValueError(f"two keys are called {key.keyid}")
            self._keys[key.keyid] = key

    def find(self, keyid: str, now: datetime) -> PublicKey:
        """The key of that name, or a refusal when nobody has it or it is retired."""
        key = self._keys.get(keyid)
        if key is None:
            raise SignatureRefused("unknown_key")
        if key.is_retired(now):
            raise SignatureRefused("retired_key")
        return key

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """In the order of the file."""
        return tuple(self._keys.values())

    def accepted(self, now: datetime) -> tuple[str, ...]:
        """The names of the keys that are not retired."""
        return tuple(key.keyid for key in self.keys if not key.is_retired(now))

    @classmethod
    def from_json(cls, text: str) -> "KeyRing":
        """Read `{"keys": [{"keyid", "public_key", "retired_at"}]}`; an entry may have `sign_from`."""
        try:
            return cls(PublicKey.from_dict(entry) for entry in json.loads(text)["keys"])
        except (AttributeError, KeyError, TypeError, RecursionError) as exc:
            raise ValueError("not a key ring") from exc

    def to_json(self) -> str:
        """The text that `from_json` reads; it holds nothing secret."""
        return json.dumps({"keys": [key.to_dict() for key in self.keys]}, indent=2) + "\n"


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def require_keyid(keyid: str) -> None:
    if not KEYID.fullmatch(keyid):
        raise ValueError(f"a keyid has small letters, digits and dashes, not {keyid!r}")
