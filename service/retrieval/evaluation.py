"""Runs a file of questions through search and says which notes came back and whether it would have answered."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from service.domain.answers import Question
from service.domain.audit import Trail
from service.domain.identity import ClientId, WorkspaceId
from service.language.detect import language_of
from service.retrieval.enough import judge
from service.retrieval.search import Finder


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


def parse_question(line: str) -> Asked:
    """One JSON line with qid, workspace_id, query and, where `scope` is "client", client_id."""
    return question_in(json.loads(line))


def question_in(row: Mapping[str, Any]) -> Asked:
    """The same from a line that was read."""
    client = ClientId(UUID(row["client_id"])) if row.get("scope") == "client" else None
    text = str(row["query"])
    return Asked(
        qid=str(row["qid"]),
        workspace=WorkspaceId(UUID(row["workspace_id"])),
        question=Question(text=text, language=language_of(text), client=client),
    )


async def ask(asked: Asked, finder: Finder) -> Outcome:
    """Searches as nobody in particular: the source decides what an index pull may read."""
    found = await finder.find(asked.question, workspace=asked.workspace, actor=None, trail=Trail())
    return Outcome(
        qid=asked.qid,
        session_ids=tuple(ref.id for ref in found.ranked if ref.entity == "sessions"),
        abstained=judge(asked.question, found.passages).kind == "abstain",
    )


async def run(
    lines: Iterable[str], finder: Finder, *, progress: Callable[[int], None] = lambda done: None
) -> AsyncIterator[Outcome]:
    """The outcome of every question, in order; `progress` hears how many are done."""
    for done, line in enumerate((line for line in lines if line.strip()), 1):
        yield await ask(parse_question(line), finder)
        progress(done)


def run_line(outcome: Outcome) -> str:
    """An outcome as a line of run.jsonl: ids only, no text."""
    ids = [str(session) for session in outcome.session_ids]
    return json.dumps({"qid": outcome.qid, "session_ids": ids, "abstained": outcome.abstained})
