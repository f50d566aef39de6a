"""How a call to the service can fail; none of these holds a word of a question or a note."""

from collections.abc import Sequence
from typing import Self

import httpx
from pydantic import ValidationError

from pazpaz_ai_client._edges import PROBLEM, retry_after
from pazpaz_ai_client.api_models import Problem, StreamProblem

CODES = "urn:pazpaz-ai:"


class AiServiceError(Exception):
    """A call to the service that has no result."""


class ServiceRefused(AiServiceError):
    """An answer that is a refusal: tell them apart by `code`, show `detail`, and wait `retry_after` seconds if given.

    `code` is null where something in front of the service refused.
    """

    def __init__(
        self,
        status: int,
        title: str,
        *,
        code: str | None = None,
        detail: str = "",
        request_id: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{status} {title}")
        self.status = status
        self.title = title
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after

    @classmethod
    def by(cls, problem: Problem, retry_after: int | None = None) -> Self:
        """The same from a problem document, for whoever would rather raise the event `error` than show it."""
        code = _code(problem.type)
        if isinstance(problem, StreamProblem):
            code, retry_after = problem.code, problem.retry_after
        return cls(
            problem.status,
            problem.title,
            code=code,
            detail=problem.detail,
            request_id=problem.request_id,
            retry_after=retry_after,
        )


class ConnectionLost(AiServiceError):
    """The service was not reached, or went away before its answer was whole; whether it did the work is not known."""


class UnexpectedAnswer(AiServiceError):
    """What came is not of the contract's shape; the message names the fields, and nothing that stood in them."""

    @classmethod
    def by(cls, expected: str, error: ValidationError) -> Self:
        faults = [
            f"{_place(one['loc'])} {one['type']}" for one in error.errors(include_input=False)
        ]
        return cls(f"not of the shape {expected}: {', '.join(faults)}")


def refusal(answer: httpx.Response) -> ServiceRefused:
    """The refusal that a read answer is, also where it is no problem document."""
    wait = retry_after(answer)
    if answer.headers.get("Content-Type", "").startswith(PROBLEM):
        try:
            return ServiceRefused.by(Problem.model_validate_json(answer.content), wait)
        except ValidationError:
            pass
    return ServiceRefused(answer.status_code, answer.reason_phrase, retry_after=wait)


def _code(problem_type: str) -> str | None:
    return problem_type.removeprefix(CODES) if problem_type.startswith(CODES) else None


def _place(location: Sequence[str | int]) -> str:
    return ".".join(map(str, location)) or "body"
