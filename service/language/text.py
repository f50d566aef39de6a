"""Normal forms and words of Hebrew and English text, with their places in the original."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

# Insides of character classes. Marks are niqqud and cantillation (the maqaf, U+05BE, parts words and stays), and the
# controls that only steer display.
CONTROLS = "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad"
MARKS = f"\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7{CONTROLS}"
_QUOTES = "\"'`\u00b4\u05f3\u05f4\u2018\u2019\u201a-\u201f\u2032\u2033"
_FINALS = str.maketrans("ךםןףץ", "כמנפצ")

_DROP = re.compile(f"[{MARKS}{_QUOTES}]")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")

HEBREW = "\u05d0-\u05ea\u05ef-\u05f2\ufb1d-\ufb4f"
ACCENTS = "\u0300-\u036f"  # Decomposed: NFKC joins them to their letter.


def _word(letter: str) -> str:
    """Letters of one script; quotes inside a word belong to it: ד"ר, don't."""
    run = rf"{letter}(?:{letter}|[{MARKS}{ACCENTS}])*"
    return rf"{run}(?:[{_QUOTES}]+{run})*"


# A decimal or a date is one word: "7.5", "12.3.2026". A dose is two, "50mg" as "50 mg" ("1st" and "3x10" stay whole),
# and so is a Hebrew prefix with what it stands before: "לMRI" as "ה-MRI".
_NUMBER = r"\d+(?:[.,/:]\d+)+(?!\w)"
_DOSE = r"\d+(?:[.,/:]\d+)*(?=[^\W\d_]+(?!\w))(?!(?i:st|nd|rd|th|s)\b)"
_WORD = re.compile("|".join((_NUMBER, _DOSE, _word(f"[{HEBREW}]"), _word(rf"[^\W{HEBREW}]"))))

# Marks with a blank behind them, so that "7.5" and "6/10" stay whole.
_CLAUSE = re.compile(
    rf"[.!?;:,\u2026]+[{_QUOTES})\]]*\s+|[\n\r\u2028\u2029]+|\s[-\u2013\u2014]\s|[()\[\]]"
)


class Word(NamedTuple):
    """A word in its normal form; `start` and `end` are code points of the original text."""

    text: str
    start: int
    end: int


@lru_cache(maxsize=65_536)
def normalise(word: str) -> str:
    """The form two spellings share.

    NFKC, case-folded, no niqqud, bidi controls or quotes, final letters folded, "1,000" as "1000".
    """
    folded = unicodedata.normalize("NFKC", word).casefold()
    if _THOUSANDS.fullmatch(folded):
        return folded.replace(",", "")
    return _DROP.sub("", folded).translate(_FINALS)


def normal_forms(*lists: str) -> frozenset[str]:
    """The normal forms of all words of some lists."""
    return frozenset(normalise(word) for some in lists for word in some.split())


def any_of(*patterns: str) -> re.Pattern[str]:
    """A pattern of any of them, in any case of letters."""
    return re.compile("|".join(patterns), re.IGNORECASE)


def words(text: str) -> list[Word]:
    """The words of a text in order; what is left empty by normalising is no word."""
    return [
        Word(form, *match.span())
        for match in _WORD.finditer(text)
        if (form := normalise(match.group()))
    ]


def tokens(text: str) -> list[str]:
    """The normal forms alone."""
    return [form for form in map(normalise, _WORD.findall(text)) if form]


def clauses(text: str) -> list[list[str]]:
    """The normal forms alone, clause by clause; one after the other they are `tokens`."""
    return [found for part in _CLAUSE.split(text) if (found := tokens(part))]
