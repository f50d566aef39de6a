"""The profile, attacked: every alteration is refused by the rule that names it, in each direction."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
import signature_oracle as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from signed_messages import (
    ANSWER_KEY,
    BODY,
    EVENT,
    KEY,
    NOW,
    OTHER_KEY,
    PULL,
    AwayNonceStore,
    a_request,
    a_verifier,
    an_answer,
    check,
    parameters,
    refused,
    refused_answer,
    signed_by_oracle,
    verify,
)

from pazpaz_ai_client.signing import (
    CHANGES_TAG,
    NonceStoreUnavailable,
    PrivateKey,
    PublicKey,
    SignatureRefused,
)

each_way = pytest.mark.parametrize("to", [PULL, EVENT], ids=["pull", "event"])
RETIRED = datetime.fromtimestamp(NOW, UTC)
REQUEST_FIELDS = [
    "signature-input",
    "signature",
    "content-digest",
    "content-type",
    "pp-audience",
    "pp-request-id",
]
ANSWER_FIELDS = ["signature-input", "signature", "content-digest", "content-type"]
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def signature_of(size):
    return f"pp=:{base64.b64encode(bytes(size)).decode()}:"


def second_spelling(message):
    """Base64 that decodes to the same signature and reads differently: an unused bit is set."""
    value = message.value("signature")
    twin = value[:-4] + BASE64[BASE64.index(value[-4]) + 1] + value[-3:]
    assert base64.b64decode(twin[4:-1]) == base64.b64decode(value[4:-1])
    return message.with_header("signature", twin)


def edited(name, old, new):
    return lambda message: message.editing(name, old, new)


def put(name, value):
    return lambda message: message.with_header(name, value)


def changed(**parts):
    return lambda message: replace(message, **parts)


def appended(name, text):
    return lambda message: message.with_header(name, message.value(name) + text)


# What can be done to any signed message, a request or an answer.
TO_ANY = {
    "changed body": (lambda m: replace(m, body=m.body + b" "), "digest"),
    "changed body and digest": (
        lambda m: replace(m, body=b"[]").with_header("content-digest", oracle.digest(b"[]")),
        "signature",
    ),
    "changed type": (put("content-type", "text/plain"), "signature"),
    "content encoding": (lambda m: m.adding("content-encoding", "gzip"), "content_encoding"),
    "identity encoding": (lambda m: m.adding("Content-Encoding", "identity"), "content_encoding"),
    "two digests": (appended("content-digest", ", sha-512=:AA==:"), "digest"),
    "the digest twice": (
        lambda m: m.with_header("content-digest", f"{m.value('content-digest')}, " * 2 + "x"),
        "digest",
    ),
    "digest of another kind": (put("content-digest", "sha-512=:AA==:"), "digest"),
    "digest by another name": (edited("content-digest", "sha-256", "sha-512"), "digest"),
    "digest in capitals": (edited("content-digest", "sha-256", "SHA-256"), "digest"),
    "empty digest": (put("content-digest", ""), "header_malformed"),
    "empty signature": (put("signature", ""), "header_malformed"),
    "short signature": (put("signature", signature_of(63)), "header_malformed"),
    "long signature": (put("signature", signature_of(65)), "header_malformed"),
    "signature of zeros": (put("signature", signature_of(64)), "signature"),
    "unpadded base64": (edited("signature", "==:", ":"), "header_malformed"),
    "a space in base64": (edited("signature", "==:", " ==:"), "header_malformed"),
    "base64 of addresses": (put("signature", f"pp=:{'_' * 86}==:"), "header_malformed"),
    "second spelling of base64": (second_spelling, "header_malformed"),
    "signature with a parameter": (appended("signature", ";x"), "header_malformed"),
    "signature without bytes": (edited("signature", "pp=:", "pp="), "header_malformed"),
    "other label": (edited("signature", "pp=", "qq="), "header_malformed"),
    "other input label": (edited("signature-input", "pp=", "qq="), "header_malformed"),
    "other labels in both": (
        lambda m: m.editing("signature", "pp=", "qq=").editing("signature-input", "pp=", "qq="),
        "header_malformed",
    ),
    "second signature": (
        lambda m: m.with_header("signature", f"{m.value('signature')}, x=:AAAA:"),
        "header_malformed",
    ),
    "second label": (
        lambda m: m.with_header(
            "signature-input",
            f"{m.value('signature-input')}, {m.value('signature-input').replace('pp=', 'x=', 1)}",
        ),
        "header_malformed",
    ),
    "our label after another": (
        lambda m: m.with_header("signature-input", f"x=();created=1, {m.value('signature-input')}"),
        "header_malformed",
    ),
    "huge input": (put("signature-input", "pp=(" + "a" * 5000), "header_malformed"),
    "two spaces": (edited("signature-input", '" "', '"  "'), "components"),
    "no components": (
        lambda m: m.with_header(
            "signature-input", "pp=()" + m.value("signature-input").split(")")[1]
        ),
        "components",
    ),
    "one component fewer": (edited("signature-input", ' "content-type"', ""), "components"),
    "one component more": (
        edited("signature-input", ' "content-type"', ' "content-type" "x"'),
        "components",
    ),
    "twice a component": (
        edited("signature-input", '"content-type"', '"content-type" "content-type"'),
        "components",
    ),
    "component in capitals": (
        edited("signature-input", '"content-type"', '"Content-Type"'),
        "components",
    ),
    "component with parameter": (
        edited("signature-input", '"content-type"', '"content-type";sf'),
        "components",
    ),
    "extra parameter": (appended("signature-input", ";x=1"), "parameters"),
    "twice created": (appended("signature-input", ";created=1"), "parameters"),
    "twice the tag": (appended("signature-input", ';tag="x"'), "parameters"),
    "flag parameter": (appended("signature-input", ";x"), "header_malformed"),
    "space before a parameter": (
        edited("signature-input", ";expires", "; expires"),
        "header_malformed",
    ),
    "text as time": (
        edited("signature-input", "created=1795400000", 'created="1795400000"'),
        "parameters",
    ),
    "text as end": (
        edited("signature-input", "expires=1795400060", 'expires="1795400060"'),
        "parameters",
    ),
    "fractional time": (
        edited("signature-input", "created=1795400000", "created=1795400000.5"),
        "header_malformed",
    ),
    "negative time": (edited("signature-input", "created=1", "created=-1"), "header_malformed"),
    "time with a zero before it": (
        edited("signature-input", "created=1", "created=01"),
        "header_malformed",
    ),
    "time shifted": (edited("signature-input", "1795400060", "1795400059"), "signature"),
    "longer life than a minute": (edited("signature-input", "1795400060", "1795400061"), "window"),
    "no life": (edited("signature-input", "1795400060", "1795400000"), "window"),
    "life backwards": (edited("signature-input", "1795400060", "1795399990"), "window"),
    "from the future": (
        edited("signature-input", "created=1795400000", "created=1795400031"),
        "window",
    ),
    "other algorithm": (edited("signature-input", '"ed25519"', '"hmac-sha256"'), "algorithm"),
    "no algorithm": (edited("signature-input", ';alg="ed25519"', ""), "algorithm"),
    "other tag": (edited("signature-input", 'tag="pp-', 'tag="qq-'), "tag"),
    "other key name": (edited("signature-input", 'keyid="', 'keyid="x'), "unknown_key"),
    "key name with a quote": (
        edited("signature-input", 'keyid="', 'keyid="\\"'),
        "header_malformed",
    ),
    "other nonce": (edited("signature-input", 'nonce="', 'nonce="A'), "parameters"),
}
TO_REQUESTS = {
    "changed method": (changed(method="PUT"), "method"),
    "small method": (changed(method="post"), "method"),
    "changed path": (changed(raw_path=b"/internal/ai/v1/changes"), "signature"),
    "added query": (changed(query_string=b"a=1"), "signature"),
    "percent path": (changed(raw_path=b"/internal/a%69/v1/changes"), "target"),
    "double slash": (changed(raw_path=b"//internal/ai/v1/changes"), "target"),
    "dot segment": (changed(raw_path=b"/internal/../ai/v1"), "target"),
    "hidden file": (changed(raw_path=b"/internal/.ai"), "target"),
    "relative path": (changed(raw_path=b"internal"), "target"),
    "empty path": (changed(raw_path=b""), "target"),
    "line end in path": (lambda r: replace(r, raw_path=r.raw_path + b"\n"), "target"),
    "parameters in path": (lambda r: replace(r, raw_path=r.raw_path + b";a=1"), "target"),
    "high byte in path": (changed(raw_path=b"/\xe9"), "target"),
    "percent query": (changed(query_string=b"a=%31"), "target"),
    "plus in query": (changed(query_string=b"a=1+1"), "target"),
    "question mark in query": (changed(query_string=b"?"), "target"),
    "empty body": (
        lambda r: replace(r, body=b"").with_header("content-digest", oracle.digest(b"")),
        "method",
    ),
    "other audience": (put("pp-audience", "pazpaz-elsewhere"), "audience"),
    "other order": (
        edited("signature-input", '"@method" "@path"', '"@path" "@method"'),
        "components",
    ),
    "components of an answer": (
        edited("signature-input", '"@method" "@path"', '"@status" "@path"'),
        "components",
    ),
    "changed request id": (put("pp-request-id", "r-2"), "signature"),
    "long request id": (put("pp-request-id", "r" * 129), "header_malformed"),
    "split request id": (put("pp-request-id", "r\nx"), "header_malformed"),
    "hebrew request id": (put("pp-request-id", b"\xd7\x90"), "header_malformed"),
    "tab at the end": (put("pp-request-id", "r-1\t"), "header_malformed"),
}
TO_ANSWERS = {
    "changed status": (changed(status=201), "signature"),
    "an error made a success": (changed(status=500), "signature"),
    "emptied body": (changed(body=b""), "digest"),
    "no header at all": (changed(headers=[]), "header_missing"),
    "other order": (
        edited("signature-input", '"@method";req "@path";req', '"@path";req "@method";req'),
        "components",
    ),
    "bound to no request": (
        edited("signature-input", ' "signature";req;key="pp"', ""),
        "components",
    ),
    "bound to itself": (edited("signature-input", '"@path";req', '"@path"'), "components"),
    "bound to another label": (edited("signature-input", 'key="pp"', 'key="qq"'), "components"),
}


@each_way
@pytest.mark.parametrize("attack", [*TO_ANY, *TO_REQUESTS])
def test_an_altered_request_is_refused(attack, to):
    """Every change of a signed request is refused, by the rule that names it."""
    alter, rule = (TO_ANY | TO_REQUESTS)[attack]

    assert refused(alter(a_request(to=to)), to=to) == rule


@pytest.mark.parametrize("attack", [*TO_ANY, *TO_ANSWERS])
def test_an_altered_answer_is_refused(attack):
    """Every change of a signed answer is refused alike."""
    alter, rule = (TO_ANY | TO_ANSWERS)[attack]

    assert refused_answer(alter(an_answer())) == rule


@each_way
@pytest.mark.parametrize("name", REQUEST_FIELDS)
def test_a_missing_or_repeated_field_is_refused(name, to):
    """Each field of the profile is there once; two spellings of one name are one too many."""
    request = a_request(to=to)

    assert refused(request.without(name), to=to) == "header_missing"
    assert refused(request.adding(name, request.value(name)), to=to) == "header_repeated"
    assert refused(request.adding(name.title(), "x"), to=to) == "header_repeated"


@pytest.mark.parametrize("name", ANSWER_FIELDS)
def test_a_missing_or_repeated_field_of_an_answer_is_refused(name):
    """As in a request."""
    answer = an_answer()

    assert refused_answer(answer.without(name)) == "header_missing"
    assert refused_answer(answer.adding(name, answer.value(name))) == "header_repeated"
    assert refused_answer(answer.adding(name.title(), "x")) == "header_repeated"


# What a holder of the key might do


@each_way
@pytest.mark.parametrize("name", ["created", "expires", "nonce", "keyid", "alg", "tag"])
def test_a_missing_parameter_is_refused(name, to):
    """None of the six parameters can be left out, even by a holder of the key."""
    kept = ";".join(p for p in parameters(to).split(";") if not p.startswith(f"{name}="))
    rules = {"keyid": "unknown_key", "alg": "algorithm", "tag": "tag"}

    assert refused(signed_by_oracle(to=to, text=kept), to=to) == rules.get(name, "parameters")


@each_way
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"nonce": "AAAA"}, "parameters"),
        ({"nonce": "A" * 21 + "="}, "parameters"),
        ({"expires": int(NOW) + 61}, "window"),
        ({"created": int(NOW) - 91, "expires": int(NOW) - 31}, "window"),
        ({"created": int(NOW) + 31, "expires": int(NOW) + 91}, "window"),
        ({"alg": "ecdsa-p256-sha256"}, "algorithm"),
        ({"alg": "Ed25519"}, "algorithm"),
        ({"tag": CHANGES_TAG}, "tag"),
        ({"tag": "pp-pull-response/1"}, "tag"),
    ],
)
def test_a_good_signature_over_other_parameters_is_refused(changes, rule, to):
    """A holder of the key can weaken neither nonce nor life, and not choose algorithm or tag."""
    assert refused(signed_by_oracle(to=to, text=parameters(to, **changes)), to=to) == rule


@each_way
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created", f'"{int(NOW)}"'),
        ("expires", f'"{int(NOW) + 60}"'),
        ("nonce", "1234567890123456789012"),
        ("alg", "25519"),
        ("tag", "1"),
    ],
)
def test_a_parameter_of_another_type_is_refused(name, value, to):
    """A number as text and a text as number are second spellings, even by a holder of the key."""
    given = [part.partition("=") for part in parameters(to).split(";")]
    text = ";".join(f"{key}{sign}{value if key == name else old}" for key, sign, old in given)
    rules = {"alg": "algorithm", "tag": "tag"}

    assert refused(signed_by_oracle(to=to, text=text), to=to) == rules.get(name, "parameters")


NAMES = oracle.REQUEST[1:-1].split()


@each_way
@pytest.mark.parametrize(
    "names",
    [[n for n in NAMES if n != left_out] for left_out in NAMES]
    + [[*NAMES, '"x"'], [*NAMES, '"@authority"'], ['"@authority"', *NAMES], NAMES[::-1], []],
    ids=[*(f"without {name}" for name in NAMES), "x", "authority", "first", "reversed", "none"],
)
def test_a_good_signature_over_other_components_is_refused(names, to):
    """Fewer, more, or the same in another order: what is covered is not the signer's choice."""
    request = signed_by_oracle(to=to, components=f"({' '.join(names)})")

    assert refused(request, to=to) == "components"


