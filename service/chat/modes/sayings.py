"""The sentences of a client's notes, and how they are told apart and related. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from service.chat.modes.measures import Measure, measures
from service.domain.notes import SOAP_FIELDS, Note
from service.language.features import stem
from service.language.sentences import sentences
from service.language.stopwords import STOPWORDS
from service.language.text import tokens

LONGEST = 400  # Code points of a line; none of the 2,048 sentences of our notes (tests/data) is longer than 226.
# Of the words of a sentence, more are said again by one that takes it up. A question that is shown though it was
# answered costs a glance; one that is left out is forgotten.
TAKEN_UP = 0.5


@dataclass(frozen=True, eq=False)
class Saying:
    """A sentence, or its beginning where it is long: `text == note.fields[field][start:end]`. Equal to itself alone."""

    note: Note
    field: str
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.note.fields[self.field][self.start : self.end]

    @cached_property
    def stems(self) -> frozenset[str]:
        """Of the words that carry meaning, numbers left out."""
        words = (word for word in tokens(self.text) if word not in STOPWORDS)
        return frozenset(stem(word) for word in words if not any(map(str.isdigit, word)))

    @cached_property
    def measures(self) -> Sequence[Measure]:
        return measures(self.text)

    def is_taken_up_by(self, others: Iterable["Saying"]) -> bool:
        """Whether one of them says enough of its words again."""
        if not self.stems:
            return True
        least = TAKEN_UP * len(self.stems)
        return any(len(self.stems & other.stems) > least for other in others)


@dataclass(frozen=True)
class Session:
    """A note with its sentences, field by field in the order of SOAP."""

    note: Note

    @cached_property
    def sayings(self) -> Sequence[Saying]:
        return [saying for name in _fields(self.note) for saying in _sayings(self.note, name)]

    def of(self, *fields: str) -> list[Saying]:
        return [saying for name in fields for saying in self.sayings if saying.field == name]


def sessions(notes: Iterable[Note]) -> list[Session]:
    """Those that say anything, oldest first."""
    ordered = sorted(notes, key=lambda note: (note.day or date.min, note.ref.id))
    return [one for one in map(Session, ordered) if one.sayings]


def _fields(note: Note) -> list[str]:
    return [name for name in SOAP_FIELDS if name in note.fields]


def _sayings(note: Note, field: str) -> Iterator[Saying]:
    text = note.fields[field]
    for start, end in sentences(text):
        saying = Saying(note, field, start, start + _brief(text[start:end]))
        if any(map(str.isalnum, saying.text)):
            yield saying


def _brief(sentence: str) -> int:
    """Where its line ends: a sentence without an end is cut where its last clause or word that fits ends."""
    if len(sentence) <= LONGEST:
        return len(sentence)
    fitting = sentence[: LONGEST + 1]
    ends = [match.start() for match in re.finditer(r"[,;:]?\s", fitting) if match.start()]
    clauses = [at for at in ends if sentence[at] in ",;:" and at > LONGEST // 2]
    return (clauses or ends or [LONGEST])[-1]
