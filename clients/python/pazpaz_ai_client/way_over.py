"""The way over from the agent inside PazPaz, one workspace after another, and the way back.

A workspace whose flag is off is answered by PazPaz's own agent, as ever. Beside that the service can be asked the same
in the shadow: its answer is compared, never shown, and no word of it is kept or logged.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import httpx
from fastapi import Request, Response
from pydantic import ValidationError

from pazpaz_ai_client.api_errors import AiServiceError, ServiceRefused
from pazpaz_ai_client.api_models import AnswerStatus, ChatAnswer, Question
from pazpaz_ai_client.service import AiService

Outcome = Literal["compared", "refused", "lost", "late", "unreadable", "busy", "failed"]
ASKED = ("query", "client_id", "max_results", "min_similarity")  # what PazPaz's agent knows of, too

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OldAnswer:
    """What of the old agent's answer is compared; no text."""

    status: int
    ms: int
    length: int = 0
    language: str | None = None
    sources: frozenset[str] = frozenset()
    """Ids of the sessions and clients it cited."""


@dataclass(frozen=True)
class Comparison:
    """Two answers to one question, in numbers."""

    outcome: Outcome
    old: OldAnswer
    code: str | None = None
    """Of a refusal."""
    new_ms: int | None = None
    new_length: int | None = None
    new_sources: int | None = None
    shared_sources: int | None = None
    answer_status: AnswerStatus | None = None
    same_language: bool | None = None


def log_comparison(comparison: Comparison) -> None:
    """One line of numbers."""
    log.info(
        "shadow: outcome=%s code=%s status=%s old_status=%d old_ms=%d new_ms=%s old_sources=%d new_sources=%s"
        " shared_sources=%s same_language=%s",
        comparison.outcome,
        comparison.code,
        comparison.answer_status,
        comparison.old.status,
        comparison.old.ms,
        comparison.new_ms,
        len(comparison.old.sources),
        comparison.new_sources,
        comparison.shared_sources,
        comparison.same_language,
    )


class Shadow:
    """Asks the service what the old agent was asked, behind the therapist's back and never in their way.

    At most `at_once` questions are under way, each at most `seconds` long; what would be more is not asked. Each counts
    as a question of the workspace (hourly limit, budget, audit trail); once answered, its conversation is deleted.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        service_url: str,
        bearer: Callable[[Request], Awaitable[str]],
        report: Callable[[Comparison], None] = log_comparison,
        at_once: int = 4,
        seconds: float = 60,
    ) -> None:
        self._client = client
        self._url = service_url
        self._bearer = bearer
        self._report = report
        self._at_once = at_once
        self._seconds = seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, request: Request, body: bytes, answered: Response, *, ms: int) -> None:
        """Returns at once, and raises nothing."""
        old = old_answer(answered, ms=ms)
        if len(self._tasks) >= self._at_once:
            self._tell(Comparison("busy", old))
            return
        task = asyncio.create_task(self._compare(request, body, old))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Gives up what is under way, at the end of the application."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _compare(self, request: Request, body: bytes, old: OldAnswer) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                self._tell(await self._compared(request, body, old))
        except ServiceRefused as exc:
            self._tell(Comparison("refused", old, code=exc.code or str(exc.status)))
        except AiServiceError:
            self._tell(Comparison("lost", old))
        except TimeoutError:
            self._tell(Comparison("late", old))
        except (ValueError, TypeError):
            self._tell(Comparison("unreadable", old))
        except Exception as exc:  # nothing that happens here is the therapist's concern
            log.warning("shadow failed: error=%s", type(exc).__name__)
            self._tell(Comparison("failed", old))

    async def _compared(self, request: Request, body: bytes, old: OldAnswer) -> Comparison:
        question = _question(body)
        token = await self._bearer(request)
        ai = AiService(self._client, service_url=self._url, token=token)
        start = time.monotonic()
        answer = await ai.chat(question)
        ms = round((time.monotonic() - start) * 1000)
        if (
            answer.conversation_id is not None
        ):  # the therapist never asked this: it is none of their history
            await ai.delete_conversation(answer.conversation_id)
        return compare(old, answer, ms=ms)

    def _tell(self, comparison: Comparison) -> None:
        try:
            self._report(comparison)
        except Exception as exc:
            log.warning("shadow not reported: error=%s", type(exc).__name__)


def compare(old: OldAnswer, new: ChatAnswer, *, ms: int) -> Comparison:
    """The numbers of two answers."""
    sources = {str(cited.session_id or cited.client_id) for cited in new.citations}
    return Comparison(
        "compared",
        old,
        new_ms=ms,
        new_length=len(new.answer),
        new_sources=len(sources),
        shared_sources=len(sources & old.sources),
        answer_status=new.answer_status,
        same_language=None if old.language is None else old.language == new.language,
    )


def old_answer(response: Response, *, ms: int) -> OldAnswer:
    """Read from the old agent's response; one of another shape has a status and a time only."""
    try:
        told: Any = json.loads(bytes(response.body))
        cited = frozenset(
            str(one.get("session_id") or one["client_id"]) for one in told["citations"]
        )
        return OldAnswer(response.status_code, ms, len(told["answer"]), told["language"], cited)
    except (AttributeError, KeyError, TypeError, ValueError):
        return OldAnswer(response.status_code, ms)


def _question(body: bytes) -> Question:
    told = json.loads(body)
    try:
        return Question.model_validate({name: told[name] for name in ASKED if name in told})
    except ValidationError:
        raise ValueError("not a question") from None  # the cause might quote it


class WayOver:
    """Who answers: `create_proxy_router(..., instead=WayOver(...))`.

    `workspace_of` makes PazPaz's own checks and names the caller's workspace, or raises PazPaz's HTTPException.
    `use_ai_service` is the flag; where it cannot be read, the old agent answers. `old_agent` is today's route.
    """

    def __init__(
        self,
        *,
        workspace_of: Callable[[Request], Awaitable[UUID]],
        use_ai_service: Callable[[UUID], Awaitable[bool]],
        old_agent: Callable[[Request], Awaitable[Response]],
        shadow: Shadow | None = None,
    ) -> None:
        self._workspace_of = workspace_of
        self._use_ai_service = use_ai_service
        self._old_agent = old_agent
        self._shadow = shadow

    async def __call__(self, request: Request) -> Response | None:
        """The old agent's response, or None where the service is to be asked."""
        if await self._is_over(await self._workspace_of(request)):
            return None
        body = await request.body()  # kept by the request, so the old agent can read it again
        start = time.monotonic()
        response = await self._old_agent(request)
        if self._shadow is not None:
            ms = round((time.monotonic() - start) * 1000)
            self._shadow.ask(request, body, response, ms=ms)
        return response

    async def _is_over(self, workspace_id: UUID) -> bool:
        try:
            return await self._use_ai_service(workspace_id)
        except Exception as exc:
            log.warning("flag not read: error=%s", type(exc).__name__)
            return False
