"""A served app around parts that remember: everything a request meets but the network."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import jwt
from pydantic import SecretStr

from pazpaz_ai_client.signing import (
    KeyRing,
    MemoryNonceStore,
    PrivateKey,
    RequestVerifier,
    Signer,
)
from service.api.bulkhead import Bulkhead
from service.container import OUR_AUDIENCE
from service.domain.answers import Answer, Question, SearchStatement
from service.domain.audit import Trail, Use
from service.domain.identity import ClientId, Principal, WorkspaceId
from service.domain.notes import Note, Person
from service.domain.progress import Progress, Tell
from service.domain.recent import Recent
from service.domain.usage import Usage
from service.errors import ServiceError
from service.gauges import gauges_of
from service.main import build_app
from service.retrieval.people import Named, Register
from service.security.principals import Principals
from service.security.tokens import TokenVerifier
from tests.fakes import CLIENT, NOW, WORKSPACE, InMemoryKeyStore, InMemoryNoteSource
from tests.unit.doubles import (
    SESSION,
    USER,
    Chores,
    CountedLimiter,
    ManualClock,
    OldKey,
    RecordingAudit,
    RecordingConversations,
    RecordingQueue,
    Restored,
    ScriptedPrincipals,
    SwitchedStandings,
    an_introspection,
)

OPERATOR = "an-operator-token-with-more-than-32-bytes"
SECRET = "a-secret-key-of-pazpaz-with-more-than-32-bytes"
CHAT = "/api/v1/ai/agent/chat"
HISTORY = "/api/v1/ai/agent/history"
EVENTS = "/internal/v1/events"
KEY = PrivateKey.generate("ml-2026-11-a")


def a_token(*, user: UUID = USER, workspace: UUID = WORKSPACE, jti: str = SESSION) -> str:
    second = int(NOW.timestamp())
    claims = {"sub": str(user), "user_id": str(user), "workspace_id": str(workspace), "jti": jti}
    times = {"iat": second - 60, "exp": second + 3600}
    return jwt.encode({**claims, **times, "email": "a@example.org"}, SECRET, algorithm="HS256")


def an_answer(text: str = "Not found.", *citations: Any, **changes: Any) -> Answer:
    said: dict[str, Any] = {
        "text": text,
        "status": "answered" if citations else "abstained",
        "language": "en",
        "citations": citations,
        "search": SearchStatement(3, NOW.date(), NOW.date(), 0, complete=True),
        "retrieved_count": len(citations),
        "withheld": 0,
        "model": "scripted-1",
    }
    return Answer(**(said | changes))


class KnownClients:
    """The part of ChunkStore that a request asks."""

    def __init__(self, *known: ClientId) -> None:
        self.known = set(known)

    async def knows_client(self, client: ClientId, *, workspace: WorkspaceId) -> bool:
        return client in self.known


@dataclass
class Database:
    """Takes writes, unless it is told not to."""

    read_only: bool = False

    async def takes_writes(self) -> bool:
        return not self.read_only


class Clients:
    """The part of People that the API asks."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people = people

    async def named(self, text: str, *, workspace: WorkspaceId) -> Named:
        return Register(self.people).named(text)


