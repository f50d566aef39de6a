"""The service's own API for PazPaz's code: therapists' calls with their token, operators' with theirs.

Both classes hold no connection and no state: make one wherever a token is at hand.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal
from uuid import UUID

import httpx

from pazpaz_ai_client._calls import Calls, EventReader
from pazpaz_ai_client.api_errors import (
    AiServiceError,
    ConnectionLost,
    ServiceRefused,
    UnexpectedAnswer,
)
from pazpaz_ai_client.api_models import (
    ChatAnswer,
    Chosen,
    Conversation,
    ConversationHead,
    Count,
    DeadLetter,
    DeadLetters,
    Erasure,
    ErasureReceipt,
    ErasureReceipts,
    FeedbackRequest,
    Health,
    HistoryPage,
    Language,
    Question,
    Scope,
    StreamEvent,
    StreamProblem,
)
from pazpaz_ai_client.signing import usable_request_id

CHAT = "/api/v1/ai/agent/chat"
FEEDBACK = "/api/v1/ai/agent/feedback"
HISTORY = "/api/v1/ai/agent/history"
DEAD_LETTERS = "/internal/v1/dead-letters"
ERASURES = "/internal/v1/erasures"
RECONCILE = "/internal/v1/reconcile"
NOT_READY = frozenset({503})

__all__ = [
    "AiOperators",
    "AiService",
    "AiServiceError",
    "ConnectionLost",
    "ServiceRefused",
    "UnexpectedAnswer",
]


class AiService:
    """What one therapist may ask; `language` is that of refusals, answers are in the question's.

    Raises ServiceRefused, ConnectionLost or UnexpectedAnswer. Nothing is ever sent twice.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        service_url: str,
        token: str,
        language: Language = "he",
        request_id: str | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        if request_id is not None:
            headers["X-Request-ID"] = usable_request_id(request_id)
        self._calls = Calls(client, service_url, headers)

    async def chat(self, question: Question) -> ChatAnswer:
        """The whole answer at once."""
        return await self._calls.ask(ChatAnswer, "POST", CHAT, body=question)

    async def stream(self, question: Question) -> AsyncGenerator[StreamEvent, None]:
        """The answer as it comes; the last event is a ChatAnswer or a StreamProblem, else it raises ConnectionLost.

        Close it (`contextlib.aclosing`) where it may be left early: that ends the work for it.
        """
        reader = EventReader()
        async with self._calls.open_stream("POST", CHAT, question) as parts:
            async for part in parts:
                for event in reader.feed(part):
                    yield event
                    if isinstance(event, ChatAnswer | StreamProblem):
                        return
        raise ConnectionLost("the stream ended before its answer")

    async def list_conversations(
        self,
        *,
        client_id: UUID | None = None,
        whole_practice: bool = False,
        cursor: str | None = None,
        limit: int = 20,
    ) -> HistoryPage:
        """A page of one's own conversations, newest first; with `client_id` those about this client alone.

        With `whole_practice` those about no one client.
        """
        params = {
            "client_id": client_id,
            "whole_practice": whole_practice or None,
            "cursor": cursor,
            "limit": limit,
        }
        return await self._calls.ask(HistoryPage, "GET", HISTORY, params=params)

    async def conversations(
        self, *, client_id: UUID | None = None, whole_practice: bool = False
    ) -> AsyncIterator[ConversationHead]:
        """All of them, page after page."""
        cursor = None
        while True:
            page = await self.list_conversations(
                client_id=client_id, whole_practice=whole_practice, cursor=cursor, limit=100
            )
            for conversation in page.conversations:
                yield conversation
            if (cursor := page.next) is None:
                return

    async def read_conversation(self, conversation_id: UUID) -> Conversation:
        """A whole conversation."""
        return await self._calls.ask(Conversation, "GET", f"{HISTORY}/{conversation_id}")

    async def export_conversation(self, conversation_id: UUID) -> bytes:
        """The same as a file to keep: JSON exactly as the service wrote it."""
        answer = await self._calls.send("GET", f"{HISTORY}/{conversation_id}/export")
        return answer.content

    async def delete_conversation(self, conversation_id: UUID) -> None:
        """One conversation, for good."""
        await self._calls.send("DELETE", f"{HISTORY}/{conversation_id}")

    async def delete_conversations(self) -> None:
        """All of one's own conversations, for good."""
        await self._calls.send("DELETE", HISTORY)

    async def give_feedback(self, feedback: FeedbackRequest) -> None:
        """A word on one of one's own answers."""
        await self._calls.send("POST", FEEDBACK, body=feedback)


class AiOperators:
    """What an operator may ask; `service_url` is that of the internal port where there are two.

    Raises as AiService does. `token` is the service's OPERATOR_TOKEN.
    """

    def __init__(self, client: httpx.AsyncClient, *, service_url: str, token: str) -> None:
        headers = {"Accept-Language": "en"}
        self._open = Calls(client, service_url, headers)
        self._calls = Calls(client, service_url, {**headers, "Authorization": f"Bearer {token}"})

    async def list_dead_letters(
        self, *, workspace_id: UUID | None = None, limit: int = 100, offset: int = 0
    ) -> list[DeadLetter]:
        """What was given up on, oldest first."""
        params = {"workspace_id": workspace_id, "limit": limit, "offset": offset}
        page = await self._calls.ask(DeadLetters, "GET", DEAD_LETTERS, params=params)
        return page.dead_letters

    async def end_dead_letters(self, what: Literal["retry", "drop"], chosen: Chosen) -> int:
        """Tries them again or drops them; returns how many."""
        counted = await self._calls.ask(Count, "POST", f"{DEAD_LETTERS}/{what}", body=chosen)
        return counted.count

    async def reconcile(self, workspace_id: UUID | None = None) -> int:
        """Has workspaces compared with PazPaz's list, one or every one; returns how many."""
        scope = Scope(workspace_id=workspace_id)
        return (await self._calls.ask(Count, "POST", RECONCILE, body=scope)).count

    async def erase(self, erasure: Erasure) -> None:
        """Refuses it from now on; a worker erases what is there, and then its receipt is listed."""
        await self._calls.send("POST", ERASURES, body=erasure)

    async def list_erasures(self, workspace_id: UUID | None = None) -> list[ErasureReceipt]:
        """The receipts, oldest first."""
        params = {"workspace_id": workspace_id}
        return (await self._calls.ask(ErasureReceipts, "GET", ERASURES, params=params)).erasures

    async def healthz(self) -> Health:
        """Whether the process runs."""
        return await self._open.ask(Health, "GET", "/healthz")

    async def readyz(self) -> Health:
        """Whether a question could be answered: `status` is "ready", or says why not."""
        return await self._open.ask(Health, "GET", "/readyz", also=NOT_READY)
