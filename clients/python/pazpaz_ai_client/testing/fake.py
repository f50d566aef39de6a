"""The fake service: programmed by a test, asked by PazPaz, looked at by the test again."""

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from pazpaz_ai_client.api_models import AnswerStatus, Lack
from pazpaz_ai_client.models import Event
from pazpaz_ai_client.signing import usable_request_id
from pazpaz_ai_client.testing.answering import Answering
from pazpaz_ai_client.testing.answers import Citation, Reply, Wait, written
from pazpaz_ai_client.testing.conversations import Conversations
from pazpaz_ai_client.testing.inbox import Inbox
from pazpaz_ai_client.testing.keys import Keys
from pazpaz_ai_client.testing.pulls import Pulls
from pazpaz_ai_client.testing.refusals import Refused, language_of, refusal
from pazpaz_ai_client.testing.requests import (
    Feedback,
    PageRequest,
    Question,
    bearer_of,
    caller_of,
    read_body,
    read_query,
)

EVENTS_PATH = "/internal/v1/events"
AGENT = "/api/v1/ai/agent"
NOT_FOUND = "I found nothing about this in the notes."

Endpoint = Callable[..., Awaitable[httpx.Response]]
"""Takes a request, its caller, and the conversation where the path names one."""


class NotProgrammed(AssertionError):
    """PazPaz asked what the test did not program."""

    def __init__(self, question: str, known: Sequence[str]) -> None:
        super().__init__(f"nothing is programmed for {question!r}, only for {list(known)}")


