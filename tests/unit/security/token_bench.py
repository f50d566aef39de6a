"""Tokens of every make: honest ones of both modes, and parts to forge others from."""

import base64
import hmac
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.domain.identity import TokenClaims
from service.errors import NotAuthenticated
from service.ports.monolith import VerificationKey
from service.security.jwks import parse_jwks
from service.security.tokens import AccessTokens, TokenVerifier
from tests.fakes import NOW
from tests.unit.doubles import ManualClock

SECRET = "a-secret-key-of-pazpaz-with-more-than-32-bytes"
ISSUER, AUDIENCE = "https://pazpaz.example", "pazpaz-ai"
USER, WORKSPACE, SESSION, JTI = (str(UUID(int=n)) for n in (21, 1, 31, 32))
SECOND = int(NOW.timestamp())

PRIVATE: dict[str, Any] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
}
OTHERS: dict[str, Any] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
}
KIDS = {"EdDSA": "ed-1", "ES256": "ec-1", "RS256": "rsa-1"}
ALGORITHMS = tuple(PRIVATE)


def jwk(algorithm: str, private: Any, kid: str) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
    made.pop("key_ops", None)
    return {**made, "kid": kid, "alg": algorithm, "use": "sig"}


def jwks(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


SET = jwks(*(jwk(name, key, KIDS[name]) for name, key in PRIVATE.items()))


@dataclass
class FixedKeys:
    """Keeps VerificationKeys with one set; remembers what was looked up."""

    keys: dict[str, VerificationKey]
    looked_up: list[str]

    async def find(self, kid: str) -> VerificationKey | None:
        self.looked_up.append(kid)
        return self.keys.get(kid)


def verifier(*, session: bool = True, access: bool = True, secret: str = SECRET) -> TokenVerifier:
    keys = FixedKeys(parse_jwks(SET), [])
    return TokenVerifier(
        secret if session else None,
        AccessTokens(keys, ISSUER, AUDIENCE) if access else None,
        ManualClock(),
    )


async def passes(token: Any, by: TokenVerifier | None = None) -> TokenClaims | None:
    """What a token says, None when it is refused."""
    try:
        return await (by or verifier()).verify(token)
    except NotAuthenticated:
        return None


def access_claims(**changes: Any) -> dict[str, Any]:
    """What PazPaz puts into a short token; a change to `...` leaves the claim out."""
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": USER,
        "user_id": USER,
        "workspace_id": WORKSPACE,
        "role": "owner",
        "sid": SESSION,
        "jti": JTI,
        "iat": SECOND - 10,
        "exp": SECOND + 80,
    } | changes
    return {name: value for name, value in said.items() if value is not ...}


def session_claims(**changes: Any) -> dict[str, Any]:
    said = {
        "sub": USER,
        "user_id": USER,
        "workspace_id": WORKSPACE,
        "email": "therapist@example.org",
        "iat": SECOND - 60,
        "exp": SECOND + 3600,
        "jti": SESSION,
    } | changes
    return {name: value for name, value in said.items() if value is not ...}


def b64(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def header(algorithm: str = "EdDSA", **changes: Any) -> dict[str, Any]:
    said = {"alg": algorithm, "typ": "at+jwt", "kid": KIDS.get(algorithm, "ed-1")} | changes
    return {name: value for name, value in said.items() if value is not ...}


def raw_signature(algorithm: str, text: bytes, key: Any) -> bytes:
    """As JWS wants it, made by the cryptography library and by nothing the service uses."""
    if algorithm == "EdDSA":
        return bytes(key.sign(text))
    if algorithm == "ES256":
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return bytes(key.sign(text, padding.PKCS1v15(), hashes.SHA256()))


def signed(head: object, payload: object, *, algorithm: str = "EdDSA", key: Any = None) -> str:
    """Any header over any payload, under a correct signature of that algorithm."""
    text = f"{b64(head)}.{b64(payload)}"
    return f"{text}.{b64(raw_signature(algorithm, text.encode(), key or PRIVATE[algorithm]))}"


def access_token(algorithm: str = "EdDSA", **changes: Any) -> str:
    return signed(header(algorithm), access_claims(**changes), algorithm=algorithm)


def with_header(**changes: Any) -> str:
    return signed(header(**changes), access_claims())


def mac(
    head: object, payload: object, secret: bytes = SECRET.encode(), digest: str = "sha256"
) -> str:
    """Any header over any payload, under a correct HMAC."""
    text = f"{b64(head)}.{b64(payload)}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), digest))}"


def session_token(**changes: Any) -> str:
    return mac({"alg": "HS256", "typ": "JWT"}, session_claims(**changes))


def public_texts(algorithm: str) -> list[bytes]:
    """Every text a careless verifier might take for an HMAC secret."""
    public = PRIVATE[algorithm].public_key()
    texts = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk(algorithm, PRIVATE[algorithm], KIDS[algorithm])).encode(),
        SET,
        KIDS[algorithm].encode(),
        b"",
    ]
    pem = texts[0]
    return [*texts, pem.strip(), pem.replace(b"\n", b"\r\n")]
