"""What words of a claim and of a note mean: concepts that both languages share, from `terms.txt` and `lexicon.txt`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from service.language.features import stem
from service.language.hebrew import rests, stem_hebrew
from service.language.hebrew_words import FORMS
from service.language.spellings import other_spellings
from service.language.text import normalise, tokens

Term = tuple[str, ...]
Tense = Literal["past", "present", "future", "infinitive"]
GENERAL = "general"
"""The kind of words that say little by themselves: verbs of saying and doing, measures of time."""
COMMON = "common"
"""The kind of everyday words, which a claim may add as it may a word that no list has."""
DIRECTION, _OPPOSITE = "direction", "opposite"
"""Words that come in two that contradict each other; a direction is what a sentence is about, others are beside it."""
_AMBIGUOUS = "?"
_LEAST_STEM = (
    4  # Letters of a Hebrew word whose stem alone tells it; three meet another root too often.
)
# Whose stem is another word's: week, train, sever, hospital, nerve.
_WHOLE_WORDS = frozenset(
    [
        "weekly",
        "monthly",
        "nightly",
        "hourly",
        "training",
        "trained",
        "several",
        "hospitalized",
        "hospitalised",
    ]
)
LEXICON = "lexicon"
"""The kind of what only the lexicon for search knows."""
_NUMBERS_AND_UNITS = frozenset(["Units and small words of notes", "Numbers as words"])
_KINDS = {"Body": "body", "Drugs: one substance a line": "drug", "Family and people": "person"}
_OWN_ENDINGS = (
    *("", "ים", "ות", "י", "ו", "ה", "ת", "ית", "ם", "יו", "יה", "יהם", "נו", "ן"),
    *("ייה", "ייתה", "יים"),
)
_ENDINGS_OF_HE = ("ה", "ות", "ת", "תו", "תה", "תי", "תם", "ים", "ותיו", "ותיה", "ותיהם", "י", "ית")
_PAST = ("", "ה", "ו", "תי", "נו", "ת")
_PAST_OF_HE = ("ה", "תה", "ו", "יתי", "ינו", "ית")
_PRESENT = ("", "ת", "ה", "ים", "ות")
_PRESENT_OF_HE = ("ה", "ת", "ים", "ות")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What `words[start:end]` mean: any of `concepts`."""

    start: int
    end: int
    concepts: frozenset[int]


