"""What the profile accepts, and the parts it is made of; test_signature_attacks.py has what it refuses."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
import signature_oracle as oracle
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from signed_messages import (
    ANSWER_KEY,
    BODY,
    EVENT,
    KEY,
    NONCE,
    NOW,
    OTHER_KEY,
    PATH,
    a_request,
    a_signer,
    a_verifier,
    an_answer,
    answer,
    at_once,
    check,
    parameters,
    refused,
    signed_by_oracle,
    verify,
)

from pazpaz_ai_client import signing
from pazpaz_ai_client.signing import (
    PULL_TAG,
    KeyRing,
    KeysUnusable,
    LazyKeys,
    MalformedBody,
    MemoryNonceStore,
    NonceStoreUnavailable,
    PrivateKey,
    PublicKey,
    RedisNonceStore,
    SignatureRefused,
    VerifiedRequest,
    usable_request_id,
)

# What is accepted


def test_a_signed_request_becomes_a_verified_one():
    """The verified request carries what was signed, and parses its body on demand."""
    verified = verify(a_request(query="a=1&b=~x"))

    assert isinstance(verified, VerifiedRequest)
    assert (verified.keyid, verified.request_id) == (KEY.keyid, "r-1")
    assert (verified.method, verified.path, verified.query) == ("POST", PATH, "a=1&b=~x")
    assert verified.json() == json.loads(BODY)


def test_a_verified_request_does_not_show_its_body():
    """What is printed by accident holds no body and no signature."""
    shown = repr(verify(a_request()))

    assert "workspace_id" not in shown
    assert "pp=" not in shown


def test_parameters_may_come_in_any_order():
    """The set of parameters counts; the received text is what was signed."""
    text = (
        f';tag="{PULL_TAG}";alg="ed25519";keyid="{KEY.keyid}";nonce="{NONCE}"'
        f";expires={int(NOW) + 60};created={int(NOW)}"
    )

    assert verify(signed_by_oracle(text=text)).keyid == KEY.keyid


@pytest.mark.parametrize("nonce", ["A" * 22, "z" * 22, "0" * 22, "9-" * 11, "Z_" * 11])
def test_a_nonce_may_have_every_letter_of_its_alphabet(nonce):
    """Base64 for addresses, 16 bytes."""
    assert verify(signed_by_oracle(text=parameters(nonce=nonce)))


@pytest.mark.parametrize("request_id", ["!", "~", "xy", "a b", "! ~", "0123-xyz_ABC"])
def test_a_request_id_may_have_every_visible_letter(request_id):
    """And blanks between them."""
    assert verify(a_request(request_id=request_id)).request_id == request_id


def test_a_key_name_has_at_most_64_small_letters_digits_and_dashes():
    """It is a file's name, and stands in a header."""
    for keyid in ("a", "9", "z" * 64, "ai-2026-11-a", "0-"):
        assert PublicKey(keyid, KEY.public.key).keyid == keyid
    for keyid in ("", "-a", "A", "a_b", "a.b", "a/b", "a\n", "z" * 65):
        with pytest.raises(ValueError, match="a keyid has"):
            PublicKey(keyid, KEY.public.key)


@pytest.mark.parametrize("now", [NOW - 30, NOW, NOW + 60, NOW + 90])
def test_clocks_may_differ_by_the_skew(now):
    """A signature holds from 30 s before it was made until 30 s after it expires."""
    assert verify(a_request(), verifier=a_verifier(now=now))


def test_fields_may_be_as_long_as_the_profile_says():
    """128 letters of an id and 1,024 of any other field are signed and read; one more is refused by either side."""
    call = {"method": "POST", "path": PATH, "query": "", "body": BODY, "tag": PULL_TAG}
    longest = call | {"content_type": "a" * 1024, "request_id": "r" * 128}
    raw = [(k.lower().encode(), v.encode()) for k, v in a_signer().headers(**longest).items()]
    received = replace(a_request(), headers=raw)

    assert verify(received).request_id == "r" * 128
    assert refused(received.with_header("content-type", "a" * 1025)) == "header_malformed"
    with pytest.raises(ValueError, match=r"^Content-Type is"):
        a_signer().headers(**longest | {"content_type": "a" * 1025})
    assert usable_request_id("r" * 128) == "r" * 128
    assert len(usable_request_id("r" * 129)) == 36


