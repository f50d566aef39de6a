"""The known ways to forge or bend a token, each tried on both modes; and none of them passes."""

import base64
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from hypothesis import given
from hypothesis import strategies as st

from service.domain.identity import TokenClaims, UserId, WorkspaceId
from service.errors import NotAuthenticated
from service.security.principals import Principals
from service.security.tokens import AccessTokens
from tests.fakes import OTHER_WORKSPACE
from tests.unit.api.practice import APP, served
from tests.unit.api.practice import Parts as AppParts
from tests.unit.api.practice import a_token as app_token
from tests.unit.doubles import ManualClock, ScriptedPrincipals, an_introspection
from tests.unit.security.token_bench import (
    ALGORITHMS,
    AUDIENCE,
    ISSUER,
    KIDS,
    OTHERS,
    PRIVATE,
    SECOND,
    SECRET,
    SESSION,
    USER,
    WORKSPACE,
    access_claims,
    access_token,
    b64,
    header,
    jwk,
    mac,
    passes,
    public_texts,
    raw_signature,
    session_claims,
    session_token,
    signed,
    verifier,
    with_header,
)

THE_CLAIMS = TokenClaims(UserId(UUID(USER)), WorkspaceId(UUID(WORKSPACE)), SESSION)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_an_honest_short_token_passes(algorithm):
    """The positive control of each algorithm: user, workspace, PazPaz's session and role."""
    said = await passes(access_token(algorithm))
    assert said == THE_CLAIMS
    assert said.role == "owner"


async def test_an_honest_session_token_passes():
    """PazPaz's own token, as before."""
    assert await passes(session_token()) == THE_CLAIMS


async def test_each_mode_can_be_off():
    """What a mode would take is refused where only the other is on."""
    assert await passes(session_token(), verifier(session=False)) is None
    assert await passes(access_token(), verifier(access=False)) is None
    assert await passes(access_token(), verifier(session=False)) is not None


def unsigned(algorithm: Any, payload: Any, **head: Any) -> list[str]:
    text = f"{b64({'alg': algorithm, **head})}.{b64(payload)}"
    return [f"{text}.", text, f"{text}.{b64(b'x')}"]


NONE = [
    token
    for spelling in ("none", "None", "NONE", "nOnE", "", None, 0, "null", ["none"], {})
    for head, payload in (
        ({"typ": "JWT"}, session_claims()),
        ({"typ": "at+jwt", "kid": "ed-1"}, access_claims()),
    )
    for token in unsigned(spelling, payload, **head)
]


@pytest.mark.parametrize("token", NONE)
async def test_none_is_no_algorithm(token):
    """In no spelling, with or without something where the signature would be."""
    assert await passes(token) is None


@pytest.mark.parametrize(
    "head",
    [
        {"alg": "HS256", "typ": "JWT"},
        {"alg": "HS256", "typ": "at+jwt", "kid": "rsa-1"},
        {"alg": "HS256", "typ": "at+jwt"},
        {"alg": "RS256", "typ": "at+jwt", "kid": "rsa-1"},
    ],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_public_key_is_no_secret(algorithm, head):
    """An HMAC made with the published key in any of its spellings opens neither mode."""
    for text in public_texts(algorithm):
        for payload in (access_claims(), session_claims()):
            assert await passes(mac(head, payload, text)) is None
            assert await passes(mac(head, payload, text), verifier(session=False)) is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_public_key_set_as_the_secret_opens_nothing(algorithm):
    """SECRET_KEY that is somebody's public key, by a slip of whoever set it, would let everybody mint tokens."""
    texts = public_texts(algorithm)
    for text in (texts[0], texts[2], *texts[-2:]):  # PEM and JWK, which tell what they are
        careless = verifier(secret=text.decode())
        token = mac({"alg": "HS256", "typ": "JWT"}, session_claims(), text)
        assert await passes(token, careless) is None


async def test_the_secret_opens_its_own_mode_only():
    """HS256 with the right secret over a short token's header or claims is refused, and other digests are."""
    for head in (header("HS256"), header("EdDSA"), {"alg": "HS256", "typ": "at+jwt"}):
        assert await passes(mac(head, access_claims())) is None
    assert await passes(mac({"alg": "HS256", "typ": "JWT"}, access_claims())) is None
    for name, digest in (("HS384", "sha384"), ("HS512", "sha512"), ("HS256", "sha512")):
        token = mac({"alg": name, "typ": "JWT"}, session_claims(), digest=digest)
        assert await passes(token) is None


CLAIMS = ("iss", "aud", "sub", "user_id", "workspace_id", "role", "sid", "jti", "iat", "exp")


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("value", [..., None, "", [], {}, True, 7, 1.5, [USER], {"a": USER}])
async def test_a_missing_or_wrong_typed_claim_is_refused(name, value):
    """Each claim must be there and of its type; a time may not be a string, a float or a boolean."""
    if name in {"iat", "exp"} and value == 7:
        value = str(SECOND)
    assert await passes(access_token(**{name: value})) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": str(UUID(int=22))},
        {"user_id": str(UUID(int=22))},
        {"workspace_id": "not-a-uuid"},
        {"workspace_id": f"{{{WORKSPACE}}}"},
        {"workspace_id": f"urn:uuid:{WORKSPACE}"},
        {"workspace_id": WORKSPACE.replace("-", "")},
        {"workspace_id": f" {WORKSPACE}"},
        {"sid": "../../etc/passwd"},
        {"role": "admin"},
        {"role": "Owner"},
        {"iss": "https://pazpaz.example/"},
        {"iss": "https://evil.example"},
        {"iss": [ISSUER]},
        {"aud": "pazpaz"},
        {"aud": "pazpaz-ai-2"},
        {"aud": ["pazpaz-ai"]},
        {"aud": ["pazpaz-ai", "pazpaz-monolith"]},
        {"aud": "PAZPAZ-AI"},
        {"exp": SECOND},
        {"exp": SECOND - 1},
        {"iat": SECOND + 31, "exp": SECOND + 80},
        {"iat": SECOND - 60, "exp": SECOND + 61},
        {"iat": SECOND + 10, "exp": SECOND + 5},
        {"exp": 10**400},
        {"iat": -(10**20), "exp": SECOND + 5},
        {"exp": True},
        {"nbf": SECOND - 5},
        {"nbf": SECOND + 500},
    ],
)
async def test_a_short_token_says_exactly_what_was_agreed(changes):
    """Another person, party, role, spelling or time: refused, to the second."""
    assert await passes(access_token(**changes)) is None


