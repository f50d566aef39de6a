"""Makes of a client's notes what a form is told with: lines to be admitted, and passages a model may be given."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from service.chat.days import day_text
from service.chat.modes.outline import LOOKED_BACK, Section, outline
from service.chat.modes.sayings import Saying, Session, sessions
from service.chat.modes.titles import TITLES
from service.domain.answers import MOST_OVERVIEWED, Claim, Passage, Question
from service.domain.identity import ClientId
from service.domain.notes import Chunk
from service.domain.scope import Place
from service.language.chunking import LIMIT
from service.language.sentences import sentences
from service.retrieval.exhaustive import Course


@dataclass(frozen=True, slots=True)
class Overview:
    """`claims` are sentences of the notes, each under its title; `passages` are where they stand, and more."""

    claims: Sequence[Claim]
    passages: tuple[Passage, ...]
    """By day; at most `MOST_OVERVIEWED`."""


def scoped(question: Question) -> Question:
    """The question as its notes are read: every sentence of them, whatever it is about."""
    everything = replace(question, intent="list", topic="")
    if question.form == "prepare":
        return replace(everything, when=None)
    if question.form == "session" and question.when is None:
        return replace(everything, when=Place("newest", LOOKED_BACK))
    return everything


def overview_of(question: Question, course: Course) -> Overview:
    """Deterministic: the same notes, the same overview. 500 long notes take two thirds of a second."""
    held = sessions(course.notes)
    sections = outline(question, held)
    chosen = [saying for section in sections for saying in section.sayings]
    names = {person.client: person.name for person in course.people}
    more = _more(held) if question.form != "session" else []
    passages = _passages([*chosen, *more], names)
    return Overview(tuple(_claims(sections, passages, question)), passages)


def _claims(
    sections: Iterable[Section], passages: Sequence[Passage], question: Question
) -> Iterator[Claim]:
    titles = TITLES[question.language]
    for section in sections:
        for saying in section.sayings:
            holds = next(one.id for one in passages if _holds(one, saying))
            day = saying.note.day
            lead = f"{day_text(day)}: " if day else ""
            yield Claim(saying.text, (holds,), lead, titles[section.part])


def _more(held: Sequence[Session]) -> Iterator[Saying]:
    """What a model may need beside the lines: the last sessions whole, then an assessment each, back to the first."""
    for number, session in enumerate(reversed(held)):
        fields = (
            ("subjective", "objective", "assessment", "plan") if number < 3 else ("assessment",)
        )
        for name in fields:
            yield from session.of(name)[:1]


def _passages(sayings: Iterable[Saying], names: Mapping[ClientId, str]) -> tuple[Passage, ...]:
    """Where they stand, numbered by day."""
    found: list[Passage] = []
    for saying in sayings:
        if len(found) == MOST_OVERVIEWED:
            break
        if not any(_holds(one, saying) for one in found):
            found.append(_passage(saying, names.get(saying.note.client, "")))
    found.sort(key=_place)
    return tuple(replace(one, id=f"p{number}") for number, one in enumerate(found, 1))


def _place(passage: Passage) -> tuple[date, UUID, str, int]:
    note, chunk = passage.note, passage.chunk
    return note.day or date.min, note.ref.id, chunk.field, chunk.start


def _holds(passage: Passage, saying: Saying) -> bool:
    chunk = passage.chunk
    same = passage.note.ref == saying.note.ref and chunk.field == saying.field
    return same and chunk.start <= saying.start and saying.end <= chunk.end


def _passage(saying: Saying, name: str) -> Passage:
    text = saying.note.fields[saying.field]
    start, end = _window(text, saying)
    return Passage("", saying.note, Chunk(saying.field, 0, start, end, text[start:end]), name, 1.0)


def _window(text: str, saying: Saying) -> tuple[int, int]:
    """The field, or whole sentences of it around this one, as far as a chunk may reach."""
    if len(text) <= LIMIT:
        return 0, len(text)
    start, end = saying.start, saying.end
    for first, last in sentences(text):
        if last > end and last - start <= LIMIT and first <= end + 4:
            end = last
    return start, end