@each_way
def test_a_request_for_another_route_is_refused(to):
    """A signature made for one route is worth nothing at another."""
    assert refused(a_request(to=to), to=to, tag=CHANGES_TAG) == "tag"


def test_a_request_of_the_other_direction_is_refused():
    """An event is no pull and a pull no event, whoever's keys are known."""
    keys = (KEY.public, ANSWER_KEY.public)
    for to, back in ((PULL, EVENT), (EVENT, PULL)):
        verifier = a_verifier(to=to, keys=keys)
        assert refused(a_request(to=back), to=to, verifier=verifier) == "tag"
        relabelled = a_request(to=back, tag=to.tag)
        assert refused(relabelled, to=to, verifier=verifier) == "audience"


# Keys


@each_way
def test_a_stranger_is_refused(to):
    """A good signature by a key nobody registered is refused, and so is one by our own key."""
    own = ANSWER_KEY if to is PULL else KEY

    for key in (OTHER_KEY, own):
        assert refused(a_request(to=to, key=key), to=to) == "unknown_key"


@each_way
def test_a_known_name_on_a_strange_key_is_refused(to):
    """Claiming the name of a known key does not help."""
    impostor = PrivateKey(to.key.keyid, OTHER_KEY.key)

    assert refused(a_request(to=to, key=impostor), to=to) == "signature"


