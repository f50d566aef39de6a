"""What a question is about, as words that a text says or does not say."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Self

from service.language.asking import MEASURES, Asked, AskedWord, asked_surely
from service.language.everyday import AGED
from service.language.features import stem
from service.language.sides import Side, SideSaid, side_at, sides
from service.language.stopwords import STOPWORDS
from service.language.text import Word, normal_forms, tokens, words

# Of one, two or three words all must be said, of four three. On our own notes (tests/data) a sentence that says all
# covers 0.79 of a topic or more, and what says less was about something else ("left hand" for "left knee").
# By hand over 17 topics in both languages, of 211 sessions found 9 are about something else, four of them for "work".
# `coverage` itself cannot be the measure: where each note has "knee", that word weighs nothing any more.
SHARE = 0.75
# What denies is no part of what is looked for: a session that says "sleeps well" mentions what "no sleep" asks about.
_DENIALS = "never none nothing neither cannot בלי ללא אין אינו אינה אינם איננו איננה מעולם"
DENIALS = normal_forms(_DENIALS)
# With its article the word is no verb: "the old meniscus" has not slept.
OLD = normal_forms("הישן הישנה הישנים הישנות")
SILENT = STOPWORDS | DENIALS
NUMBER_NEAR = 4  # Words from a topic to its number: "VAS at night 4/10", no dose further on.
# Pain of something is told by its number alone: "L knee 5/10".
PAIN = frozenset(map(stem, ("pain", "hurt", "ache", "כאב")))
_OUT_OF_TEN = re.compile(r"(?<![\d/.])\d{1,2}\s*/\s*10(?![./]?\d)|\b(?:VAS|NRS)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts, each with its words, that several topics are looked for in."""

    texts: Sequence[str]
    words: Sequence[set[str]]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        return cls(texts, [set(tokens(text)) for text in texts])


@dataclass(frozen=True, slots=True)
class Sided:
    """A side that is asked for, and the word it is the side of; none where the side stands alone."""

    side: Side
    of: AskedWord | None


