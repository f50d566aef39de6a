"""The routes PazPaz serves, called through httpx as the service calls them."""

import logging
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from pazpaz_ai_client import internal_api, signing
from pazpaz_ai_client.internal_api import (
    Forbidden,
    create_internal_router,
    pull_verifier,
    without_largest,
)
from pazpaz_ai_client.models import (
    ChangesAnswer,
    ClientRecord,
    IntrospectAnswer,
    ManifestAnswer,
    RecordError,
    RecordsAnswer,
    SessionRecord,
    WorkspaceItem,
    WorkspacesAnswer,
)
from pazpaz_ai_client.signing import (
    KeyRing,
    MemoryNonceStore,
    NonceStoreUnavailable,
    PrivateKey,
    ResponseVerifier,
    SignatureRefused,
    Signer,
)

SERVICE = PrivateKey.generate("ai-2026-11-a")
MONOLITH = PrivateKey.generate("ml-2026-11-a")
WORKSPACE, USER, NOTE = uuid4(), uuid4(), uuid4()
NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
SECRET = "left knee pain"


class AwayNonceStore:
    """A store that nobody reaches."""

    async def remember(self, direction, keyid, nonce, ttl_seconds):
        raise NonceStoreUnavailable


def a_session(*, plan=SECRET, note=NOTE):
    return SessionRecord(
        id=note,
        client_id=uuid4(),
        session_date=NOW,
        plan=plan,
        is_draft=False,
        updated_at=NOW,
        version=1,
    )


class FakeLoader:
    """PazPaz with one note and one user."""

    def __init__(self):
        self.audited, self.plan = [], SECRET

    async def records(self, request):
        if request.purpose == "answer" and request.actor_user_id != USER:
            raise Forbidden
        return RecordsAnswer(sessions=[a_session(plan=self.plan)], clients=[], missing=[])

    async def changes(self, request):
        return ChangesAnswer(events=[], next=request.after)

    async def manifest(self, request):
        return ManifestAnswer(items=[], next=None)

    async def workspaces(self):
        return WorkspacesAnswer(workspaces=[WorkspaceItem(id=WORKSPACE, status="active")])

    async def introspect(self, request):
        if request.user_id != USER:
            return None
        return IntrospectAnswer(
            user_id=USER,
            workspace_id=WORKSPACE,
            role="owner",
            active=True,
            workspace_status="active",
            revoked=False,
            idle_deadline=NOW,
        )

    async def audit(self, event):
        self.audited.append(event)


class Service:
    """The other side: signs calls and checks the answers' signatures."""

    def __init__(self, *, nonces=None):
        self.loader = FakeLoader()
        verifier = pull_verifier(KeyRing([SERVICE.public]), nonces or MemoryNonceStore())
        app = FastAPI()
        app.include_router(
            create_internal_router(
                self.loader, verifier=verifier, signer=Signer(MONOLITH, audience="pazpaz-ai")
            )
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://ml/internal/ai/v1"
        )
        self.signer = Signer(SERVICE, audience="pazpaz-monolith")

    async def call(self, route, tag, body, **options):
        options = {"json": body} if body is not None else {} | options
        return await self.http.post(route, auth=self.signer.auth(tag), **options)

    async def trusted(self, route, tag, body):
        response = await self.call(route, tag, body)
        verify_answer(response, tag)
        return response


def verify_answer(response, tag):
    ResponseVerifier(KeyRing([MONOLITH.public])).verify(
        request=response.request,
        status=response.status_code,
        headers=response.headers,
        body=response.content,
        tag=tag,
    )


@pytest.fixture
def service():
    return Service()


def a_pull(**changes):
    return {
        "workspace_id": str(WORKSPACE),
        "session_ids": [str(NOTE)],
        "purpose": "index",
    } | changes


ROUTES = {
    "records/batch-get": (signing.PULL_TAG, a_pull()),
    "changes": (signing.CHANGES_TAG, {"after": None, "limit": 10}),
    "manifest": (signing.MANIFEST_TAG, {"workspace_id": str(WORKSPACE), "limit": 500}),
    "workspaces": (signing.WORKSPACES_TAG, {}),
    "introspect": (signing.INTROSPECT_TAG, {"sid": "jti", "user_id": str(USER)}),
    "audit-events": (
        signing.AUDIT_TAG,
        {"idempotency_key": "k", "workspace_id": str(WORKSPACE), "user_id": str(USER)},
    ),
}


