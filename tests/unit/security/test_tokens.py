"""What passes as a therapist's token, and what does not."""

import asyncio
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from structlog.testing import capture_logs

from service.domain.identity import TokenClaims
from service.errors import NotAuthenticated
from service.security.tokens import MAX_SESSION_SECONDS, TokenVerifier
from tests.unit.doubles import ManualClock
from tests.unit.security.token_bench import (
    SECOND,
    SECRET,
    SESSION,
    USER,
    WORKSPACE,
    b64,
    mac,
    session_claims,
)

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def signed(header: object, payload: object, *, key: str = SECRET, hashed: str = "sha256") -> str:
    return mac(header, payload, key.encode(), hashed)


def token(**changes: Any) -> str:
    return signed({"alg": "HS256", "typ": "JWT"}, session_claims(**changes))


def with_header(**more: Any) -> str:
    return signed({"alg": "HS256", "typ": "JWT"} | more, session_claims())


def verify(given: Any) -> TokenClaims:
    return asyncio.run(TokenVerifier(SECRET, None, ManualClock()).verify(given))


def refused(given: Any) -> bool:
    try:
        verify(given)
    except NotAuthenticated:
        return True
    return False


def a_twin(given: str) -> str:
    """The same bytes in other letters: the unused low bits of the last letter set."""
    head, _, signature = given.rpartition(".")
    last = LETTERS.index(signature[-1])
    assert last % 4 == 0, "an HS256 signature leaves two bits unused"
    return f"{head}.{signature[:-1]}{LETTERS[last + 1]}"


def test_a_token_as_pazpaz_mints_it_is_accepted():
    """The user, the workspace and the login come from a token whose every part holds."""
    assert verify(jwt.encode(session_claims(), SECRET, algorithm="HS256")) == TokenClaims(
        UUID(USER), UUID(WORKSPACE), SESSION
    )


@pytest.mark.parametrize(
    "good",
    [
        token(exp=SECOND + 1),
        token(iat=SECOND + 30, exp=SECOND + 60),
        token(iat=SECOND - 1, exp=SECOND - 1 + MAX_SESSION_SECONDS),
        token(iat=SECOND, exp=SECOND + 1),
        token(extra={"of": "PazPaz"}),
        signed({"alg": "HS256"}, session_claims()),
        with_header(typ="JWT"),
    ],
    ids=[
        "last second",
        "clock skew",
        "seven days",
        "a second",
        "unknown claim",
        "no typ",
        "typ JWT",
    ],
)
def test_a_token_at_the_edge_of_the_rules_is_accepted(good):
    """What PazPaz may mint is not refused by a rule that is one step too narrow."""
    assert verify(good).session == SESSION


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)

ALGORITHMS = {
    "none": f"{b64({'alg': 'none', 'typ': 'JWT'})}.{b64(session_claims())}.",
    "none, kept signature": signed({"alg": "none", "typ": "JWT"}, session_claims()),
    "None, other case": signed({"alg": "None"}, session_claims()),
    "HS512 under our key": signed(
        {"alg": "HS512", "typ": "JWT"}, session_claims(), hashed="sha512"
    ),
    "HS256 header, HS512 signature": signed({"alg": "HS256"}, session_claims(), hashed="sha512"),
    "RS256": jwt.encode(session_claims(), RSA, algorithm="RS256"),
    "RS256 header, HS256 signature": signed({"alg": "RS256", "typ": "JWT"}, session_claims()),
    "no alg": signed({"typ": "JWT"}, session_claims()),
    "alg a list": signed({"alg": ["HS256"]}, session_claims()),
    "wrong key": signed(
        {"alg": "HS256"}, session_claims(), key="another-key-of-the-same-good-length-!"
    ),
    "empty key": signed({"alg": "HS256"}, session_claims(), key=""),
}


@pytest.mark.parametrize("bad", ALGORITHMS.values(), ids=ALGORITHMS)
def test_the_token_does_not_choose_its_algorithm_or_key(bad):
    """Only HS256 under PazPaz's key counts, whatever the header says."""
    assert refused(bad)


TIMES = {
    "expired a second ago": token(exp=SECOND - 1),
    "expires now": token(exp=SECOND),
    "ten years": token(exp=SECOND + 10 * 365 * 86400),
    "a second over seven days": token(iat=SECOND, exp=SECOND + MAX_SESSION_SECONDS + 1),
    "exp a string": token(exp=str(SECOND + 3600)),
    "exp a float": token(exp=SECOND + 3600.5),
    "exp a whole float": token(exp=float(SECOND + 3600)),
    "exp true": token(exp=True),
    "exp null": token(exp=None),
    "exp infinite": token(exp=float("inf")),
    "exp not a number": token(exp=float("nan")),
    "iat a string": token(iat=str(SECOND - 60)),
    "iat a float": token(iat=SECOND - 60.5),
    "iat true": token(iat=True),
    "iat in the future": token(iat=SECOND + 31),
    "no life at all": token(iat=SECOND + 10, exp=SECOND + 10),
    "iat after exp": token(iat=SECOND + 20, exp=SECOND + 10),
    "nbf": token(nbf=SECOND - 60),
    "aud": token(aud="somebody"),
    "aud null": token(aud=None),
    "iss": token(iss="somebody"),
}


@pytest.mark.parametrize("bad", TIMES.values(), ids=TIMES)
def test_times_of_another_shape_are_refused(bad):
    """Expiry and issue are whole seconds within seven days; claims of other kinds of token are absent."""
    assert refused(bad)


ALL_CLAIMS = ("sub", "user_id", "workspace_id", "email", "exp", "iat", "jti")