# Keys


def test_rotation_refuses_nothing_until_the_overlap_ends():
    """Both keys hold during the overlap; the old one ends at the second it retires."""
    retiring = PublicKey(KEY.keyid, KEY.public.key, datetime.fromtimestamp(NOW + 10, UTC))
    keys = (retiring, OTHER_KEY.public)

    assert verify(a_request(), verifier=a_verifier(keys=keys, now=NOW + 9))
    assert verify(a_request(signer=a_signer(OTHER_KEY)), verifier=a_verifier(keys=keys))
    late = a_verifier(keys=keys, now=NOW + 10)
    assert refused(a_request(), verifier=late) == "retired_key"


def test_a_key_ring_survives_its_file():
    """What to_json writes, from_json reads."""
    retired = PublicKey("ai-old", OTHER_KEY.public.key, datetime.fromtimestamp(NOW, UTC))
    ring = KeyRing.from_json(KeyRing([KEY.public, retired]).to_json())

    assert ring.find(KEY.keyid, datetime.fromtimestamp(NOW, UTC)) == KEY.public
    with pytest.raises(SignatureRefused, match="retired_key"):
        ring.find("ai-old", datetime.fromtimestamp(NOW, UTC))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys":[{}]}',
        '{"keys":[1]}',
        '{"keys":[{"keyid":"a","public_key":"AAAA"}]}',
        '{"keys":[{"keyid":"A B","public_key":"' + "A" * 43 + '="}]}',
        '{"keys":[{"keyid":"a","public_key":"*' + "A" * 43 + '="}]}',
    ],
)
def test_a_broken_key_ring_stops_the_start(text):
    """A key ring that cannot be read is a ValueError, whatever is wrong with it."""
    with pytest.raises(ValueError, match=r".+"):
        KeyRing.from_json(text)


def test_two_keys_of_one_name_stop_the_start():
    """A name stands for one key."""
    with pytest.raises(ValueError, match="two keys"):
        KeyRing([KEY.public, KEY.public])


def test_a_retirement_without_time_zone_stops_the_start():
    """A naive time would retire a key at a different moment on each host."""
    with pytest.raises(ValueError, match="time zone"):
        PublicKey("a", KEY.public.key, datetime(2026, 11, 1))


def test_a_private_key_survives_its_pem_and_never_shows():
    """A key read from its PEM signs alike; its repr holds only the name."""
    again = PrivateKey.from_pem(KEY.keyid, KEY.to_pem())

    assert verify(a_request(signer=a_signer(again)))
    assert repr(again) == "PrivateKey(keyid='ai-2026-11-a')"


def test_only_ed25519_keys_are_read():
    """A key of another kind stops the start."""
    rsa = generate_private_key(65537, 2048)
    pem = rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    with pytest.raises(ValueError, match="Ed25519"):
        PrivateKey.from_pem("a", pem)


# Nonces


def test_memory_forgets_what_is_over():
    """A nonce is kept for its time and not longer, so memory stays bounded."""
    now = [0.0]
    store = MemoryNonceStore(clock=lambda: now[0])

    assert at_once(store.remember("pull", "k", "n", 180))
    now[0] = 179
    assert not at_once(store.remember("pull", "k", "n", 180))
    now[0] = 180
    assert at_once(store.remember("pull", "k", "n", 180))
    assert len(store._forget_at) == 1


class NotingNonces:
    """Remembers what it was asked to keep."""

    def __init__(self):
        self.kept = []

    async def remember(self, *what):
        self.kept.append(what)
        return True


def test_a_nonce_is_kept_under_its_direction_and_key_as_long_as_it_could_be_replayed():
    """Two verifiers may share a store: what came in one direction is no replay in the other."""
    nonces = NotingNonces()
    verify(signed_by_oracle(), verifier=a_verifier(nonces=nonces))
    verify(signed_by_oracle(to=EVENT), to=EVENT, verifier=a_verifier(to=EVENT, nonces=nonces))

    assert nonces.kept == [
        ("pull", KEY.keyid, NONCE, signing.NONCE_TTL),
        ("event", ANSWER_KEY.keyid, NONCE, signing.NONCE_TTL),
    ]


