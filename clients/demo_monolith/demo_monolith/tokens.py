"""The HS256 token of a signed-in therapist, with exactly the claims PazPaz puts into it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt

ALGORITHM = "HS256"
LIFE = timedelta(days=7)
REQUIRED_CLAIMS = ["exp", "sub", "user_id", "workspace_id", "email", "jti"]


class TokenRefused(Exception):
    """The cookie holds no token that this backend made and that still counts."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a token that held says; the tenant is looked up, never taken from here."""

    user_id: UUID
    jti: str
    expires_at: datetime


def mint(*, user_id: UUID, workspace_id: UUID, email: str, secret_key: str, now: datetime) -> str:
    """A token for one new sign-in."""
    claims = {
        "sub": str(user_id),
        "user_id": str(user_id),
        "workspace_id": str(workspace_id),
        "email": email,
        "exp": int((now + LIFE).timestamp()),
        "iat": int(now.timestamp()),
        "jti": str(uuid4()),
    }
    return jwt.encode(claims, secret_key, algorithm=ALGORITHM)


def read(token: str, *, secret_key: str) -> SignIn:
    """The sign-in behind a token; raises TokenRefused."""
    try:
        claims = jwt.decode(
            token, secret_key, algorithms=[ALGORITHM], options={"require": REQUIRED_CLAIMS}
        )
        return SignIn(
            user_id=UUID(claims["user_id"]),
            jti=str(claims["jti"]),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (jwt.PyJWTError, ValueError, AttributeError, TypeError) as exc:
        raise TokenRefused from exc
