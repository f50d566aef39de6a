"""A question taken apart: what each of its words may look like in a note."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from service.language.features import STEM, features_of_word, other_sounds, sounds, stem
from service.language.hebrew import readings, sure_readings
from service.language.lexicon import Term, equivalents
from service.language.qualifiers import qualifier, qualifiers_in
from service.language.stopwords import content
from service.language.text import normalise, tokens

Rarity = Callable[[str], float]
"""How much a feature tells: its inverse document frequency, at least 0."""
Way = frozenset[str]
"""Features that say a word when all of them are there."""
Pair = tuple[str, str]

# How a course is asked for: the notes give the number and not the word, "pain 6/10".
_MEASURES = """
score scoring level rating scale intensity severity number value
ציון ציוני ציונים הציון רמה רמת הרמה דירוג הדירוג סולם עוצמה עוצמת מדד מדדי ערך ערכי מספר
"""
MEASURES = frozenset(stem(normalise(word)) for word in _MEASURES.split())
# A stem counts as three grams of like rarity: nDCG@10 en 0.773, against 0.771 for one; Hebrew does not mind.
STEM_WEIGHT = 3.0
# A word that is said in another way counts for this much at least: "החרדות" and "חרדה" share a stem and not one gram.
# For equivalents 0.6 found less (ours 0.771 he / 0.754 en, against 0.772 / 0.761; without any 0.766 / 0.740).
WAY_CREDIT = 0.8
# Of BM25 alone, nDCG@10 he / en by this weight: 0 0.972 / 0.762, 0.2 0.972 / 0.763, 0.4 0.972 / 0.758, 1 0.972 / 0.735.
# Our therapists' short questions want some: 0.678 / 0.699 for 0, 0.695 / 0.721 for 0.2.
STOPWORD_WEIGHT = 0.2
# What a term that is asked for by its equivalent weighs in BM25: 0.795 en for 0.5, 0.794 for 0.3, 0.793 for none.
WAY_WEIGHT = 0.5
# Consonants that are one word in both alphabets. Of our notes' English words (tests/data) 59 meet Hebrew ones by four,
# most by chance, and 11 by five or more, all but ibuprofen and bupropion rightly; those two have equivalents, so they
# are not compared by consonants.
SURE_SOUNDS = 5


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A word of a question that carries meaning."""

    features: tuple[str, ...]
    """Its stem, then its grams."""
    ways: tuple[Way, ...]
    """What says the same: its stem, another reading of it, its consonants in the other alphabet, an equivalent."""

    @classmethod
    def of(cls, word: str, terms: Iterable[Term] = ()) -> Self:
        features = features_of_word(word)
        one = (features[0], *other_sounds(word), *_stems(_readings(word)))
        return cls(features, _ways(one, terms))

    @classmethod
    def sure(cls, word: str, terms: Sequence[Term]) -> Self:
        """Without ways that mean something else too often to be counted.

        The consonants alone, of few or of what has an equivalent, are another's: סוכרת (diabetes) would be a secret.
        """
        features = features_of_word(word)
        sounds = [one for one in other_sounds(word) if len(one) > SURE_SOUNDS and not terms]
        one = (features[0], *sounds, *_stems(sure_readings(word)))
        return cls(features, _ways(one, terms))

    def is_said(self, held: Set[str]) -> bool:
        """Whether a text that has these features says it in any way."""
        return any(way <= held for way in self.ways)

    def credit(self, held: Set[str], weights: Mapping[str, float]) -> float:
        """What a text is due for it that has these features."""
        due = math.fsum(weights[f] for f in self.features if f in held)
        if self.is_said(held):
            return max(due, WAY_CREDIT * self.worth(weights))
        return due

    def worth(self, weights: Mapping[str, float]) -> float:
        return math.fsum(weights[f] for f in self.features)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, to be looked for in many texts."""

    words: tuple[AskedWord, ...]
    pairs: tuple[tuple[Pair, Pair], ...] = ()
    """The senses of all neighbouring words, each pair with its stems."""
    qualifiers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, question: str) -> Self:
        said = tokens(question)
        terms = _terms(said)
        words = tuple(AskedWord.of(word, terms[word]) for word in telling(said))
        pairs = dict(zip(pairwise(map(sense, said)), pairwise(map(stem, said)), strict=True))
        return cls(words, tuple(pairs.items()), qualifiers_in(said))

    @property
    def features(self) -> set[str]:
        return {feature for word in self.words for feature in word.features}

    def held(self, words: Iterable[str]) -> dict[str, set[str]]:
        """What each word has of the question, where it has anything; each is looked at once."""
        wanted = self.features.union(*(way for word in self.words for way in word.ways))
        held = (
            (word, wanted.intersection((*features_of_word(word), *sounds(word)))) for word in words
        )
        return {word: features for word, features in held if features}

    def found(self, texts: Sequence[set[str]]) -> list[set[str]]:
        """What each text, given by its words, has of the question."""
        held = self.held(set().union(*texts))
        return [set().union(*(held[word] for word in words & held.keys())) for words in texts]

    def weights(self, rarity: Rarity) -> dict[str, float]:
        return {f: (STEM_WEIGHT if f[0] == STEM else 1.0) * rarity(f) for f in self.features}

    def covered(self, held: Set[str], weights: Mapping[str, float]) -> float:
        """The share (0..1) of its words that a text has which has these features."""
        total = math.fsum(word.worth(weights) for word in self.words)
        due = math.fsum(word.credit(held, weights) for word in self.words)
        return min(1.0, due / total) if total else 0.0

    def neighbours(self, rarity: Rarity) -> dict[Pair, float]:
        """Each pair's share (0..1) of all, by how rare its words are."""
        worth = {
            pair: math.fsum(rarity(f"{STEM}{word}") for word in stems) for pair, stems in self.pairs
        }
        total = math.fsum(worth.values())
        return {pair: one / total for pair, one in worth.items()} if total else {}