async def test_times_hold_to_the_second():
    """The last second counts, the next does not; two minutes are a life, a second more is none."""
    assert await passes(access_token(exp=SECOND + 1)) is not None
    assert await passes(access_token(iat=SECOND - 60, exp=SECOND + 60)) is not None
    assert await passes(access_token(iat=SECOND + 30, exp=SECOND + 80)) is not None


async def test_a_token_that_ends_while_its_key_is_looked_up_is_refused():
    """The time that counts is that of the judgement, not of the question."""
    slow = verifier()
    keys: Any = slow.access.keys if slow.access else None

    class Slow:
        async def find(self, kid: str) -> Any:
            slow.clock.forward(3)  # type: ignore[attr-defined]
            return await keys.find(kid)

    late = replace(slow, access=AccessTokens(Slow(), ISSUER, AUDIENCE))
    assert await passes(access_token(exp=SECOND + 2), late) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "JWT"},
        {"typ": "at+JWT"},
        {"typ": "application/at+jwt"},
        {"typ": "secevent+jwt"},
        {"typ": "id_token+jwt"},
        {"typ": None},
        {"typ": ...},
        {"kid": ...},
        {"kid": None},
        {"kid": ""},
        {"kid": 1},
        {"kid": ["ed-1"]},
        {"kid": {"kid": "ed-1"}},
        {"kid": "unknown"},
        {"kid": "rsa-1"},
        {"kid": "ec-1"},
        {"kid": "../../../dev/null"},
        {"kid": "/proc/self/environ"},
        {"kid": "ed-1' OR '1'='1"},
        {"kid": "ed-1\x00"},
        {"kid": "ed-1\n"},
        {"kid": " ed-1"},
        {"kid": "https://evil.example/key"},
        {"kid": "x" * 65},
        {"alg": "ES256"},
        {"alg": "RS256"},
        {"alg": "PS256"},
        {"alg": "ES512"},
        {"alg": "ES256K"},
        {"alg": "Ed25519"},
        {"alg": "eddsa"},
        {"alg": ["EdDSA"]},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"x5t": "abc"},
        {"jwk": {}},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"epk": {}},
        {"iss": ISSUER},
    ],
)
async def test_the_header_chooses_nothing(changes):
    """Only alg, typ and kid, each as agreed; whatever else stands in it, the signature being good does not help."""
    assert await passes(with_header(**changes)) is None


@pytest.mark.parametrize("kid", ["", "a b", "ed-1\n", "../x", "x" * 65, 1, ["ed-1"], None])
async def test_a_key_id_that_no_set_can_hold_is_not_looked_up(kid):
    """A look for an unknown id may move PazPaz; an odd one is refused before."""
    by = verifier()
    assert by.access is not None
    assert await passes(with_header(kid=kid), by) is None
    assert by.access.keys.looked_up == []  # type: ignore[attr-defined]


