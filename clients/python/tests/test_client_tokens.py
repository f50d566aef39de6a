"""What PazPaz mints and publishes, read by another implementation."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pazpaz_ai_client.signing import KeysUnusable, PrivateKey
from pazpaz_ai_client.signing.rotation import MIN_OVERLAP, rotate
from pazpaz_ai_client.tokens import (
    JWKS_PATH,
    TokenKeys,
    TokenMinter,
    create_jwks_router,
    jwks,
)

NOW = 1_795_400_000.0
ISSUER = "https://pazpaz.example"
KEY, NEXT = PrivateKey.generate("ml-2026-11-a"), PrivateKey.generate("ml-2026-12-a")
USER, WORKSPACE, SID = uuid4(), uuid4(), uuid4()


def a_minter(keys=KEY, **changes) -> TokenMinter:
    return TokenMinter(**({"keys": keys, "issuer": ISSUER, "clock": lambda: NOW} | changes))


def mint(minter: TokenMinter, **changes) -> str:
    person = {"user_id": USER, "workspace_id": WORKSPACE, "role": "owner", "sid": SID}
    return minter.mint(**(person | changes))


def read(token: str, published: dict) -> dict:
    """By PyJWT and the published set alone."""
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token,
        key,
        algorithms=["EdDSA"],
        audience="pazpaz-ai",
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )


def test_a_token_says_who_asks_for_ninety_seconds():
    """Exactly the agreed claims and header; the session's id goes along as `sid`."""
    token = mint(a_minter())

    claims = read(token, jwks([KEY.public]))

    assert jwt.get_unverified_header(token) == {
        "alg": "EdDSA",
        "typ": "at+jwt",
        "kid": "ml-2026-11-a",
    }
    assert UUID(claims.pop("jti"))
    assert claims == {
        "iss": ISSUER,
        "aud": "pazpaz-ai",
        "sub": str(USER),
        "user_id": str(USER),
        "workspace_id": str(WORKSPACE),
        "role": "owner",
        "sid": str(SID),
        "iat": int(NOW),
        "exp": int(NOW) + 90,
    }


def test_no_two_tokens_are_the_same():
    """Each has an id of its own, minted in the same second or not."""
    assert mint(a_minter()) != mint(a_minter())


@pytest.mark.parametrize("life", [60, 120])
def test_a_life_is_one_to_two_minutes(life):
    """Both ends counted, and reckoned from the moment of minting."""
    claims = read(mint(a_minter(life=life)), jwks([KEY.public]))
    assert claims["exp"] - claims["iat"] == life


@pytest.mark.parametrize("life", [0, 59, 121, 600])
def test_a_life_the_service_would_refuse_is_not_minted(life):
    """Found when PazPaz starts, and not by the first therapist."""
    with pytest.raises(ValueError, match="60 to 120"):
        a_minter(life=life)


@pytest.mark.parametrize("role", ["admin", "Owner", ""])
def test_a_role_the_service_does_not_know_is_not_minted(role):
    """PazPaz has two roles."""
    with pytest.raises(ValueError, match="owner or assistant"):
        mint(a_minter(), role=role)


def test_the_published_set_holds_public_halves_only():
    """Several keys, each with the one use and algorithm it has, and no private member."""
    published = jwks([KEY.public, NEXT.public])

    assert [key["kid"] for key in published["keys"]] == ["ml-2026-11-a", "ml-2026-12-a"]
    for key in published["keys"]:
        assert key.keys() == {"kty", "crv", "alg", "use", "kid", "x"}
        assert (key["alg"], key["use"]) == ("EdDSA", "sig")


class Folder:
    """Token keys whose time a test moves."""

    def __init__(self, path) -> None:
        self.path, self.now, self.faults = path, NOW, []
        self.rotate()
        self.keys = TokenKeys(
            path, clock=lambda: self.now, on_fault=lambda *fault: self.faults.append(fault)
        )

    def rotate(self, switch_after: timedelta = timedelta()) -> None:
        now = datetime.fromtimestamp(self.now, UTC)
        rotate(self.path, side="ml", now=now, switch_after=switch_after, overlap=MIN_OVERLAP)

    def published(self) -> list[str]:
        return [key["kid"] for key in self.keys.jwks()["keys"]]

    def signer(self) -> str:
        token = mint(a_minter(self.keys, clock=lambda: self.now))
        assert read(token, self.keys.jwks())
        return str(jwt.get_unverified_header(token)["kid"])


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path / "tokens")


def test_a_rotation_publishes_signs_and_withdraws_in_this_order(folder):
    """The service knows the next key before it signs, and the last one until its tokens have ended."""
    (first,) = folder.published()
    folder.rotate(switch_after=timedelta(minutes=10))
    first, second = folder.published()
    assert folder.signer() == first

    folder.now += 600
    assert folder.signer() == second
    assert folder.published() == [first, second]

    folder.now += MIN_OVERLAP.total_seconds()
    assert folder.published() == [second]


def test_a_broken_folder_changes_nothing(folder):
    """Half a rotation, or a slip of the hand, signs nobody out, and is told once."""
    signer = folder.signer()
    (folder.path / "keys.json").write_text("{")
    assert folder.signer() == signer
    assert folder.published() == [signer]
    assert folder.faults == [("tokens", "broken_ring")]


def test_without_a_good_folder_nothing_starts(tmp_path):
    """An operator learns it at the start."""
    with pytest.raises(KeysUnusable):
        TokenKeys(tmp_path)


def test_the_set_is_served_where_services_look_for_it(folder):
    """JSON at the well-known path, for anybody."""
    app = FastAPI()
    app.include_router(create_jwks_router(folder.keys))

    answer = TestClient(app).get(JWKS_PATH)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == folder.keys.jwks()
    assert JWKS_PATH not in app.openapi()["paths"], "it is no part of the host's API"
