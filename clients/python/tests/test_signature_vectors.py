"""The shared vectors, as PazPaz and the service read them through this package."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import signature_oracle as oracle
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pazpaz_ai_client.signing import (
    TAGS,
    KeyRing,
    MemoryNonceStore,
    PrivateKey,
    PublicKey,
    RequestVerifier,
    ResponseVerifier,
    SignatureRefused,
    Signer,
)

FILE = Path(__file__).resolve().parents[3] / "tests/vectors/signatures.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
NOW = VECTORS["now"]
KEYS = {
    key["keyid"]: PrivateKey(
        key["keyid"], Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["seed"]))
    )
    for key in VECTORS["keys"]
}
REQUESTS = {vector["name"]: vector for vector in VECTORS["requests"]}
RESPONSES = {vector["name"]: vector for vector in VECTORS["responses"]}
REFUSED = {vector["name"]: vector for vector in VECTORS["refused"]}


def ring(side):
    return KeyRing(PublicKey.from_dict(key) for key in VECTORS["keys"] if key["keyid"][:2] == side)


def raw(vector):
    return [(name.encode(), value.encode()) for name, value in vector["headers"]]


def a_verifier(audience, *, now=NOW):
    return RequestVerifier(
        keys=ring("ml" if audience == "pazpaz-ai" else "ai"),
        audience=audience,
        direction="vectors",
        nonces=MemoryNonceStore(clock=lambda: now),
        accept_without_nonce_store=False,
        clock=lambda: now,
    )


def verify(vector, verifier, tag):
    return asyncio.run(
        verifier.verify(
            method=vector["method"],
            raw_path=vector["path"].encode(),
            query_string=vector["query"].encode(),
            headers=raw(vector),
            body=vector["body"].encode(),
            tag=tag,
        )
    )


def verify_answer(vector, tag, *, now=NOW):
    asked = REQUESTS[vector["request"]]
    url = httpx.URL("http://ml" + asked["path"] + (f"?{asked['query']}" if asked["query"] else ""))
    ResponseVerifier(ring("ml"), clock=lambda: now).verify(
        request=httpx.Request("POST", url, headers=raw(asked)),
        status=vector["status"],
        headers=raw(vector),
        body=vector["body"].encode(),
        tag=tag,
    )


@pytest.fixture
def signer(monkeypatch):
    """Our signer, at the moment and with the nonce of a vector."""

    def at(vector):
        secrets = SimpleNamespace(token_urlsafe=lambda size: vector["nonce"])
        monkeypatch.setattr("pazpaz_ai_client.signing.signer.secrets", secrets)
        return Signer(
            KEYS[vector["keyid"]],
            audience=vector.get("audience", "-"),
            clock=lambda: vector["created"] + 0.9,
        )

    return at


def test_every_tag_has_its_vectors():
    """Seven requests, and the answers of six of them; an event's is not signed."""
    assert REQUESTS.keys() == TAGS
    assert {vector["request"] for vector in RESPONSES.values()} == TAGS - {"pp-event/1"}


@pytest.mark.parametrize("name", REQUESTS)
def test_our_signer_makes_the_requests_header_for_header(signer, name):
    """The same input, moment and nonce give the same signature."""
    vector = REQUESTS[name]
    wanted = {name: vector[name] for name in ("method", "path", "query", "content_type", "tag")}
    headers = signer(vector).headers(
        **wanted, body=vector["body"].encode(), request_id=vector["request_id"]
    )

    assert {name.lower(): value for name, value in headers.items()} == dict(vector["headers"])


@pytest.mark.parametrize("name", RESPONSES)
def test_our_signer_makes_the_answers_header_for_header(signer, name):
    """An answer is bound to the vector's request, signature and all."""
    vector = RESPONSES[name]
    asked = REQUESTS[vector["request"]]
    request = SimpleNamespace(
        method=asked["method"],
        path=asked["path"],
        query=asked["query"],
        signature_header=dict(asked["headers"])["signature"],
    )
    headers = signer(vector).response_headers(
        status=vector["status"],
        body=vector["body"].encode(),
        content_type=vector["content_type"],
        request=request,
        tag=asked["tag"],
    )

    assert {name.lower(): value for name, value in headers.items()} == dict(vector["headers"])


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_accepted_as_they_stand(name):
    """Our verifier takes what the second implementation signed."""
    vector = REQUESTS[name]
    verified = verify(vector, a_verifier(vector["audience"]), vector["tag"])

    assert (verified.keyid, verified.body.decode()) == (vector["keyid"], vector["body"])


@pytest.mark.parametrize("name", RESPONSES)
def test_answers_are_accepted_as_they_stand(name):
    """For the request they were signed for."""
    verify_answer(RESPONSES[name], RESPONSES[name]["request"])


@pytest.mark.parametrize("name", [*REQUESTS, *RESPONSES])
def test_the_printed_base_is_what_was_signed(name):
    """Who writes a third implementation can compare bases before signatures."""
    vector = {**REQUESTS, **RESPONSES}[name]
    signature = dict(vector["headers"])["signature"]
    key = KEYS[vector["keyid"]].public.key

    assert oracle.holds(key, signature, vector["signature_base"].encode())


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_be_refused_is_refused_by_the_rule_named(name):
    """Requests and answers alike."""
    vector = REFUSED[name]
    if "status" in vector:
        with pytest.raises(SignatureRefused) as refusal:
            verify_answer(vector, vector["expected_tag"], now=vector["now"])
    else:
        verifier = a_verifier(vector["expected_audience"], now=vector["now"])
        if vector["seen"]:
            verify(vector, verifier, vector["expected_tag"])
        with pytest.raises(SignatureRefused) as refusal:
            verify(vector, verifier, vector["expected_tag"])

    assert refusal.value.rule == vector["rule"]