async def test_a_key_that_comes_with_the_token_is_not_used():
    """The attacker's key in `jwk`, under its own or a known id, with a signature that it made."""
    for kid in (KIDS["EdDSA"], "evil"):
        own = jwk("EdDSA", OTHERS["EdDSA"], kid)
        token = signed(header(kid=kid, jwk=own), access_claims(), key=OTHERS["EdDSA"])
        assert await passes(token) is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_strangers_signature_is_refused(algorithm):
    """The right algorithm and the right key id, and another key."""
    token = signed(header(algorithm), access_claims(), algorithm=algorithm, key=OTHERS[algorithm])
    assert await passes(token) is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("under", ALGORITHMS)
async def test_a_key_serves_its_own_algorithm_only(algorithm, under):
    """A good signature of one key of the set, presented under the id of another."""
    if algorithm == under:
        return
    for head in (header(algorithm, kid=KIDS[under]), header(under)):
        assert await passes(signed(head, access_claims(), algorithm=algorithm)) is None


def es256(signature: bytes) -> str:
    text = f"{b64(header('ES256'))}.{b64(access_claims())}"
    return f"{text}.{b64(signature)}"


def a_der_signature() -> bytes:
    text = f"{b64(header('ES256'))}.{b64(access_claims())}".encode()
    return bytes(PRIVATE["ES256"].sign(text, ec.ECDSA(hashes.SHA256())))


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(64),
        bytes(63) + b"\x01",
        b"\x01" + bytes(63),
        ORDER.to_bytes(32, "big") * 2,
        b"\xff" * 64,
        bytes(32),
        bytes(65),
        bytes(132),
        a_der_signature(),
    ],
    ids=["empty", "zeros", "r=0", "s=0", "r=s=n", "too great", "short", "long", "ES512", "DER"],
)
async def test_degenerate_ecdsa_signatures_are_refused(signature):
    """The psychic signature of all zeros, and its relatives."""
    assert await passes(es256(signature)) is None


async def test_pss_is_not_pkcs1():
    """A PSS signature of the right key under RS256."""
    text = f"{b64(header('RS256'))}.{b64(access_claims())}".encode()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    token = f"{text.decode()}.{b64(PRIVATE['RS256'].sign(text, pss, hashes.SHA256()))}"
    assert await passes(token) is None


def raw_token(head: str, payload: str) -> str:
    """A good signature over JSON as it was typed."""
    text = f"{b64(head.encode())}.{b64(payload.encode())}"
    return f"{text}.{b64(raw_signature('EdDSA', text.encode(), PRIVATE['EdDSA']))}"


HEAD, PAYLOAD = json.dumps(header()), json.dumps(access_claims())


@pytest.mark.parametrize(
    ("head", "payload"),
    [
        (HEAD[:-1] + ', "alg": "EdDSA"}', PAYLOAD),
        ('{"alg": "none", ' + HEAD[1:], PAYLOAD),
        (HEAD[:-1] + ', "kid": "ed-1"}', PAYLOAD),
        (HEAD[:-1] + ', "\\u006bid": "ed-1"}', PAYLOAD),
        (HEAD, PAYLOAD[:-1] + f', "workspace_id": "{WORKSPACE}"}}'),
        (HEAD, '{"workspace_id": "' + str(UUID(int=2)) + '", ' + PAYLOAD[1:]),
        (HEAD, PAYLOAD[:-1] + f', "\\u0065xp": {SECOND + 80}}}'),
        (HEAD, PAYLOAD[:-1] + ', "x": {"a": 1, "a": 2}}'),
        (HEAD, PAYLOAD[:-1] + ', "x": NaN}'),
        (HEAD, PAYLOAD[:-1] + ', "x": Infinity}'),
        (HEAD, PAYLOAD + " trailing"),
        (HEAD, f"[{PAYLOAD}]"),
        (HEAD, json.dumps(PAYLOAD)),
        (HEAD, "null"),
        (HEAD, ""),
        (HEAD, PAYLOAD.replace(str(SECOND + 80), f"{SECOND + 80}.0")),
        (HEAD, PAYLOAD.replace(str(SECOND + 80), f"{SECOND + 80}e0")),
        (HEAD, PAYLOAD.replace(str(SECOND + 80), f'"{SECOND + 80}"')),
        (HEAD, "[" * 900),
        ("[" * 900, PAYLOAD),
        (f"[{HEAD}]", PAYLOAD),
        (HEAD, "\ufeff" + PAYLOAD),
        (HEAD.replace("alg", "Alg"), PAYLOAD),
    ],
)
async def test_json_with_two_readings_is_refused(head, payload):
    """Repeated names in any spelling, constants that are no JSON, numbers that are no integers, other values."""
    assert await passes(raw_token(HEAD, PAYLOAD)) is not None
    assert await passes(raw_token(head, payload)) is None


