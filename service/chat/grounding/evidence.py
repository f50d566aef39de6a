"""The sentences of cited passages, and how much of a claim each covers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from service.domain.answers import Passage, Span
from service.language.polarity import turns
from service.language.sentences import sentences
from service.language.statements import Part, Statement, Unit
from service.language.subjects import leaders
from service.language.terms import opposite
from service.language.text import normal_forms

SAME = 1e-9  # Fits this close are the same: they are sums of floats.


@dataclass(frozen=True, eq=False)
class About:
    """Who a passage is about, taken apart once for all of its sentences."""

    name: str

    @cached_property
    def said(self) -> Statement:
        return Statement.of(self.name)


@dataclass(frozen=True, eq=False)
class Source:
    """A sentence of a passage, `chunk.text[start:end]`."""

    passage: Passage
    start: int
    end: int
    about: About

    @cached_property
    def said(self) -> Statement:
        return Statement.of(self.passage.chunk.text[self.start : self.end])

    @property
    def span(self) -> Span:
        """From offsets in the chunk to offsets in the field."""
        chunk = self.passage.chunk
        at = chunk.start
        return Span(
            self.passage.id, at + self.start, at + self.end, chunk.text[self.start : self.end]
        )

    def fit(self, about: Sequence[Unit], clause: int) -> float:
        """The share (0..1) of what one of its clauses says that a claim says too; 0 for one that says nothing."""
        units = self.said.of_clause(clause)
        said = sum(any(one.is_said_by(unit) for one in about) for unit in units)
        return said / len(units) if units else 0.0

    @cached_property
    def meant(self) -> frozenset[int]:
        """All that its units mean, also in fewer words."""
        return frozenset().union(*(unit.wide for unit in self.said.units))

    @cached_property
    def leaders(self) -> dict[int, str]:
        return leaders(self.said)

    @cached_property
    def turns(self) -> bool:
        """Whether it denies anything."""
        return turns([word.text for word in self.said.words], self.said.clauses)

    @cached_property
    def forms(self) -> frozenset[str]:
        return frozenset().union(*(unit.forms | unit.inner for unit in self.said.units))

    def matching(self, unit: Unit) -> list[Unit]:
        """What of it says a unit of a claim."""
        if unit.concepts.isdisjoint(self.meant) and unit.forms.isdisjoint(self.forms):
            return []
        return [one for one in self.said.units if unit.is_said_by(one)]

    def clauses_for(self, part: Part) -> list[int]:
        """The clauses that say something of a claim."""
        found = {one.clause for unit in part.telling for one in self.matching(unit)}
        return sorted(found)


LONGEST = 1_500  # Code points of a sentence: a longer one says too much to be a quote, and takes long to compare.


Read = Callable[[Passage], Sequence[Source]]
"""The sentences of a passage, in order: `read`, or what remembers it for one answer."""


def read(passage: Passage) -> list[Source]:
    about = About(passage.client_name)
    return [
        Source(passage, start, end, about)
        for start, end in sentences(passage.chunk.text)
        if end - start <= LONGEST
    ]


class Remembered:
    """`read` for one answer: its sentences often cite the same passages, and each of these is taken apart once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str, str], Sequence[Source]] = {}

    def __call__(self, passage: Passage) -> Sequence[Source]:
        # By its text too: what reads like an order may stand in it or not.
        key = passage.id, passage.chunk.text, passage.client_name
        if key not in self._read:
            self._read[key] = read(passage)
        return self._read[key]


_OF_SOMEBODY = normal_forms("של את עם אצל לדברי")
_LED = re.compile("ו?(?:כש|ש|ל|ב|מ)?")  # What may be written into a Hebrew word before it.


def _is_said(unit: Unit, said: Statement, evidence: Sequence[Source]) -> bool:
    """The client's name is said by every passage about that client; that it is the right one is a guard's work."""
    if any(source.matching(unit) or _is_said_otherwise(unit, source) for source in evidence):
        return True
    if len(unit.pieces) > 1 and any(_says_each(source, unit.pieces) for source in evidence):
        return True
    named = [source.about.said for source in evidence]
    if unit.concepts:
        return any(_is_the_name(unit, said, name) for name in named)
    return any(unit.is_said_by(one) for name in named for one in name.units)


def _is_the_name(unit: Unit, said: Statement, name: Statement) -> bool:
    """Whether a Hebrew word that means something else too stands for the client, as מרים (lifts) does where somebody is
    named: first in a clause, or behind "of" or "with". Of an English one, as Hope, nobody can tell."""
    word, before = said.words[unit.start], said.words[unit.start - 1].text if unit.start else ""
    is_first = not unit.start or said.clauses[unit.start - 1] != unit.clause
    if unit.end > unit.start + 1 or word.text.isascii() or not (is_first or before in _OF_SOMEBODY):
        return False
    return any(
        word.text.endswith(one.text) and _LED.fullmatch(word.text.removesuffix(one.text))
        for one in name.words
    )


def _says_each(source: Source, pieces: Sequence[frozenset[int]]) -> bool:
    """Whether it says a term word by word: "her stomach hurt" of "stomach ache"."""
    return all(piece and not piece.isdisjoint(source.meant) for piece in pieces)


def _is_said_otherwise(unit: Unit, source: Source) -> bool:
    """Whether the denial of one is the other: who did not agree refused."""
    against = {opposite(one) for one in unit.concepts} - {None}
    return bool(against) and any(
        one.concepts & against and one.polarity == -unit.polarity for one in source.said.units
    )


def coverage(part: Part, evidence: Sequence[Source]) -> float:
    """The share (0..1) of a claim's words, by what they weigh, that the evidence says; 1 where it has none."""
    total = sum(unit.weight for unit in part.telling)
    said = sum(unit.weight for unit in part.telling if _is_said(unit, part.whole, evidence))
    return said / total if total else 1.0


_FACT = 0.7  # What an amount or a day weighs, in choosing a sentence, beside a word's 1.


def likeness(part: Part, source: Source) -> float:
    """As `coverage` of one sentence, its amounts and days with the words: which sentence a claim is about."""
    said = coverage(part, [source])
    if not said or not part.telling:
        return 0.0
    starts = {day.start for day in part.days}
    facts = [one for one in part.amounts if not one.is_aside and one.start not in starts]
    same = sum(any(one.is_said_by(other) for other in source.said.amounts) for one in facts)
    same += sum(any(one.is_said_by(other) for other in source.said.days) for one in part.days)
    worth = _FACT * (len(facts) + len(part.days))
    total = sum(unit.weight for unit in part.telling)
    return (said * total + _FACT * same) / (total + worth)


def unsaid(part: Part, evidence: Sequence[Source]) -> list[Unit]:
    """The units of a claim that no evidence says."""
    return [unit for unit in part.telling if not _is_said(unit, part.whole, evidence)]
