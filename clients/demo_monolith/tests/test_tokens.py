"""The therapist's token is exactly PazPaz's."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest

from demo_monolith import tokens

KEY = "a-secret-of-more-than-thirty-two-bytes"
USER, PRACTICE = uuid4(), uuid4()


def a_token(*, now: datetime | None = None) -> str:
    return tokens.mint(
        user_id=USER,
        workspace_id=PRACTICE,
        email="noa@bar.example",
        secret_key=KEY,
        now=now or datetime.now(UTC),
    )


def test_the_claims_are_those_of_pazpaz_and_no_others():
    """Seven claims, all text but the two times, for seven days, without a key id."""
    now = datetime(2026, 11, 20, 8, tzinfo=UTC)

    claims = jwt.decode(a_token(now=now), options={"verify_signature": False})

    assert UUID(claims.pop("jti"))
    assert claims == {
        "sub": str(USER),
        "user_id": str(USER),
        "workspace_id": str(PRACTICE),
        "email": "noa@bar.example",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(days=7)).timestamp()),
    }
    assert jwt.get_unverified_header(a_token()) == {"alg": "HS256", "typ": "JWT"}


def test_what_was_minted_is_read_back():
    """The person and the sign-in come back; the tenant does not, it is looked up."""
    token = a_token()

    sign_in = tokens.read(token, secret_key=KEY)

    assert sign_in.user_id == USER
    assert sign_in.jti == jwt.decode(token, options={"verify_signature": False})["jti"]


@pytest.mark.parametrize("claim", tokens.REQUIRED_CLAIMS)
def test_a_token_without_a_claim_is_refused(claim: str):
    """Each claim is needed."""
    claims = jwt.decode(a_token(), options={"verify_signature": False})
    del claims[claim]

    with pytest.raises(tokens.TokenRefused):
        tokens.read(jwt.encode(claims, KEY, algorithm="HS256"), secret_key=KEY)


def test_another_algorithm_or_key_or_a_passed_life_is_refused():
    """One key, one algorithm, seven days."""
    claims = jwt.decode(a_token(), options={"verify_signature": False})
    forged = [
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, KEY * 2, algorithm="HS512"),
        jwt.encode(claims, KEY[::-1], algorithm="HS256"),
        a_token(now=datetime.now(UTC) - timedelta(days=7, seconds=1)),
        "not a token",
    ]

    for token in forged:
        with pytest.raises(tokens.TokenRefused):
            tokens.read(token, secret_key=KEY)
