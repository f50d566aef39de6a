"""What stands around a word that may be a client's name, and whether it says that it is."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal

from service.language.everyday import AGED, TITLES
from service.language.identifiers import Identifier
from service.language.naming import begins_sentence, tells, without_prefix
from service.language.stopwords import STOPWORDS
from service.language.text import ACCENTS, CONTROLS, HEBREW, MARKS, normalise

Rule = Literal["always", "capital", "sign", "beside"]
"""When a word is the name: wherever it stands; with a capital or a sign; with a sign; next to another of its names."""

_BARE_TITLES = TITLES - STOPWORDS
_MONTHS = frozenset({"april", "august", "march", "may", "june", "july"})
_BEFORE_MONTH = re.compile(r"\d(?:st|nd|rd|th)?(?: of)?[ \u00a0]$")
_BEHIND_MONTH = re.compile(r",?[ \u00a0](?:\d{1,2}(?:st|nd|rd|th)?|(?:19|20)\d\d)(?!\w)")
_AGE = re.compile(r"[ \u00a0]\d{1,3}(?!\d)")

_QUOTE = "'`\u00b4\u05f3\u2018\u2019\u201b\u2032"


def _run(letter: str) -> str:
    """Letters of one script, with what is written into them."""
    return rf"{letter}+(?:[{MARKS}{ACCENTS}]+{letter}+)*[{MARKS}{ACCENTS}]*"


_HEBREW_RUN, _OTHER_RUN = _run(f"[{HEBREW}]"), _run(rf"[^\W\d_{HEBREW}]")
PIECE = re.compile(f"{_HEBREW_RUN}|{_OTHER_RUN}")
WORD = re.compile(
    rf"{_HEBREW_RUN}(?:[{_QUOTE}]{_HEBREW_RUN})*|{_OTHER_RUN}(?:[{_QUOTE}]{_OTHER_RUN})*"
    r"|\d+(?:[.,/:]\d+)*"
)
"""Letters of one script, where an apostrophe or geresh may part the pieces, or a number. Double quotes part words:
ש"י is no Shai.
"""
_WHOLE = re.compile(".+", re.DOTALL)
_BETWEEN = re.compile(rf"[ \t\u00a0{CONTROLS}\u05be\-\u2010-\u2015_.,/&{_QUOTE}]{{0,4}}")


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """Where a name stands in a word or a text, in code points, its normal form, and when it is meant."""

    start: int
    end: int
    form: str
    rule: Rule

    def moved(self, by: int) -> "Reading":
        return Reading(self.start + by, self.end + by, self.form, self.rule)


class Surroundings:
    """A text as words; an identifier is one."""

    def __init__(self, text: str, apart: Sequence[Identifier]) -> None:
        self.text = text
        self.words = _words(text, apart)

    def show(self, at: int, name: Reading) -> bool:
        """Whether what is read into the word there is a name, other names aside."""
        if self.are_of_time(at, name):
            return self._entitle(at, name)
        if name.rule == "always" or (name.rule == "capital" and self._letter(at, name).isupper()):
            return True
        return name.rule != "beside" and self._has_sign(at, name)

    def are_of_time(self, at: int, name: Reading) -> bool:
        """Whether it is said of an age or a day: "בן 45", "May 3"."""
        start, end = self.words[at].span()
        if name.form in AGED:
            return bool(_AGE.match(self.text, end))
        return name.form in _MONTHS and bool(
            _BEFORE_MONTH.search(self.text, max(0, start - 8), start)
            or _BEHIND_MONTH.match(self.text, end)
        )

    def join(self, at: int, other: int) -> bool:
        """Whether two neighbours have nothing between them but what may part a name."""
        first, second = sorted((at, other))
        gap = self.words[first].end(), self.words[second].start()
        return first == second or bool(_BETWEEN.fullmatch(self.text, *gap))

    def _has_sign(self, at: int, name: Reading) -> bool:
        """Of being a name: a title before it, a capital inside a sentence, what only somebody does or has."""
        owns = name.rule == "capital" and self._owns(at, name)
        capital = self._letter(at, name).isupper() and not (self._shouts() or self._begin(at))
        around = self._form(at - 2), self._form(at - 1), self._form(at + 1)
        return owns or capital or self._entitle(at, name) or tells(*around)

    def _form(self, at: int) -> str:
        return normalise(self.words[at].group()) if 0 <= at < len(self.words) else ""

    def _letter(self, at: int, name: Reading) -> str:
        return self.text[self.words[at].start() + name.start]

    def _owns(self, at: int, name: Reading) -> bool:
        return self.words[at].group()[name.end :].casefold()[1:] == "s"

    def _shouts(self) -> bool:
        """Whether every word has a capital, so that none says anything."""
        firsts = (self.text[word.start()] for word in self.words)
        return all(one.isupper() or not one.isalpha() for one in firsts)

    def _begin(self, at: int) -> bool:
        """Whether a sentence begins there."""
        before = self.words[at - 1].end() if at else 0
        return begins_sentence(self.text, before, self.words[at].start(), self._form(at - 1))

    def _entitle(self, at: int, name: Reading) -> bool:
        """Whether a title stands before it; "the patient will" has none."""
        titles = _BARE_TITLES if name.form in STOPWORDS else TITLES
        return any(rest in titles for _, rest in without_prefix(self._form(at - 1)))


def words_between(text: str, apart: Sequence[Identifier]) -> set[str]:
    """The words of a text as they are written, each once, without those of identifiers."""
    if not apart:
        return set(WORD.findall(text))
    return {raw for start, end in _gaps(text, apart) for raw in WORD.findall(text, start, end)}


def _words(text: str, apart: Sequence[Identifier]) -> list[re.Match[str]]:
    wholes = (_WHOLE.finditer(text, one.start, one.end) for one in apart)
    between = (WORD.finditer(text, start, end) for start, end in _gaps(text, apart))
    return [word for pair in zip_longest(between, wholes, fillvalue=()) for word in chain(*pair)]


def _gaps(text: str, apart: Sequence[Identifier]) -> Iterator[tuple[int, int]]:
    """What stands before, between and behind them."""
    starts, ends = (0, *(one.end for one in apart)), (*(one.start for one in apart), len(text))
    return zip(starts, ends, strict=True)
