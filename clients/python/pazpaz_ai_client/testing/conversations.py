"""The history of a fake service, in memory: each caller has their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pazpaz_ai_client.testing.answers import instant
from pazpaz_ai_client.testing.refusals import Refused
from pazpaz_ai_client.testing.requests import Feedback, PageRequest, Question

TITLE = 60  # signs


@dataclass
class Conversation:
    """One caller's questions about one client, or about all of the workspace."""

    id: UUID
    caller: str
    client_id: UUID | None
    started_at: datetime
    turns: list[dict[str, Any]] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        """As the list shows it."""
        return self._head() | {
            "title": self.turns[0]["query"][:TITLE],
            "updated_at": self.turns[-1]["asked_at"],
            "turns": len(self.turns),
        }

    def document(self) -> dict[str, Any]:
        """All of it."""
        return self._head() | {"turns": self.turns}

    def _head(self) -> dict[str, Any]:
        return {
            "conversation_id": str(self.id),
            "client_id": str(self.client_id) if self.client_id else None,
            "started_at": instant(self.started_at),
        }


class Conversations:
    """What callers asked and were answered."""

    def __init__(self) -> None:
        self._by_id: dict[UUID, Conversation] = {}

    def scope(self, question: Question, caller: str) -> Conversation:
        """The one that a question goes on with or begins; refuses another's, and another scope."""
        if question.conversation_id is None:
            return Conversation(uuid4(), caller, question.client_id, datetime.now(UTC))
        conversation = self.of(question.conversation_id, caller)
        if question.client_id not in (None, conversation.client_id):
            raise Refused(409)
        return conversation

    def keep(
        self, conversation: Conversation, question: Question, answer: Mapping[str, Any]
    ) -> None:
        """Adds a turn."""
        self._by_id[conversation.id] = conversation
        conversation.turns.append(_turn(question, answer))

    def of(self, conversation_id: UUID, caller: str) -> Conversation:
        """One of the caller's own."""
        conversation = self._by_id.get(conversation_id)
        if conversation is None or conversation.caller != caller:
            raise Refused(404, code="conversation_not_found")
        return conversation

    def page(self, asked: PageRequest, caller: str) -> dict[str, Any]:
        """Newest first. The cursor is the id of the last one shown, which is nobody's business."""
        mine = [one for one in reversed(self._by_id.values()) if one.caller == caller]
        if asked.client_id:
            mine = [one for one in mine if one.client_id == asked.client_id]
        if asked.whole_practice:
            mine = [one for one in mine if one.client_id is None]
        if asked.cursor is not None:
            mine = mine[_place(asked.cursor, mine) + 1 :]
        shown = mine[: asked.limit]
        return {
            "conversations": [one.line() for one in shown],
            "next": str(shown[-1].id) if len(mine) > len(shown) else None,
        }

    def delete(self, conversation_id: UUID, caller: str) -> None:
        """One of the caller's own."""
        del self._by_id[self.of(conversation_id, caller).id]

    def delete_all(self, caller: str) -> None:
        """All of the caller's own."""
        self._by_id = {one.id: one for one in self._by_id.values() if one.caller != caller}

    def rate(self, feedback: Feedback, caller: str) -> None:
        """Replaces what was thought before."""
        for one in self._by_id.values():
            for turn in one.turns:
                if one.caller == caller and turn["message_id"] == str(feedback.message_id):
                    turn["feedback"] = {"rating": feedback.rating, "reason": feedback.reason}
                    return
        raise Refused(404, code="message_not_found")


def _place(cursor: str, conversations: list[Conversation]) -> int:
    for place, one in enumerate(conversations):
        if str(one.id) == cursor:
            return place
    raise Refused(422)


_OF_A_TURN = (
    "message_id",
    "answer",
    "answer_status",
    "language",
    "model",
    "search",
    "withheld",
    "degraded",
)


def _turn(question: Question, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in _OF_A_TURN} | {
        "asked_at": instant(datetime.now(UTC)),
        "query": question.query,
        "citations": [{**cited, "source_changed": False} for cited in answer["citations"]],
        "risk": [{**risk, "source_changed": False} for risk in answer["risk"]],
        "source_changed": False,
        "feedback": None,
    }