@pytest.mark.parametrize("name", ALL_CLAIMS)
def test_every_claim_is_required(name):
    """A token without one of PazPaz's claims is not PazPaz's token."""
    assert refused(token(**{name: ...}))


@pytest.mark.parametrize("value", [None, 7, True, ["x"], {"x": 1}], ids=repr)
@pytest.mark.parametrize("name", ALL_CLAIMS)
def test_a_claim_of_the_wrong_type_is_refused(name, value):
    """A claim is of the type PazPaz gives it, or the token is refused and nothing breaks."""
    assert refused(token(**{name: value}))


IDS = {
    "sub is another user": token(sub=str(UUID(int=99))),
    "user_id no UUID": token(sub="dana", user_id="dana"),
    "workspace_id no UUID": token(workspace_id="1"),
    "workspace_id empty": token(workspace_id=""),
    "jti no UUID": token(jti="login-7"),
    "workspace_id in braces": token(workspace_id="{" + WORKSPACE + "}"),
    "workspace_id a urn": token(workspace_id=f"urn:uuid:{WORKSPACE}"),
    "workspace_id without dashes": token(workspace_id=UUID(WORKSPACE).hex),
    "workspace_id with a blank": token(workspace_id=f" {WORKSPACE}"),
    "workspace_id a lone surrogate": token(workspace_id="\ud800"),
}


@pytest.mark.parametrize("bad", IDS.values(), ids=IDS)
def test_ids_are_plain_uuids_that_agree(bad):
    """Ids are canonical UUIDs, and the subject is the user."""
    assert refused(bad)


HEADERS = {
    "kid": with_header(kid="1"),
    "jwk": with_header(jwk={"kty": "oct", "k": "AAAA"}),
    "jku": with_header(jku="https://example.org/keys"),
    "x5u": with_header(x5u="https://example.org/keys"),
    "crit": with_header(crit=["exp"]),
    "b64": with_header(b64=False),
    "cty": with_header(cty="JWT"),
    "typ at+jwt": with_header(typ="at+jwt"),
    "typ null": with_header(typ=None),
    "header a list": signed(["HS256"], session_claims()),
    "header no JSON": signed(b"{", session_claims()),
    "header deeply nested": signed(b"[" * 2500, {}),
    "payload a list": signed({"alg": "HS256"}, ["sub"]),
    "payload deeply nested": signed({"alg": "HS256"}, b"[" * 2500),
    "payload not UTF-8": signed({"alg": "HS256"}, b"\xff\xfe"),
}


@pytest.mark.parametrize("bad", HEADERS.values(), ids=HEADERS)
def test_a_header_carries_nothing_but_its_algorithm(bad):
    """Keys, key addresses and critical extensions in a header are refused, not read."""
    assert refused(bad)


GOOD = token()
TEXTS = {
    "padded": f"{GOOD}=",
    "padded payload": GOOD.replace(".", "=.", 2),
    "a twin in other letters": a_twin(GOOD),
    "5 KB": token(email="x" * 5000),
    "a blank before": f" {GOOD}",
    "a line break after": f"{GOOD}\n",
    "a blank inside": GOOD.replace(".", ". ", 1),
    "truncated": GOOD[:-1],
    "no signature": GOOD.rpartition(".")[0] + ".",
    "two parts": GOOD.rpartition(".")[0],
    "four parts": f"{GOOD}.AAAA",
    "an altered letter": GOOD[:-10] + ("A" if GOOD[-10] != "A" else "B") + GOOD[-9:],
    "standard base64": GOOD[:-10] + "+" + GOOD[-9:],
    "not ASCII": GOOD[:-1] + "א",
    "empty": "",
    "dots": "..",
    "None": None,
    "bytes": GOOD.encode(),
    "a number": 7,
    "a list": [GOOD],
}


@pytest.mark.parametrize("bad", TEXTS.values(), ids=TEXTS)
def test_only_the_exact_text_of_a_token_is_one(bad):
    """Padded, twin, oversized, cut or foreign texts end in the same refusal as a wrong signature."""
    assert not refused(GOOD)
    assert refused(bad)


def test_a_token_may_have_four_kilobytes():
    """Its 4,096th letter is the last that is read."""
    sizes = {len(made): made for made in (token(email="x" * n) for n in range(2600, 2900))}
    assert not refused(sizes[4096])
    assert all(refused(made) for size, made in sizes.items() if size > 4096)


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (signed({"alg": "HS256", "typ": "JWT"}, session_claims(), key="another"), "signature"),
        (token(exp=SECOND - 1), "times"),
        (token(iat="now"), "times"),
        (token(email=None), "claim"),
        (token(sub="somebody else"), "sub"),
        (token(aud="pazpaz-ai"), "kind"),
        (with_header(kid="a"), "mode"),
        (signed({"alg": "HS256", "typ": "at+jwt"}, session_claims()), "typ"),
        (signed({"typ": "JWT"}, session_claims()), "claim"),
        (token(jti="Dana called"), "shape"),
        ("no token", "shape"),
    ],
)
def test_the_log_names_the_rule_and_nothing_of_the_token(bad, rule):
    """Whoever set another SECRET_KEY here than there finds it out from our log."""
    with capture_logs() as logs:
        assert refused(bad)
    assert logs == [{"event": "token.refused", "rule": rule, "log_level": "info"}]


def test_a_refusal_carries_no_reason():
    """Neither the error nor its chain tells a caller which rule failed, or quotes the token."""
    with pytest.raises(NotAuthenticated) as caught:
        verify(token(exp=SECOND - 1))
    assert str(caught.value) == "not_authenticated"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
