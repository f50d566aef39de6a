"""A therapist's bearer token, in two modes: PazPaz's own HS256 session token, and a short asymmetric one for us.

The rule book is RFC 8725: the token chooses nothing. Its header only says which one policy judges it, each key has
one algorithm, and whatever is not exactly of the agreed shape is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import jwt
import structlog

from service.domain.identity import Role, TokenClaims, UserId, WorkspaceId
from service.errors import NotAuthenticated
from service.ports.clock import Clock
from service.ports.monolith import VerificationKeys
from service.security.jwks import KEY_ID
from service.security.strict import base64url, json_object

MAX_TOKEN_BYTES = 4096
MAX_SESSION_SECONDS = 7 * 24 * 3600  # PazPaz mints 10,080 minutes; PyJWT alone takes ten years.
MAX_ACCESS_SECONDS = 120
SKEW_SECONDS = 30
SESSION_CLAIMS = ("sub", "user_id", "workspace_id", "email", "jti")
ACCESS_CLAIMS = ("sub", "user_id", "workspace_id", "role", "sid", "jti", "iss", "aud")
ROLES: dict[str, Role] = {"owner": "owner", "assistant": "assistant"}
RULES = frozenset({"mode", "typ", "signature", "times", "claim", "sub", "key", "parties", "kind"})
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """The asymmetric mode: who signs (by key id), who issues, and whom the token is for."""

    keys: VerificationKeys
    issuer: str
    audience: str


@dataclass(frozen=True, slots=True)
class _Token:
    """A token's three parts as they were sent, read and not believed yet."""

    header: Mapping[str, Any]
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Checks tokens of the modes that are switched on: `secret` for HS256, `access` for the asymmetric one."""

    secret: str | None = field(repr=False)
    access: AccessTokens | None
    clock: Clock
    _key: bytes | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key", _hmac_key(self.secret))

    async def verify(self, token: str) -> TokenClaims:
        """What the token says.

        Raises NotAuthenticated for any doubt, the reason in the log alone; SourceUnavailable when no key set could
        be had, because nobody should be signed out by that.
        """
        try:
            read = _read(token)
            if read.header["alg"] == "HS256":
                return self._session_token(read)
            return await self._access_token(read)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as exc:
            log.info("token.refused", rule=_rule(exc))
            raise NotAuthenticated from None

    def _session_token(self, token: _Token) -> TokenClaims:
        if self._key is None or token.header.keys() - {"alg", "typ"}:
            raise ValueError("mode")
        if token.header.get("typ", "JWT") != "JWT":
            raise ValueError("typ")
        payload = _signed(token, self._key, "HS256")
        _require_strings(payload, SESSION_CLAIMS)
        self._check_times(payload, longest=MAX_SESSION_SECONDS)
        if "aud" in payload or "iss" in payload:
            raise ValueError("kind")  # claims of another kind of token
        return _claims(payload, session=payload["jti"], role=None)

    async def _access_token(self, token: _Token) -> TokenClaims:
        if self.access is None or token.header.keys() != {"alg", "typ", "kid"}:
            raise ValueError("mode")
        if token.header["typ"] != "at+jwt" or not KEY_ID.fullmatch(token.header["kid"]):
            raise ValueError("typ")
        key = await self.access.keys.find(token.header["kid"])
        if key is None or key.algorithm != token.header["alg"]:
            raise ValueError("key")
        algorithm = jwt.get_algorithm_by_name(key.algorithm)
        payload = _signed(token, algorithm.prepare_key(key.key), key.algorithm)
        _require_strings(payload, ACCESS_CLAIMS)
        self._check_times(payload, longest=MAX_ACCESS_SECONDS)
        if (payload["iss"], payload["aud"]) != (self.access.issuer, self.access.audience):
            raise ValueError("parties")
        return _claims(payload, session=payload["sid"], role=ROLES[payload["role"]])

    def _check_times(self, payload: Mapping[str, Any], *, longest: int) -> None:
        """Against the time at this moment: looking for the key may have taken seconds."""
        iat, exp, now = payload["iat"], payload["exp"], int(self.clock().timestamp())
        if type(iat) is not int or type(exp) is not int or "nbf" in payload:
            raise TypeError("times")
        if exp <= now or iat > now + SKEW_SECONDS or not 0 < exp - iat <= longest:
            raise ValueError("times")


def _rule(exc: Exception) -> str:
    """A word of our own for which rule failed; what the token says is in none of them."""
    said = exc.args[0] if exc.args else None
    if isinstance(exc, KeyError):
        return "claim"
    return said if said in RULES else "shape"


def _hmac_key(secret: str | None) -> bytes | None:
    """PyJWT looks at the secret as JSON, PEM and DER, so that nobody's public key is one: once is enough."""
    try:
        return None if secret is None else jwt.get_algorithm_by_name("HS256").prepare_key(secret)
    except jwt.InvalidKeyError:
        return None  # no token holds


def _read(token: str) -> _Token:
    """Three strict base64url parts: a padded twin would be the same token in other letters."""
    if len(token) > MAX_TOKEN_BYTES or not _SHAPE.fullmatch(token):
        raise ValueError("shape")
    signed, _, _ = token.rpartition(".")
    header, payload, signature = (base64url(part) for part in token.split("."))
    return _Token(json_object(header), payload, signed.encode(), signature)


def _signed(token: _Token, key: Any, algorithm: str) -> dict[str, Any]:
    """The payload, if its signature holds by the one algorithm of that key.

    PyJWT computes and compares; what it reads of a token itself, each letter in turn, was read more strictly here.
    """
    if not jwt.get_algorithm_by_name(algorithm).verify(token.signed, key, token.signature):
        raise ValueError("signature")
    return json_object(token.payload)


def _require_strings(payload: Mapping[str, Any], names: tuple[str, ...]) -> None:
    if any(not isinstance(payload[name], str) or not payload[name] for name in names):
        raise TypeError("claim")


def _claims(payload: Mapping[str, Any], *, session: str, role: Role | None) -> TokenClaims:
    if payload["sub"] != payload["user_id"]:
        raise ValueError("sub")
    return TokenClaims(
        user=UserId(_uuid(payload["user_id"])),
        workspace=WorkspaceId(_uuid(payload["workspace_id"])),
        session=str(_uuid(session)),
        role=role,
    )


def _uuid(text: str) -> UUID:
    value = UUID(text)
    if str(value) != text.lower():
        raise ValueError("uuid")  # UUID() also reads braces and urn: prefixes
    return value
