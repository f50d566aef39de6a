"""What a question is about, as words that a text says or does not say."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from math import ceil
from typing import Self

from service.language.features import STEM, features_of_word
from service.language.stopwords import STOPWORDS
from service.language.text import normalise, tokens

# Of one, two or three words all must be said, of four three. On our own notes (tests/data) a sentence that says all
# stems covers 0.79 of a topic or more, and what says less was about something else ("left hand" for "left knee").
# `coverage` itself cannot be the measure: where each note has "knee", that word weighs nothing any more.
SHARE = 0.75
# How a course is asked for: the notes give the number and not the word, "pain 6/10".
_MEASURES = """
score scores scoring level levels rating ratings scale intensity severity number numbers value values
ציון ציוני ציונים הציון רמה רמת הרמה דירוג הדירוג סולם עוצמה עוצמת מדד מדדי ערך ערכי מספר
"""
MEASURES = frozenset(normalise(word) for word in _MEASURES.split())


@dataclass(frozen=True, slots=True)
class Topic:
    """The words that carry meaning, each as the stems of which any one says it; none where no word does."""

    words: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, text: str, *, measured: bool = False) -> Self:
        """`measured`: asked for its numbers, so words that only name a measure need not be said."""
        found = [word for word in dict.fromkeys(tokens(text)) if word not in STOPWORDS]
        telling = [word for word in found if word not in MEASURES] if measured else found
        return cls(tuple(dict.fromkeys(stems([word]) for word in telling or found)))

    @property
    def least(self) -> int:
        """How many of the words a text must say to be about it."""
        return ceil(SHARE * len(self.words))

    def is_said_with(self, said: Set[str]) -> bool:
        """Whether these stems say enough of it."""
        return sum(not word.isdisjoint(said) for word in self.words) >= self.least


def stems(words: Iterable[str]) -> frozenset[str]:
    """The stems of words in their normal form, marked as they stand in bags."""
    return frozenset(f for word in words for f in features_of_word(word) if f[0] == STEM)
