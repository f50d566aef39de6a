"""What is kept of a conversation: a question, and sentences that know which notes they lean on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from service.domain.feedback import Feedback
from service.domain.identity import ClientId
from service.domain.notes import NoteRef


@dataclass(frozen=True, slots=True)
class Source:
    """A note as it was when a sentence leaned on it; bare where nobody can tell what it was."""

    client: ClientId
    version: int | None = None
    updated_at: datetime | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    """A keyed digest of each field's text that the sentence leans on, by field."""

    def changed(self, texts: Mapping[str, str], updated_at: datetime) -> frozenset[str]:
        """The fields that say something else by now, by what the catalogue holds of the note.

        Where it holds no digests, the moment of the last change must do; it tells of no single field.
        """
        if not texts:
            return frozenset(self.texts if updated_at != self.updated_at else ())
        return frozenset(name for name, kept in self.texts.items() if texts.get(name) != kept)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, as JSON-ready data, with the notes that must exist for it to be shown."""

    text: str
    citations: Sequence[Mapping[str, Any]]
    sources: Mapping[NoteRef, Source]
    lead: str = ""
    """What stands between it and the sentence before, and is ours: the day of a session, the title of a part."""
    is_risk: bool = False
    """Pinned above the answer and no part of it: `text` is the note's sentence, its one citation tells the rest."""
    changed: frozenset[tuple[NoteRef, str]] = frozenset()
    """The fields of notes it leans on that say something else by now; in place of `sources`, once it was read back."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer. A sentence, or the question, is None when a note it drew on is gone."""

    id: UUID
    question: str | None
    sentences: Sequence[Sentence | None]
    outcome: Mapping[str, Any]
    """Free of content: status, language, model, counts, and what was searched."""
    asked_at: datetime
    feedback: Feedback | None = None


SEARCHED = "search"
"""The part of an outcome that tells the days of sessions: it goes with the first note that is erased."""


def marked(marker: int) -> str:
    """A citation's marker as it stands behind its sentence."""
    return f" [{marker}]"