@each_way
def test_a_retired_key_is_refused(to):
    """From the second it retires, and not before."""
    ring = (PublicKey(to.key.keyid, to.key.public.key, RETIRED), OTHER_KEY.public)
    late, early = (a_verifier(to=to, keys=ring, now=now) for now in (NOW, NOW - 1))

    assert refused(a_request(to=to), to=to, verifier=late) == "retired_key"
    assert verify(a_request(to=to), to=to, verifier=early)


def test_an_answer_by_a_stranger_ourselves_or_a_retired_key_is_refused():
    """Only an active key of the other side answers for it."""
    ring = (PublicKey(ANSWER_KEY.keyid, ANSWER_KEY.public.key, RETIRED), OTHER_KEY.public)
    impostor = PrivateKey(ANSWER_KEY.keyid, OTHER_KEY.key)

    assert refused_answer(an_answer(key=KEY)) == "unknown_key"
    assert refused_answer(an_answer(key=impostor)) == "signature"
    assert refused_answer(an_answer(), keys=ring) == "retired_key"


# Time and memory


@each_way
@pytest.mark.parametrize("now", [NOW - 31, NOW + 91, NOW + 86_400])
def test_old_and_future_signatures_are_refused(now, to):
    """Outside its minute and the skew a signature is worth nothing."""
    assert refused(a_request(to=to), to=to, verifier=a_verifier(to=to, now=now)) == "window"


