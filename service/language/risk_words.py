"""How notes speak of danger, and what only sounds like it, from `risk.txt`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import cast, get_args

from service.domain.risk import Polarity, RiskKind
from service.language.literals import Literals, Sieve, required
from service.language.text import normal_forms, normalise

# "And", "when", "that", then "in", "as", "to" or "from", then "the": "ושבהתעללות". Any of these letters in any order
# would read "מכירה" (a sale) as "he shot".
_PREFIX = "ו?(?:[כל]?ש)?[בכלמ]?ה?"
_GAP = r"(?:\w+ ){0,4}?"
_HEBREW_FIRST = re.compile(r"^(\(?(?:\?[:=!])?\(?)(?=[א-ת])")
_CHOICE = re.compile(r"\(([^()?]+)\)")
_HEBREW = re.compile("[א-ת]")
_LATIN = re.compile("[a-z]")
# Letters of a term that may have a slip: "suicde"; of a shorter one too much else is a letter away.
_LEAST_LETTERS = 6
_CLITICS = set("ושהכלבמ")


@dataclass(frozen=True)
class Lines:
    """Ways to say something, each a pattern of whole words; a text of one alphabet is asked for its own only.

    Compiled on first use: all of them take 0.4 s of CPU, a fifth of what a command needs to start.
    """

    sources: Sequence[str]

    @cached_property
    def hebrew(self) -> re.Pattern[str] | None:
        return _any([one for one in self.sources if _HEBREW.search(one)], _PREFIX)

    @cached_property
    def other(self) -> re.Pattern[str] | None:
        return _any([one for one in self.sources if not _HEBREW.search(one)])

    def found(self, text: str, end: int | None = None) -> Iterator[tuple[int, int]]:
        """Where a text says one of them, before `end`."""
        for pattern, letters in ((self.hebrew, _HEBREW), (self.other, _LATIN)):
            if pattern and letters.search(text):
                yield from (one.span() for one in pattern.finditer(text, 0, end or len(text)))

    @property
    def required(self) -> Literals | None:
        """Strings of which a text holds one at least that says one of them."""
        needs = [required(one) for one in (self.hebrew, self.other) if one]
        return frozenset[str]().union(*(one or () for one in needs)) if all(needs) else None

    def said(self, text: str) -> bool:
        """Whether a text says one of them."""
        return next(self.found(text), None) is not None

    def begins(self, text: str) -> bool:
        """Whether a text begins with one of them."""
        return any(start == 0 for start, _ in self.found(text))

    def hidden(self, text: str) -> str:
        """The text without them, as long as it was."""
        for start, end in list(self.found(text)):
            text = f"{text[:start]}{'.' * (end - start)}{text[end:]}"
        return text


@dataclass(frozen=True, slots=True)
class Signs:
    """Ways to speak of a danger; `polarity` is what they say where nothing around them says otherwise."""

    kind: RiskKind
    polarity: Polarity
    is_deed: bool
    """Said as something done ("he hits her"), so a denial before a comma is about something else."""
    lines: Lines


def _sections() -> Mapping[str, Sequence[str]]:
    text = files("service.language").joinpath("risk.txt").read_text(encoding="utf-8")
    sections: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return sections


_SECTIONS = _sections()
_NAMES = dict(line.split(" = ") for line in _SECTIONS["names"])


def _patterns(line: str) -> Iterator[str]:
    """The regular expressions of a line, one for each way it may begin, so that most are turned down by a letter.

    The prefix of a Hebrew word that begins one is left to `_any`.
    """
    whole = re.sub("[A-Z]+", lambda name: _NAMES[name.group()], line)
    first, *others = (part.replace("~", r"\w*").replace("_", " ") for part in whole.split(" "))
    behind = [_HEBREW_FIRST.sub(rf"{_PREFIX}\1", part) for part in others]
    choices = _CHOICE.fullmatch(first)
    for one in choices[1].split("|") if choices else [first]:
        joined = " ".join([one, *behind]).replace(" .. ", f" {_GAP}")
        yield normalise(re.sub(r"\((?!\?)", "(?:", joined))


def _lines(section: str) -> Lines:
    return Lines([one for line in _SECTIONS[section] for one in _patterns(line)])


def _any(patterns: Sequence[str], prefix: str = "") -> re.Pattern[str] | None:
    return re.compile(rf"(?<!\w){prefix}(?:{'|'.join(patterns)})(?!\w)") if patterns else None


def _signs(section: str) -> Signs:
    kind, polarity, *how = section.split()
    return Signs(cast(RiskKind, kind), cast(Polarity, polarity), how == ["done"], _lines(section))


SIGNS = tuple(_signs(name) for name in _SECTIONS if name.split()[0] in get_args(RiskKind))
HARMLESS = _lines("harmless")
DENIED, NOT, DENIED_BEHIND = _lines("denied"), _lines("not"), _lines("denied behind")
POSSIBLE, POSSIBLE_BEHIND = _lines("possible"), _lines("possible behind")
PAST, RECENT, PERSISTS, TURNS = map(_lines, ("past", "recent", "persists", "turns"))


@cache
def compiled() -> None:
    """What stands around a sign; the signs themselves are compiled for `_sieve`."""
    around = (HARMLESS, DENIED, NOT, DENIED_BEHIND, POSSIBLE, POSSIBLE_BEHIND)
    for lines in (*around, PAST, RECENT, PERSISTS, TURNS):
        _ = lines.hebrew, lines.other


def signs_in(text: str) -> Sequence[Signs]:
    """The ways of speaking of danger that a text may use; most sentences have none, which is told at a look."""
    return [SIGNS[place] for place in _sieve().left(text)]


@cache
def _sieve() -> Sieve:
    """Made on first use: reading the patterns once more takes 0.2 s, which no command should wait for as it starts."""
    return Sieve([sign.lines.required for sign in SIGNS])


def _words(section: str) -> frozenset[str]:
    return normal_forms(*_SECTIONS[section])


def _nearly(word: str) -> tuple[str, ...]:
    """A word and what is left of it without one of its letters: two words that share one are a slip apart."""
    return (word, *(word[:i] + word[i + 1 :] for i in range(len(word))))


_TERMS, _OTHERS = _words("misspelled"), _words("not them")
_LONGEST = max(map(len, _TERMS | _OTHERS))
_SLIPS = {slip: term for term in sorted(_TERMS) for slip in _nearly(term)}


@lru_cache(maxsize=65_536)
def spelled_rightly(word: str) -> str:
    """The term that a word in normal form misspells by a letter, behind whatever prefix; else the word itself."""
    for prefix, bare in _bare(word):
        if (
            len(bare) > _LONGEST + 1
        ):  # As many readings as letters: of 100,000 in a row they would be 10 GB.
            continue
        if bare in _TERMS or bare in _OTHERS:
            return word
        if slip := next((one for one in _nearly(bare) if one in _SLIPS), None):
            return prefix + _SLIPS[slip]
    return word


def _bare(word: str) -> Iterator[tuple[str, str]]:
    """The word behind each prefix it may have, none first."""
    for length in range(len(word) - _LEAST_LETTERS + 1):
        if length > 4 or not set(word[:length]) <= _CLITICS:
            return
        yield word[:length], word[length:]
