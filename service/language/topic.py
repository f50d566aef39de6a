"""What a question is about, as words that a text says or does not say."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Self

from service.language.asking import Asked, AskedWord, asked_surely
from service.language.features import stem
from service.language.sides import Side, SideSaid, side_at, sides
from service.language.stopwords import STOPWORDS
from service.language.text import Word, normalise, words

# Of one, two or three words all must be said, of four three. On our own notes (tests/data) a sentence that says all
# covers 0.79 of a topic or more, and what says less was about something else ("left hand" for "left knee").
# `coverage` itself cannot be the measure: where each note has "knee", that word weighs nothing any more.
SHARE = 0.75
# How a course is asked for: the notes give the number and not the word, "pain 6/10".
_MEASURES = """
score scoring level rating scale intensity severity number value
ציון ציוני ציונים הציון רמה רמת הרמה דירוג הדירוג סולם עוצמה עוצמת מדד מדדי ערך ערכי מספר
"""
MEASURES = frozenset(stem(normalise(word)) for word in _MEASURES.split())
# What denies is no part of what is looked for: a session that says "sleeps well" mentions what "no sleep" asks about.
_DENIALS = "never none nothing neither cannot בלי ללא אין אינו אינה אינם איננו איננה מעולם"
DENIALS = frozenset(normalise(word) for word in _DENIALS.split())
NUMBER_NEAR = (
    4  # Words between a topic and its number: "VAS at night 4/10", and not a dose further on.
)


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

    @classmethod
    def of(cls, text: str, *, measured: bool = False, without: Collection[str] = ()) -> Self:
        """`without` are words that name the client, as they stand in it.

        `measured`: asked for its numbers, so words that only name a measure need not be said.
        """
        said = words(text)
        lateral = [one for one in sides(text, said) if one.side != "both"]
        silent = {place for one in lateral for place in range(one.start, one.end)}
        silent |= {
            i for i, word in enumerate(said) if _is_silent(word.text) or word.text in without
        }
        found = [word.text for i, word in enumerate(said) if i not in silent]
        telling = [word for word in found if not (measured and stem(word) in MEASURES)] or found
        asked = asked_surely([word.text for word in said if word.text not in without], telling)
        of = {word: one for word, one in zip(dict.fromkeys(telling), asked, strict=True)}
        nouns = {
            i: of[word.text] for i, word in enumerate(said) if i not in silent and word.text in of
        }
        return cls(Asked(asked, frozenset()), tuple(_sided(one, nouns) for one in lateral))

    def __bool__(self) -> bool:
        return bool(self.words or self.sided)

    @property
    def words(self) -> tuple[AskedWord, ...]:
        return self.asked.words

    @property
    def least(self) -> int:
        """How many of the words a text must say to be about it."""
        return ceil(SHARE * len(self.words))

    def said_in(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text says enough of it, on the side that is asked for."""
        read = [words(text) for text in texts]
        held = self.asked.found([{word.text for word in one} for one in read])
        return [
            sum(word.is_said(features) for word in self.words) >= self.least
            and all(self._is_on(sided, text, said) for sided in self.sided)
            for text, said, features in zip(texts, read, held, strict=True)
        ]

    def has_number(self, text: str) -> bool:
        """Whether a number that is none of its words stands near it: "pain 6/10", "PHQ-9 14", "כאב בלילה 3"."""
        said = words(text)
        places = set(self._places(self.words, said))
        numbers = {i for i, word in enumerate(said) if any(map(str.isdigit, word.text))} - places
        return any(abs(place - number) <= NUMBER_NEAR for place in places for number in numbers)

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


def _is_silent(word: str) -> bool:
    return word in STOPWORDS or word in DENIALS


def _sided(one: SideSaid, nouns: dict[int, AskedWord]) -> Sided:
    """The word behind an English side or before a Hebrew one; on the other side if there is none."""
    after, before = nouns.get(one.end), nouns.get(one.start - 1)
    first, second = (after, before) if one.leads else (before, after)
    return Sided(one.side, first or second)
