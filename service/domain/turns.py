"""What is kept of a conversation: a question, and sentences that know which notes they lean on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.domain.identity import ClientId
from service.domain.notes import NoteRef


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, as JSON-ready data, with the notes that must exist for it to be shown."""

    text: str
    citations: Sequence[Mapping[str, Any]]
    sources: Mapping[NoteRef, ClientId]
    lead: str = ""
    """What stands before it on its line, as the day of a session."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer. A sentence, or the question, is None when a note it drew on is gone."""

    id: UUID
    question: str | None
    sentences: Sequence[Sentence | None]
    outcome: Mapping[str, Any]
    """Free of content: status, language, counts, model."""
    asked_at: datetime
