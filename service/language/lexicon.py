"""What can be said in more than one way: abbreviations, brands and the other language, from `lexicon.txt`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from operator import contains

from service.language.features import stem
from service.language.hebrew import readings
from service.language.text import tokens

Term = tuple[str, ...]
_AMBIGUOUS = "?"


@dataclass(frozen=True, slots=True)
class Equivalent:
    """That `words[start:end]` may also be said as each of `terms`, whose words are in normal form."""

    start: int
    end: int
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """For each term, by the stems of its words, the other ways to say it; its first stem leads to it."""

    others: Mapping[Term, tuple[Term, ...]]
    by_first: Mapping[str, tuple[Term, ...]]
    """Stems of the terms that begin with a stem, the longest term first."""


class LexiconMalformed(ValueError):
    """A line of the lexicon names fewer than two ways to say something, or an empty one."""


def equivalents(words: Sequence[str]) -> list[Equivalent]:
    """What of a question's words, in normal form and in order, can be said otherwise; the longest terms, apart.

    Inflected words are found too: English by stem, Hebrew by any reading. Raises LexiconMalformed.
    """
    lexicon = _lexicon()
    asked = [_readings(word) for word in words]
    found: list[Equivalent] = []
    start = 0
    while start < len(asked):
        said = _longest(lexicon, asked, start)
        if said:
            others = dict.fromkeys(one for term in said for one in lexicon.others[term])
            found.append(Equivalent(start, start + len(said[0]), tuple(others)))
        start += len(said[0]) if said else 1
    return [one for one in found if one.terms]


def parse(lines: Iterable[str]) -> Lexicon:
    """A lexicon from its lines; raises LexiconMalformed, which names the line."""
    others: dict[Term, dict[Term, None]] = defaultdict(dict)
    for number, line in enumerate(lines, 1):
        written = line.partition("#")[0].strip()
        if written:
            _join(_group(written, number), others)
    by_first: dict[str, list[Term]] = defaultdict(list)
    for term in sorted(others, key=len, reverse=True):
        by_first[term[0]].append(term)
    return Lexicon(
        {term: tuple(ways) for term, ways in others.items()},
        {first: tuple(terms) for first, terms in by_first.items()},
    )


def _group(line: str, number: int) -> list[tuple[Term, bool]]:
    """The terms of a line, each with whether it may be looked for."""
    ways = [way.strip() for way in line.split("=")]
    terms = [(tuple(tokens(way)), not way.endswith(_AMBIGUOUS)) for way in ways]
    if len(terms) < 2 or not all(term for term, _ in terms):
        raise LexiconMalformed(f"lexicon line {number}: at least two terms, with = between them")
    return terms


def _join(group: list[tuple[Term, bool]], others: dict[Term, dict[Term, None]]) -> None:
    for asked, _ in group:
        key = tuple(map(stem, asked))
        others[key].update(
            (term, None) for term, sought in group if sought and tuple(map(stem, term)) != key
        )


@lru_cache(maxsize=1)
def _lexicon() -> Lexicon:
    text = files("service.language").joinpath("lexicon.txt").read_text(encoding="utf-8")
    return parse(text.splitlines())


def _readings(word: str) -> tuple[str, ...]:
    return (stem(word),) if word.isascii() else readings(word)


def _longest(lexicon: Lexicon, asked: Sequence[tuple[str, ...]], start: int) -> list[Term]:
    """The terms that begin at a word, of the greatest length that any has."""
    fitting = [
        term
        for first in asked[start]
        for term in lexicon.by_first.get(first, ())
        if _fits(term, asked[start : start + len(term)])
    ]
    most = max(map(len, fitting), default=0)
    return [term for term in fitting if len(term) == most]


def _fits(term: Term, asked: Sequence[tuple[str, ...]]) -> bool:
    return len(term) == len(asked) and all(map(contains, asked, term))
