"""Questions that somebody judged: which session answers, which must never come, and what slices they count in."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from service.domain.answers import Language
from service.evaluation.asker import Asked, question_in

ALL = "all"
HARD = "hard"
LANGUAGES: Mapping[str, Language] = {"he": "he", "en": "en"}


@dataclass(frozen=True, slots=True)
class Gold:
    """A line of a question file with what was judged of it."""

    asked: Asked
    language: Language
    relevant: tuple[UUID, ...]
    """Empty where nothing answers it."""
    forbidden: frozenset[UUID]
    kind: str
    source: str
    place: str
    """Its workspace by a name that people read."""
    hard: bool
    strict: bool

    @property
    def qid(self) -> str:
        return self.asked.qid

    @property
    def answerable(self) -> bool:
        return bool(self.relevant)

    @property
    def refusal(self) -> str:
        """Under what its abstention is counted. Not strict: perhaps something does answer it after all."""
        return self.kind if self.strict else f"{self.kind} (lax)"

    def rank_in(self, sessions: tuple[UUID, ...]) -> int:
        """Of the relevant session, from 1; 0 where it is not among them. Where several are, the first judged counts."""
        target = self.relevant[0]
        return sessions.index(target) + 1 if target in sessions else 0

    def slices(self) -> Iterator[str]:
        """What it counts in beside its language."""
        yield ALL
        if self.hard:
            yield HARD
        yield f"kind {self.kind}"
        yield f"source {self.source}"
        yield f"workspace {self.place}"


def parse_gold(line: str) -> Gold:
    """Raises ValueError, KeyError, TypeError, AttributeError for a line that is no judged question."""
    return gold_in(json.loads(line))


def gold_in(row: Mapping[str, Any]) -> Gold:
    """The same from a line that was read; what a plain question lacks is left open."""
    asked = question_in(row)
    return Gold(
        asked=asked,
        language=LANGUAGES[row.get("language", asked.question.language)],
        relevant=tuple(UUID(one) for one in row.get("relevant_session_ids") or ()),
        forbidden=frozenset(UUID(one) for one in row.get("must_not_return") or ()),
        kind=str(row.get("kind") or "other"),
        source=str(row.get("source") or "other"),
        place=str(row.get("workspace") or asked.workspace),
        hard=bool(row.get("hard")),
        strict=bool(row.get("strict", True)),
    )