@pytest.mark.parametrize("route", ROUTES)
async def test_each_route_answers_signed(service, route):
    """Every route takes its own tag and signs its answer."""
    response = await service.trusted(route, *ROUTES[route])

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert "no-store" in response.headers["cache-control"]


@pytest.mark.parametrize("route", ROUTES)
async def test_each_route_refuses_the_tag_of_another(service, route):
    """A signature made for one route opens no other."""
    tag, body = ROUTES[route]
    other = signing.CHANGES_TAG if tag != signing.CHANGES_TAG else signing.PULL_TAG

    assert (await service.call(route, other, body)).status_code == 401


async def test_times_are_in_utc_with_a_z(service):
    """Both sides write one form of time."""
    response = await service.trusted("records/batch-get", signing.PULL_TAG, a_pull())

    assert response.json()["sessions"][0]["session_date"] == "2026-11-23T05:00:00Z"


async def test_an_audit_event_reaches_the_loader(service):
    """What the service did is handed to PazPaz's own log."""
    await service.trusted("audit-events", *ROUTES["audit-events"])

    assert [event.workspace_id for event in service.loader.audited] == [WORKSPACE]


async def test_an_unsigned_call_is_refused_without_saying_why(service, caplog):
    """The caller learns nothing; the log names the rule and holds no body."""
    with caplog.at_level(logging.WARNING):
        response = await service.http.post("changes", json={"x": SECRET})

    problem = response.json()
    assert response.status_code == problem["status"] == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert "header_missing" in caplog.text
    assert "header_missing" not in response.text
    assert SECRET not in caplog.text + response.text


async def test_all_refusals_of_signatures_look_alike(service):
    """An unknown key and a bad signature cannot be told apart from outside."""
    stranger = Signer(PrivateKey.generate("ai-x"), audience="pazpaz-monolith")
    impostor = Signer(PrivateKey.generate(SERVICE.keyid), audience="pazpaz-monolith")
    details = set()
    for signer in (stranger, impostor):
        service.signer = signer
        response = await service.call("changes", *ROUTES["changes"])
        details.add((response.status_code, response.json()["detail"]))

    assert len(details) == 1


async def test_a_replay_is_refused(service):
    """The same bytes a second time are answered with nothing."""
    first = await service.call("changes", *ROUTES["changes"])
    again = await service.http.send(first.request, auth=None)

    assert (first.status_code, again.status_code) == (200, 401)


async def test_what_was_signed_is_what_was_received():
    """A path written differently on the way leads to the same route, and is refused as another one."""
    service = Service()
    request = service.http.build_request("POST", "/changes", json={"after": None, "limit": 10})
    signed = next(service.signer.auth("pp-changes/1").sync_auth_flow(request))
    for route, status in (("/%63hanges", 401), ("/changes", 200)):
        answer = await service.http.post(route, content=signed.content, headers=signed.headers)
        assert answer.status_code == status


async def test_no_nonce_store_means_no_answer():
    """Without a memory for nonces a pull is asked to come back."""
    response = await Service(nonces=AwayNonceStore()).call("changes", *ROUTES["changes"])

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"


async def test_a_refusal_before_verification_is_unsigned(service):
    """Where nobody has proved who they are, we sign nothing for them."""
    response = await service.http.post("changes", json={})

    with pytest.raises(SignatureRefused):
        verify_answer(response, signing.CHANGES_TAG)


