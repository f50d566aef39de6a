"""How much of a question a text says: the measure of the local reranker and of extractive answers."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from service.language.features import STEM, features_of_word, other_sounds, sounds, stem
from service.language.stopwords import content
from service.language.text import tokens

Rarity = Callable[[str], float]
"""How much a feature tells: its inverse document frequency, at least 0."""

# As if this many more texts without any of the question's features stood beside the ones compared: keeps the
# weights even where few texts are compared and "in all of them" means little. It costs nothing where many are.
UNSEEN = 50
# A stem counts as three grams of like rarity: nDCG@10 en 0.773, against 0.771 for one; Hebrew does not mind.
STEM_WEIGHT = 3.0
# A word whose stem is there counts for this much at least: "החרדות" and "חרדה" share their stem and not one gram.
STEM_CREDIT = 0.8
# The rest is the words alone. By regression over the order of candidates, one workspace left out at a time:
# nDCG@10 0.976 he / 0.781 en, against 0.974 / 0.771 without neighbours.
NEIGHBOUR_SHARE = 0.5


def coverage(question: str, texts: Sequence[str]) -> list[float]:
    """For each text, the share (0..1) of the question's words it has, in part or whole; words that are rare among
    these very texts weigh more.

    Stop words do not count. A question without any word is covered by nothing.
    """
    asked = Asked.of(question)
    found = asked.found([set(tokens(text)) for text in texts])
    weights = asked.weights(_rarity_among(found))
    return [asked.covered(held, weights) for held in found]


def likeness(question: str, texts: Sequence[str], *, rarity: Rarity) -> list[float]:
    """For each text, how much of the question it says (0..1): its words, and its neighbouring words side by side.

    `rarity` is that of the notes searched; among the few texts compared, what brought them all there would seem common.
    """
    asked = Asked.of(question)
    said = [tokens(text) for text in texts]
    weights = asked.weights(rarity)
    shares = [asked.covered(held, weights) for held in asked.found([set(words) for words in said])]
    neighbours = [asked.neighbours_in(words, rarity) for words in said]
    return [
        (1 - NEIGHBOUR_SHARE) * share + NEIGHBOUR_SHARE * beside
        for share, beside in zip(shares, neighbours, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A word of a question, by what stands for it in a text."""

    features: tuple[str, ...]
    """Its stem, then its grams."""
    as_good: frozenset[str]
    """What counts as the stem does: its consonants in the other alphabet."""

    @classmethod
    def of(cls, word: str) -> Self:
        return cls(features_of_word(word), frozenset(other_sounds(word)))

    def credit(self, held: set[str], weights: Mapping[str, float]) -> float:
        """What a text is due for it that has these features."""
        due = math.fsum(weights[f] for f in self.features if f in held)
        if self.features[0] not in held and self.as_good.isdisjoint(held):
            return due
        return max(due, STEM_CREDIT * self.worth(weights))

    def worth(self, weights: Mapping[str, float]) -> float:
        return math.fsum(weights[f] for f in self.features)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart, to be looked for in many texts."""

    words: tuple[AskedWord, ...]
    """Those that carry meaning."""
    pairs: frozenset[tuple[str, str]]
    """The stems of all neighbouring words."""

    @classmethod
    def of(cls, question: str) -> Self:
        said = tokens(question)
        words = tuple(AskedWord.of(word) for word in content(said))
        return cls(words, frozenset(pairwise(stem(word) for word in said)))

    @property
    def features(self) -> set[str]:
        return {feature for word in self.words for feature in word.features}

    def found(self, texts: Sequence[set[str]]) -> list[set[str]]:
        """What each text, given by its words, has of the question; each distinct word is looked at once."""
        wanted = self.features.union(*(word.as_good for word in self.words))
        held = {
            word: wanted.intersection((*features_of_word(word), *sounds(word)))
            for word in set().union(*texts)
        }
        telling = {word for word, features in held.items() if features}
        return [set().union(*(held[word] for word in words & telling)) for words in texts]

    def weights(self, rarity: Rarity) -> dict[str, float]:
        return {f: (STEM_WEIGHT if f[0] == STEM else 1.0) * rarity(f) for f in self.features}

    def covered(self, held: set[str], weights: Mapping[str, float]) -> float:
        total = math.fsum(word.worth(weights) for word in self.words)
        due = math.fsum(word.credit(held, weights) for word in self.words)
        return min(1.0, due / total) if total else 0.0

    def neighbours_in(self, said: Sequence[str], rarity: Rarity) -> float:
        """The share of the question's neighbours that stand side by side here too, rare ones weighing more."""
        total = _worth(self.pairs, rarity)
        if not total:
            return 0.0
        return (
            _worth(self.pairs.intersection(pairwise(stem(word) for word in said)), rarity) / total
        )


def _worth(pairs: Iterable[tuple[str, str]], rarity: Rarity) -> float:
    return math.fsum(rarity(f"{STEM}{word}") for pair in pairs for word in pair)


def _rarity_among(found: Sequence[set[str]]) -> Rarity:
    frequency = Counter(feature for held in found for feature in held)
    size = len(found) + UNSEEN
    return lambda f: idf(frequency[f], size)


def idf(frequency: int, size: int) -> float:
    """The inverse document frequency of BM25 (Robertson and Zaragoza), never below 0."""
    return math.log1p((size - frequency + 0.5) / (frequency + 0.5))