@dataclass(slots=True)
class Terms:
    """Concepts by number, with how they are said."""

    kinds: list[str] = field(default_factory=list)
    opposites: dict[int, int] = field(default_factory=dict)
    broader: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    by_first: dict[str, dict[Term, set[int]]] = field(default_factory=lambda: defaultdict(dict))
    """By the first key of a term, each term's concepts."""
    forms: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Of a Hebrew form, the keys of the words it is a form of."""
    stems: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tenses: dict[str, set[Tense]] = field(default_factory=lambda: defaultdict(set))

    def concepts_of(self, term: str) -> set[int]:
        keys = tuple(map(_key, tokens(term)))
        return self.by_first.get(keys[0], {}).get(keys, set())


class TermsMalformed(ValueError):
    """A line of the term list cannot be read; the message names it."""


def meanings(words: Sequence[str]) -> list[Meaning]:
    """What the words, in normal form and in order, are known to mean; the longest terms, apart."""
    terms, said = _terms(), [keys(word) for word in words]
    found: list[Meaning] = []
    start = 0
    while start < len(said):
        length, concepts = _longest(terms, said, start)
        if concepts:
            found.append(Meaning(start, start + length, frozenset(concepts)))
        start += max(1, length)
    return found


def kind(concept: int) -> str:
    """The kind of thing it is: the section of the list it stands in."""
    return _terms().kinds[concept]


def opposite(concept: int) -> int | None:
    """What says the contrary."""
    return _terms().opposites.get(concept)


def broader(concepts: Iterable[int]) -> frozenset[int]:
    """What may also be said of them in fewer words: sertraline is a medication."""
    wider = _terms().broader
    return frozenset(wide for one in concepts for wide in wider.get(one, ()))


def concept(term: str) -> frozenset[int]:
    """The concepts of a term of the list."""
    return frozenset(_terms().concepts_of(term))


def tenses(word: str) -> frozenset[Tense]:
    """The tenses a Hebrew verb of the list may stand in here, with "and" or "that" before it or not."""
    known = _terms().tenses
    return frozenset(
        tense
        for rest in (word, word[1:] if word[:1] in "וש" else word)
        for tense in known.get(rest, ())
    )


@lru_cache(maxsize=65_536)
def keys(word: str) -> frozenset[str]:
    """What a word in normal form is looked up by: English by stem, Hebrew by the words it may be a form of."""
    if word.isascii():
        return frozenset({_key(word)})
    terms = _terms()
    found = {key for rest in rests(word) for key in terms.forms.get(rest, set())}
    if not found:
        found = {FORMS[one] for one in rests(word) if FORMS.get(one) in terms.forms}
    if not found and not other_spellings(word):  # a name is no form of a word it begins like
        found = terms.stems.get(stem_hebrew(word), set())
    return frozenset(found)


def is_listed(word: str) -> bool:
    """Whether a term of the lists begins with this word, in normal form, or a form of it."""
    by_first = _terms().by_first
    # Of a whole dict `isdisjoint` would go through every term there is.
    return any(key in by_first for key in keys(word))


def _longest(terms: Terms, said: Sequence[frozenset[str]], start: int) -> tuple[int, set[int]]:
    length, concepts = 0, set[int]()
    for first in said[start]:
        for term, meant in terms.by_first.get(first, {}).items():
            if len(term) < length or not _fits(term, said, start):
                continue
            if len(term) > length:
                length, concepts = len(term), set()
            concepts |= meant
    return length, concepts


def _fits(term: Term, said: Sequence[frozenset[str]], start: int) -> bool:
    here = said[start : start + len(term)]
    return len(here) == len(term) and all(key in one for key, one in zip(term, here, strict=True))


def _key(word: str) -> str:
    return stem(word) if word.isascii() and word not in _WHOLE_WORDS else word


@lru_cache(maxsize=1)
def _terms() -> Terms:
    """Both lists; the sections of the lexicon that name numbers and units are read elsewhere."""
    terms = Terms()
    section = GENERAL
    for line in _read("lexicon.txt"):
        if line.startswith("#"):
            section = line.lstrip("# ").strip()
        elif section not in _NUMBERS_AND_UNITS and line:
            _add(terms, line.partition("#")[0].split("="), _KINDS.get(section, LEXICON))
    return parse(_read("terms.txt"), terms)


def parse(lines: Iterable[str], terms: Terms) -> Terms:
    """Adds the lines of a term list; raises TermsMalformed."""
    section = GENERAL
    for number, line in enumerate(lines, 1):
        written = line.partition("#")[0].strip()
        if written.startswith("["):
            section = written.strip("[]")
        elif written.startswith(">"):
            _widen(terms, written, number)
        elif written:
            sides = written.split("<>")
            both = [_add(terms, side.split("="), section) for side in sides]
            if len(both) != (2 if section in {DIRECTION, _OPPOSITE} else 1):
                raise TermsMalformed(
                    f"terms line {number}: an opposite has two sides, and nothing else has"
                )
            if len(both) == 2:
                terms.opposites |= {both[0]: both[1], both[1]: both[0]}
    return terms


def _read(name: str) -> list[str]:
    return files("service.language").joinpath(name).read_text(encoding="utf-8").splitlines()


def _add(terms: Terms, ways: Iterable[str], section: str) -> int:
    number = len(terms.kinds)
    terms.kinds.append(section)
    for way in ways:
        for term in _written(terms, way.strip().removesuffix(_AMBIGUOUS)):
            terms.by_first[term[0]].setdefault(term, set()).add(number)
    return number


def _written(terms: Terms, way: str) -> Iterator[Term]:
    """The keys of a term; a Hebrew verb, and each Hebrew word, also becomes known in its forms."""
    if "|" in way:
        yield _verb(terms, *map(normalise, way.split("|")))
        return
    said = tokens(way)
    for word in said:
        if not word.isascii():
            _remember(terms, word, word)
            for form in _inflected(word):
                if (
                    len(word) > 2 or FORMS.get(normalise(form), word) == word
                ):  # ימי is of days, no sea
                    _remember(terms, form, word)
            found = stem_hebrew(word)
            if len(word) >= _LEAST_STEM and found[0] == word[0]:  # not "עידו" of "מעידה"
                terms.stems[found].add(word)
    if said:
        yield tuple(map(_key, said))


def _verb(terms: Terms, past: str, present: str, infinitive: str = "", future: str = "") -> Term:
    for tense, form in _conjugated(past, present, infinitive, future):
        _remember(terms, form, past)
        terms.tenses[form].add(tense)
    return (past,)


def _remember(terms: Terms, form: str, word: str) -> None:
    terms.forms[normalise(form)].add(word)


def _inflected(word: str) -> Iterator[str]:
    """As many forms as a noun or an adjective may have, and more."""
    if word.endswith("ה") and len(word) > 2:
        yield from (word[:-1] + ending for ending in _ENDINGS_OF_HE)
    elif len(word) > 2:
        yield from (normalise(word + ending) for ending in _OWN_ENDINGS)
    elif len(word) == 2:
        yield from (normalise(word + ending) for ending in ("ים", "ות", "י", "ו", "ה", "יו", "יה"))


def _conjugated(
    past: str, present: str, infinitive: str, future: str
) -> Iterator[tuple[Tense, str]]:
    trunk = past.removesuffix("ה")
    for ending in _PAST_OF_HE if trunk != past else _PAST:
        yield "past", normalise(trunk + ending)
    trunk = present.removesuffix("ה")
    for ending in _PRESENT_OF_HE if trunk != present else _PRESENT:
        yield "present", normalise(trunk + ending)
    if infinitive:
        yield "infinitive", infinitive
        yield from (("future", form) for form in _future(infinitive, future))


def _future(infinitive: str, future: str) -> Iterator[str]:
    """יפסיק of להפסיק, ידבר of לדבר; a verb that is irregular has its own in the list, as "he will" has it."""
    trunk = (
        infinitive[2:] if infinitive.startswith("לה") and len(infinitive) > 4 else infinitive[1:]
    )
    trunk = future[1:] or trunk
    for person in "יתאנ":
        yield person + trunk
        yield person + trunk.removesuffix("ה") + "ו"
    yield f"ת{trunk.removesuffix('ה')}י"


def _widen(terms: Terms, line: str, number: int) -> None:
    _, wide, narrow = line.split(">")
    broad = terms.concepts_of(wide)
    for one in narrow.split(","):
        meant = terms.concepts_of(one)
        if not broad or not meant:
            raise TermsMalformed(
                f"terms line {number}: {wide if not broad else one} stands in no group"
            )
        for concept in meant - broad:
            terms.broader[concept] |= broad
