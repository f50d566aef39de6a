"""What can be asked over HTTP, by users of every practice, for ids of every practice."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt

from pazpaz_ai_client.signing import EVENT_TAG
from service.api.bulkhead import Bulkhead
from service.domain.identity import UserId
from service.gauges import gauges_of
from service.main import build_app
from service.ports.clock import now
from tests.fuzz.builds import Build
from tests.fuzz.operations import Leak, Run, covers
from tests.fuzz.world import BAIT, CLIENTS, CONVERSATIONS, TURNS, Practice

CHAT, HISTORY = "/api/v1/ai/agent/chat", "/api/v1/ai/agent/history"
FEEDBACK = "/api/v1/ai/agent/feedback"
EVENTS = "/internal/v1/events"


def served(build: Build) -> dict[str, Any]:
    """What the app keeps from one request to the next."""
    opened = build.container
    return {"container": opened, "bulkhead": Bulkhead(50, 50), "gauges": gauges_of(opened)}


def app_with(state: dict[str, Any]) -> Any:
    """The app as served, around the build's parts."""
    app = build_app()

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": dict(state)}, receive, send)

    return with_state


def bearer(
    run: Run, at: Practice, user: UserId, *, workspace: UUID | None = None
) -> dict[str, str]:
    second = int(now().timestamp())
    claims = {"sub": str(user), "user_id": str(user), "workspace_id": str(workspace or at.id)}
    claims |= {"jti": run.world.session_of(at, user), "email": "a@example.org"}
    times = {"iat": second - 5, "exp": second + 600}
    settings = run.parts.settings
    assert settings.secret_key is not None
    secret = settings.secret_key.get_secret_value()
    token = jwt.encode({**claims, **times}, secret, algorithm="HS256")
    return {"Authorization": f"Bearer {token}", "Accept-Language": "en"}


@covers("POST /api/v1/ai/agent/chat", weight=3)
async def ask(run: Run) -> None:
    """A client, and a conversation to go on with, of anybody: only one's own are there."""
    at = run.world.any()
    user = run.chance.choice(at.askers)
    client = run.chance.choice([None, *CLIENTS, UUID(int=9), run.world.any().askers[0]])
    continued = run.chance.choice([None, *run.world.any().asked, *at.asked])
    body = {"query": f"What of {run.chance.choice(BAIT)}?", "max_results": 10, "min_similarity": 0}
    body |= {"client_id": str(client)} if client else {}
    body |= {"conversation_id": str(continued)} if continued else {}
    # Thirty unknown clients an hour are allowed, and this test asks for more.
    await run.parts.redis.delete(f"ai_agent_look:{user}")
    response = await run.http.post(CHAT, json=body, headers=bearer(run, at, user))
    run.clean(response.text, at)
    run.same(response.status_code == 404, _is_nobodys(at, user, client, continued))
    if response.status_code == 200:
        await _answered(run, at, user, response)
        at.scopes.setdefault(UUID(response.json()["conversation_id"]), client)
    else:
        run.same(response.status_code in {404, 409}, True)
        at.audit += 1


async def _answered(run: Run, at: Practice, user: UserId, response: httpx.Response) -> None:
    """Two rows in the trail, a conversation, and nothing cited that is not indexed here."""
    if at.keys is None:
        await run.key(at)  # the question made them
    told = response.json()
    at.audit += 2
    at.asked[UUID(told["conversation_id"])] = user
    here = {str(indexed.note.ref.id) for indexed in at.store.indexed.values()}
    cited = {one["session_id"] or one["client_id"] for one in told["citations"]}
    run.same(cited <= here, True)


def _is_nobodys(at: Practice, user: UserId, client: UUID | None, continued: UUID | None) -> bool:
    if continued is not None:
        return at.asked.get(continued) != user
    return client is not None and client not in CLIENTS


@covers("GET /api/v1/ai/agent/history", weight=5)
async def list_history(run: Run) -> None:
    at = run.world.any()
    user = run.chance.choice(at.askers)
    own = {id for id, whose in at.asked.items() if whose == user}
    response = await run.http.get(HISTORY, params={"limit": 100}, headers=bearer(run, at, user))
    at.audit += 1
    run.clean(response.text, at)
    listed = {UUID(one["conversation_id"]) for one in response.json()["conversations"]}
    run.same((listed <= own, len(listed)), (True, min(len(own), 100)))