class FakeAiService:
    """An AI service in this process, without a socket.

    Give `url` and `client` to `create_proxy_router` and `OutboxSender`, and `signer` and `verifier`
    to whatever signs and verifies in PazPaz. Streams are passed on event by event.
    """

    url = "http://ai.fake"

    def __init__(self) -> None:
        self.questions: list[Question] = []
        """All that were asked, refused ones included."""
        self.tokens: list[str] = []
        """The bearer tokens of the therapists' requests, in their order."""
        self.feedback: list[Feedback] = []
        self.unprogrammed: list[str] = []
        self._replies: dict[str, Reply | Refused] = {}
        self._instead: Refused | type[httpx.TransportError] | None = None
        self._conversations = Conversations()
        self._keys = Keys()
        self._inbox = Inbox(self._keys.event_verifier())
        self.signer = self._keys.pazpaz_signer()
        """Signs as PazPaz: for `OutboxSender` and `create_internal_router`."""
        self.verifier = self._keys.pull_verifier()
        """Verifies as PazPaz: for `create_internal_router`."""
        self.transport = httpx.MockTransport(self._serve)
        self.client = httpx.AsyncClient(transport=self.transport)

    # What a test programs

    def answers(
        self,
        question: str,
        answer: str,
        *,
        with_citations: Sequence[Citation] | None = None,
        status: AnswerStatus = "answered",
        degraded: Sequence[Lack] = (),
        wait: Wait | None = None,
        **members: Any,
    ) -> None:
        """Answer this question so, from now on.

        Each line of `answer` is a sentence; markers are added. Without `with_citations` each line is
        cited as a quote of itself. `wait` is awaited before the answer, in a stream after its first
        events. `members` replace others of the answer, as `risk=[...]`.
        """
        lines = written(answer, with_citations)
        self._replies[question] = Reply(lines, status, degraded, members, wait)

    def abstains(self, question: str, answer: str = NOT_FOUND) -> None:
        """Find nothing that answers this question."""
        self._replies[question] = Reply(written(answer, ()), "abstained")

    def degrades(
        self,
        question: str,
        answer: str,
        *,
        lacks: Sequence[Lack] = ("model",),
        with_citations: Sequence[Citation] | None = None,
    ) -> None:
        """Answer this question with quotes alone, as when a part of the service is away."""
        self.answers(
            question, answer, with_citations=with_citations, status="degraded", degraded=lacks
        )

    def breaks_off(self, question: str, answer: str) -> None:
        """Fail at this question: after the first line in a stream, which then ends with `error`."""
        self._replies[question] = Reply(written(answer, None), "answered", breaks_off=True)

    def refuses(self, question: str, status: int, *, code: str = "", retry_after: int = 5) -> None:
        """Refuse this question; 429 and 503 say after how many seconds to try again."""
        self._replies[question] = Refused(status, code=code, retry_after=retry_after)

    def refuses_all(self, status: int, *, code: str = "", retry_after: int = 5) -> None:
        """Refuse every request, events included, until `comes_back`."""
        self._instead = Refused(status, code=code, retry_after=retry_after)

    def goes_away(self, error: type[httpx.TransportError] = httpx.ConnectError) -> None:
        """Let no request through until `comes_back`; `httpx.ReadTimeout` is a service that hangs."""
        self._instead = error

    def comes_back(self) -> None:
        """Serve again."""
        self._instead = None

    # What a test looks at, and does

    @property
    def events(self) -> list[Event]:
        """The events that came signed, each once."""
        return self._inbox.events

    @property
    def refused_rules(self) -> list[str]:
        """Why the signatures of deliveries were refused, which their sender is never told."""
        return self._inbox.refused_rules

    def pull(self, app: Any) -> Pulls:
        """The signed calls of the service to PazPaz's application `app`."""
        return Pulls(app, signer=self._keys.service_signer(), answers=self._keys.answer_verifier())

    def write_keys(self, folder: str | Path) -> tuple[Path, Path]:
        """PazPaz's key folder and the service's ring as files, as `LiveKeys` reads them."""
        return self._keys.write(Path(folder))

    # What PazPaz reaches

    async def _serve(self, request: httpx.Request) -> httpx.Response:
        request_id = usable_request_id(request.headers.get("X-Request-ID", ""))
        request.headers["X-Request-ID"] = request_id  # for what answers further down
        try:
            response = await self._respond(request)
        except Refused as refused:
            response = refusal(refused, language=language_of(request), request_id=request_id)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Request-ID"] = request_id
        return response

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self._instead, Refused):
            raise self._instead
        if self._instead is not None:
            raise self._instead("the fake service is away", request=request)
        if (request.method, request.url.path) == ("POST", EVENTS_PATH):
            return await self._inbox.take(request)
        token = bearer_of(request)
        self.tokens.append(token)
        endpoint, named = self._route(request)
        return await endpoint(request, caller_of(token), *named)

    def _route(self, request: httpx.Request) -> tuple[Endpoint, Sequence[UUID]]:
        one = "/history/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
        routes: Sequence[tuple[str, str, Endpoint]] = (
            ("POST", "/chat", self._chat),
            ("POST", "/feedback", self._rate),
            ("GET", "/history", self._history),
            ("DELETE", "/history", self._delete_all),
            ("GET", one, self._conversation),
            ("DELETE", one, self._delete),
            ("GET", f"{one}/export", self._export),
        )
        for method, path, endpoint in routes:
            match = re.fullmatch(AGENT + path, request.url.path)
            if match and method == request.method:
                return endpoint, [UUID(name) for name in match.groups()]
        raise Refused(404, code="not_found")

    async def _chat(self, request: httpx.Request, caller: str) -> httpx.Response:
        question = read_body(request, Question)
        self.questions.append(question)
        conversation = self._conversations.scope(question, caller)
        reply = self._reply(question.query)
        answering = Answering(request, question, reply, conversation, self._conversations)
        return await answering.respond()

    def _reply(self, question: str) -> Reply:
        reply = self._replies.get(question)
        if reply is None:
            self.unprogrammed.append(question)
            raise NotProgrammed(question, list(self._replies))
        if isinstance(reply, Refused):
            raise reply
        return reply

    async def _rate(self, request: httpx.Request, caller: str) -> httpx.Response:
        feedback = read_body(request, Feedback)
        self._conversations.rate(feedback, caller)
        self.feedback.append(feedback)
        return httpx.Response(204)

    async def _history(self, request: httpx.Request, caller: str) -> httpx.Response:
        page = self._conversations.page(read_query(request, PageRequest), caller)
        return httpx.Response(200, json=page)

    async def _delete_all(self, request: httpx.Request, caller: str) -> httpx.Response:
        self._conversations.delete_all(caller)
        return httpx.Response(204)

    async def _conversation(
        self, request: httpx.Request, caller: str, named: UUID
    ) -> httpx.Response:
        return httpx.Response(200, json=self._conversations.of(named, caller).document())

    async def _export(self, request: httpx.Request, caller: str, named: UUID) -> httpx.Response:
        response = await self._conversation(request, caller, named)
        name = f'attachment; filename="conversation-{named}.json"'
        response.headers["Content-Disposition"] = name
        return response

    async def _delete(self, request: httpx.Request, caller: str, named: UUID) -> httpx.Response:
        self._conversations.delete(named, caller)
        return httpx.Response(204)
