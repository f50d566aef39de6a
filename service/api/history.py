"""/ai/agent/history: a therapist's own conversations, opened from their seals, shown, exported, deleted."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from service.api.dependencies import Caller, Opened
from service.api.schemas import (
    ConversationOut,
    ConversationTurns,
    HistoryPage,
    TurnOut,
    problems,
)
from service.api.trail import write
from service.container import Container
from service.domain.audit import Action
from service.domain.identity import Principal
from service.domain.turns import Sentence, Turn
from service.errors import ConversationNotFound, MalformedRequest
from service.ports import ConversationHead

router = APIRouter(prefix="/api/v1/ai/agent/history", tags=["history"])

OF_ONE = problems(401, 403, 404, 422, 503)
PAGE = 20
MOST = 100


@router.get("", operation_id="list_conversations", responses=problems(401, 403, 422, 503))
async def conversations(
    caller: Caller,
    opened: Opened,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE,
) -> HistoryPage:
    await write(opened, caller, "history.read", {"conversation": None, "notes": []})
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


@router.get("/{conversation_id}", operation_id="read_conversation", responses=OF_ONE)
async def conversation(conversation_id: UUID, caller: Caller, opened: Opened) -> ConversationTurns:
    return await _opened("history.read", conversation_id, caller, opened)


@router.get("/{conversation_id}/export", operation_id="export_conversation", responses=OF_ONE)
async def export(
    conversation_id: UUID, caller: Caller, opened: Opened, response: Response
) -> ConversationTurns:
    """The same as a file to keep."""
    turns = await _opened("conversation.exported", conversation_id, caller, opened)
    name = f"conversation-{conversation_id}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return turns


async def _opened(
    action: Action, conversation_id: UUID, caller: Principal, opened: Container
) -> ConversationTurns:
    """A conversation for its owner, once the audit trail says which notes it shows."""
    head = await _head(conversation_id, caller, opened)
    turns = await opened.conversations.turns(
        conversation_id, user=caller.user, workspace=caller.workspace
    )
    told = {"conversation": str(head.id), "client": str(head.client) if head.client else None}
    await write(opened, caller, action, {**told, "notes": _notes_shown(turns)})
    return ConversationTurns(
        conversation_id=head.id,
        client_id=head.client,
        started_at=head.started_at,
        turns=[_turn(turn) for turn in turns],
    )


@router.delete(
    "/{conversation_id}", status_code=204, operation_id="delete_conversation", responses=OF_ONE
)
async def delete(conversation_id: UUID, caller: Caller, opened: Opened) -> Response:
    head = await _head(conversation_id, caller, opened)
    # Told first: a deletion that nobody recorded is worse than a record of one that then failed.
    await write(opened, caller, "conversation.deleted", {"conversation": str(head.id)})
    deleted = await opened.conversations.delete(
        conversation_id, user=caller.user, workspace=caller.workspace
    )
    if not deleted:
        raise ConversationNotFound
    return Response(status_code=204)


async def _head(conversation_id: UUID, caller: Principal, opened: Container) -> ConversationHead:
    head = await opened.conversations.head(
        conversation_id, user=caller.user, workspace=caller.workspace
    )
    if head is None:
        raise ConversationNotFound
    return head


def _notes_shown(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The notes whose words are in what is shown, each version once."""
    shown = {
        (
            "sessions" if cited["type"] == "session" else "clients",
            cited["session_id"] or cited["client_id"],
            cited["client_id"],
            cited["note_version"],
        )
        for turn in turns
        for sentence in turn.sentences
        if sentence
        for cited in sentence.citations
    }
    return [
        {"entity": entity, "id": id, "client": client, "version": version, "use": "shown"}
        for entity, id, client, version in sorted(shown, key=str)
    ]


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
        answer += ("\n" if answer else "") + sentence.lead
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
