"""The key that wraps keys, and the keyed digests made under a workspace's index key."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass

from service.errors import BadSettings
from service.security.sealing import seal, unseal

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class KeyEncryptionKey:
    """Keeps KeyWrapper in this process; `id` is a digest of it, so a wrong one is recognised, never tried."""

    secret: bytes

    @classmethod
    def from_base64(cls, text: str, *, name: str = "KEY_ENCRYPTION_KEY") -> "KeyEncryptionKey":
        """Raises BadSettings, naming the setting, unless it is 32 bytes of base64."""
        try:
            secret = base64.b64decode(text.strip(), validate=True)
        except ValueError:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise BadSettings(f"{name}: must be 32 bytes, base64")
        return cls(secret)

    @property
    def id(self) -> str:
        return hashlib.sha256(b"pazpaz-ai.kek-id.v1" + self.secret).hexdigest()[:16]

    async def wrap(self, key: bytes, *, place: tuple[str, ...]) -> bytes:
        return seal(key, key=self.secret, place=("kek", self.id, *place))

    async def unwrap(self, wrapped: bytes, *, place: tuple[str, ...]) -> bytes:
        """Raises SealBroken."""
        return unseal(wrapped, key=self.secret, place=("kek", self.id, *place))


def new_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY_BYTES)


def digest(key: bytes, *parts: str) -> str:
    """A keyed digest of some strings, hex, 128 bits: equal means unchanged, and no dictionary can test it.

    Lone surrogates, which JSON allows, are hashed as they are.
    """
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        data = part.encode(errors="surrogatepass")
        mac.update(len(data).to_bytes(8, "big") + data)
    return mac.hexdigest()[:32]


def text_digest(key: bytes, field: str, text: str) -> str:
    """Of a field's text and nothing else: as long as it is the same, whatever was cited of the field stands there."""
    return digest(key, "text", field, text)