@dataclass
class Parts:
    """Stands where the container stands."""

    standings: SwitchedStandings = field(default_factory=SwitchedStandings)
    clock: ManualClock = field(default_factory=ManualClock)
    login: ScriptedPrincipals = field(
        default_factory=lambda: ScriptedPrincipals(an_introspection())
    )
    store: KnownClients = field(default_factory=lambda: KnownClients(CLIENT))
    notes: Any = field(default_factory=InMemoryNoteSource)
    conversations: RecordingConversations = field(default_factory=RecordingConversations)
    limiter: CountedLimiter = field(default_factory=CountedLimiter)
    people: Clients = field(default_factory=lambda: Clients([Person(CLIENT, "Dana", "Levi")]))
    queue: Any = field(default_factory=RecordingQueue)
    restoration: Restored = field(default_factory=Restored)
    schedules: Chores = field(default_factory=Chores)
    signing_keys: OldKey = field(default_factory=OldKey)
    settings: Any = field(
        default_factory=lambda: SimpleNamespace(operator_token=SecretStr(OPERATOR))
    )
    database: Database = field(default_factory=Database)
    keys: InMemoryKeyStore = field(default_factory=InMemoryKeyStore)
    audit: RecordingAudit = field(default_factory=RecordingAudit)
    touches: list[tuple[Note, Use]] = field(default_factory=list)
    spent: dict[str, Usage] = field(default_factory=dict)
    """What models did for the question; where they did something, one was away too."""
    bulkhead: Bulkhead = field(default_factory=lambda: Bulkhead(3, 2))
    gauges: Recent[None] = field(init=False)
    answer: Answer | BaseException = field(default_factory=an_answer)
    progress: Sequence[Progress] = ()
    """What is told before the answer, to whoever listens."""
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """What the answer waits for after that."""
    asked: list[tuple[Question, Principal, Sequence[str]]] = field(default_factory=list)

    @property
    def feedback(self) -> RecordingConversations:
        return self.conversations

    def __post_init__(self) -> None:
        self.gauges = gauges_of(self)  # type: ignore[arg-type]
        self.tokens = TokenVerifier(SECRET, None, self.clock)
        self.principals = Principals(self.login, self.clock)
        self.events_verifier = RequestVerifier(
            keys=KeyRing([KEY.public]),
            audience=OUR_AUDIENCE,
            direction="event",
            nonces=MemoryNonceStore(self.seconds),
            accept_without_nonce_store=True,
            clock=self.seconds,
        )

    def seconds(self) -> float:
        return self.clock().timestamp()

    def signer(self) -> Signer:
        return Signer(KEY, audience=OUR_AUDIENCE, clock=self.seconds)

    async def ask(
        self,
        question: Question,
        *,
        caller: Principal,
        earlier: Sequence[str],
        trail: Trail,
        tell: Tell | None = None,
    ) -> Answer:
        self.asked.append((question, caller, earlier))
        for note, use in self.touches:
            trail.saw(note, use)
        if self.spent:
            trail.meter.by_model.update(self.spent)
            trail.meter.lacked("reranker", "timeout")
            trail.cost = 77
        self.audit.on_ask = list(self.audit.actions)
        for one in self.progress if tell else ():
            tell(one)
        if self.meanwhile:
            await self.meanwhile()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


_parts: list["Parts"] = []


@asynccontextmanager
async def _lifespan(_: Any) -> AsyncIterator[dict[str, Any]]:
    parts = _parts[-1]
    yield {"container": parts, "bulkhead": parts.bulkhead, "gauges": parts.gauges}


APP = build_app(_lifespan)  # once: building costs more than most requests here


@asynccontextmanager
async def served(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of the app; its lifespan ran, and requests carry its state as a server would."""
    _parts[:] = [parts]
    async with APP.router.lifespan_context(APP) as state:

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await APP({**scope, "state": dict(state)}, receive, send)

        transport = httpx.ASGITransport(with_state)
        async with httpx.AsyncClient(transport=transport, base_url="http://ai.test") as http:
            yield http


def bearer(token: str | None = None, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token or a_token()}", **headers}


async def ask(http: httpx.AsyncClient, query: str = "How is the knee?", **more: Any) -> Any:
    """One question of a signed-in therapist; `headers` may be changed."""
    headers = more.pop("headers", None) or bearer()
    return await http.post(CHAT, json={"query": query, **more}, headers=headers)


def is_problem(response: httpx.Response, status: int, code: str) -> bool:
    """A problem document of this status and code, whole and of the right types."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "request_id"}
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert isinstance(body["title"], str)
    assert body["title"]
    assert body["status"] == response.status_code
    assert body["request_id"] == response.headers["X-Request-ID"] != ""
    assert response.headers["Cache-Control"] == "no-store"
    return (response.status_code, body["type"]) == (status, f"urn:pazpaz-ai:{code}")


def everything_sent(response: httpx.Response) -> str:
    """The whole answer as one text, to search it for what must not be there."""
    return json.dumps([list(response.headers.items()), response.text], ensure_ascii=False)


def every_error() -> list[type[ServiceError]]:
    """ServiceError and all that is derived from it in service.errors."""
    from service import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, ServiceError)]