@covers(
    "GET /api/v1/ai/agent/history/{conversation_id}",
    "GET /api/v1/ai/agent/history/{conversation_id}/export",
    "DELETE /api/v1/ai/agent/history/{conversation_id}",
    weight=8,
)
async def open_a_conversation(run: Run) -> None:
    """One's own, a neighbour's, or one that a colleague had: only the first is there."""
    at, whose = run.world.any(), run.world.any()
    user = run.chance.choice(at.askers)
    wanted = run.chance.choice([*CONVERSATIONS, *(whose.asked or at.asked or [uuid4()]), *at.asked])
    method, end = run.chance.choice([("GET", ""), ("GET", "/export"), ("GET", ""), ("DELETE", "")])
    response = await run.http.request(
        method, f"{HISTORY}/{wanted}{end}", headers=bearer(run, at, user)
    )
    at.audit += 1
    run.clean(response.text, at)
    run.same(response.status_code == 404, at.asked.get(wanted) != user)
    if method == "DELETE" and response.status_code == 204:
        del at.asked[wanted]


@covers("DELETE /api/v1/ai/agent/history", weight=1)
async def delete_all_history(run: Run) -> None:
    """One's own, and nobody else's anywhere."""
    at = run.world.any()
    user = run.chance.choice(at.askers)
    response = await run.http.delete(HISTORY, headers=bearer(run, at, user))
    at.audit += 1
    run.same(response.status_code, 204)
    for conversation in [one for one, whose in at.asked.items() if whose == user]:
        del at.asked[conversation]


@covers("POST /api/v1/ai/agent/feedback", weight=2)
async def rate_what_is_not_theirs(run: Run) -> None:
    """Turns of the model's users are there in every practice, and nobody's who comes over HTTP."""
    at = run.world.any()
    body = {
        "message_id": str(run.chance.choice(TURNS[: run.world.any().turns + 1])),
        "rating": "up",
    }
    headers = bearer(run, at, run.chance.choice(at.askers))
    response = await run.http.post(FEEDBACK, json=body, headers=headers)
    at.audit += 1
    run.same(response.status_code, 404)
    run.clean(response.text, at)


@covers("POST /api/v1/ai/agent/chat", "GET /api/v1/ai/agent/history", weight=2)
async def come_with_a_foreign_token(run: Run) -> None:
    at, other = run.chance.sample(run.world.practices, 2)
    headers = bearer(run, at, run.chance.choice(at.everybody), workspace=other.id)
    for response in (
        await run.http.post(CHAT, json={"query": "?"}, headers=headers),
        await run.http.get(HISTORY, headers=headers),
    ):
        run.same(response.status_code, 401)
        run.clean(response.text, at)


@covers("POST /internal/v1/events", weight=1)
async def send_events(run: Run) -> None:
    """What is confirmed of a user is dropped; what is confirmed of others stays."""
    at, other = run.chance.sample(run.world.practices, 2)
    for one in (at, other):
        headers = bearer(run, one, one.askers[0])
        run.same((await run.http.get(HISTORY, headers=headers)).status_code, 200)
        one.audit += 1
    event = {
        "id": str(uuid4()),
        "workspace_id": str(at.id),
        "entity": "users",
        "entity_id": str(at.askers[0]),
        "kind": "status",
        "occurred_at": "2026-11-01T10:00:00Z",
    }
    body = {"delivery_id": str(uuid4()), "events": [event]}
    response = await run.http.post(EVENTS, json=body, auth=run.signer.auth(EVENT_TAG))
    run.same(response.status_code, 202)
    run.same((await run.parts.queue.depth()).waiting, 0)
    held = {(claims.workspace, claims.user) for claims in run.parts.principals._confirmed}
    run.same((at.id, at.askers[0]) in held, False)
    run.same((other.id, other.askers[0]) in held, True)


@covers("GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json", weight=1)
async def look_as_an_operator(run: Run) -> None:
    """What anybody may read names no practice."""
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        said = (await run.http.get(path)).text
        for at in run.world.practices:
            for mark in (at.mark, str(at.id), *map(str, at.everybody)):
                if mark in said:
                    raise Leak(f"{path} names practice {at.number}")
