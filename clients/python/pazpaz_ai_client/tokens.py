"""Short tokens for the AI service: PazPaz exchanges a therapist's cookie for one, at each request.

HS256 lets whoever can check a session also mint one. With these, the service holds public keys only:
PazPaz signs with a key of its own and publishes the public halves as a JWKS.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter

from pazpaz_ai_client.signing import (
    RING,
    Clock,
    OwnKeys,
    PrivateKey,
    PublicKey,
    SigningKeys,
    read_folder,
)
from pazpaz_ai_client.signing.live import OnFault, Watched, log_fault

AUDIENCE = "pazpaz-ai"
JWKS_PATH = "/.well-known/jwks.json"
SHORTEST, LONGEST = 60, 120  # seconds; the service refuses a longer life
ROLES = frozenset({"owner", "assistant"})


def create_jwks_router(keys: "TokenKeys") -> APIRouter:
    """Publishes the set. It holds nothing secret; mount it where the service reaches it over TLS."""
    router = APIRouter(include_in_schema=False)
    router.get(JWKS_PATH)(keys.jwks)
    return router


class TokenKeys:
    """The folder of token keys, made and rotated by `keys rotate` and followed while we run.

    It is a folder of its own: a key that signs requests signs no tokens. A file that cannot be used
    changes nothing. Raises KeysUnusable when there are no good keys to begin with.
    """

    def __init__(
        self, folder: str | Path, *, on_fault: OnFault = log_fault, clock: Clock = time.time
    ) -> None:
        folder = Path(folder)
        self._watched: Watched[OwnKeys] = Watched(
            "tokens", (folder / RING, folder), lambda: read_folder(folder, _moment(clock)), on_fault
        )
        self._clock = clock

    def at(self, now: datetime) -> PrivateKey:
        """The key that signs tokens."""
        return self._now().at(now)

    def jwks(self) -> dict[str, Any]:
        """What to publish: every key that is not retired, also the next one before it signs."""
        now = _moment(self._clock)
        return jwks(key for key in self._now().ring.keys if not key.is_retired(now))

    def _now(self) -> OwnKeys:
        self._watched.refresh()  # two stats: a token a request is rare enough to look each time
        return self._watched.value


@dataclass(frozen=True)
class TokenMinter:
    """Mints tokens that the service takes when its TOKEN_ISSUER and TOKEN_AUDIENCE are these."""

    keys: SigningKeys
    """`TokenKeys`, or one `PrivateKey`."""
    issuer: str
    audience: str = AUDIENCE
    life: int = 90
    clock: Clock = time.time

    def __post_init__(self) -> None:
        if not SHORTEST <= self.life <= LONGEST:
            raise ValueError(f"a token lives {SHORTEST} to {LONGEST} s")

    def mint(self, *, user_id: UUID, workspace_id: UUID, role: str, sid: UUID) -> str:
        """A token for one who is signed in now; `sid` is the `jti` of their session.

        The caller has made all of PazPaz's checks: whoever holds this token is that user.
        """
        if role not in ROLES:
            raise ValueError("a role is owner or assistant")
        moment = _moment(self.clock)
        second = int(moment.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(user_id),
            "user_id": str(user_id),
            "workspace_id": str(workspace_id),
            "role": role,
            "sid": str(sid),
            "jti": str(uuid4()),
            "iat": second,
            "exp": second + self.life,
        }
        return _signed(claims, self.keys.at(moment))


def jwks(keys: Iterable[PublicKey]) -> dict[str, Any]:
    """The JSON Web Key Set (RFC 7517) of these keys."""
    return {"keys": [_jwk(key) for key in keys]}


def _jwk(key: PublicKey) -> dict[str, str]:
    raw = key.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    kind = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig"}
    return {**kind, "kid": key.keyid, "x": _base64url(raw)}


def _signed(claims: dict[str, Any], key: PrivateKey) -> str:
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.keyid}
    text = f"{_base64url(_json(header))}.{_base64url(_json(claims))}"
    return f"{text}.{_base64url(key.key.sign(text.encode()))}"


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _moment(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock(), UTC)
