"""Signed requests and answers as a server or a caller receives them, ready to be altered."""

from dataclasses import dataclass, field, replace

import httpx
import pytest
import signature_oracle as oracle

from pazpaz_ai_client.signing import (
    EVENT_TAG,
    PULL_TAG,
    KeyRing,
    MemoryNonceStore,
    NonceStoreUnavailable,
    PrivateKey,
    RequestVerifier,
    ResponseVerifier,
    SignatureRefused,
    Signer,
)

NOW = 1_795_400_000.0
PATH = "/internal/ai/v1/records/batch-get"
BODY = b'{"workspace_id":"0190f2c1-7c1e-7a3b-9d2e-3f1f6a7b8c9d"}'
NONCE = "AAECAwQFBgcICQoLDA0ODw"
KEY = PrivateKey.generate("ai-2026-11-a")
OTHER_KEY = PrivateKey.generate("ai-2026-12-a")
ANSWER_KEY = PrivateKey.generate("ml-2026-11-a")


@dataclass(frozen=True)
class Direction:
    """Who speaks to whom, and about what."""

    name: str
    key: PrivateKey
    audience: str
    tag: str
    path: str


PULL = Direction("pull", KEY, "pazpaz-monolith", PULL_TAG, PATH)
EVENT = Direction("event", ANSWER_KEY, "pazpaz-ai", EVENT_TAG, "/internal/v1/events")


class AwayNonceStore:
    """A store that nobody reaches."""

    async def remember(self, direction, keyid, nonce, ttl_seconds):
        raise NonceStoreUnavailable


@dataclass(frozen=True)
class Received:
    """A message as it arrives: of a request the target, of an answer the status and its request."""

    headers: list = field(default_factory=list)
    method: str = "POST"
    raw_path: bytes = PATH.encode()
    query_string: bytes = b""
    body: bytes = BODY
    status: int = 200
    request: httpx.Request | None = None

    def value(self, name):
        return next(v.decode() for k, v in self.headers if k == name.encode())

    def with_header(self, name, value):
        """The same message with another value in one field, in its place."""
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


def a_request(
    *, to=PULL, signer=None, path=None, query="", body=BODY, tag=None, request_id="r-1", key=None
):
    path = to.path if path is None else path
    headers = (signer or a_signer(key or to.key, audience=to.audience)).headers(
        method="POST",
        path=path,
        query=query,
        body=body,
        content_type="application/json",
        tag=tag or to.tag,
        request_id=request_id,
    )
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Received(headers=raw, raw_path=path.encode(), query_string=query.encode(), body=body)


def a_verifier(*, to=PULL, keys=None, nonces=None, accept=False, now=NOW):
    return RequestVerifier(
        keys=KeyRing(keys or (to.key.public,)),
        audience=to.audience,
        direction=to.name,
        nonces=nonces or MemoryNonceStore(clock=lambda: now),
        accept_without_nonce_store=accept,
        clock=lambda: now,
    )


def at_once(coroutine):
    """Run a coroutine that never waits."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def verify(received, *, to=PULL, verifier=None, tag=None):
    step = (verifier or a_verifier(to=to)).verify(
        method=received.method,
        raw_path=received.raw_path,
        query_string=received.query_string,
        headers=received.headers,
        body=received.body,
        tag=tag or to.tag,
    )
    try:
        step.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the verifier waited")


def refused(received, **how):
    with pytest.raises(SignatureRefused) as refusal:
        verify(received, **how)
    return refusal.value.rule


def parameters(to=PULL, **changes):
    given = {
        "created": int(NOW),
        "expires": int(NOW) + 60,
        "nonce": NONCE,
        "keyid": to.key.keyid,
        "tag": to.tag,
    }
    return oracle.parameters(**given | changes)


def signed_by_oracle(*, to=PULL, components=oracle.REQUEST, text=None, path=None, query=""):
    """A request that a holder of the key signed by the second implementation, whatever it covers."""
    text = text or parameters(to)
    path = to.path if path is None else path
    fields = {
        "content-digest": oracle.digest(BODY),
        "content-type": "application/json",
        "pp-audience": to.audience,
        "pp-request-id": "r-1",
        "x": "y",
    }
    message = {"method": "POST", "path": path, "query": query, "fields": fields}
    base = oracle.base(message | {"authority": "pazpaz"}, components, text)
    fields |= {
        "signature-input": f"pp={components}{text}",
        "signature": oracle.sign(to.key.key, base),
    }
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    return Received(headers=raw, raw_path=path.encode(), query_string=query.encode())


# Answers


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


def an_answer(**options):
    """The answer of an exchange, to be altered as a request is."""
    response = exchange(**options)
    raw = [(name.lower(), value) for name, value in response.headers.raw]
    return Received(
        headers=raw,
        body=response.content,
        status=response.status_code,
        request=response.request,
    )


def check(received, *, request=None, tag=PULL_TAG, now=NOW, keys=(ANSWER_KEY.public,)):
    ResponseVerifier(KeyRing(keys), clock=lambda: now).verify(
        request=request or received.request,
        status=received.status,
        headers=received.headers,
        body=received.body,
        tag=tag,
    )


def refused_answer(received, **how):
    with pytest.raises(SignatureRefused) as refusal:
        check(received, **how)
    return refusal.value.rule
