"""Tests as PazPaz would write them of its own application, with the fake in place of the service."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from pazpaz_ai_client.internal_api import Forbidden, create_internal_router
from pazpaz_ai_client.models import (
    AuditEvent,
    ChangesAnswer,
    ChangesRequest,
    IntrospectAnswer,
    IntrospectRequest,
    ManifestAnswer,
    ManifestItem,
    ManifestRequest,
    RecordsAnswer,
    RecordsRequest,
    SessionRecord,
    WorkspaceItem,
    WorkspacesAnswer,
)
from pazpaz_ai_client.proxy import create_proxy_router
from pazpaz_ai_client.signing import (
    LiveKeys,
    MemoryNonceStore,
    PrivateKey,
    RequestVerifier,
    SignatureRefused,
    Signer,
)
from pazpaz_ai_client.testing import Citation, PullFailed

CHAT = "/api/v1/ai/agent/chat"
HISTORY = "/api/v1/ai/agent/history"
QUESTION = "What helped Dana's knee?"
WORKSPACE, USER, CLIENT, NOTE = uuid4(), uuid4(), uuid4(), uuid4()
NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
STREAM = {"Accept": "text/event-stream", "Accept-Language": "en"}


class Loader:
    """PazPaz's tables: one workspace with one user, one client and one note."""

    def __init__(self):
        self.audited = []

    async def records(self, request):
        if request.purpose == "answer" and request.actor_user_id != USER:
            raise Forbidden
        asked = [*request.session_ids, *request.client_ids]
        return RecordsAnswer(
            sessions=[a_note()] if NOTE in asked else [],
            clients=[],
            missing=[one for one in asked if one != NOTE],
        )

    async def changes(self, request):
        return ChangesAnswer(events=[], next=request.after)

    async def manifest(self, request):
        item = ManifestItem(
            entity="sessions", id=NOTE, client_id=CLIENT, updated_at=NOW, version=1, state="active"
        )
        return ManifestAnswer(items=[item], next=None)

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
        )

    async def audit(self, event):
        self.audited.append(event)


def a_note():
    return SessionRecord(
        id=NOTE,
        client_id=CLIENT,
        session_date=NOW,
        plan="heat and rest",
        is_draft=False,
        updated_at=NOW,
        version=1,
    )


async def verified_token(request):
    if "access_token" not in request.cookies:
        raise HTTPException(401, "Sign in.")
    return request.cookies["access_token"]


def an_app(fake, *, loader=None, signer=None, verifier=None):
    """PazPaz's application, wired as in production."""
    app = FastAPI()
    app.include_router(
        create_internal_router(
            loader or Loader(), verifier=verifier or fake.verifier, signer=signer or fake.signer
        )
    )
    app.include_router(
        create_proxy_router(service_url=fake.url, client=fake.client, bearer=verified_token)
    )
    return app


def a_browser(fake):
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(an_app(fake)),
        base_url="http://pazpaz",
        cookies={"access_token": "dana-s-therapist"},
    )


async def test_an_answer_reaches_the_page_with_its_citations(fake_ai_service):
    """The page gets what was programmed, and the service was asked what the page asked."""
    cited = Citation("heat and rest", client_id=CLIENT, session_id=NOTE, client_name="Dana")
    fake_ai_service.answers(QUESTION, "Heat helped.", with_citations=[cited])

    response = await a_browser(fake_ai_service).post(
        CHAT, json={"query": QUESTION, "client_id": str(CLIENT)}
    )

    assert response.status_code == 200
    assert response.json()["answer"] == "Heat helped. [1]"
    assert response.json()["citations"][0]["session_id"] == str(NOTE)
    (question,) = fake_ai_service.questions
    assert (question.query, question.client_id) == (QUESTION, CLIENT)
    assert fake_ai_service.tokens == ["dana-s-therapist"]


async def test_a_stream_reaches_the_page(fake_ai_service):
    """The page gets events, the last of which is the answer."""
    fake_ai_service.answers(QUESTION, "Heat helped.")

    response = await a_browser(fake_ai_service).post(CHAT, json={"query": QUESTION}, headers=STREAM)

    *_, last = response.text.strip().split("\n\n")
    assert last.startswith("event: done\n")
    assert json.loads(last.partition("data: ")[2])["answer"] == "Heat helped. [1]"


async def test_a_used_up_allowance_reaches_the_page(fake_ai_service):
    """The page can say when to ask again."""
    fake_ai_service.refuses(QUESTION, 429, retry_after=90)

    response = await a_browser(fake_ai_service).post(CHAT, json={"query": QUESTION})

    assert response.status_code == 429
    assert response.headers["Retry-After"] == "90"


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout])
async def test_the_page_survives_an_outage(fake_ai_service, error):
    """While the service is away the page is told so; afterwards it gets its answer."""
    fake_ai_service.answers(QUESTION, "Heat helped.")
    browser = a_browser(fake_ai_service)

    fake_ai_service.goes_away(error)
    during = await browser.post(CHAT, json={"query": QUESTION})
    fake_ai_service.comes_back()
    after = await browser.post(CHAT, json={"query": QUESTION})

    assert (during.status_code, after.status_code) == (503, 200)