@pytest.mark.parametrize("now", [NOW - 31, NOW + 91])
def test_old_and_future_answers_are_refused(now):
    """As of a request."""
    assert refused_answer(an_answer(), now=now) == "window"


@each_way
def test_a_replay_is_refused(to):
    """The same request counts once, also when it comes late within its life."""
    verifier, request = a_verifier(to=to), a_request(to=to)

    assert verify(request, to=to, verifier=verifier)
    assert refused(request, to=to, verifier=verifier) == "replay"


@each_way
def test_a_refused_request_leaves_no_nonce(to):
    """A forged copy cannot burn the nonce of the true request."""
    verifier, request = a_verifier(to=to), a_request(to=to)
    forged = request.with_header("pp-request-id", "r-2")

    assert refused(forged, to=to, verifier=verifier) == "signature"
    assert verify(request, to=to, verifier=verifier)


def test_a_pull_waits_while_the_nonce_store_is_away():
    """Where a replay would be answered with health data, no store means no answer."""
    with pytest.raises(NonceStoreUnavailable):
        verify(a_request(), verifier=a_verifier(nonces=AwayNonceStore()))


def test_an_event_is_accepted_while_the_nonce_store_is_away():
    """Where a replay changes nothing, no store is no obstacle, but the signature still is."""
    verifier = a_verifier(to=EVENT, nonces=AwayNonceStore(), accept=True)
    request = a_request(to=EVENT)

    assert verify(request, to=EVENT, verifier=verifier)
    assert refused(replace(request, body=b"{}"), to=EVENT, verifier=verifier) == "digest"