@pytest.mark.parametrize("content_type", ["text/plain", "application/jsonp", "multipart/form-data"])
async def test_another_type_is_refused_first(service, content_type):
    """Type comes before signature."""
    response = await service.http.post(
        "changes", content=b"{}", headers={"Content-Type": content_type}
    )

    assert response.status_code == 415


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_is_refused_before_it_is_read(service, chunked):
    """The cap holds with and without Content-Length."""
    size, read = 1024, []

    async def parts():
        for _ in range(1000):
            read.append(size)
            yield b" " * size

    content = parts() if chunked else b" " * (signing.MAX_PULL_BODY + 1)
    response = await service.http.post(
        "changes", content=content, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 413
    assert sum(read) <= signing.MAX_PULL_BODY + size


MALFORMED = [
    b"{",
    b"[]",
    b'"x"',
    b"\xff",
    b'{"limit": 501}',
    b'{"limit": 0}',
    b'{"secret": "left knee pain"}',
    b'{"after": {"txid": -1, "id": "left knee pain"}}',
]


@pytest.mark.parametrize("body", MALFORMED)
async def test_a_malformed_body_is_refused_without_an_echo(service, body):
    """A signed body of another shape is 422, signed, and quotes nothing."""
    response = await service.http.post(
        "changes",
        content=body,
        headers={"Content-Type": "application/json"},
        auth=service.signer.auth(signing.CHANGES_TAG),
    )

    verify_answer(response, signing.CHANGES_TAG)
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], str)
    assert "secret" not in response.text
    assert SECRET not in response.text


@pytest.mark.parametrize(
    "change",
    [
        {"session_ids": [str(UUID(int=i)) for i in range(51)]},
        {"client_ids": [str(UUID(int=i)) for i in range(51)]},
        {"purpose": "answer"},
        {"purpose": "curiosity"},
        {"workspace": "x"},
    ],
)
async def test_a_pull_outside_the_contract_is_refused(service, change):
    """At most 50 ids of a kind, a known purpose, an actor for an answer, no unknown field."""
    response = await service.trusted("records/batch-get", signing.PULL_TAG, a_pull(**change))

    assert response.status_code == 422


async def test_an_actor_from_elsewhere_is_forbidden(service):
    """PazPaz decides who may read; the refusal is signed, so that it is believed."""
    body = a_pull(purpose="answer", actor_user_id=str(uuid4()))

    response = await service.trusted("records/batch-get", signing.PULL_TAG, body)

    assert response.status_code == 403


async def test_an_unknown_user_is_a_signed_404(service):
    """Nobody of that id: an answer to believe, not a fault."""
    body = {"sid": "jti", "user_id": str(uuid4())}

    assert (await service.trusted("introspect", signing.INTROSPECT_TAG, body)).status_code == 404


async def test_an_odd_request_id_is_not_repeated(service):
    """A refusal repeats no header that could not have been signed."""
    response = await service.http.post("changes", content=b"", headers={"Pp-Request-Id": "x" * 500})

    assert UUID(response.json()["request_id"])


async def test_an_answer_over_the_limit_gives_up_its_largest_rows(service, monkeypatch):
    """A row that makes the answer too large comes as an error, signed like the rest."""
    monkeypatch.setattr(internal_api, "MAX_ANSWER", 10_000)
    service.loader.plan = "x" * 20_000

    response = await service.trusted("records/batch-get", signing.PULL_TAG, a_pull())

    assert response.json()["sessions"] == [{"id": str(NOTE), "error": "too_large"}]


def test_only_as_many_rows_are_given_up_as_needed():
    """The largest row goes first, in either list, and the others stay as they were."""
    small, large = a_session(plan="x", note=uuid4()), a_session(plan="x" * 900, note=uuid4())
    client = ClientRecord(
        id=uuid4(), first_name="A", last_name="B", notes="x" * 5000, is_active=True, updated_at=NOW
    )
    broken = RecordError(id=uuid4(), error="decrypt_failed")
    answer = RecordsAnswer(sessions=[small, large, broken], clients=[client], missing=[])

    one = without_largest(answer, excess=100)
    two = without_largest(answer, excess=5200)

    assert one.sessions == [small, large, broken]
    assert one.clients == [RecordError(id=client.id, error="too_large")]
    assert two.sessions == [small, RecordError(id=large.id, error="too_large"), broken]


def test_records_do_not_show_their_text():
    """A record printed by accident holds ids and times."""
    assert SECRET not in repr(RecordsAnswer(sessions=[a_session()], clients=[], missing=[]))