async def test_who_is_not_signed_in_asks_nothing(fake_ai_service):
    """PazPaz's own check comes first."""
    browser = httpx.AsyncClient(
        transport=httpx.ASGITransport(an_app(fake_ai_service)), base_url="http://pazpaz"
    )

    assert (await browser.post(CHAT, json={"query": QUESTION})).status_code == 401
    assert fake_ai_service.tokens == []


async def test_a_conversation_is_continued_shown_rated_and_deleted(fake_ai_service):
    """The page's history works against the fake as against the service."""
    fake_ai_service.answers(QUESTION, "Heat helped.")
    fake_ai_service.abstains("And her elbow?")
    browser = a_browser(fake_ai_service)

    first = (await browser.post(CHAT, json={"query": QUESTION})).json()
    mine = first["conversation_id"]
    await browser.post(CHAT, json={"query": "And her elbow?", "conversation_id": mine})
    rating = {"message_id": first["message_id"], "rating": "down", "reason": "missing"}
    rated = await browser.post("/api/v1/ai/agent/feedback", json=rating)
    shown = (await browser.get(f"{HISTORY}/{mine}")).json()
    deleted = await browser.delete(f"{HISTORY}/{mine}")
    listed = (await browser.get(HISTORY)).json()

    assert [turn["answer_status"] for turn in shown["turns"]] == ["answered", "abstained"]
    assert shown["turns"][0]["feedback"] == {"rating": "down", "reason": "missing"}
    assert (rated.status_code, deleted.status_code) == (204, 204)
    assert listed == {"conversations": [], "next": None}
    assert fake_ai_service.feedback[0].reason == "missing"


async def test_the_loader_answers_signed_calls(fake_ai_service):
    """All that the service pulls to index a workspace and to let a therapist in."""
    loader = Loader()
    pazpaz = fake_ai_service.pull(an_app(fake_ai_service, loader=loader))

    items = (await pazpaz.manifest(ManifestRequest(workspace_id=WORKSPACE))).items
    wanted = RecordsRequest(
        workspace_id=WORKSPACE, session_ids=[item.id for item in items], purpose="index"
    )
    records = await pazpaz.records(wanted)
    await pazpaz.audit(AuditEvent(idempotency_key="1", workspace_id=WORKSPACE))

    assert records.sessions == [a_note()]
    assert (await pazpaz.workspaces()).workspaces[0].id == WORKSPACE
    assert (await pazpaz.changes(ChangesRequest())).events == []
    assert (await pazpaz.introspect(IntrospectRequest(sid="s", user_id=USER))).active
    assert await pazpaz.introspect(IntrospectRequest(sid="s", user_id=uuid4())) is None
    assert len(loader.audited) == 1


async def test_the_loader_refuses_a_stranger(fake_ai_service):
    """Nobody reads for a user who is not of the workspace."""
    pazpaz = fake_ai_service.pull(an_app(fake_ai_service))
    asked = RecordsRequest(workspace_id=WORKSPACE, purpose="answer", actor_user_id=uuid4())

    with pytest.raises(Forbidden):
        await pazpaz.records(asked)


async def test_a_loader_that_forgets_a_row_is_found_out(fake_ai_service):
    """Each id asked for is told of once: as a row, an error, or missing."""

    class Forgetful(Loader):
        async def records(self, request):
            return RecordsAnswer(sessions=[], clients=[], missing=[])

    pazpaz = fake_ai_service.pull(an_app(fake_ai_service, loader=Forgetful()))
    asked = RecordsRequest(workspace_id=WORKSPACE, session_ids=[NOTE], purpose="index")

    with pytest.raises(PullFailed, match="exactly one"):
        await pazpaz.records(asked)


async def test_routes_that_are_not_there_are_found_out(fake_ai_service):
    """An answer that PazPaz did not sign is no answer, and the error shows what came."""
    pazpaz = fake_ai_service.pull(FastAPI())

    with pytest.raises(PullFailed, match=r"not signed.*404"):
        await pazpaz.introspect(IntrospectRequest(sid="s", user_id=USER))


async def test_answers_of_another_key_are_found_out(fake_ai_service):
    """As the service would, the fake takes no word of who signs with a key it was not given."""
    stranger = Signer(PrivateKey.generate("ml-other"), audience="pazpaz-ai")
    pazpaz = fake_ai_service.pull(an_app(fake_ai_service, signer=stranger))

    with pytest.raises(SignatureRefused, match="unknown_key"):
        await pazpaz.workspaces()


async def test_an_application_may_read_its_keys_from_files(fake_ai_service, tmp_path):
    """An application that is built from its settings takes the same way as in production."""
    folder, ring_file = fake_ai_service.write_keys(tmp_path)
    keys = LiveKeys(folder=folder, ring_file=ring_file)
    verifier = RequestVerifier(
        keys=keys,
        audience="pazpaz-monolith",
        direction="pull",
        nonces=MemoryNonceStore(),
        accept_without_nonce_store=False,
    )
    app = an_app(fake_ai_service, verifier=verifier, signer=Signer(keys, audience="pazpaz-ai"))

    assert (await fake_ai_service.pull(app).workspaces()).workspaces