def padded(token: str) -> list[str]:
    """Other letters for the same bytes."""
    head, payload, signature = token.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1])
    twin = signature[:-1] + alphabet[last ^ 1]
    standard = base64.b64encode(base64.urlsafe_b64decode(signature + "==")).decode()
    return [
        f"{head}.{payload}.{signature}=",
        f"{head}.{payload}.{signature}==",
        f"{head}=.{payload}.{signature}",
        f"{head}.{payload}.{twin}",
        f"{head}.{payload}.{standard}",
        f" {token}",
        f"{token} ",
        f"{token}\n",
        f"{head}.\n{payload}.{signature}",
        f"{head}..{payload}.{signature}",
        f"{head}.{payload}",
        f"{head}.{payload}.{signature}.",
        f"{token}.{signature}",
        f"{token}, {token}",
        f"{token} {token}",
        f".{payload}.{signature}",
        f"{head}..{signature}",
        f"{head}.{payload}.",
        token.replace(".", ". "),
        token + "\x00",
        token + "é",
        "Bearer " + token,
        "",
        ".",
        "..",
    ]


@pytest.mark.parametrize("place", range(25))
@pytest.mark.parametrize("make", [access_token, session_token])
async def test_a_token_has_one_spelling(make, place):
    """Padding, spare bits, blanks, other alphabets, more parts or fewer: all of them another text."""
    token = make()
    other = padded(token)[place]
    assert other != token
    assert await passes(other) is None


async def test_an_oversized_token_is_refused_before_it_is_read():
    """Four kilobytes are enough; a megabyte costs nothing."""
    assert await passes(access_token(padding="x" * 4000)) is None
    assert await passes("a" * 1_000_000) is None
    assert await passes(f"{'a' * 5000}.{'b' * 5000}.{'c' * 5000}") is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_cut_and_lengthened_signatures_are_refused(algorithm):
    """A byte fewer, a byte more, the signature twice."""
    head, payload, signature = access_token(algorithm).split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for other in (raw[:-1], raw[1:], raw + b"\x00", b"\x00" + raw, raw + raw):
        assert await passes(f"{head}.{payload}.{b64(other)}") is None


async def test_a_token_in_a_token_is_no_token():
    """A nested JWS, and an encrypted one's five parts."""
    inner = access_token()
    assert await passes(raw_token(json.dumps(header(cty="JWT")), json.dumps(inner))) is None
    assert (
        await passes(
            f"{b64({'alg': 'dir', 'enc': 'A256GCM'})}..{b64(b'x')}.{b64(b'y')}.{b64(b'z')}"
        )
        is None
    )


@given(st.sampled_from([access_token(name) for name in ALGORITHMS] + [session_token()]), st.data())
async def test_no_mutation_of_a_good_token_passes(token, data):
    """One letter changed, dropped, doubled or put in, anywhere."""
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(min_codepoint=1, max_codepoint=0x2FF))
    other = data.draw(
        st.sampled_from(
            [
                token[:place] + letter + token[place + 1 :],
                token[:place] + token[place + 1 :],
                token[:place] + letter + token[place:],
                token[:place] + token[place:] * 2,
                token[:place],
            ]
        )
    )
    assert other == token or await passes(other) is None


async def test_a_workspace_in_the_token_must_be_pazpazs_own_word():
    """A token that names another practice than PazPaz does for this login: 401, remembered or not."""
    source = ScriptedPrincipals(an_introspection())
    principals = Principals(source, ManualClock())
    for mode in (access_token, session_token):
        claims = await passes(mode(workspace_id=str(OTHER_WORKSPACE)))
        assert claims is not None, "the signature is good: only PazPaz can tell"
        with pytest.raises(NotAuthenticated):
            await principals.confirm(claims)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (m.upper(), p)
        for p, ways in APP.openapi()["paths"].items()
        for m in ways
        if p.startswith("/api")
    ],
)
async def test_a_cookie_is_never_read(method, path):
    """The token that signs a browser in at PazPaz does nothing here unless it is sent as Bearer."""
    async with served(AppParts()) as http:
        url = path.replace("{conversation_id}", str(UUID(int=1)))
        cookie = {"Cookie": f"access_token={app_token()}"}
        response = await http.request(method, url, headers=cookie)
        assert response.status_code == 401
        for twice in (
            [("Authorization", f"Bearer {app_token()}")] * 2,
            [("Authorization", "Basic x")],
        ):
            assert (await http.request(method, url, headers=twice)).status_code == 401


def test_a_verifier_does_not_tell_its_secret():
    """What an error or a debugger prints of it opens nothing."""
    assert SECRET not in repr(verifier())
