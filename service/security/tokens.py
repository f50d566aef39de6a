"""PazPaz's HS256 token, checked at least as strictly as PazPaz does it."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from service.domain.identity import TokenClaims, UserId, WorkspaceId
from service.errors import NotAuthenticated
from service.ports import Clock

MAX_TOKEN_BYTES = 4096
MAX_LIFE_SECONDS = 7 * 24 * 3600  # PazPaz mints 10,080 minutes; PyJWT alone takes ten years.
SKEW_SECONDS = 30
STRING_CLAIMS = ("sub", "user_id", "workspace_id", "email", "jti")
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Checks tokens under one key with one algorithm (RFC 8725: the token chooses nothing)."""

    secret: str
    clock: Clock

    def verify(self, token: str) -> TokenClaims:
        """What the token says; raises NotAuthenticated for any doubt, without a reason."""
        try:
            _check_shape(token)
            payload = self._decode(token)
            return _claims(payload, now=int(self.clock().timestamp()))
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise NotAuthenticated from None

    def _decode(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if not set(header) <= {"alg", "typ"} or header.get("typ", "JWT") != "JWT":
            raise ValueError("header")
        return jwt.decode(
            token,
            self.secret,
            algorithms=["HS256"],
            # Times are judged below against the clock passed in; PyJWT also takes strings for them.
            options={
                "require": ["exp", "iat", *STRING_CLAIMS],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )


def _check_shape(token: str) -> None:
    """Three strict base64url parts without padding: a padded twin would be the same token in other letters."""
    if len(token) > MAX_TOKEN_BYTES or not _SHAPE.fullmatch(token):
        raise ValueError("shape")
    for part in token.split("."):
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
        if urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
            raise ValueError("encoding")


def _claims(payload: dict[str, Any], *, now: int) -> TokenClaims:
    if any(not isinstance(payload[name], str) for name in STRING_CLAIMS):
        raise TypeError("claim")
    _check_times(payload["iat"], payload["exp"], now=now)
    if "nbf" in payload or "aud" in payload or payload["sub"] != payload["user_id"]:
        raise ValueError("claims of another kind of token")
    return TokenClaims(
        user=UserId(_uuid(payload["user_id"])),
        workspace=WorkspaceId(_uuid(payload["workspace_id"])),
        session=str(_uuid(payload["jti"])),
    )


def _check_times(iat: object, exp: object, *, now: int) -> None:
    if type(iat) is not int or type(exp) is not int:
        raise TypeError("times")
    if exp <= now or iat > now + SKEW_SECONDS or not 0 < exp - iat <= MAX_LIFE_SECONDS:
        raise ValueError("times")


def _uuid(text: str) -> UUID:
    value = UUID(text)
    if str(value) != text.lower():
        raise ValueError("uuid")  # UUID() also reads braces and urn: prefixes
    return value
