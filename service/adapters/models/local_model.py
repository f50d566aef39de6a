"""Models that run in this process and call nobody: for demos, tests and practices without a provider."""

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from service.domain.answers import (
    CitationDelta,
    Delta,
    Finished,
    Passage,
    Question,
    Stretch,
    TextDelta,
)
from service.language.asking import telling
from service.language.curves import CURVES, LOCAL_RERANKER
from service.language.detect import language_of
from service.language.features import features, stem
from service.language.likeness import coverage, likeness
from service.language.sentences import sentences
from service.language.stopwords import content
from service.language.text import tokens
from service.ports.calls import CallContext
from service.ports.models import Vector
from service.vectors import DIMENSION


class LocalEmbedder:
    """Hashes a text's stems and grams under the workspace's key into one vector; deterministic.

    Good enough to bring candidates near, not to order them: nDCG@10 0.881 he / 0.632 en alone, against
    0.970 / 0.736 for the bags.
    """

    model = "local-hash-1"
    crosses_languages = False  # words of two languages share no features
    space = b"embed"
    """Keeps the hashes apart from those of bags and of another model."""

    async def embed(
        self, texts: Sequence[str], *, purpose: Literal["document", "query"], context: CallContext
    ) -> Sequence[Vector]:
        """Unit vectors; a text without words gets the first axis, because a zero vector has no cosine.

        Documents in a thread: a megabyte takes minutes, and the loop must go on renewing leases meanwhile.
        """
        key = context.keys.index
        if purpose == "query":
            return [self._embedded(text, key) for text in texts]
        return await asyncio.to_thread(lambda: [self._embedded(text, key) for text in texts])

    def _embedded(self, text: str, key: bytes) -> list[float]:
        vector = [0.0] * DIMENSION
        for feature, weight in self.weights(content(tokens(text))).items():
            place, sign = _place(feature, key, self.space)
            vector[place] += sign * weight
        length = math.sqrt(math.fsum(x * x for x in vector))
        return [x / length for x in vector] if length else [1.0, *vector[1:]]

    def weights(self, words: list[str]) -> Mapping[str, float]:
        """Stems and grams of the words, by how often they come."""
        counted = features(" ".join(words))
        return {feature: 1 + math.log(count) for feature, count in counted.items()}


class SecondLocalEmbedder(LocalEmbedder):
    """Another space of the same dimension, so that a change of models can be tried and tested without a provider.

    Stems alone. It finds less than the first one, and `reindex compare` says so.
    """

    model = "local-hash-2"
    space = b"embed-2"

    def weights(self, words: list[str]) -> Mapping[str, float]:
        counted = Counter(stem(word) for word in words)
        return {one: 1 + math.log(count) for one, count in counted.items()}


def _place(feature: str, key: bytes, space: bytes) -> tuple[int, int]:
    """The axis and the sign of a feature under a key, in a space of its own."""
    raw = feature.encode("utf-8", errors="surrogatepass")
    value = int.from_bytes(
        hashlib.blake2b(raw, key=key, digest_size=8, person=space).digest(), "big"
    )
    return value % DIMENSION, 1 if value >> 63 else -1


class LocalReranker:
    """Scores a stretch by how much of the query it says; the client's name counts as said."""

    model = LOCAL_RERANKER
    crosses_languages = False

    async def rerank(
        self,
        query: str,
        stretches: Sequence[Stretch],
        *,
        rarity: Callable[[str], float],
        context: CallContext,
    ) -> Sequence[float]:
        """About how often an answer from such a stretch is from the right session, in Hebrew and in English."""
        words = len(telling(tokens(query)))
        texts = [f"{stretch.client_name}\n{stretch.text}" for stretch in stretches]
        curve = CURVES[language_of(query)]
        return [curve.similarity(one, words) for one in likeness(query, texts, rarity=rarity)]


@dataclass(frozen=True, slots=True)
class _Quote:
    """A sentence of a passage with what it is worth for the question."""

    passage: int
    text: str
    worth: float


# Where a Hebrew passage holds the answer, 0.88 of the quotes have it, with 1.5 sentences a question.
MOST_SENTENCES = 4
MOST_PER_PASSAGE = 2
WORTH_LEAST = 0.15  # Covers less of the question than this: no sentence answers it.
WORTH_BESIDE_BEST = 0.6  # A further sentence below this share of the best one's worth only dilutes.


class ExtractiveModel:
    """Answers with the sentences of the passages that cover the question best, word for word."""

    model = "local-extractive-1"

    async def stream(
        self, question: Question, passages: Sequence[Passage], *, context: CallContext
    ) -> AsyncGenerator[Delta, None]:
        """Each sentence exactly as it stands in its passage, one to a line, with its citation behind it."""
        quotes = _chosen(question.text, passages)
        start = 0
        for number, quote in enumerate(quotes, 1):
            yield TextDelta(quote.text + ("\n" if number < len(quotes) else ""))
            end = start + len(quote.text)
            yield CitationDelta(start, end, (passages[quote.passage].id,))
            start = end + 1
        yield Finished("complete" if quotes else "abstained")


def _chosen(question: str, passages: Sequence[Passage]) -> list[_Quote]:
    """The best few sentences, best first, no text twice."""
    quotes = sorted(_quotes(question, passages), key=lambda quote: -quote.worth)
    chosen: list[_Quote] = []
    for quote in quotes:
        beside = [held for held in chosen if held.passage == quote.passage]
        least = WORTH_BESIDE_BEST * quotes[0].worth if chosen else WORTH_LEAST
        if quote.worth < least or len(chosen) == MOST_SENTENCES:
            break
        if len(beside) < MOST_PER_PASSAGE and not _said(quote, chosen):
            chosen.append(quote)
    return chosen


def _said(quote: _Quote, chosen: Sequence[_Quote]) -> bool:
    return any(tokens(quote.text) == tokens(held.text) for held in chosen)


def _quotes(question: str, passages: Sequence[Passage]) -> Iterator[_Quote]:
    """Every sentence with its worth: what it covers itself, and a little of what its passage is worth."""
    pieces = [
        (number, passage.chunk.text[start:end])
        for number, passage in enumerate(passages)
        for start, end in sentences(passage.chunk.text)
    ]
    shares = coverage(question, [text for _, text in pieces])
    for (number, text), share in zip(pieces, shares, strict=True):
        if share > 0:
            yield _Quote(number, text, share + 0.2 * share * passages[number].similarity)
