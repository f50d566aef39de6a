"""POST /ai/agent/chat: token, shape, live principal, scope, allowance; then the graph; then the turn is kept.

The same answer as JSON and as events.
"""

import time
from asyncio import to_thread
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, Depends, Request

from service.api.bulkhead import Bulkhead
from service.api.context import request_id
from service.api.dependencies import Caller, Held, Opened, Places, body
from service.api.document import documents, documents_events, responses
from service.api.keeping import turn_of
from service.api.leaving import unless_left
from service.api.schemas import ChatRequest, ChatResponse, answer_fields
from service.api.stream import EventStream, wants_events
from service.api.trail import ChatRecord, outcome_of, recorded_chat
from service.chat.modes.client import client_named
from service.container import Container
from service.domain.answers import Answer, Question
from service.domain.identity import ClientId, Principal
from service.domain.progress import Tell
from service.errors import (
    AllowanceUsed,
    ClientNeeded,
    ClientNotFound,
    ConversationNotFound,
    ScopeFixed,
    SwitchedOff,
)
from service.language.detect import language_of
from service.ports.limits import Allowance, Standing
from service.security.keys import digest
from service.telemetry.metrics import QUERIES, QUERY_SECONDS, RATE_LIMIT_HITS
from service.telemetry.traces import span

router = APIRouter(prefix="/api/v1/ai/agent", tags=["chat"])
log = structlog.get_logger()

EARLIER = 3  # questions of the conversation that understanding may look at
Asked = Annotated[ChatRequest, Depends(body(ChatRequest))]


@router.post(
    "/chat",
    response_model=ChatResponse,
    responses=documents_events() | responses(401, 403, 404, 409, 413, 415, 422, 429, 503),
    openapi_extra=documents(ChatRequest),
    operation_id="chat",
)
async def chat(
    request: Request,
    asked: Asked,
    caller: Caller,
    standing: Held,
    opened: Opened,
    bulkhead: Places,
) -> ChatResponse | EventStream:
    asking = _Asking(asked, caller, standing, opened, bulkhead)
    if wants_events(request):
        return EventStream(request, asking.answer)
    with ExitStack() as held:
        return await unless_left(asking.answer(held), request.receive)


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question of a caller who was let in."""

    asked: ChatRequest
    caller: Principal
    standing: Standing
    opened: Container
    bulkhead: Bulkhead
    started: float = field(default_factory=time.perf_counter)

    async def answer(self, held: ExitStack, tell: Tell | None = None) -> ChatResponse:
        """The answer, once its turn and its closing row are kept; `held` takes the place, for its owner to give back.

        Nothing is told before all that can refuse the question has let it pass.
        """
        language = language_of(self.asked.query)
        try:
            timed = QUERY_SECONDS.labels(language=language).time()
            with timed, span("question", language=language, mode=self.asked.mode):
                if not self.standing.enabled:
                    raise SwitchedOff
                held.enter_context(self.bulkhead.place(self.caller.workspace))
                response = await self._answer(tell)
        except BaseException as exc:
            QUERIES.labels(language=language, status=outcome_of(exc)).inc()
            raise
        QUERIES.labels(language=language, status=response.answer_status).inc()
        return response

    async def _answer(self, tell: Tell | None) -> ChatResponse:
        asked, caller, opened = self.asked, self.caller, self.opened
        keeps = self.standing.conversations
        if asked.conversation_id and not keeps:
            raise ConversationNotFound
        client, earlier = await _scope(asked, caller, opened)
        about = client or await _client_needed(asked, earlier, caller, opened)
        await take_allowance(caller, opened)
        conversation = asked.conversation_id or uuid4()
        opening = await _opening(
            asked, caller, opened, client=about, conversation=conversation if keeps else None
        )
        async with recorded_chat(opened, caller, opening) as record:
            answer = await opened.ask(
                _question(asked, about, self.standing),
                caller=caller,
                earlier=earlier,
                trail=record.trail,
                tell=tell,
            )
            record.outcome, record.model = answer.status, answer.model
            kept = await self._kept(answer, record, client=client, conversation=conversation)
        log.info(
            "question.answered",
            outcome=answer.status,
            citations=len(answer.citations),
            lacks=",".join(answer.degraded) or None,
        )
        return ChatResponse(
            **answer_fields(answer),
            processing_time_ms=round((time.perf_counter() - self.started) * 1000),
            conversation_id=conversation if kept else None,
            message_id=kept,
            request_id=request_id(),
        )

    async def _kept(
        self, answer: Answer, record: ChatRecord, *, client: ClientId | None, conversation: UUID
    ) -> UUID | None:
        """Sees to it that the turn is kept, and says under which id; None where nothing is, by now at least."""
        opened, workspace = self.opened, self.caller.workspace
        if not (await opened.standings.of(workspace)).conversations:
            return None
        key = (await opened.keys.keys(workspace=workspace)).index
        # A count over 500 long notes has 18 MB to digest: 126 ms in which nobody else would be served.
        turn = await to_thread(turn_of, self.asked, answer, notes=record.trail.notes, key=key)
        record.keep = partial(
            opened.conversations.add_turn,
            conversation=conversation,
            client=client,
            user=self.caller.user,
            workspace=workspace,
            turn=turn,
        )
        return turn.id


async def _opening(
    asked: ChatRequest,
    caller: Principal,
    opened: Container,
    *,
    client: ClientId | None,
    conversation: UUID | None,
) -> dict[str, Any]:
    """What the audit trail says before any text is pulled; of the question itself only a keyed digest."""
    keys = await opened.keys.keys(workspace=caller.workspace)
    return {
        "query": digest(keys.index, "audit.query", asked.query),
        "language": language_of(asked.query),
        "client": str(client) if client else None,
        "conversation": str(conversation) if conversation else None,
        "mode": asked.mode,
        "role": caller.role,
    }


async def _scope(
    asked: ChatRequest, caller: Principal, opened: Container
) -> tuple[ClientId | None, Sequence[str]]:
    """The client asked about, known to be the caller's, and the questions before this one."""
    client = ClientId(asked.client_id) if asked.client_id else None
    earlier: Sequence[str] = []
    if asked.conversation_id:
        client, earlier = await _continue(asked.conversation_id, client, caller, opened)
    if client and not await _is_theirs(client, caller, opened):
        raise ClientNotFound
    return client, earlier


