"""One question that was let through: its answer as JSON, or as events while it comes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from pazpaz_ai_client.testing.answers import Reply, event, events_before, events_of
from pazpaz_ai_client.testing.conversations import Conversation, Conversations
from pazpaz_ai_client.testing.refusals import Refused, document, language_of
from pazpaz_ai_client.testing.requests import Question

STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


@dataclass(frozen=True)
class Answering:
    """A question, what was programmed for it, and where its turn is kept."""

    request: httpx.Request
    question: Question
    reply: Reply
    conversation: Conversation
    conversations: Conversations

    async def respond(self) -> httpx.Response:
        if "text/event-stream" in self.request.headers.get("Accept", ""):
            return httpx.Response(200, headers=STREAM_HEADERS, content=self._events())
        await self._wait()
        if self.reply.breaks_off:
            raise Refused(503)
        return httpx.Response(200, json=self._kept(self._document()))

    async def _events(self) -> AsyncIterator[bytes]:
        for told in events_before(self.reply):
            yield told
        await self._wait()
        answer = self._document()
        for told in events_of(self.reply, answer):
            yield told
        yield self._error() if self.reply.breaks_off else event("done", self._kept(answer))

    async def _wait(self) -> None:
        if self.reply.wait is not None:
            await self.reply.wait()

    def _document(self) -> dict[str, Any]:
        return self.reply.document(
            language=self.question.language,
            request_id=self.request.headers["X-Request-ID"],
            conversation_id=str(self.conversation.id),
            message_id=str(uuid4()),
        )

    def _kept(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.conversations.keep(self.conversation, self.question, answer)
        return answer

    def _error(self) -> bytes:
        refused, request_id = Refused(503), self.request.headers["X-Request-ID"]
        told = document(refused, language=language_of(self.request), request_id=request_id)
        return event("error", {**told, "code": refused.code, "retry_after": refused.retry_after})
