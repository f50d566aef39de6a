"""A call to PazPaz ends in time, whatever the other side does with its answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from pazpaz_ai_client.models import AuditEvent
from pazpaz_ai_client.signing import KeyRing, PrivateKey, ResponseVerifier, Signer
from service.adapters.pazpaz.monolith import Monolith
from service.domain.audit import AuditEntry, AuditRow
from service.domain.identity import UserId
from service.errors import SourceUnavailable, why
from service.security.chain import linked
from tests.fakes import NOW, WORKSPACE

KEY = PrivateKey.generate("ai-2026-11-a")
USER = UserId(UUID(int=7))


class Trickle(httpx.AsyncByteStream):
    """An answer that begins, and never ends."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()


class Trusting(ResponseVerifier):
    """Takes every answer for PazPaz's."""

    def verify(self, **_: object) -> None: ...


def monolith(http: httpx.AsyncClient, verifier: type = ResponseVerifier) -> Monolith:
    return Monolith(
        http=http,
        base_url="http://pazpaz.test",
        signer=Signer(KEY, audience="pazpaz-monolith"),
        verifier=verifier(KeyRing([])),
        clock=lambda: NOW,
        deadline=0.05,
    )


async def test_an_answer_that_trickles_for_ever_is_cut_off():
    """The deadline is for the whole call: a byte now and then does not extend it."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Trickle()))
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(SourceUnavailable):
            await asyncio.wait_for(monolith(http).workspace_status(workspace=WORKSPACE), 5)


async def test_an_unsigned_answer_is_no_answer():
    """A 200 nobody signed says no more than a broken wire, and a redirect is not followed."""

    def answer(request: httpx.Request) -> httpx.Response:
        elsewhere = {"Location": "http://elsewhere.test"}
        return httpx.Response(302, headers=elsewhere, stream=httpx.ByteStream(b"{}"))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(SourceUnavailable):
            await monolith(http).workspace_status(workspace=WORKSPACE)


async def test_a_refusal_that_is_not_signed_is_told_with_its_status():
    """PazPaz signs nothing for a caller whose signature it refuses: the status is the only hint at whose key it is."""
    transport = httpx.MockTransport(lambda _: httpx.Response(401, stream=httpx.ByteStream(b"{}")))
    async with httpx.AsyncClient(transport=transport) as http:
        with capture_logs() as logs, pytest.raises(SourceUnavailable) as away:
            await monolith(http).workspace_status(workspace=WORKSPACE)
    assert [(line["event"], line["rule"], line["status"]) for line in logs] == [
        ("monolith.unsigned", "header_missing", 401)
    ]
    assert why(away.value) == "SignatureRefused:header_missing"


@pytest.mark.parametrize(
    ("said", "wait"),
    [("7", 7.0), *((said, 5.0) for said in ("nan", "inf", "1e400", "-1", "soon", ""))],
)
async def test_a_wait_that_pazpaz_asks_for_is_handed_on_if_it_is_one(said, wait):
    """The usual wait stands in its place: NaN or infinity would break the answer that says so."""
    away = httpx.Response(503, headers={"Retry-After": said}, stream=httpx.ByteStream(b"{}"))
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: away)) as http:
        with pytest.raises(SourceUnavailable) as caught:
            await monolith(http, Trusting).workspace_status(workspace=WORKSPACE)
    assert caught.value.retry_after == wait


class Answering(Monolith):
    """PazPaz behind its signatures: answers one status, and keeps what it was sent."""

    status: ClassVar[int] = 200
    sent: ClassVar[list[tuple[str, str, Mapping[str, Any]]]] = []

    async def _exchange(self, route, tag, body):
        self.sent.append((route, tag, body))
        return self.status, b"{}", None


@pytest.fixture
def pazpaz(monkeypatch):
    monkeypatch.setattr(Answering, "sent", [])
    made = Answering(None, "http://pazpaz.test", None, None, lambda: NOW, 1)

    def answers(status):
        monkeypatch.setattr(Answering, "status", status)
        return made

    return answers


def a_row(notes: int = 1, *, user: UserId | None = USER) -> AuditRow:
    uses = [{"id": str(uuid4()), "client": str(uuid4()), "use": "read"} for _ in range(notes)]
    entry = AuditEntry("chat.closed", user=user, details={"outcome": "answered", "notes": uses})
    return linked(entry, workspace=WORKSPACE, seq=17, at=NOW, previous=bytes(32))


async def test_a_row_is_handed_on_under_a_key_of_its_own(pazpaz):
    """The same row has the same key each time; its hash anchors the chain at PazPaz."""
    row = a_row(user=None)
    assert await pazpaz(200).record(row)

    ((route, tag, body),) = pazpaz(200).sent
    assert (route, tag) == ("audit-events", "pp-audit/1")
    key = f"{WORKSPACE}:17:{row.hash.hex()}"
    assert (body["idempotency_key"], body["user_id"]) == (key, None)
    assert (body["metadata"]["seq"], body["metadata"]["hash"]) == (17, row.hash.hex())
    assert body["metadata"]["details"] == row.entry.details
    AuditEvent.model_validate(body)


async def test_a_row_too_large_for_pazpaz_tells_how_many_notes(pazpaz):
    """A call may have 16 KiB: of a long list only the count goes, and the row's hash covers the rest."""
    await pazpaz(200).record(a_row(500))

    ((_, _, body),) = pazpaz(200).sent
    assert len(json.dumps(body)) < 16 * 1024
    assert body["metadata"]["details"] == {
        "outcome": "answered",
        "notes": [],
        "notes_left_out": 500,
    }


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
async def test_a_row_that_pazpaz_does_not_want_is_refused_for_good(pazpaz, status):
    """Trying again would change nothing."""
    assert not await pazpaz(status).record(a_row())


@pytest.mark.parametrize("status", [401, 408, 425, 429, 500, 502, 503])
async def test_a_row_that_pazpaz_cannot_take_now_is_tried_later(pazpaz, status):
    """The clock, a key, the load or PazPaz itself: what passes."""
    with pytest.raises(SourceUnavailable):
        await pazpaz(status).record(a_row())
