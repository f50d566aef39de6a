"""Two models of an index side by side: how far they agree, what each finds of what it should, how long each takes."""

import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from uuid import UUID

from service.domain.scope import Within
from service.evaluation.asker import Asked, question_in
from service.ports.calls import CallContexts
from service.ports.index import ChunkStore
from service.ports.models import Embedder, Embedders
from service.retrieval.fusion import best_per_note
from service.retrieval.search import DENSE_LIMIT

TOP = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, with the sessions that answer it where somebody judged."""

    asked: Asked
    relevant: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Seen:
    """The nearest sessions in one model, best first, and the seconds of embedding and searching."""

    model: str
    sessions: tuple[UUID, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One question in both models."""

    language: str
    relevant: frozenset[UUID]
    seen: Sequence[Seen]

    @property
    def overlap(self) -> float:
        """The share of sessions that both bring; two that bring nothing agree."""
        one, other = (set(seen.sessions) for seen in self.seen)
        return len(one & other) / max(len(one), len(other)) if one or other else 1.0

    def recall(self, model: str) -> float | None:
        """None where nobody judged."""
        if not self.relevant:
            return None
        [mine] = [set(seen.sessions) for seen in self.seen if seen.model == model]
        return len(self.relevant & mine) / min(len(self.relevant), TOP)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: one model in one language."""

    language: str
    model: str
    questions: int
    judged: int
    overlap: float
    recall: float | None
    median_ms: float
    p95_ms: float


def parse_judged(line: str) -> Judged:
    """A line of a question file; `relevant_session_ids` may be missing."""
    row = json.loads(line)
    relevant = row.get("relevant_session_ids") or ()
    return Judged(question_in(row), frozenset(UUID(session) for session in relevant))


@dataclass(frozen=True, slots=True)
class Comparer:
    """Asks both models of a workspace's index, without its words and without any text."""

    store: ChunkStore
    contexts: CallContexts
    embedders: Embedders

    async def compare(self, judged: Judged, *, turned: bool = False) -> Compared | None:
        """None where the workspace has no second model; `turned` asks that one first, for whoever comes second finds
        a warm database. Raises ModelUnavailable.
        """
        models = await self.store.models(workspace=judged.asked.workspace)
        if models is None or models.beside is None:
            return None
        order = reversed(models.all) if turned else models.all
        seen = [await self._see(judged.asked, self.embedders.of(one)) for one in order]
        return Compared(judged.asked.question.language, judged.relevant, seen)

    async def _see(self, asked: Asked, embedder: Embedder) -> Seen:
        question, workspace = asked.question, asked.workspace
        context = await self.contexts.of(workspace=workspace)
        began = time.perf_counter()
        [vector] = await embedder.embed([question.text], purpose="query", context=context)
        hits = await self.store.search(
            vector,
            workspace=workspace,
            model=embedder.model,
            within=Within.client(question.client),
            limit=DENSE_LIMIT,
        )
        seconds = time.perf_counter() - began
        nearest = [one.ref.id for one in best_per_note(hits) if one.ref.entity == "sessions"]
        return Seen(embedder.model, tuple(nearest[:TOP]), seconds)


def table(compared: Sequence[Compared]) -> list[Row]:
    """By language, then by model."""
    return list(_rows(compared))


def _rows(compared: Sequence[Compared]) -> Iterator[Row]:
    places = {(one.language, seen.model) for one in compared for seen in one.seen}
    for language, model in sorted(places):
        mine = [one for one in compared if one.language == language and _has(one, model)]
        yield _row(language, model, mine)


def _row(language: str, model: str, mine: Sequence[Compared]) -> Row:
    recalls = [recall for one in mine if (recall := one.recall(model)) is not None]
    times = sorted(seen.seconds * 1000 for one in mine for seen in one.seen if seen.model == model)
    return Row(
        language=language,
        model=model,
        questions=len(mine),
        judged=len(recalls),
        overlap=fmean(one.overlap for one in mine),
        recall=fmean(recalls) if recalls else None,
        median_ms=median(times),
        p95_ms=times[math.ceil(0.95 * len(times)) - 1],
    )


def _has(one: Compared, model: str) -> bool:
    return any(seen.model == model for seen in one.seen)


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """As a small table of text."""
    yield "language  model                       questions  judged  overlap@10  recall@10  median ms  p95 ms"
    for row in rows:
        recall = "-" if row.recall is None else f"{row.recall:.3f}"
        yield (
            f"{row.language:<8}  {row.model:<26}  {row.questions:>9}  {row.judged:>6}  {row.overlap:>10.3f}"
            f"  {recall:>9}  {row.median_ms:>9.1f}  {row.p95_ms:>6.1f}"
        )