# Answers and their requests


def test_an_answer_to_another_request_is_refused():
    """A recorded answer cannot be given to a second request, even an equal one."""
    first, second = an_answer(), an_answer()

    assert refused_answer(first, request=second.request) == "signature"


@pytest.mark.parametrize(
    ("part", "value"),
    [("method", "PUT"), ("url", "http://ml/internal/ai/v1/changes"), ("url", "http://ml/x?a=2")],
)
def test_an_answer_to_a_changed_request_is_refused(part, value):
    """Method, path and query of the request are bound, and so is its whole signature."""
    answer = an_answer()
    sent = answer.request
    parts = {"method": sent.method, "url": sent.url, part: value}

    other = httpx.Request(**parts, headers=sent.headers)
    assert refused_answer(answer, request=other) == "signature"


def test_an_answer_for_another_route_is_refused():
    """The answer's tag is made from its request's."""
    assert refused_answer(an_answer(), tag=CHANGES_TAG) == "tag"


def test_a_request_signature_is_no_answer():
    """The fields of a request, sent back as an answer, are refused."""
    answer = an_answer()
    raw = [(name.lower(), value) for name, value in answer.request.headers.raw]

    assert refused_answer(replace(answer, headers=raw)) == "components"


# Any change at all

REQUESTS = {to.name: (to, a_request(to=to, query="a=1&b=~x")) for to in (PULL, EVENT)}
ANSWER = an_answer()
PARTS = ["body", "method", "raw_path", "query_string", *REQUEST_FIELDS]


@st.composite
def one_byte(draw, parts):
    """A part of a message, a place in it, and what happens to the byte there."""
    how = draw(st.sampled_from(["replace", "insert", "delete"]))
    return (
        draw(st.sampled_from(parts)),
        draw(st.integers(0, 2000)),
        how,
        draw(st.binary(min_size=1, max_size=1)),
    )


def mutated(message, mutation):
    """The message with one byte changed, or None when that changes nothing."""
    part, at, how, byte = mutation
    old = dict(message.headers).get(part.encode())
    if old is None:
        old = getattr(message, part)
    content = old.encode() if isinstance(old, str) else old
    at %= len(content) + (how == "insert")
    new = content[:at] + (b"" if how == "delete" else byte) + content[at + (how != "insert") :]
    if new == content:
        return None
    if part == "method":
        return replace(message, method=new.decode("latin-1"))
    if hasattr(message, part):
        return replace(message, **{part: new})
    return message.with_header(part, new)


