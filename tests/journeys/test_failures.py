"""What is refused, what waits, and what survives."""

import asyncio
import signal
from datetime import UTC, datetime
from uuid import uuid4

import httpx

from pazpaz_ai_client.signing import EVENT_TAG, PrivateKey, Signer, read_folder
from service.container import OUR_AUDIENCE, Container
from service.demo.stage import Stage
from tests.journeys.practice import A_QUESTION, Practice, eventually

NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
QUESTION = "מתי התחילה לרוץ שוב?"
A_DEAD_WORKERS_LEASE = 150.0
"""Seconds: what was in its hands is free after 60, and the next worker takes each of them alone."""


async def test_a_poison_note_is_kept_as_a_failure_and_the_rest_goes_on(
    practice: Practice, container: Container
) -> None:
    """A note that cannot be decrypted stays visible as failed work; its neighbours are searchable."""
    client = await practice.client()
    broken = await practice.note(client, subjective="פגום")
    await practice.admin.call("POST", f"/sessions/{broken}/undecryptable", {"undecryptable": True})
    await practice.do("POST", f"/api/v1/sessions/{broken}/unfinalize")
    session = await practice.note(client, subjective=NOTE)

    async def answered() -> bool:
        answer = await practice.ask(QUESTION, client_id=client)
        return [one["session_id"] for one in answer["citations"]] == [session]

    await eventually(answered, every=A_QUESTION)
    assert (await practice.ask(QUESTION, client_id=client))["search"]["complete"] is False
    depth = await container.queue.depth()
    assert depth.waiting + depth.parked >= 1

    await practice.admin.call("POST", f"/sessions/{broken}/undecryptable", {"undecryptable": False})
    await practice.do("POST", f"/api/v1/sessions/{broken}/finalize")
    await practice.settled()


async def test_events_outlive_a_killed_worker(practice: Practice, running: Stage) -> None:
    """What was accepted while the worker was dead, or in its hands when it died, is done by the next one."""
    client = await practice.client()
    worker = running.children["worker"]
    sessions = [await practice.note(client, subjective=f"{NOTE} {n}") for n in range(5)]
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait()
    running.children.pop("worker")
    sessions += [await practice.note(client, subjective=f"{NOTE} {n}") for n in range(5, 8)]

    running.start("worker")

    await practice.settled(patience=A_DEAD_WORKERS_LEASE)
    answer = await practice.ask(QUESTION, client_id=client)
    assert answer["search"]["notes_read"] == len(sessions)


async def test_a_signed_out_token_is_refused_by_the_service_itself(
    practice: Practice, running: Stage
) -> None:
    """The service asks PazPaz about each login: a valid token of a closed session is 401."""
    token = practice.therapist.http.cookies.get("access_token")
    await practice.do("POST", "/api/v1/auth/logout")

    async with httpx.AsyncClient(base_url=running.service_url, trust_env=False) as http:
        refused = await http.get(
            "/api/v1/ai/agent/history", headers={"Authorization": f"Bearer {token}"}
        )

    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["request_id"] == refused.headers["x-request-id"]


async def test_a_suspended_workspace_is_refused_within_moments(
    practice: Practice, running: Stage
) -> None:
    """The status event drops the remembered principal, so suspension does not wait for the cache."""
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    await practice.settled()
    headers = {"Authorization": f"Bearer {practice.therapist.http.cookies.get('access_token')}"}
    async with httpx.AsyncClient(
        base_url=running.service_url, trust_env=False, headers=headers
    ) as http:
        assert (await http.get("/api/v1/ai/agent/history")).status_code == 200
        lever = f"/workspaces/{practice.workspace}/status"
        await practice.admin.call("POST", lever, {"status": "suspended"})
        await practice.settled()
        assert (await http.get("/api/v1/ai/agent/history")).status_code == 403

        await practice.admin.call("POST", lever, {"status": "active"})
        await practice.settled()
    answer = await practice.ask(QUESTION, client_id=client)
    assert [one["session_id"] for one in answer["citations"]] == [session]


async def test_events_need_our_partners_signature_and_count_once(
    running: Stage, container: Container
) -> None:
    """Unsigned, foreign-signed and replayed events are 401; a resent event with a new nonce is 202 again."""
    now = datetime.now(UTC)
    theirs = read_folder(running.keys.their_keys, now).at(now)
    stranger = PrivateKey.generate(theirs.keyid)
    event = {
        "id": str(uuid4()),
        "workspace_id": str(uuid4()),
        "entity": "users",
        "entity_id": str(uuid4()),
        "kind": "status",
        "occurred_at": "2026-11-01T10:00:00Z",
    }
    body = {"delivery_id": str(uuid4()), "events": [event]}
    async with httpx.AsyncClient(base_url=running.service_url, trust_env=False) as http:
        path = "/internal/v1/events"
        assert (await http.post(path, json=body)).status_code == 401
        signed_by_stranger = Signer(stranger, audience=OUR_AUDIENCE).auth(EVENT_TAG)
        assert (await http.post(path, json=body, auth=signed_by_stranger)).status_code == 401
        auth = Signer(theirs, audience=OUR_AUDIENCE).auth(EVENT_TAG)
        first = await http.post(path, json=body, auth=auth)
        assert (first.status_code, first.json()) == (202, {"accepted": 1})
        again = await http.post(path, json=body, auth=auth)
        assert again.status_code == 202
        replayed = await http.send(first.request)
        assert replayed.status_code == 401
        broken = {**body, "events": [{**event, "text": "x"}]}
        assert (await http.post(path, json=broken, auth=auth)).status_code == 422
        large = {**body, "padding": "x" * 70_000}
        assert (await http.post(path, json=large)).status_code == 413
        unlabelled = await http.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
        assert unlabelled.status_code == 415


async def test_without_pazpaz_a_question_is_503_and_comes_back(
    practice: Practice, running: Stage
) -> None:
    """No text is kept here, so an answer needs PazPaz: 503 with Retry-After while it is away."""
    client = await practice.client()
    await practice.note(client, subjective=NOTE)
    await practice.settled()
    headers = {"Authorization": f"Bearer {practice.therapist.http.cookies.get('access_token')}"}
    async with httpx.AsyncClient(
        base_url=running.service_url, trust_env=False, headers=headers, timeout=30
    ) as http:
        path, body = "/api/v1/ai/agent/chat", {"query": QUESTION, "client_id": client}
        assert (await http.post(path, json=body)).json()["answer_status"] == "answered"
        running.stop("monolith")
        refused = await http.post(path, json=body)
        running.start("monolith")
        await running.until_up(running.monolith_url)
        await asyncio.sleep(0)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert isinstance(refused.json()["detail"], str)
        assert (await http.post(path, json=body)).json()["answer_status"] == "answered"