def telling(said: Sequence[str]) -> list[str]:
    """A question's distinct words that a note may say, without the name of a measure where one is measured."""
    words = content(list(said))
    return [word for word in words if stem(word) not in MEASURES] or words


def sense(word: str) -> str:
    """What neighbours are compared by: "isn't allergic" is like "not allergic", "לא אלרגית" like "אינה אלרגית"."""
    return qualifier(word) or stem(word)


def asked_surely(said: Sequence[str], telling: Iterable[str]) -> tuple[AskedWord, ...]:
    """The telling ones of a question's words, each once, for what counts who says them."""
    terms = _terms(said)
    return tuple(AskedWord.sure(word, terms[word]) for word in dict.fromkeys(telling))


def wanted(question: str) -> Mapping[str, float]:
    """The features a question asks the bags for, each with its weight."""
    said = tokens(question)
    telling, terms = set(content(said)), _terms(said)
    weights: dict[str, float] = defaultdict(float)
    for word in dict.fromkeys(said):
        weight = 1.0 if word in telling else STOPWORD_WEIGHT
        for feature in (*features_of_word(word), *other_sounds(word)):
            weights[feature] = max(weight, weights[feature])
        for feature, share in _elsewise(word, terms[word]) if word in telling else ():
            weights[feature] = max(share, weights[feature])
    return weights


def _elsewise(word: str, terms: Iterable[Term]) -> Iterator[tuple[str, float]]:
    for term in terms:
        for part in term:
            yield f"{STEM}{stem(part)}", WAY_WEIGHT / len(term)


def _terms(said: Sequence[str]) -> Mapping[str, list[Term]]:
    """What each word, alone or with its neighbours, can be said as."""
    terms: dict[str, list[Term]] = defaultdict(list)
    for found in equivalents(said):
        for word in said[found.start : found.end]:
            terms[word] += found.terms
    return terms


def _ways(one: Iterable[str], terms: Iterable[Term]) -> tuple[Way, ...]:
    """Each of these features, and each term with all of its words."""
    ways = [frozenset({each}) for each in one]
    ways += [frozenset(f"{STEM}{stem(part)}" for part in term) for term in terms]
    return tuple(dict.fromkeys(ways))


def _stems(stems: Iterable[str]) -> list[str]:
    return [f"{STEM}{each}" for each in stems]


def _readings(word: str) -> tuple[str, ...]:
    return () if word.isascii() else readings(word)