@given(direction=st.sampled_from(sorted(REQUESTS)), mutation=one_byte(PARTS))
@settings(max_examples=800, deadline=None)
def test_a_request_with_one_byte_changed_is_refused(direction, mutation):
    """Whatever byte is changed, added or lost, and never with an error other than a refusal."""
    to, request = REQUESTS[direction]
    altered = mutated(request, mutation)
    if altered is not None:
        refused(altered, to=to)


@given(mutation=one_byte(["body", *ANSWER_FIELDS]))
@settings(max_examples=600, deadline=None)
def test_an_answer_with_one_byte_changed_is_refused(mutation):
    """As of a request."""
    altered = mutated(ANSWER, mutation)
    if altered is not None:
        refused_answer(altered)


@given(
    name=st.sampled_from(REQUEST_FIELDS),
    at=st.integers(0, 40),
    byte=st.binary(min_size=1, max_size=1),
)
@settings(max_examples=200, deadline=None)
def test_a_field_with_one_byte_of_its_name_changed_is_missing(name, at, byte):
    """Names count without case, and only whole."""
    _, request = REQUESTS["pull"]
    at %= len(name)
    new = name.encode()[:at] + byte + name.encode()[at + 1 :]
    renamed = [(new if k == name.encode() else k, v) for k, v in request.headers]
    if new.lower() == name.encode():
        assert verify(replace(request, headers=renamed))
    else:
        assert refused(replace(request, headers=renamed)) == "header_missing"


def test_the_messages_that_are_mutated_are_good_ones():
    """Otherwise the three tests above would prove nothing."""
    for to, request in REQUESTS.values():
        assert verify(request, to=to)
    check(ANSWER)


# Noise


@given(name=st.sampled_from(REQUEST_FIELDS), value=st.binary(max_size=1500))
@settings(max_examples=600, deadline=None)
def test_noise_in_a_field_is_only_ever_a_refusal(name, value):
    """No bytes in any field raise anything but a refusal."""
    _, request = REQUESTS["pull"]
    if value.decode("latin-1") != request.value(name):
        refused(request.with_header(name, value))


@given(name=st.sampled_from(ANSWER_FIELDS), value=st.binary(max_size=1500))
@settings(max_examples=300, deadline=None)
def test_noise_in_a_field_of_an_answer_is_only_ever_a_refusal(name, value):
    """As of a request."""
    if value.decode("latin-1") != ANSWER.value(name):
        refused_answer(ANSWER.with_header(name, value))


TOKENS = [';tag="x"', ",", "pp=", "()", '"', ";", "=:", ";created=1", "?1", ";req", '\\"', " ", "@"]


@st.composite
def edits(draw):
    """One small change somewhere in one of the structured fields."""
    name = draw(st.sampled_from(["signature-input", "signature", "content-digest"]))
    at = draw(st.integers(0, 400))
    cut = draw(st.integers(0, 3))
    text = st.text(st.characters(max_codepoint=255), max_size=4) | st.sampled_from(TOKENS)
    return name, at, cut, draw(text)


@given(edit=edits())
@settings(max_examples=1000, deadline=None)
def test_a_small_edit_is_only_ever_a_refusal(edit):
    """Near misses of the true grammar are refused like noise, never with another error."""
    name, at, cut, text = edit
    _, request = REQUESTS["pull"]
    value = request.value(name)
    at %= len(value) + 1
    altered = value[:at] + text + value[at + cut :]
    if altered != value:
        refused(request.with_header(name, altered))


@given(path=st.binary(max_size=60), query=st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_noise_in_the_target_is_only_ever_a_refusal(path, query):
    """No path and no query raise anything but a refusal."""
    refused(replace(REQUESTS["pull"][1], raw_path=b"/x" + path, query_string=query))


def test_a_refusal_is_one_exception_that_names_its_rule():
    """What the log gets is a word of the profile, and never a part of the message."""
    with pytest.raises(SignatureRefused) as refusal:
        verify(replace(a_request(), body=BODY + b"left knee pain"))

    assert str(refusal.value) == refusal.value.rule == "digest"
