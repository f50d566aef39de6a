"""POST /ai/agent/chat: token, shape, live principal, scope, allowance; then the graph; then the turn is kept.

The same answer as JSON and as events.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, Depends, Request

from service.api.bulkhead import Bulkhead
from service.api.context import request_id
from service.api.dependencies import Caller, Held, Opened, Places, body
from service.api.document import documents, documents_events
from service.api.leaving import unless_left
from service.api.schemas import ChatRequest, ChatResponse, CitationOut, answer_fields, problems
from service.api.stream import EventStream, wants_events
from service.api.trail import outcome_of, recorded_chat
from service.container import Container
from service.domain.answers import Answer, Citation, Question
from service.domain.identity import ClientId, Principal
from service.domain.progress import Tell
from service.domain.turns import Sentence, Turn
from service.errors import (
    AllowanceUsed,
    ClientNotFound,
    ConversationNotFound,
    ScopeFixed,
    SwitchedOff,
)
from service.language.detect import language_of
from service.ports import Allowance, Standing
from service.security.keys import digest
from service.telemetry.metrics import QUERIES, QUERY_SECONDS, RATE_LIMIT_HITS

router = APIRouter(prefix="/api/v1/ai/agent", tags=["chat"])
log = structlog.get_logger()

EARLIER = 3  # questions of the conversation that understanding may look at
Asked = Annotated[ChatRequest, Depends(body(ChatRequest))]


@router.post(
    "/chat",
    response_model=ChatResponse,
    responses=documents_events() | problems(401, 403, 404, 409, 413, 415, 422, 429, 503),
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
            with QUERY_SECONDS.labels(language=language).time():
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
        client, earlier = await _scope(asked, caller, opened)
        await _take_allowance(caller, opened)
        conversation = asked.conversation_id or uuid4()
        opening = await _opening(asked, caller, opened, client=client, conversation=conversation)
        async with recorded_chat(opened, caller, opening) as record:
            answer = await opened.ask(
                _question(asked, client, self.standing),
                caller=caller,
                earlier=earlier,
                trail=record.trail,
                tell=tell,
            )
            record.outcome, record.model = answer.status, answer.model
            turn = _turn(asked.query, answer)
            record.keep = partial(
                opened.conversations.add_turn,
                conversation=conversation,
                client=client,
                user=caller.user,
                workspace=caller.workspace,
                turn=turn,
            )
        log.info(
            "question.answered",
            outcome=answer.status,
            citations=len(answer.citations),
            lacks=",".join(answer.degraded) or None,
        )
        return ChatResponse(
            **answer_fields(answer),
            processing_time_ms=round((time.perf_counter() - self.started) * 1000),
            conversation_id=conversation,
            message_id=turn.id,
            request_id=request_id(),
        )


async def _opening(
    asked: ChatRequest,
    caller: Principal,
    opened: Container,
    *,
    client: ClientId | None,
    conversation: UUID,
) -> dict[str, Any]:
    """What the audit trail says before any text is pulled; of the question itself only a keyed digest."""
    keys = await opened.keys.keys(workspace=caller.workspace)
    return {
        "query": digest(keys.index, "audit.query", asked.query),
        "language": language_of(asked.query),
        "client": str(client) if client else None,
        "conversation": str(conversation),
        "mode": asked.mode,
        "role": caller.role,
    }


async def _scope(
    asked: ChatRequest, caller: Principal, opened: Container
) -> tuple[ClientId | None, list[str]]:
    """The client asked about, known to be the caller's, and the questions before this one."""
    client = ClientId(asked.client_id) if asked.client_id else None
    earlier: list[str] = []
    if asked.conversation_id:
        client, earlier = await _continue(asked.conversation_id, client, caller, opened)
    if client and not await _is_theirs(client, caller, opened):
        raise ClientNotFound
    return client, earlier


async def _continue(
    conversation: UUID, client: ClientId | None, caller: Principal, opened: Container
) -> tuple[ClientId | None, list[str]]:
    """A conversation's scope is fixed by its first turn; one that is not the caller's does not exist."""
    head = await opened.conversations.head(
        conversation, user=caller.user, workspace=caller.workspace
    )
    if head is None:
        raise ConversationNotFound
    if client is not None and client != head.client:
        raise ScopeFixed
    turns = await opened.conversations.turns(
        conversation, user=caller.user, workspace=caller.workspace
    )
    return head.client, [turn.question for turn in turns if turn.question][-EARLIER:]


async def _is_theirs(client: ClientId, caller: Principal, opened: Container) -> bool:
    """A local miss asks PazPaz what exists, which needs no text: a client may be a second old."""
    if await opened.store.knows_client(client, workspace=caller.workspace):
        return True
    _require(await opened.limiter.look(user=caller.user))
    async for item in opened.notes.manifest(workspace=caller.workspace, client=client):
        if (item.entity, item.id) == ("clients", client):
            return item.state == "active"
    return False


async def _take_allowance(caller: Principal, opened: Container) -> None:
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


def _turn(query: str, answer: Answer) -> Turn:
    """The answer cut at its sentences, each with the notes that must exist for it to be shown again."""
    by_sentence: dict[tuple[int, int], list[Citation]] = {}
    for citation in answer.citations:
        place = (citation.answer_start, citation.answer_end)
        by_sentence.setdefault(place, []).append(citation)
    heading = [Sentence(answer.heading.text, [], answer.heading.sources)] if answer.heading else []
    sentences = [
        Sentence(
            text=answer.text[start:end],
            citations=[CitationOut.of(one).model_dump(mode="json") for one in cited],
            sources={one.note: one.client for one in cited},
            lead=_lead(answer.text, start),
        )
        for (start, end), cited in by_sentence.items()
    ]
    return Turn(
        id=uuid4(),
        question=query,
        sentences=[*heading, *sentences] or [Sentence(answer.text, [], {})],
        outcome={"status": answer.status, "language": answer.language, "model": answer.model},
        asked_at=datetime.now(UTC),
    )


def _lead(text: str, start: int) -> str:
    """What stands before a sentence on its line."""
    return text[text.rfind("\n", 0, start) + 1 : start]