@dataclass(frozen=True, slots=True)
class Topic:
    """The words that carry meaning, each to be said in any of its ways; none where no word does."""

    asked: Asked
    sided: tuple[Sided, ...]
    graded: AskedWord | None = None
    """The one of them that a number out of ten says too."""

    @classmethod
    def of(cls, text: str, *, measured: bool = False) -> Self:
        """`measured`: asked for its numbers, so words that only name a measure need not be said."""
        said = words(text)
        lateral = [one for one in sides(text, said) if one.side != "both"]
        telling = _telling(said, lateral, measured=measured)
        asked = asked_surely([word.text for word in said], telling.values())
        by_word = dict(zip(dict.fromkeys(telling.values()), asked, strict=True))
        nouns = {place: by_word[word] for place, word in telling.items()}
        graded = next((one for word, one in by_word.items() if stem(word) in PAIN), None)
        of_something = bool(lateral) or (measured and len(asked) > 1)
        return cls(
            Asked(asked),
            tuple(_sided(one, nouns) for one in lateral),
            graded if of_something else None,
        )

    def __bool__(self) -> bool:
        return bool(self.words or self.sided)

    @property
    def words(self) -> tuple[AskedWord, ...]:
        return self.asked.words

    @property
    def least(self) -> int:
        """How many of the words a text must say to be about it."""
        return ceil(SHARE * len(self.words))

    @property
    def spelled(self) -> tuple[AskedWord, ...]:
        """The words that nothing but words can say."""
        return tuple(word for word in self.words if word is not self.graded)

    @property
    def least_spelled(self) -> int:
        """How many of those a text must say, if a number says the other."""
        return self.least - (len(self.words) - len(self.spelled))

    def said_in(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text says enough of it, on the side that is asked for."""
        return list(self.said_among(Texts.of(texts)))

    def said_among(self, said: Texts) -> Iterator[bool]:
        """As `said_in`, text by text."""
        held = self.asked.found(said.words)
        return (self.is_said(*one) for one in zip(said.texts, held, strict=True))

    def is_said(self, text: str, held: set[str]) -> bool:
        """Whether a text says enough of it that has these features of its words, and maybe of others."""
        # Few do, so only those are read word by word.
        return self._is_enough(text, held) and self._is_said(text)

    def has_number(self, text: str) -> bool:
        """Whether a number that is none of its words stands near it: "pain 6/10", "PHQ-9 14", "כאב בלילה 3"."""
        said = _read(text)
        places = set(self._places(self.words, said))
        numbers = {i for i, word in enumerate(said) if any(map(str.isdigit, word.text))} - places
        return any(abs(place - number) <= NUMBER_NEAR for place in places for number in numbers)

    def _is_said(self, text: str) -> bool:
        said = _read(text)
        [held] = self.asked.found([{word.text for word in said}])
        on_its_side = all(self._is_on(sided, text, said) for sided in self.sided)
        return on_its_side and self._is_enough(text, held)

    def _is_enough(self, text: str, features: set[str]) -> bool:
        by_number = self.graded is not None and bool(_OUT_OF_TEN.search(text))
        said = (
            word.is_said(features) or (by_number and word is self.graded) for word in self.words
        )
        return sum(said) >= self.least

    def _is_on(self, sided: Sided, text: str, said: Sequence[Word]) -> bool:
        found = sides(text, said)
        if sided.of is None:
            return any(one.side in {sided.side, "both"} for one in found)
        places = self._places([sided.of], said)
        return any(side_at(place, found) in {sided.side, "both"} for place in places)

    def _places(self, some: Iterable[AskedWord], said: Sequence[Word]) -> Iterator[int]:
        """Where a text says them, or a part of how they may be said."""
        parts = set[str]().union(*(way for word in some for way in word.ways))
        held = self.asked.found([{word.text} for word in said])
        return (i for i, features in enumerate(held) if features & parts)


def counted_in(topics: Sequence[Topic], groups: Sequence[Sequence[str]]) -> list[int]:
    """Of each topic, how many groups have a text that says enough of it.

    As `said_in` tells, but every text is taken apart once for all topics: of 14 that was 6 % of an answer's CPU.
    """
    asked = Asked(tuple(word for topic in topics for word in topic.words))
    found = iter(asked.found([set(tokens(text)) for texts in groups for text in texts]))
    held = [[(text, next(found)) for text in texts] for texts in groups]
    return [
        sum(any(topic.is_said(text, features) for text, features in group) for group in held)
        for topic in topics
    ]


def without_words(text: str, some: Collection[str]) -> str:
    """A text without these words, given in normal form."""
    for word in reversed(words(text)):
        if word.text in some:
            text = f"{text[: word.start].rstrip()} {text[word.end :].lstrip()}".strip()
    return text


def _read(text: str) -> list[Word]:
    """Its words without those of an age: בן 45 is no son; and without what is old and looks like sleep."""
    said = words(text)
    ages = {
        place
        for place, (one, after) in enumerate(pairwise(said))
        if one.text in AGED and after.text[0].isdigit()
    }
    return [word for place, word in enumerate(said) if place not in ages and word.text not in OLD]


def _telling(
    said: Sequence[Word], lateral: Iterable[SideSaid], *, measured: bool
) -> Mapping[int, str]:
    """The words that are to be said, by their places; sides are looked for apart."""
    silent = {place for one in lateral for place in range(one.start, one.end)}
    found = {
        place: word.text
        for place, word in enumerate(said)
        if place not in silent and word.text not in SILENT
    }
    named = {place: word for place, word in found.items() if stem(word) not in MEASURES}
    return named if measured and named else found


def _sided(one: SideSaid, nouns: Mapping[int, AskedWord]) -> Sided:
    """The word behind an English side or before a Hebrew one; on the other side if there is none."""
    after, before = nouns.get(one.end), nouns.get(one.start - 1)
    first, second = (after, before) if one.leads else (before, after)
    return Sided(one.side, first or second)