class FakeRedis:
    """SET NX with memory, and faults on demand."""

    def __init__(self, fault=None):
        self.calls, self.fault = {}, fault

    async def set(self, name, value, *, nx, ex):
        if self.fault:
            raise self.fault
        if nx and name in self.calls:
            return None
        self.calls[name] = ex
        return True


@pytest.mark.parametrize("store", [RedisNonceStore(FakeRedis()), MemoryNonceStore()])
async def test_a_nonce_is_known_per_direction_and_key(store):
    """The same one in another direction or of another key is no replay, and no other one is."""
    whats = [("pull", "k", "n"), ("event", "k", "n"), ("pull", "l", "n"), ("pull", "k", "m")]
    assert all([await store.remember(*what, 180) for what in whats])
    assert not any([await store.remember(*what, 180) for what in whats])


async def test_redis_forgets_a_nonce_in_time():
    """Its name carries direction and key, and it expires by itself."""
    redis = FakeRedis()
    await RedisNonceStore(redis).remember("pull", "k", "n", 180)
    assert redis.calls == {"pp:nonce:pull:k:n": 180}


@pytest.mark.parametrize("fault", [ConnectionError(), TimeoutError(), ValueError()])
async def test_any_redis_fault_means_nobody_knows(fault):
    """Whatever the client raises, the caller sees one error."""
    with pytest.raises(NonceStoreUnavailable):
        await RedisNonceStore(FakeRedis(fault)).remember("pull", "k", "n", 180)


async def test_a_stalled_redis_is_given_up():
    """A store that never answers is away after a moment."""

    class Stalled:
        async def set(self, name, value, *, nx, ex):
            await asyncio.Event().wait()

    store = RedisNonceStore(Stalled(), timeout_seconds=0.01)
    with pytest.raises(NonceStoreUnavailable):
        await asyncio.wait_for(store.remember("pull", "k", "n", 180), 5)


# Bodies


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b"[NaN]", b"Infinity", b"[" * 60_000, '{"a":1}'.encode("utf-16"), b"9" * 9000],
)
def test_a_malformed_body_is_one_error_without_its_text(body):
    """Whatever is wrong with the JSON, the error quotes none of it."""
    verified = verify(a_request(body=body))

    with pytest.raises(MalformedBody) as error:
        verified.json()
    assert str(error.value) == ""
    assert error.value.__cause__ is None


# The signer


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"body": b""},
        {"path": "/a%20b"},
        {"path": "a"},
        {"path": "/a//b"},
        {"query": "a=%20"},
        {"tag": "pp-other/1"},
        {"request_id": "a\r\nb"},
        {"content_type": ""},
    ],
)
def test_the_signer_refuses_what_no_verifier_would_take(change):
    """A call outside the profile fails where it is written."""
    call = {
        "method": "POST",
        "path": PATH,
        "query": "",
        "body": BODY,
        "content_type": "application/json",
        "tag": PULL_TAG,
        "request_id": "r-1",
    }

    with pytest.raises(ValueError, match=r".+"):
        a_signer().headers(**(call | change))


@pytest.mark.parametrize("status", [200, 202, 403, 422, 503])
def test_an_answer_of_any_status_can_be_trusted(status):
    """What was signed for this request, of whatever status, holds."""
    check(an_answer(status=status))


def test_a_start_without_a_key_to_sign_with_is_told(tmp_path):
    """Asked for the key of this moment, as a signature would; nothing is signed."""
    lazy = LazyKeys(folder=tmp_path, ring_file=tmp_path / "keys.json")
    with pytest.raises(KeysUnusable):
        a_signer(lazy).require_key()

    noting = NotingKeys()
    a_signer(noting).require_key()
    assert noting.moments == [datetime.fromtimestamp(NOW, UTC)]


class NotingKeys:
    """One key, and the moments at which it was asked for."""

    def __init__(self):
        self.moments = []

    def at(self, now):
        self.moments.append(now)
        return KEY


