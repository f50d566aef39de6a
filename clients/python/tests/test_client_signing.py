"""The profile, attacked."""

import asyncio
import base64
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx
import pytest
import signature_oracle as oracle
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from pazpaz_ai_client import signing
from pazpaz_ai_client.signing import (
    CHANGES_TAG,
    PULL_TAG,
    KeyRing,
    MalformedBody,
    MemoryNonceStore,
    NonceStoreUnavailable,
    PrivateKey,
    PublicKey,
    RedisNonceStore,
    RequestVerifier,
    ResponseVerifier,
    SignatureRefused,
    Signer,
    VerifiedRequest,
)

NOW = 1_795_400_000.0
PATH = "/internal/ai/v1/records/batch-get"
BODY = b'{"workspace_id":"0190f2c1-7c1e-7a3b-9d2e-3f1f6a7b8c9d"}'
NONCE = "AAECAwQFBgcICQoLDA0ODw"
KEY = PrivateKey.generate("ai-2026-11-a")
OTHER_KEY = PrivateKey.generate("ai-2026-12-a")
ANSWER_KEY = PrivateKey.generate("ml-2026-11-a")


class AwayNonceStore:
    """A store that nobody reaches."""

    async def remember(self, direction, keyid, nonce, ttl_seconds):
        raise NonceStoreUnavailable


@dataclass(frozen=True)
class Received:
    """A request as a server sees it."""

    headers: list = field(default_factory=list)
    method: str = "POST"
    raw_path: bytes = PATH.encode()
    query_string: bytes = b""
    body: bytes = BODY

    def value(self, name):
        return next(v.decode() for k, v in self.headers if k == name.encode())

    def with_header(self, name, value):
        """The same request with another value in one field, in its place."""
        value = value if isinstance(value, bytes) else value.encode("latin-1")
        return replace(
            self, headers=[(k, value if k == name.encode() else v) for k, v in self.headers]
        )

    def without(self, name):
        return replace(self, headers=[(k, v) for k, v in self.headers if k != name.encode()])

    def adding(self, name, value):
        return replace(self, headers=[*self.headers, (name.encode(), value.encode())])

    def editing(self, name, old, new):
        assert old in self.value(name)
        return self.with_header(name, self.value(name).replace(old, new, 1))


def a_signer(key=KEY, *, audience="pazpaz-monolith", now=NOW):
    return Signer(key, audience=audience, clock=lambda: now)


def a_request(*, signer=None, path=PATH, query="", body=BODY, tag=PULL_TAG, request_id="r-1"):
    headers = (signer or a_signer()).headers(
        method="POST",
        path=path,
        query=query,
        body=body,
        content_type="application/json",
        tag=tag,
        request_id=request_id,
    )
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Received(headers=raw, raw_path=path.encode(), query_string=query.encode(), body=body)


def a_verifier(*, keys=(KEY.public,), nonces=None, accept=False, now=NOW):
    return RequestVerifier(
        keys=KeyRing(keys),
        audience="pazpaz-monolith",
        direction="pull",
        nonces=nonces or MemoryNonceStore(clock=lambda: now),
        accept_without_nonce_store=accept,
        clock=lambda: now,
    )


