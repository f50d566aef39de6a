"""Asks the questions of a file of search, and says which notes came back and whether it would have answered."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from service.domain.answers import Question
from service.domain.audit import Trail
from service.domain.identity import ClientId, WorkspaceId
from service.domain.scope import ANYWHERE
from service.evaluation.metrics import TOP
from service.evaluation.pulled_once import PulledOnce
from service.language.detect import language_of
from service.ports.calls import CallContexts
from service.retrieval.enough import judge
from service.retrieval.intent import understood
from service.retrieval.search import ALL_ARMS, Arms, Finder, Found

WHOLE = "whole"
"""Everything together, as a therapist gets it."""
ARMS: Mapping[str, Arms] = {
    "words": Arms(grams=False, dense=False, rerank=False),
    "grams": Arms(words=False, dense=False, rerank=False),
    "lexical": Arms(dense=False, rerank=False),
    "dense": Arms(words=False, grams=False, rerank=False),
    "fusion": Arms(rerank=False),
}
"""What an ablation runs beside the whole."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A line of a question file."""

    qid: str
    workspace: WorkspaceId
    question: Question


@dataclass(frozen=True, slots=True)
class Outcome:
    """What search did with a question: sessions best first, and whether it would have abstained."""

    qid: str
    session_ids: tuple[UUID, ...]
    abstained: bool
    confidence: float = 0.0
    """0..1, the best similarity of a passage; told of a question it abstains from too."""
    passage_session_ids: tuple[UUID, ...] = ()
    """The sessions an answer is made from, or would have been."""
    arms: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    """The first ten sessions of each arm of an ablation, by its name."""
    parts: tuple[tuple[float, float], ...] = ()
    """Beside `session_ids`, what they were ordered by: the first stage's score and the best similarity."""


def question_in(row: Mapping[str, Any]) -> Asked:
    """A line with qid, workspace_id, query and, where `scope` is "client", client_id."""
    client = ClientId(UUID(row["client_id"])) if row.get("scope") == "client" else None
    text = str(row["query"])
    return Asked(
        qid=str(row["qid"]),
        workspace=WorkspaceId(UUID(row["workspace_id"])),
        question=Question(text=text, language=language_of(text), client=client),
    )


@dataclass(frozen=True)
class Asker:
    """Asks as nobody in particular: the source decides what an index pull may read."""

    finder: Finder
    contexts: CallContexts
    ablation: bool = False
    """Whether every arm is asked too."""
    _days: dict[WorkspaceId, date] = field(default_factory=dict)
    _memories: dict[WorkspaceId, PulledOnce] = field(default_factory=dict)

    async def ask(self, asked: Asked) -> Outcome:
        """Raises what `Finder.find` raises."""
        today = await self._today(asked.workspace)
        question = understood(asked.question, earlier=(), today=today)
        found = await self._find(self.finder, question, asked.workspace)
        # An abstention has no passages; which ones it turned down tells whether it was right to.
        least = replace(question, min_similarity=0.0)
        shown = found if found.passages else await self._find(self.finder, least, asked.workspace)
        return Outcome(
            qid=asked.qid,
            session_ids=_sessions(found),
            abstained=judge(question, found).kind == "abstain",
            confidence=found.best,
            passage_session_ids=_passage_sessions(shown),
            arms=await self._arms(question, asked.workspace) if self.ablation else {},
            parts=_parts(found),
        )

    async def _arms(
        self, question: Question, workspace: WorkspaceId
    ) -> Mapping[str, tuple[UUID, ...]]:
        """Only their orders count, so the arms pull a note once for all questions."""
        notes = self._memories.setdefault(workspace, PulledOnce(self.finder.notes))
        finder = replace(self.finder, notes=notes)
        return {
            name: _sessions(await self._find(finder, question, workspace, arms))[:TOP]
            for name, arms in ARMS.items()
        }

    async def _find(
        self, finder: Finder, question: Question, workspace: WorkspaceId, arms: Arms = ALL_ARMS
    ) -> Found:
        context = await self.contexts.of(workspace=workspace)
        return await finder.find(question, context=context, actor=None, trail=Trail(), arms=arms)

    async def _today(self, workspace: WorkspaceId) -> date:
        """The day after the newest session, so that "last month" means the same however old the notes are."""
        if workspace not in self._days:
            sessions = await self.finder.store.sessions(workspace=workspace, within=ANYWHERE)
            newest = max((one.day for one in sessions if one.day), default=datetime.now(UTC).date())
            self._days[workspace] = newest + timedelta(days=1)
        return self._days[workspace]


def _sessions(found: Found) -> tuple[UUID, ...]:
    return tuple(ref.id for ref in found.ranked if ref.entity == "sessions")


def _parts(found: Found) -> tuple[tuple[float, float], ...]:
    both = zip(found.ranked, found.parts, strict=True)
    return tuple(part for ref, part in both if ref.entity == "sessions")


def _passage_sessions(found: Found) -> tuple[UUID, ...]:
    refs = dict.fromkeys(passage.note.ref for passage in found.passages)
    return tuple(ref.id for ref in refs if ref.entity == "sessions")


def run_line(outcome: Outcome) -> str:
    """An outcome as a line of run.jsonl: ids and numbers, no text."""
    row: dict[str, Any] = {
        "qid": outcome.qid,
        "session_ids": _told(outcome.session_ids),
        "abstained": outcome.abstained,
        "confidence": round(outcome.confidence, 6),
        "passage_session_ids": _told(outcome.passage_session_ids),
    }
    if outcome.parts:
        row["parts"] = [[round(one, 6) for one in part] for part in outcome.parts]
    if outcome.arms:
        row["arms"] = {name: _told(ids) for name, ids in outcome.arms.items()}
    return json.dumps(row)


def parse_outcome(line: str) -> Outcome:
    """A line of run.jsonl; an older one, or another program's, has but its first three values.

    Raises ValueError, KeyError, TypeError, AttributeError for anything else.
    """
    row = json.loads(line)
    ids = _read(row["session_ids"])
    return Outcome(
        qid=str(row["qid"]),
        session_ids=ids,
        abstained=bool(row.get("abstained", not ids)),
        confidence=float(row.get("confidence", 0.0)),
        passage_session_ids=_read(row.get("passage_session_ids", ())),
        arms={str(name): _read(found) for name, found in row.get("arms", {}).items()},
        parts=tuple((float(first), float(best)) for first, best in row.get("parts", ())),
    )


def _told(ids: Iterable[UUID]) -> list[str]:
    return [str(one) for one in ids]


def _read(ids: Iterable[str]) -> tuple[UUID, ...]:
    return tuple(UUID(one) for one in ids)