@pytest.mark.parametrize("fraction", [0, 0.25, 0.999])
def test_a_signature_is_made_with_the_key_of_its_second(fraction):
    """Keys that rotate are asked once, for the moment that the signature says; a life is whole seconds."""
    noting = NotingKeys()
    request = a_request(signer=a_signer(noting, now=NOW + fraction))

    assert noting.moments == [datetime.fromtimestamp(NOW + fraction, UTC)]
    assert f";created={int(NOW)};" in request.value("signature-input")
    assert f";expires={int(NOW) + 60};" in request.value("signature-input")
    assert verify(request)


def test_a_call_without_a_type_is_not_sent():
    """httpx adds none to raw bytes, and the other side would refuse it."""
    with (
        httpx.Client(base_url="http://ml") as client,
        pytest.raises(ValueError, match="Content-Type"),
    ):
        client.post(PATH, content=b"{}", auth=a_signer().auth(PULL_TAG))


def test_httpx_signs_each_attempt_anew():
    """A retry of the same request has a new nonce, the same request id and no compression."""
    seen = []

    def serve(sent):
        seen.append(dict(sent.headers))
        return httpx.Response(503)

    client = httpx.Client(transport=httpx.MockTransport(serve), base_url="http://ml")
    request = client.build_request("POST", PATH, json={}, headers={"Pp-Request-Id": "mine"})
    for _ in range(2):
        client.send(request, auth=a_signer().auth(PULL_TAG))

    first, second = seen
    assert first["signature-input"] != second["signature-input"]
    assert first["pp-request-id"] == second["pp-request-id"] == "mine"
    assert first["accept-encoding"] == "identity"


@pytest.mark.parametrize("given", ["x" * 129, "a\tb", ""])
def test_an_odd_request_id_is_replaced(given):
    """An id that the other side would refuse does not break the call."""
    seen = {}

    def serve(sent):
        seen.update(sent.headers)
        return httpx.Response(503)

    client = httpx.Client(transport=httpx.MockTransport(serve), base_url="http://ml")
    client.post(PATH, json={}, headers={"Pp-Request-Id": given}, auth=a_signer().auth(PULL_TAG))

    assert len(seen["pp-request-id"]) == 36


# The second implementation


PLAIN = st.text("abcXYZ019/_.~=&-", max_size=40)
PATHS = PLAIN.map("/".__add__).filter(lambda p: "//" not in p and "/." not in p)
IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
BODIES = st.binary(min_size=1, max_size=200)


@given(path=PATHS, query=PLAIN, body=BODIES, request_id=IDS)
@settings(max_examples=100, deadline=None)
def test_both_implementations_read_our_requests_alike(path, query, body, request_id):
    """The second implementation finds the same base under every request we sign."""
    request = a_request(path=path, query=query, body=body, request_id=request_id)
    fields = {k.decode(): v.decode() for k, v in request.headers}
    text = fields["signature-input"].removeprefix(f"pp={oracle.REQUEST}")
    base = oracle.request_base("POST", path, query, fields, text)

    assert fields["content-digest"] == oracle.digest(body)
    assert oracle.holds(KEY.public.key, fields["signature"], base)
    assert verify(request).path == path


@given(path=PATHS, query=PLAIN)
@settings(max_examples=100, deadline=None)
def test_we_accept_what_the_second_implementation_signs(path, query):
    """A request signed without our code is verified by it."""
    assert verify(signed_by_oracle(path=path, query=query)).query == query


@given(status=st.integers(200, 599), body=BODIES, path=PATHS, query=PLAIN)
@settings(max_examples=100, deadline=None)
def test_both_implementations_read_our_answers_alike(status, body, path, query):
    """The binding to the request is the same line for line."""
    request = verify(a_request(path=path, query=query))
    headers = answer(request, status=status, body=body).headers
    text = headers["signature-input"].removeprefix(f"pp={oracle.RESPONSE}")
    base = oracle.response_base(
        status, headers, "POST", path, query, request.signature_header, text
    )

    assert oracle.holds(ANSWER_KEY.public.key, headers["signature"], base)


def test_the_lifetime_of_a_nonce_covers_the_lifetime_of_a_signature():
    """Nothing that still holds can have been forgotten."""
    assert signing.NONCE_TTL > signing.LIFETIME + 2 * signing.SKEW