async def _client_needed(
    asked: ChatRequest, earlier: Sequence[str], caller: Principal, opened: Container
) -> ClientId | None:
    """The one whom a summary or a preparation is of, by name; refused before it costs anything or a stream begins."""
    if asked.mode == "ask":
        return None
    texts = [asked.query, *reversed(earlier)]
    client = await client_named(texts, people=opened.people, workspace=caller.workspace)
    if client is None:
        raise ClientNeeded
    return client


async def _continue(
    conversation: UUID, client: ClientId | None, caller: Principal, opened: Container
) -> tuple[ClientId | None, Sequence[str]]:
    """A conversation's scope is fixed by its first turn; one that is not the caller's does not exist."""
    head = await opened.conversations.head(
        conversation, user=caller.user, workspace=caller.workspace
    )
    if head is None:
        raise ConversationNotFound
    if client is not None and client != head.client:
        raise ScopeFixed
    earlier = await opened.conversations.last_questions(
        conversation, user=caller.user, workspace=caller.workspace, most=EARLIER
    )
    return head.client, earlier


async def _is_theirs(client: ClientId, caller: Principal, opened: Container) -> bool:
    """A local miss asks PazPaz what exists, which needs no text: a client may be a second old."""
    if await opened.store.knows_client(client, workspace=caller.workspace):
        return True
    _require(await opened.limiter.look(user=caller.user))
    async for item in opened.notes.manifest(workspace=caller.workspace, client=client):
        if (item.entity, item.id) == ("clients", client):
            return item.state == "active"
    return False


async def take_allowance(caller: Principal, opened: Container) -> None:
    """Raises AllowanceUsed."""
    _require(await opened.limiter.take(workspace=caller.workspace, user=caller.user))


def _require(allowance: Allowance) -> None:
    if allowance.retry_after is not None:
        RATE_LIMIT_HITS.inc()
        raise AllowanceUsed(retry_after=allowance.retry_after)


def _question(asked: ChatRequest, client: ClientId | None, standing: Standing) -> Question:
    return Question(
        text=asked.query,
        language=language_of(asked.query),
        client=client,
        max_results=asked.max_results,
        min_similarity=asked.min_similarity,
        mode=asked.mode,
        require_consent=standing.require_consent,
    )