def at_once(coroutine):
    """Run a coroutine that never waits."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def verify(received, *, verifier=None, tag=PULL_TAG):
    step = (verifier or a_verifier()).verify(
        method=received.method,
        raw_path=received.raw_path,
        query_string=received.query_string,
        headers=received.headers,
        body=received.body,
        tag=tag,
    )
    try:
        step.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the verifier waited")


def refused(received, *, verifier=None, tag=PULL_TAG):
    with pytest.raises(SignatureRefused) as refusal:
        verify(received, verifier=verifier, tag=tag)
    return refusal.value.rule


def signed_by_oracle(*, components=oracle.REQUEST, key=KEY, text=None, path=PATH, query=""):
    """A request that the second implementation signed, with any parameters."""
    text = text or oracle.parameters(
        created=int(NOW), expires=int(NOW) + 60, nonce=NONCE, keyid=key.keyid, tag=PULL_TAG
    )
    fields = {
        "content-digest": oracle.digest(BODY),
        "content-type": "application/json",
        "pp-audience": "pazpaz-monolith",
        "pp-request-id": "r-1",
    }
    base = oracle.request_base("POST", path, query, fields, text)
    fields |= {
        "signature-input": f"pp={components}{text}",
        "signature": oracle.sign(key.key, base),
    }
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    return Received(headers=raw, raw_path=path.encode(), query_string=query.encode())


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


@pytest.mark.parametrize("now", [NOW - 30, NOW, NOW + 60, NOW + 90])
def test_clocks_may_differ_by_the_skew(now):
    """A signature holds from 30 s before it was made until 30 s after it expires."""
    assert verify(a_request(), verifier=a_verifier(now=now))


@pytest.mark.parametrize("now", [NOW - 31, NOW + 91, NOW + 86_400])
def test_old_and_future_signatures_are_refused(now):
    """Outside its minute and the skew a signature is worth nothing."""
    assert refused(a_request(), verifier=a_verifier(now=now)) == "window"


# What is refused


ATTACKS = {
    "changed body": (lambda r: replace(r, body=BODY.replace(b"0", b"1")), "digest"),
    "changed body and digest": (
        lambda r: replace(r, body=b"{}").with_header("content-digest", oracle.digest(b"{}")),
        "signature",
    ),
    "changed type": (lambda r: r.with_header("content-type", "text/plain"), "signature"),
    "changed method": (lambda r: replace(r, method="PUT"), "method"),
    "small method": (lambda r: replace(r, method="post"), "method"),
    "changed path": (lambda r: replace(r, raw_path=b"/internal/ai/v1/changes"), "signature"),
    "added query": (lambda r: replace(r, query_string=b"a=1"), "signature"),
    "percent path": (lambda r: replace(r, raw_path=b"/internal/a%69/v1/changes"), "target"),
    "double slash": (lambda r: replace(r, raw_path=b"//internal/ai/v1/changes"), "target"),
    "dot segment": (lambda r: replace(r, raw_path=b"/internal/../ai/v1"), "target"),
    "relative path": (lambda r: replace(r, raw_path=b"internal"), "target"),
    "empty path": (lambda r: replace(r, raw_path=b""), "target"),
    "line end in path": (lambda r: replace(r, raw_path=r.raw_path + b"\n"), "target"),
    "high byte in path": (lambda r: replace(r, raw_path=b"/\xe9"), "target"),
    "percent query": (lambda r: replace(r, query_string=b"a=%31"), "target"),
    "question mark in query": (lambda r: replace(r, query_string=b"?"), "target"),
    "content encoding": (lambda r: r.adding("content-encoding", "gzip"), "content_encoding"),
    "identity encoding": (lambda r: r.adding("Content-Encoding", "identity"), "content_encoding"),
    "two digests": (
        lambda r: r.with_header("content-digest", f"{oracle.digest(BODY)}, sha-512=:AA==:"),
        "digest",
    ),
    "digest of another kind": (
        lambda r: r.with_header("content-digest", "sha-512=:AA=:"),
        "digest",
    ),
    "other audience": (lambda r: r.with_header("pp-audience", "pazpaz-ai"), "audience"),
    "changed request id": (lambda r: r.with_header("pp-request-id", "r-2"), "signature"),
    "long request id": (lambda r: r.with_header("pp-request-id", "r" * 129), "header_malformed"),
    "split request id": (lambda r: r.with_header("pp-request-id", "r\nx"), "header_malformed"),
    "hebrew request id": (
        lambda r: r.with_header("pp-request-id", b"\xd7\x90"),
        "header_malformed",
    ),
    "empty signature": (lambda r: r.with_header("signature", ""), "header_malformed"),
    "short signature": (lambda r: r.with_header("signature", "pp=:AAAA:"), "header_malformed"),
    "signature of zeros": (
        lambda r: r.with_header("signature", f"pp=:{base64.b64encode(bytes(64)).decode()}:"),
        "signature",
    ),
    "other label": (lambda r: r.editing("signature", "pp=", "qq="), "header_malformed"),
    "other input label": (lambda r: r.editing("signature-input", "pp=", "qq="), "header_malformed"),
    "two signatures": (
        lambda r: r.with_header("signature", r.value("signature") + ", x=:AAAA:"),
        "header_malformed",
    ),
    "two labels": (
        lambda r: r.with_header(
            "signature-input",
            f"{r.value('signature-input')}, {r.value('signature-input').replace('pp=', 'x=')}",
        ),
        "header_malformed",
    ),
    "huge input": (
        lambda r: r.with_header("signature-input", "pp=(" + "a" * 5000),
        "header_malformed",
    ),
    "two spaces": (lambda r: r.editing("signature-input", '" "', '"  "'), "components"),
    "no component": (lambda r: r.editing("signature-input", ' "pp-request-id"', ""), "components"),
    "extra component": (
        lambda r: r.editing("signature-input", '"pp-request-id"', '"pp-request-id" "x"'),
        "components",
    ),
    "other order": (
        lambda r: r.editing("signature-input", '"@method" "@path"', '"@path" "@method"'),
        "components",
    ),
    "twice a component": (
        lambda r: r.editing("signature-input", '"@method"', '"@method" "@method"'),
        "components",
    ),
    "component with parameter": (
        lambda r: r.editing("signature-input", '"content-type"', '"content-type";sf'),
        "components",
    ),
    "extra parameter": (
        lambda r: r.with_header("signature-input", r.value("signature-input") + ";x=1"),
        "parameters",
    ),
    "twice a parameter": (
        lambda r: r.with_header("signature-input", r.value("signature-input") + ";created=1"),
        "parameters",
    ),
    "flag parameter": (
        lambda r: r.with_header("signature-input", r.value("signature-input") + ";x"),
        "header_malformed",
    ),
    "text as time": (
        lambda r: r.editing("signature-input", "created=1795400000", 'created="1795400000"'),
        "parameters",
    ),
    "fractional time": (
        lambda r: r.editing("signature-input", "created=1795400000", "created=1795400000.5"),
        "header_malformed",
    ),
    "negative time": (
        lambda r: r.editing("signature-input", "created=1", "created=-1"),
        "header_malformed",
    ),
    "long life": (lambda r: r.editing("signature-input", "1795400060", "1795400061"), "window"),
    "no life": (lambda r: r.editing("signature-input", "1795400060", "1795400000"), "window"),
    "other algorithm": (
        lambda r: r.editing("signature-input", '"ed25519"', '"hmac-sha256"'),
        "algorithm",
    ),
    "other tag": (lambda r: r.editing("signature-input", PULL_TAG, CHANGES_TAG), "tag"),
    "other key name": (lambda r: r.editing("signature-input", KEY.keyid, "ai-x"), "unknown_key"),
    "key name as number": (
        lambda r: r.editing("signature-input", f'"{KEY.keyid}"', "5"),
        "unknown_key",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_altered_request_is_refused(attack):
    """Every change of a signed request is refused, by the rule that names it."""
    alter, rule = ATTACKS[attack]

    assert refused(alter(a_request())) == rule


FIELDS = [
    "signature-input",
    "signature",
    "content-digest",
    "content-type",
    "pp-audience",
    "pp-request-id",
]


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_refused(name):
    """Each field of the profile must be there."""
    assert refused(a_request().without(name)) == "header_missing"


@pytest.mark.parametrize("name", FIELDS)
def test_a_repeated_field_is_refused(name):
    """Two equal lines, or two spellings of one name, are one too many."""
    request = a_request()

    assert refused(request.adding(name, request.value(name))) == "header_repeated"
    assert refused(request.adding(name.title(), "x")) == "header_repeated"


@pytest.mark.parametrize("name", ["created", "expires", "nonce", "keyid", "alg", "tag"])
def test_a_missing_parameter_is_refused(name):
    """None of the six parameters can be left out, even by a holder of the key."""
    text = oracle.parameters(
        created=int(NOW), expires=int(NOW) + 60, nonce=NONCE, keyid=KEY.keyid, tag=PULL_TAG
    )
    kept = ";".join(p for p in text.split(";") if not p.startswith(f"{name}="))
    rules = {"keyid": "unknown_key", "alg": "algorithm", "tag": "tag"}

    assert refused(signed_by_oracle(text=kept)) == rules.get(name, "parameters")


def test_a_short_nonce_is_refused():
    """A holder of the key cannot weaken the nonce."""
    text = oracle.parameters(
        created=int(NOW), expires=int(NOW) + 60, nonce="AAAA", keyid=KEY.keyid, tag=PULL_TAG
    )

    assert refused(signed_by_oracle(text=text)) == "parameters"


def test_an_unused_bit_cannot_make_a_second_spelling():
    """Base64 that decodes to the same signature but reads differently is refused."""
    request = a_request()
    value = request.value("signature")
    last = value[-4]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = value[:-4] + alphabet[alphabet.index(last) + 1] + value[-3:]

    assert base64.b64decode(twin[4:-1]) == base64.b64decode(value[4:-1])
    assert refused(request.with_header("signature", twin)) == "header_malformed"


def test_an_empty_body_is_refused():
    """Every call has a body, so there is no branch without a digest."""
    request = a_request().with_header("content-digest", oracle.digest(b""))

    assert refused(replace(request, body=b"")) == "method"


def test_a_request_for_another_route_is_refused():
    """A signature made for one route is worth nothing at another."""
    assert refused(a_request(), tag=CHANGES_TAG) == "tag"


# Keys


def test_a_stranger_is_refused():
    """A good signature by a key nobody registered is refused."""
    assert refused(a_request(signer=a_signer(OTHER_KEY))) == "unknown_key"


def test_a_known_name_on_a_strange_key_is_refused():
    """Claiming the name of a known key does not help."""
    impostor = PrivateKey(KEY.keyid, OTHER_KEY.key)

    assert refused(a_request(signer=a_signer(impostor))) == "signature"


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


def test_a_replay_is_refused():
    """The same request counts once."""
    verifier, request = a_verifier(), a_request()

    assert verify(request, verifier=verifier)
    assert refused(request, verifier=verifier) == "replay"


def test_a_refused_request_leaves_no_nonce():
    """A forged copy cannot burn the nonce of the true request."""
    verifier, request = a_verifier(), a_request()

    assert refused(request.with_header("pp-request-id", "r-2"), verifier=verifier) == "signature"
    assert verify(request, verifier=verifier)


def test_a_pull_waits_while_the_nonce_store_is_away():
    """Where a replay would be answered with health data, no store means no answer."""
    with pytest.raises(NonceStoreUnavailable):
        verify(a_request(), verifier=a_verifier(nonces=AwayNonceStore()))


def test_an_event_is_accepted_while_the_nonce_store_is_away():
    """Where a replay changes nothing, no store is no obstacle, but the signature still is."""
    verifier = a_verifier(nonces=AwayNonceStore(), accept=True)

    assert verify(a_request(), verifier=verifier)
    assert refused(replace(a_request(), body=b"{}"), verifier=verifier) == "digest"


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


async def test_redis_keeps_nonces_per_direction_and_key():
    """One nonce in two directions is no replay; the key carries both and expires."""
    redis = FakeRedis()
    store = RedisNonceStore(redis)

    assert await store.remember("pull", "k", "n", 180)
    assert await store.remember("event", "k", "n", 180)
    assert not await store.remember("pull", "k", "n", 180)
    assert redis.calls["pp:nonce:pull:k:n"] == 180


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

    with pytest.raises(NonceStoreUnavailable):
        await RedisNonceStore(Stalled(), timeout_seconds=0.01).remember("pull", "k", "n", 180)


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


def answer(request, *, status=200, body=b'{"ok":1}', tag=PULL_TAG, key=ANSWER_KEY, now=NOW):
    """What the other side answers to a request it verified."""
    headers = a_signer(key, audience="-", now=now).response_headers(
        status=status, body=body, content_type="application/json", request=request, tag=tag
    )
    return httpx.Response(status, headers=headers, content=body)


def exchange(**options):
    """Send one signed request through httpx; return what was sent and the signed answer."""
    verifier = a_verifier()

    def serve(sent):
        path, _, query = sent.url.raw_path.partition(b"?")
        received = Received(
            headers=sent.headers.raw,
            method=sent.method,
            raw_path=path,
            query_string=query,
            body=sent.content,
        )
        return answer(verify(received, verifier=verifier), **options)

    with httpx.Client(transport=httpx.MockTransport(serve), base_url="http://ml") as client:
        return client.post(PATH, params={"a": "1"}, json={"x": 1}, auth=a_signer().auth(PULL_TAG))


def check(response, *, request=None, tag=PULL_TAG, now=NOW, **changes):
    ResponseVerifier(KeyRing([ANSWER_KEY.public]), clock=lambda: now).verify(
        **{
            "request": request or response.request,
            "status": response.status_code,
            "headers": response.headers,
            "body": response.content,
            "tag": tag,
        }
        | changes
    )


def refused_answer(response, **changes):
    with pytest.raises(SignatureRefused) as refusal:
        check(response, **changes)
    return refusal.value.rule


@pytest.mark.parametrize("status", [200, 202, 403, 422, 503])
def test_an_answer_of_any_status_can_be_trusted(status):
    """What was signed for this request, of whatever status, holds."""
    check(exchange(status=status))


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


def test_an_answer_to_another_request_is_refused():
    """A recorded answer cannot be given to a second request, even an equal one."""
    first, second = exchange(), exchange()

    assert refused_answer(first, request=second.request) == "signature"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"status": 201}, "signature"),
        ({"body": b'{"ok":2}'}, "digest"),
        ({"body": b""}, "digest"),
        ({"headers": []}, "header_missing"),
        ({"tag": CHANGES_TAG}, "tag"),
        ({"now": NOW + 91}, "window"),
        ({"now": NOW - 31}, "window"),
    ],
)
def test_an_altered_answer_is_refused(change, rule):
    """Status, body, route and time of an answer are all bound."""
    assert refused_answer(exchange(), **change) == rule


def test_an_answer_by_an_unknown_key_is_refused():
    """Our own key cannot answer for the other side."""
    assert refused_answer(exchange(key=KEY)) == "unknown_key"


def test_a_request_signature_is_no_answer():
    """The fields of a request, sent back as an answer, are refused."""
    response = exchange()

    assert refused_answer(response, headers=response.request.headers) == "components"


def test_a_compressed_answer_is_refused():
    """A digest is of bytes as sent, so nobody may have encoded them."""
    response = exchange()
    headers = [*response.headers.raw, (b"Content-Encoding", b"gzip")]

    assert refused_answer(response, headers=headers) == "content_encoding"


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


# Noise


@given(name=st.sampled_from(FIELDS), value=st.binary(max_size=1500))
@settings(max_examples=600, deadline=None)
def test_noise_in_a_field_is_only_ever_a_refusal(name, value):
    """No bytes in any field raise anything but a refusal."""
    request = a_request()
    if value.decode("latin-1") != request.value(name):
        refused(request.with_header(name, value))


@st.composite
def edits(draw):
    """One small change somewhere in one of the structured fields."""
    name = draw(st.sampled_from(["signature-input", "signature", "content-digest"]))
    at = draw(st.integers(0, 400))
    cut = draw(st.integers(0, 3))
    put = draw(st.text(st.characters(max_codepoint=255), max_size=4) | st.sampled_from(TOKENS))
    return name, at, cut, put


TOKENS = [';tag="x"', ",", "pp=", "()", '"', ";", "=:", ";created=1", "?1", ";req", '\\"', " ", "@"]


@given(edit=edits())
@settings(max_examples=1500, deadline=None)
def test_a_small_edit_is_only_ever_a_refusal(edit):
    """Near misses of the true grammar are refused like noise, never with another error."""
    name, at, cut, put = edit
    request = a_request()
    value = request.value(name)
    at %= len(value) + 1
    edited = value[:at] + put + value[at + cut :]
    if edited != value:
        refused(request.with_header(name, edited))


@given(path=st.binary(max_size=60), query=st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_noise_in_the_target_is_only_ever_a_refusal(path, query):
    """No path and no query raise anything but a refusal."""
    refused(replace(a_request(), raw_path=b"/x" + path, query_string=query))


def test_the_lifetime_of_a_nonce_covers_the_lifetime_of_a_signature():
    """Nothing that still holds can have been forgotten."""
    assert signing.NONCE_TTL > signing.LIFETIME + 2 * signing.SKEW
