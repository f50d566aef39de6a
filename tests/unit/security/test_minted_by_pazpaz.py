"""What PazPaz's library mints and publishes is what we judge: the two sides, without a network between."""

import json
from uuid import UUID

import pytest

from pazpaz_ai_client.signing import PrivateKey
from pazpaz_ai_client.tokens import LONGEST, SHORTEST, TokenMinter, jwks
from service.domain.identity import TokenClaims, UserId, WorkspaceId
from service.security.jwks import parse_jwks
from service.security.tokens import MAX_ACCESS_SECONDS, AccessTokens, TokenVerifier
from tests.fakes import NOW, WORKSPACE
from tests.unit.doubles import SESSION, USER, ManualClock
from tests.unit.security.token_bench import FixedKeys, passes

OLD, NEW = PrivateKey.generate("ml-2026-11-a"), PrivateKey.generate("ml-2026-12-a")


def verifier(*keys: PrivateKey, audience: str = "pazpaz-ai") -> TokenVerifier:
    published = json.dumps(jwks(key.public for key in keys)).encode()
    tokens = AccessTokens(FixedKeys(parse_jwks(published), []), "https://pazpaz.example", audience)
    return TokenVerifier(None, tokens, ManualClock())


def minted(key: PrivateKey = OLD, *, life: int = 90, late: float = 0.0) -> str:
    minter = TokenMinter(
        key, issuer="https://pazpaz.example", life=life, clock=lambda: NOW.timestamp() - late
    )
    return minter.mint(user_id=USER, workspace_id=WORKSPACE, role="assistant", sid=UUID(SESSION))


@pytest.mark.parametrize("key", [OLD, NEW])
@pytest.mark.parametrize("life", [SHORTEST, LONGEST])
async def test_a_minted_token_is_taken_under_each_published_key(key, life):
    """User, workspace, session and role arrive, whichever key of a rotation signed."""
    said = await passes(minted(key, life=life), verifier(OLD, NEW))
    assert said == TokenClaims(UserId(USER), WorkspaceId(WORKSPACE), SESSION)
    assert said.role == "assistant"


async def test_it_ends_with_its_life_its_key_and_its_audience():
    """A second too old, a key no longer published, a token for somebody else: refused."""
    assert await passes(minted(late=89), verifier(OLD)) is not None
    assert await passes(minted(late=90), verifier(OLD)) is None
    assert await passes(minted(OLD), verifier(NEW)) is None
    assert await passes(minted(), verifier(OLD, audience="pazpaz-monolith")) is None


def test_both_sides_agree_on_the_longest_life():
    """Two repositories will hold these two numbers one day."""
    assert LONGEST == MAX_ACCESS_SECONDS
