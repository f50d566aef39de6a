"""GET and DELETE /ai/agent/history: a therapist's own conversations, opened from their seals."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from service.api.dependencies import Caller, Opened
from service.api.schemas import (
    PROBLEMS,
    ConversationOut,
    ConversationTurns,
    HistoryPage,
    TurnOut,
)
from service.domain.turns import Sentence, Turn
from service.errors import ConversationNotFound, MalformedRequest

router = APIRouter(prefix="/api/v1/ai/agent/history", tags=["history"], responses=PROBLEMS)

PAGE = 20
MOST = 100


@router.get("", operation_id="list_conversations")
async def conversations(
    caller: Caller,
    opened: Opened,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE,
) -> HistoryPage:
    heads = await opened.conversations.page(
        user=caller.user,
        workspace=caller.workspace,
        before=_read_cursor(cursor),
        limit=limit + 1,
    )
    shown = heads[:limit]
    more = len(heads) > limit
    return HistoryPage(
        conversations=[ConversationOut.of(head) for head in shown],
        next=_cursor(shown[-1].started_at) if more else None,
    )


@router.get("/{conversation_id}", operation_id="read_conversation")
async def conversation(conversation_id: UUID, caller: Caller, opened: Opened) -> ConversationTurns:
    head = await opened.conversations.head(
        conversation_id, user=caller.user, workspace=caller.workspace
    )
    if head is None:
        raise ConversationNotFound
    turns = await opened.conversations.turns(
        conversation_id, user=caller.user, workspace=caller.workspace
    )
    return ConversationTurns(
        conversation_id=head.id,
        client_id=head.client,
        started_at=head.started_at,
        turns=[_turn(turn) for turn in turns],
    )


@router.delete("/{conversation_id}", status_code=204, operation_id="delete_conversation")
async def delete(conversation_id: UUID, caller: Caller, opened: Opened) -> Response:
    deleted = await opened.conversations.delete(
        conversation_id, user=caller.user, workspace=caller.workspace
    )
    if not deleted:
        raise ConversationNotFound
    return Response(status_code=204)


def _turn(turn: Turn) -> TurnOut:
    kept = [sentence for sentence in turn.sentences if sentence]
    answer, citations = _shown(kept)
    return TurnOut(
        message_id=turn.id,
        asked_at=turn.asked_at,
        query=turn.question,
        answer=answer,
        citations=citations,
        answer_status=turn.outcome["status"],
        language=turn.outcome["language"],
        model=turn.outcome["model"],
        source_changed=len(kept) < len(turn.sentences),
    )


def _shown(kept: Sequence[Sentence]) -> tuple[str, list[dict[str, Any]]]:
    """The answer as far as it may be shown, its citations with their places in just that text."""
    answer, citations = "", list[dict[str, Any]]()
    for sentence in kept:
        answer += "\n" if answer else ""
        place = {"answer_start": len(answer), "answer_end": len(answer) + len(sentence.text)}
        answer += sentence.text
        for citation in sentence.citations:
            citations.append({**citation, **place})
            answer += f" [{citation['marker']}]"
    return answer, citations


def _cursor(moment: datetime) -> str:
    return base64.urlsafe_b64encode(moment.isoformat().encode()).decode()


def _read_cursor(cursor: str | None) -> datetime | None:
    if cursor is None:
        return None
    try:
        moment = datetime.fromisoformat(base64.urlsafe_b64decode(cursor).decode())
        if moment.tzinfo is None:
            raise MalformedRequest
        return moment.astimezone(UTC)
    except (binascii.Error, ValueError, OverflowError):  # the calendar has two ends
        raise MalformedRequest from None
