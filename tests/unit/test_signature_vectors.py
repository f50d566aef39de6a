"""The shared vectors at the service's own doors: the ingest route, and calls to PazPaz."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pazpaz_ai_client.signing import (
    KeyRing,
    MemoryNonceStore,
    PrivateKey,
    PublicKey,
    RequestVerifier,
    ResponseVerifier,
    Signer,
)
from service.adapters.pazpaz.monolith import Monolith
from service.container import OUR_AUDIENCE, THEIR_AUDIENCE
from service.domain.identity import UserId, WorkspaceId
from service.errors import SourceUnavailable
from tests.unit.api.practice import Parts, is_problem, served
from tests.vectors import make

VECTORS = json.loads(make.FILE.read_text(encoding="utf-8"))
REQUESTS = {vector["name"]: vector for vector in VECTORS["requests"]}
ANSWERS = {vector["name"]: vector for vector in VECTORS["responses"]}
EVENTS = {
    vector["name"]: vector
    for vector in VECTORS["refused"]
    if vector["expected_tag"] == "pp-event/1"
}
THEIR_KEYS = KeyRing(
    PublicKey.from_dict(key) for key in VECTORS["keys"] if key["keyid"].startswith("ml-")
)


def test_the_file_is_what_its_script_makes():
    """Nobody edits a vector by hand; `python -m tests.vectors.make` writes it."""
    assert make.FILE.read_text(encoding="utf-8") == make.text()


# Events


@pytest.fixture
async def http():
    """The service at the vectors' moment, knowing PazPaz's keys of the vectors."""
    parts = Parts()
    parts.events_verifier = RequestVerifier(
        keys=THEIR_KEYS,
        audience=OUR_AUDIENCE,
        direction="event",
        nonces=MemoryNonceStore(lambda: VECTORS["now"]),
        accept_without_nonce_store=True,
        clock=lambda: VECTORS["now"],
    )
    async with served(parts) as caller:
        yield caller


async def deliver(http: httpx.AsyncClient, vector: dict) -> httpx.Response:
    return await http.post(
        vector["path"], content=vector["body"].encode(), headers=dict(vector["headers"])
    )


async def test_the_event_is_taken_once(http):
    """202, and the same message again is a replay."""
    vector = REQUESTS["pp-event/1"]
    first = await deliver(http, vector)
    assert (first.status_code, first.json()) == (202, {"accepted": 1})
    assert is_problem(await deliver(http, vector), 401, "not_authenticated")


@pytest.mark.parametrize("name", EVENTS)
async def test_refused_events_are_refused(http, name):
    """The answer is the same whatever rule refused."""
    assert is_problem(await deliver(http, EVENTS[name]), 401, "not_authenticated")


# Calls


@pytest.fixture
def monolith(monkeypatch):
    """Our adapter at a vector's moment with its nonce, talking to a PazPaz that answers a vector."""

    def for_call(asked: dict, answered: dict) -> Monolith:
        fixed = SimpleNamespace(token_urlsafe=lambda size: asked["nonce"])
        monkeypatch.setattr("pazpaz_ai_client.signing.signer.secrets", fixed)
        ids = SimpleNamespace(uuid4=lambda: asked["request_id"])
        monkeypatch.setattr("pazpaz_ai_client.signing.messages.uuid", ids)

        def serve(request: httpx.Request) -> httpx.Response:
            sent = {name: request.headers.get(name) for name, _ in asked["headers"]}
            assert (request.content.decode(), sent) == (asked["body"], dict(asked["headers"]))
            return httpx.Response(
                answered["status"],
                headers=answered["headers"],
                stream=httpx.ByteStream(answered["body"].encode()),
            )

        seed = next(key["seed"] for key in VECTORS["keys"] if key["keyid"] == asked["keyid"])
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        return Monolith(
            http=httpx.AsyncClient(transport=httpx.MockTransport(serve)),
            base_url="http://ml",
            signer=Signer(
                PrivateKey(asked["keyid"], private),
                audience=THEIR_AUDIENCE,
                clock=lambda: asked["created"],
            ),
            verifier=ResponseVerifier(THEIR_KEYS, clock=lambda: VECTORS["now"]),
            clock=lambda: datetime.fromtimestamp(VECTORS["now"], UTC),
            deadline=1,
        )

    return for_call


WORKSPACES, INTROSPECT = REQUESTS["pp-workspaces/1"], REQUESTS["pp-introspect/1"]


async def test_what_we_send_is_the_vector_and_its_answer_is_believed(monolith):
    """Our adapter sends these very headers, and takes the answer that was signed for them."""
    notes = monolith(WORKSPACES, ANSWERS["pp-workspaces/1 200"])
    assert await notes.workspace_status(workspace=WorkspaceId(UUID(make.WORKSPACE))) == "active"

    notes = monolith(INTROSPECT, ANSWERS["pp-introspect/1 200"])
    found = await notes.introspect(session="jti-1", user=UserId(UUID(make.USER)))
    assert (found.role, found.active, found.revoked) == ("owner", True, False)


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"pp-workspaces/1 200"}))
async def test_an_answer_to_another_call_means_pazpaz_is_away(monolith, name):
    """Well signed, but not for what we asked."""
    notes = monolith(WORKSPACES, ANSWERS[name])
    with pytest.raises(SourceUnavailable):
        await notes.workspace_status(workspace=WorkspaceId(UUID(make.WORKSPACE)))
