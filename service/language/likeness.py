"""How much of a question a text says: the measure of the local reranker and of extractive answers."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Self

from service.language.asking import Asked, Pair, Rarity, sense
from service.language.qualifiers import DENIED, qualifier, qualifiers_in
from service.language.text import clauses, tokens

# As if this many more texts without any of the question's features stood beside the ones compared: keeps the
# weights even where few texts are compared and "in all of them" means little. It costs nothing where many are.
UNSEEN = 50
# Of a likeness; the rest is the words alone. By regression over the order of candidates, one workspace left out at a
# time: nDCG@10 0.976 he / 0.781 en, against 0.974 / 0.771 without neighbours.
NEIGHBOUR_SHARE = 0.45
# What one clause says of it: "left ear blocked, right ear fine" is no blocked right ear. Small, for the practice
# questions hardly care: with it and the qualifiers nDCG@10 0.9759 he / 0.7983 en, against 0.9756 / 0.7973; ours 0.775 /
# 0.771, against 0.775 / 0.769. Of 96 questions a language for one of two twins (tests) 95 he / 92 en, against 84 / 79.
CLAUSE_SHARE = 0.1
WORD_SHARE = 1 - NEIGHBOUR_SHARE - CLAUSE_SHARE
QUALIFIER_WORTH = 0.3  # Of an average word; 0.5 tells the same twins apart.
# Of a clause that denies what is asked plainly; a little, for "no" answers "are the dreams back?" too. Ours en by this:
# 0.95 0.774, 0.9 and 0.85 0.771; of the questions for twins 91, 92 and 93.
DENIAL_WORTH = 0.9
REACH = 4  # Words behind a denial that it denies; 2 and 6 tell the same twins apart.


def coverage(question: str, texts: Sequence[str]) -> list[float]:
    """For each text, the share (0..1) of the question's words it has, in part or whole; words that are rare among
    these very texts weigh more.

    Stop words do not count. A question without any word is covered by nothing.
    """
    return covered(Asked.of(question), texts)


def covered(asked: Asked, texts: Sequence[str]) -> list[float]:
    """As `coverage`, of a question that is taken apart."""
    found = asked.found([set(tokens(text)) for text in texts])
    weights = asked.weights(_rarity_among(found))
    return [asked.covered(held, weights) for held in found]


def likeness(question: str, texts: Sequence[str], *, rarity: Rarity) -> list[float]:
    """For each text, how much of the question it says (0..1): its words, its neighbouring words side by side, and
    as many as it can in one clause.

    `rarity` is that of the notes searched; among the few texts compared, what brought them all there would seem common.
    """
    told = [clauses(text) for text in texts]
    sought = _Sought.among({word for text in told for word in chain(*text)}, question, rarity)
    return [sought.likeness(text) for text in told]


@dataclass(frozen=True, slots=True)
class _Sought:
    """A question among texts, with what each of their words has of it."""

    asked: Asked
    weights: Mapping[str, float]
    pairs: Mapping[Pair, float]
    held: Mapping[str, set[str]]
    senses: Mapping[str, str]
    shares: dict[frozenset[str], float]
    """Of the question's words, by what is held: most clauses hold one word or none, and the same ones."""

    @classmethod
    def among(cls, words: Set[str], question: str, rarity: Rarity) -> Self:
        asked = Asked.of(question)
        senses = {word: sense(word) for word in words}
        weights, pairs = asked.weights(rarity), asked.neighbours(rarity)
        return cls(asked, weights, pairs, asked.held(words), senses, {})

    def likeness(self, text: Sequence[Sequence[str]]) -> float:
        """Of a text in clauses."""
        words = WORD_SHARE * self._covered(chain(*text))
        clause = CLAUSE_SHARE * max(map(self._at_once, text), default=0.0)
        if not self.pairs:  # one word has no neighbours, and may be said in full all the same
            return (words + clause) / (WORD_SHARE + CLAUSE_SHARE)
        return words + clause + NEIGHBOUR_SHARE * self._beside(text)

    def _covered(self, words: Iterable[str]) -> float:
        held = frozenset().union(*(self.held[word] for word in words if word in self.held))
        if held not in self.shares:
            self.shares[held] = self.asked.covered(held, self.weights)
        return self.shares[held]

    def _beside(self, text: Iterable[Sequence[str]]) -> float:
        """The share of neighbouring words that stand side by side in a clause here too."""
        said = {pair for clause in text for pair in pairwise(map(self.senses.__getitem__, clause))}
        return math.fsum(share for pair, share in self.pairs.items() if pair in said)

    def _at_once(self, clause: Sequence[str]) -> float:
        """How much of the question one clause says, qualifiers as well; less if it only denies it."""
        share = self._covered(clause)
        if not share:
            return 0.0
        asked, said = self.asked.qualifiers, qualifiers_in(clause)
        each = QUALIFIER_WORTH / len(self.asked.words)
        told = (share + each * len(asked & said)) / (1 + each * len(asked))
        return told if DENIED in asked or not self._denied(clause) else DENIAL_WORTH * told

    def _denied(self, clause: Sequence[str]) -> bool:
        """Whether it has a word of the question shortly behind a denial."""
        denials = [place for place, word in enumerate(clause) if qualifier(word) == DENIED]
        return any(
            word in self.held for place in denials for word in clause[place + 1 : place + 1 + REACH]
        )


def idf(frequency: int, size: int) -> float:
    """The inverse document frequency of BM25 (Robertson and Zaragoza), never below 0."""
    return math.log1p((size - frequency + 0.5) / (frequency + 0.5))


def _rarity_among(found: Sequence[set[str]]) -> Rarity:
    frequency = Counter(feature for held in found for feature in held)
    size = len(found) + UNSEEN
    return lambda feature: idf(frequency[feature], size)
