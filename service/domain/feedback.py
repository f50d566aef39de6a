"""What a therapist thought of an answer: one word, and a reason from a closed list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from service.domain.identity import WorkspaceId

Rating = Literal["up", "down"]
Reason = Literal[
    "wrong_fact",
    "wrong_client",
    "missing",
    "not_found_but_exists",
    "bad_citation",
    "unclear",
    "wrong_language",
    "other",
]
"""Why an answer was not good. Missing: it left out something relevant. Not found but exists: it said 'not found', and
a note has it."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """`reason` is only given with a rating of down."""

    rating: Rating
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class RatedTurn:
    """A rated answer without a word of it: what evaluation may see."""

    workspace: WorkspaceId
    turn: UUID
    feedback: Feedback
    asked_on: date
    """The day (UTC)."""
    outcome: Mapping[str, Any]
