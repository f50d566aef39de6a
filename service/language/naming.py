"""The words of a question, as somebody's name may stand among them."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from service.language.everyday import (
    AND,
    CALLED,
    DID,
    EVERYDAY,
    MEETINGS,
    MEETINGS_OF,
    OF,
    OWNED,
    OWNERS,
    RELATIVES,
    SOMEBODYS,
    TELL,
    TOLD,
    TOLD_ABOUT,
)
from service.language.stopwords import STOPWORDS
from service.language.text import tokens, words

# What may be written onto a Hebrew name, in this order: and, that or when, in, as, to or from. Names take no article.
_CLITICS = ("", "ו"), ("", "ש", "כש", "לכש", "מש", "שכש"), ("", "ב", "כ", "ל", "מ")
PREFIXES = frozenset("".join(one) for one in product(*_CLITICS))
_LONGEST = max(map(len, PREFIXES))

_ENDS = re.compile(r"[.!?;\n\u2028\u2029]")
_OWNS = re.compile(r"(?<=\w)['\u2019]s$", re.IGNORECASE)
_ABBREVIATED = frozenset({"dr", "mr", "mrs", "ms", "prof", "st"})

# One letter for each word, so that expressions can look at what stands around a name. Small: with a prefix.
_KINDS = (
    (SOMEBODYS, "S"),
    (RELATIVES, "R"),
    (OWNERS, "H"),
    (OWNED, "P"),
    (OF, "O"),
    (CALLED, "N"),
    (AND, "A"),
)
_WORDS = EVERYDAY | STOPWORDS
_BEFORE = re.compile(r"[RrSs]P?N*(?:.A)?$")
"""Her brother, brother of hers, who is called, and somebody else, and."""
_AFTER = re.compile(r"H[RS]|S|[RS][PO]")
"""Her brother, brother of hers, the brother of."""


@dataclass(frozen=True, slots=True, repr=False)
class Word:
    """A word of a question."""

    text: str
    """Its normal form."""
    bare: tuple[str, ...]
    """What it may be without letters written onto its front: itself, and who owns ("Dana's")."""
    begins: bool
    """A sentence begins with it."""
    letter: Literal["capital", "small", "none"]
    """What it begins with; none in Hebrew, or where a capital says nothing."""

    @property
    def readings(self) -> Iterator[tuple[str, str]]:
        """Each (prefix, rest) that it may be."""
        for bare in self.bare:
            yield from without_prefix(bare)

    @property
    def owns(self) -> bool:
        return len(self.bare) > 1

    def is_one_of(self, some: frozenset[str]) -> bool:
        return not some.isdisjoint(self.bare)


@dataclass(frozen=True, slots=True, repr=False)
class Said:
    """A text as words; `kinds` has a letter for each."""

    words: tuple[Word, ...]
    kinds: str
    careful: bool
    """Whether it is written with capitals, so that a small letter says something."""

    def is_relative(self, start: int, end: int, *, prefix: str) -> bool:
        """Whether a name there is of somebody of the client's ("her brother David"), or may be."""
        first = max((at for at in range(start + 1) if self.words[at].begins), default=0)
        before = self.kinds[first:start] + "A" * len(prefix)
        if prefix in {"", "ו"} and _BEFORE.search(before):
            return True
        return not self.words[end - 1].owns and bool(_AFTER.match(self._after(end)))

    def _after(self, end: int) -> str:
        """The kinds from there to the end of the sentence."""
        last = (at for at in range(end, len(self.words)) if self.words[at].begins)
        return self.kinds[end : next(last, len(self.words))]


def without_prefix(form: str) -> Iterator[tuple[str, str]]:
    """Each (prefix, rest) that a normal form may be, itself first; two letters stay at least."""
    yield "", form
    for end in range(1, min(_LONGEST, len(form) - 2) + 1):
        if form[:end] in PREFIXES:
            yield form[:end], form[end:]


def name_words(name: str) -> tuple[str, ...]:
    """The normal forms of a name's words."""
    return tuple(tokens(unicodedata.normalize("NFKC", name)))


def tells(earlier: str, before: str, after: str) -> bool:
    """Whether who stands there tells or meets: "תמר סיפרה", "סיפרה תמר על", "did Hope say", "הפגישות עם שירה"."""
    return (
        after in TOLD
        or (before in TOLD and after in TOLD_ABOUT)
        or (before in DID and after in TELL)
        or (before in MEETINGS_OF and earlier in MEETINGS)
    )


def begins_sentence(text: str, end: int, start: int, before: str) -> bool:
    """Whether a sentence begins at `start`; the word before it (its normal form, "" for none) ended at `end`."""
    return not before or (_ENDS.search(text, end, start) is not None and before not in _ABBREVIATED)


def said(text: str) -> Said:
    """A question, read."""
    found = tuple(_words(unicodedata.normalize("NFKC", text)))
    careful = any(
        word.letter == "capital" and len(word.text) > 1 and not word.is_one_of(STOPWORDS)
        for word in found
    )
    return Said(found, "".join(map(_kind, found)), careful)


def _words(text: str) -> Iterator[Word]:
    found = words(text)
    shouts = all(one.isupper() or not one.isalpha() for one in (text[w.start] for w in found))
    end, before = 0, ""
    for one in found:
        begins = begins_sentence(text, end, one.start, before)
        bare = _bare(one.text, text[one.start : one.end])
        # "Mark's" is a name wherever it stands, and "Mark" may be a verb where a sentence begins.
        says_nothing = shouts or (begins and len(bare) == 1)
        yield Word(one.text, bare, begins, _letter(text[one.start], says_nothing=says_nothing))
        end, before = one.end, one.text


def _bare(form: str, written: str) -> tuple[str, ...]:
    owner = tokens(_OWNS.sub("", written)) if _OWNS.search(written) else []
    return (form, *owner)


def _letter(first: str, *, says_nothing: bool) -> Literal["capital", "small", "none"]:
    if first.islower():
        return "small"
    return "capital" if first.isupper() and not says_nothing else "none"


def _kind(word: Word) -> str:
    if (kind := _of(word.bare)) != "W":
        return kind
    if word.is_one_of(_WORDS):
        return "W"  # שבת is no "that a daughter"
    return _of(tuple(rest for prefix, rest in word.readings if prefix)).lower().replace("w", "W")


def _of(forms: tuple[str, ...]) -> str:
    """The kind of the first that has one, with or without an article."""
    every = {*forms, *(form.removeprefix("ה") for form in forms)}
    return next((kind for some, kind in _KINDS if not every.isdisjoint(some)), "W")
