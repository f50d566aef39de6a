"""From notes that were read and judged to the passages an answer may be made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from service.domain.answers import Passage, Question
from service.domain.notes import Chunk, Note
from service.language.chunking import joined

PASSAGES_PER_NOTE = 3
# Of the order, the rest is the reranker's. nDCG@10 he / en by this share: 0.25 0.976 / 0.803, 0.35 0.974 / 0.799,
# 0.45 0.975 / 0.801, 0.55 0.975 / 0.794. Recall@10 he is 0.9949 at 0.25, else 0.9959.
FIRST_SHARE = 0.45
# What a question for a field adds to a stretch of it. Our 41 Hebrew questions for a plan: nDCG@10 0.745 for 0 to 0.2,
# 0.764 for 0.3; more would bring in strangers.
FIELD_BONUS = 0.3
NEAR_BEST = 0.9
"""Of the best similarity: what is as like a question as that may as well be told by its day."""


@dataclass(frozen=True, slots=True)
class Read:
    """A candidate with its current text, chunked and judged."""

    note: Note
    client_name: str
    chunks: Sequence[Chunk]
    similarities: Sequence[float]
    """Beside the chunks."""
    first_score: float
    fields: frozenset[str]
    """Those the question asks for."""

    @property
    def best(self) -> float:
        return max(self.similarities, default=0.0)

    @property
    def worth(self) -> float:
        """The order of notes: both stages, because each sees what the other misses."""
        best = max(map(self.value, range(len(self.chunks))), default=0.0)
        return FIRST_SHARE * self.first_score + (1 - FIRST_SHARE) * best

    def value(self, place: int) -> float:
        """What a chunk is worth in an order."""
        bonus = FIELD_BONUS if self.chunks[place].field in self.fields else 0.0
        return self.similarities[place] + bonus


def newest_first(reads: Sequence[Read]) -> list[Read]:
    """Those about as like the question as the best one, by their day; the others behind them as they were.

    Every note with a score says as much of "the latest score", and which four are shown must not be chance.
    """
    least = NEAR_BEST * max((read.best for read in reads), default=0.0)
    near = [read for read in reads if read.best >= least]
    near.sort(key=lambda read: read.note.day or date.min, reverse=True)
    return [*near, *(read for read in reads if read.best < least)]


def passages_of(reads: Sequence[Read], question: Question) -> tuple[Passage, ...]:
    """The stretches worth showing, note by note, numbered p1, p2, ...; at most `max_results` notes."""
    kept = [(read, list(_plausible(read, question.min_similarity))) for read in reads]
    used = [(read, pieces) for read, pieces in kept if pieces][: question.max_results]
    flat = [(read, piece) for read, pieces in used for piece in pieces]
    return tuple(_passage(number, read, piece) for number, (read, piece) in enumerate(flat, 1))


def _passage(number: int, read: Read, piece: Sequence[int]) -> Passage:
    return Passage(
        id=f"p{number}",
        note=read.note,
        chunk=joined([read.chunks[place] for place in piece], read.note),
        client_name=read.client_name,
        similarity=max(read.similarities[place] for place in piece),
    )


def _plausible(read: Read, least: float) -> Iterator[list[int]]:
    """The places of a note's best chunks that reach the least similarity, best first; neighbours together."""
    ordered = sorted(range(len(read.chunks)), key=lambda place: -read.value(place))
    best = [place for place in ordered[:PASSAGES_PER_NOTE] if read.similarities[place] >= least]
    pieces = _neighbours(sorted(best), read.chunks)
    yield from sorted(pieces, key=lambda piece: -max(map(read.value, piece)))


def _neighbours(places: Sequence[int], chunks: Sequence[Chunk]) -> Iterator[list[int]]:
    """Runs of chunks that follow one another in one field."""
    for _, run in groupby(
        enumerate(places), key=lambda one: (one[1] - one[0], chunks[one[1]].field)
    ):
        yield [place for _, place in run]
