"""/ai/agent/history: a therapist's own conversations, opened from their seals, shown, exported, deleted."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from service.api.dependencies import Caller, Held, Opened
from service.api.document import responses
from service.api.schemas import (
    ConversationOut,
    ConversationTurns,
    FeedbackOut,
    HistoryPage,
    PastCitation,
    PastRisk,
    SearchOut,
    TurnOut,
)
from service.api.trail import write
from service.container import Container
from service.domain.audit import Action
from service.domain.identity import ClientId, Principal
from service.domain.turns import SEARCHED, Sentence, Turn, marked
from service.errors import ConversationNotFound, MalformedRequest
from service.ports.conversations import ConversationHead
from service.ports.limits import Standing

router = APIRouter(prefix="/api/v1/ai/agent/history", tags=["history"])

OF_ALL = responses(401, 403, 422, 503)
OF_ONE = responses(401, 403, 404, 422, 503)
PAGE = 20
MOST = 100


@router.get("", operation_id="list_conversations", responses=OF_ALL)
async def conversations(
    caller: Caller,
    standing: Held,
    opened: Opened,
    client_id: UUID | None = None,
    whole_practice: bool = False,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE,
) -> HistoryPage:
    """One's own conversations; with `client_id` those about this client alone, with `whole_practice` those about
    no one client."""
    client = ClientId(client_id) if client_id else None
    told = {"conversation": None, "client": str(client) if client else None}
    await write(opened, caller, "history.read", {**told, "notes": []})
    before = _read_cursor(cursor)
    if not standing.conversations:
        return HistoryPage(conversations=[], next=None)
    lines = await opened.conversations.page(
        user=caller.user,
        workspace=caller.workspace,
        client=client,
        whole_practice=whole_practice,
        before=before,
        limit=limit + 1,
    )
    shown = lines[:limit]
    more = len(lines) > limit
    return HistoryPage(
        conversations=[ConversationOut.of(line) for line in shown],
        next=_cursor(shown[-1].started_at) if more else None,
    )


@router.delete("", status_code=204, operation_id="delete_conversations", responses=OF_ALL)
async def delete_all(caller: Caller, opened: Opened) -> Response:
    """All of one's own conversations, for good."""
    await write(opened, caller, "conversation.deleted", {"conversation": None})
    await opened.conversations.delete_all(user=caller.user, workspace=caller.workspace)
    return Response(status_code=204)


@router.get("/{conversation_id}", operation_id="read_conversation", responses=OF_ONE)
async def conversation(
    conversation_id: UUID, caller: Caller, standing: Held, opened: Opened
) -> ConversationTurns:
    head = await _head(conversation_id, caller, standing, opened)
    return await _shown_to("history.read", head, caller, opened)


@router.get("/{conversation_id}/export", operation_id="export_conversation", responses=OF_ONE)
async def export(
    conversation_id: UUID, caller: Caller, standing: Held, opened: Opened, response: Response
) -> ConversationTurns:
    """The same as a file to keep."""
    head = await _head(conversation_id, caller, standing, opened)
    turns = await _shown_to("conversation.exported", head, caller, opened)
    name = f"conversation-{conversation_id}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return turns


async def _shown_to(
    action: Action, head: ConversationHead, caller: Principal, opened: Container
) -> ConversationTurns:
    """A conversation for its owner, once the audit trail says which notes it shows."""
    turns = await opened.conversations.turns(head.id, user=caller.user, workspace=caller.workspace)
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
async def delete(conversation_id: UUID, caller: Caller, standing: Held, opened: Opened) -> Response:
    head = await _head(conversation_id, caller, standing, opened)
    # Told first: a deletion that nobody recorded is worse than a record of one that then failed.
    await write(opened, caller, "conversation.deleted", {"conversation": str(head.id)})
    deleted = await opened.conversations.delete(
        conversation_id, user=caller.user, workspace=caller.workspace
    )
    if not deleted:
        raise ConversationNotFound
    return Response(status_code=204)


async def _head(
    conversation_id: UUID, caller: Principal, standing: Standing, opened: Container
) -> ConversationHead:
    """The caller's own conversation; where nothing is kept, what is left for the clock to delete is not there."""
    if not standing.conversations:
        raise ConversationNotFound
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
            "sessions" if cited["session_id"] else "clients",
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
    answer, citations = _answer([sentence for sentence in kept if not sentence.is_risk])
    outcome, searched = turn.outcome, turn.outcome.get(SEARCHED)
    return TurnOut(
        message_id=turn.id,
        asked_at=turn.asked_at,
        query=turn.question,
        answer=answer,
        citations=citations,
        risk=[PastRisk(**_past(one, one.citations[0])) for one in kept if one.is_risk],
        answer_status=outcome["status"],
        language=outcome["language"],
        model=outcome["model"],
        search=SearchOut(**searched) if searched else None,
        withheld=outcome.get("withheld"),
        degraded=outcome.get("degraded", []),
        source_changed=len(kept) < len(turn.sentences) or any(one.changed for one in kept),
        feedback=FeedbackOut(**asdict(turn.feedback)) if turn.feedback else None,
    )


def _answer(kept: Sequence[Sentence]) -> tuple[str, list[PastCitation]]:
    """The answer as far as it may be shown, its citations with their places in just that text."""
    answer, citations = "", list[PastCitation]()
    for sentence in kept:
        answer += ("\n" if answer else "") + sentence.lead
        place = {"answer_start": len(answer), "answer_end": len(answer) + len(sentence.text)}
        answer += sentence.text
        for citation in sentence.citations:
            citations.append(PastCitation(**_past(sentence, citation) | place))
            answer += marked(citation["marker"])
    return answer, citations


def _past(sentence: Sentence, quoted: Mapping[str, Any]) -> dict[str, Any]:
    """A quote as it was kept, and whether its field says something else by now."""
    note, field = quoted["session_id"] or quoted["client_id"], quoted["field_name"]
    changed = {(str(ref.id), name) for ref, name in sentence.changed}
    return {**quoted, "source_changed": (note, field) in changed}


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
