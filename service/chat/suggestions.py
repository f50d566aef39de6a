"""Further questions that the notes at hand can answer. Rules alone: no model is asked, and each one is tried first."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, cached_property
from itertools import islice, zip_longest

from service.chat.days import day_text
from service.chat.modes.client import confirmed
from service.chat.modes.measures import measures
from service.chat.output_guard import Naming, nobody
from service.chat.state import ChatContext, ChatState
from service.domain.answers import Language, Question
from service.domain.identity import ClientId
from service.domain.notes import Note
from service.domain.scope import IndexedSession, Period
from service.language.markup import has_markup
from service.language.risk import risk_spans
from service.language.sentences import sentences
from service.language.text import tokens
from service.language.topic import Texts, Topic, counted_in, without_words
from service.retrieval.intent import understood

MOST = 3
LOOKED_AT = 20  # Notes, the newest of those read: with 14 topics to try, 24 ms of CPU in the median, 59 at p95.
LONGEST_NAME = 60  # Code points; a longer one would be all of the question.

# How a measure is asked for, by its name in `measures`: in Hebrew with its verb, for it has a gender.
_MEASURED: Mapping[str, Mapping[Language, str]] = {
    "pain": {"he": "השתנה הכאב", "en": "pain"},
    "mood": {"he": "השתנה מצב הרוח", "en": "mood"},
    "anxiety": {"he": "השתנתה החרדה", "en": "anxiety"},
    "flexion": {"he": "השתנתה הכפיפה", "en": "flexion"},
    "weight": {"he": "השתנה המשקל", "en": "weight"},
    "blood pressure": {"he": "השתנה לחץ הדם", "en": "blood pressure"},
    **{
        name: {"he": f"השתנה ציון {said}", "en": f"{said} score"}
        for name, said in (
            ("PHQ", "PHQ-9"),
            ("GAD", "GAD-7"),
            ("PCL", "PCL-5"),
            ("BDI", "BDI"),
            ("ODI", "ODI"),
            ("NDI", "NDI"),
            ("ISI", "ISI"),
            ("YBOCS", "Y-BOCS"),
            ("EDEQ", "EDE-Q"),
            ("TUG", "TUG"),
        )
    },
}
_TOPICS: Sequence[Mapping[Language, str]] = [
    {"he": he, "en": en}
    for he, en in (
        ("שינה", "sleep"),
        ("כאב", "pain"),
        ("חרדה", "anxiety"),
        ("מצב רוח", "mood"),
        ("עבודה", "work"),
        ("תיאבון", "appetite"),
        ("כאבי ראש", "headaches"),
        ("נפיחות", "swelling"),
        ("הליכה", "walking"),
        ("תרגילים", "exercises"),
        ("סיוטים", "nightmares"),
        ("אשמה", "guilt"),
        ("אימא", "mother"),
        ("תרופות", "medication"),
    )
]


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who is asked about, and by which name, where it has to be said; in which language."""

    question: Question
    client: ClientId
    name: str
    today: date
    others: Naming
    """Tells whom a text names, by the names that this answer began with: the store is asked no more."""

    @property
    def language(self) -> Language:
        return self.question.language

    def how_changed(self, measure: str) -> str:
        said = _MEASURED[measure][self.language]
        if self.language == "he":
            return f"איך {said}{self._named(' של ')}?"
        whose = f"{self.name}'s" if self.name else "the"
        return f"How did {whose} {said} change?"

    def where_mentioned(self, topic: str) -> str:
        if self.language == "he":
            return f"באילו פגישות{self._named(' עם ')} דובר על {topic}?"
        return f"In which sessions{self._named(' with ')} was {topic} mentioned?"

    def what_planned(self, day: date) -> str:
        if self.language == "he":
            return f"מה תוכנן{self._named(' עם ')} ב-{day_text(day)}?"
        return f"What was planned{self._named(' with ')} on {day_text(day)}?"

    def what_discussed(self, day: date) -> str:
        if self.language == "he":
            return f"על מה דובר{self._named(' עם ')} ב-{day_text(day)}?"
        return f"What was discussed{self._named(' with ')} on {day_text(day)}?"

    def _named(self, word: str) -> str:
        return f"{word}{self.name}" if self.name else ""


async def suggested(state: ChatState, context: ChatContext, *, found_any: bool) -> list[str]:
    """At most three, in the asker's language, about the one client that the question was about; else none.

    Of what was read: how a measure went that was taken twice, what a session planned, where a topic came up that was
    not asked about. Where nothing was found, which sessions there are. Each was understood, and looked for in the
    notes at hand, before it is offered: the answer reads these notes too.
    Raises StoreUnavailable, KeyUnavailable, SealBroken.
    """
    asker = _asker(state, context)
    if asker is None:
        return []
    if found_any:
        notes = sorted(_read(state, asker.client), key=_day)[-LOOKED_AT:]
        candidates = await asyncio.to_thread(lambda: list(_of_notes(notes, asker)))
        held: Sequence[Note | IndexedSession] = notes
    else:
        within = replace(state["found"].within, period=None, sessions=None)
        held = await context.store.sessions(workspace=context.workspace, within=within)
        candidates = [*islice(_of_days(held, asker), LOOKED_AT)]  # each is 2 ms to understand
    offered: list[str] = []
    said = _Said(held)
    for one in dict.fromkeys(candidates):
        if len(offered) < MOST and await _is_answered(one, asker, said, context):
            offered.append(one)
    return offered


def _asker(state: ChatState, context: ChatContext) -> _Asker | None:
    question, within = state["question"], state["found"].within
    clients = within.clients or frozenset()
    if len(clients) != 1:
        return None
    [client] = clients
    today, others = context.today, state.get("others", nobody)
    if question.client is not None:
        return _Asker(question, client, "", today, others)
    name = next((one.client_name for one in state["found"].passages), "")
    said = " ".join(name.split())
    if not said or len(said) > LONGEST_NAME or has_markup(said):
        return None
    return _Asker(question, client, said, today, others)


def _read(state: ChatState, client: ClientId) -> Collection[Note]:
    """The sessions of which the text is at hand."""
    read = [passage.note for passage in state["found"].passages]
    notes = state["course"].notes if "course" in state else read
    ours = (note for note in notes if note.client == client and note.day is not None)
    return {note.ref: note for note in ours}.values()


def _day(note: Note) -> tuple[date, object]:
    return note.day or date.min, note.ref.id


def _of_notes(notes: Sequence[Note], asker: _Asker) -> Iterator[str]:
    """One of each kind by turns, so that three are not all of one."""
    measured = list(_of_measures(notes, asker))
    topics = _of_topics(notes, asker, known=[asker.question.text, *measured])
    for round_ in zip_longest(measured, _of_plans(notes, asker), topics):
        yield from (one for one in round_ if one)


def _of_measures(notes: Sequence[Note], asker: _Asker) -> Iterator[str]:
    """What was taken in two sessions or more, the most often first."""
    taken: dict[str, int] = {}
    for note in notes:
        for name in {one.name for text in note.fields.values() for one in measures(text)}:
            taken[name] = taken.get(name, 0) + 1
    for name in sorted(_MEASURED, key=lambda name: -taken.get(name, 0)):
        if taken.get(name, 0) > 1:
            yield asker.how_changed(name)


def _of_plans(notes: Sequence[Note], asker: _Asker) -> Iterator[str]:
    """Newest first; any other form than an answer has just told the newest."""
    planned = [note for note in reversed(notes) if "plan" in note.fields]
    for note in planned[asker.question.form != "answer" :]:
        if note.day:
            yield asker.what_planned(note.day)


def _of_topics(notes: Sequence[Note], asker: _Asker, *, known: Sequence[str]) -> Iterator[str]:
    """What most of them speak of, and neither the question nor another suggestion does."""
    said = [list(note.fields.values()) for note in notes]
    topics = {topic[asker.language]: _topic(topic[asker.language]) for topic in _TOPICS}
    new = {told: one for told, one in topics.items() if not any(one.said_in(known))}
    counts = counted_in([*new.values()], said)
    for count, told in sorted(zip(counts, new, strict=True), key=lambda one: -one[0]):
        if count:
            yield asker.where_mentioned(told)


@cache
def _topic(told: str) -> Topic:
    """One of our own list."""
    return Topic.of(told)


@dataclass(frozen=True)
class _Said:
    """The sessions at hand, and what they say, taken apart once for all that is tried."""

    held: Sequence[Note | IndexedSession]

    @cached_property
    def texts(self) -> Texts:
        notes = (one for one in self.held if isinstance(one, Note))
        fields = (text for note in notes for text in note.fields.values())
        return Texts.of([text[start:end] for text in fields for start, end in sentences(text)])


def _of_days(held: Sequence[IndexedSession], asker: _Asker) -> Iterator[str]:
    """The newest sessions, where nothing that was asked for was found."""
    days = dict.fromkeys(one.day for one in reversed(held) if one.day and not one.is_draft)
    for day in days:
        yield asker.what_discussed(day)


async def _is_answered(text: str, asker: _Asker, said: _Said, context: ChatContext) -> bool:
    """Whether it is understood as what it is, alone and after the question, is another one, and has its answer here."""
    question = asker.question
    if tokens(text) == tokens(question.text) or risk_spans({"": text}):
        return False
    workspace, people = context.workspace, context.reader.people
    fresh = Question(text, question.language, question.client)
    asked = understood(fresh, earlier=[question.text], today=asker.today)
    named = asker.others(text)
    if asked.text != text or (not question.client and named.sure != {asker.client}):
        return False
    if asked.form != "answer":
        asked = await confirmed(asked, people=people, workspace=workspace)
    if asked.form == "session":
        return not _is_same(asked, question) and _has_session(asked, said.held)
    topic = without_words(asked.topic, named.words_of(asker.client))
    if _is_same(asked, question):
        return False
    return await asyncio.to_thread(_is_mentioned, asked, topic, said)


def _is_same(one: Question, other: Question) -> bool:
    return (one.form, one.intent, one.topic, one.when, one.fields) == (
        other.form,
        other.intent,
        other.topic,
        other.when,
        other.fields,
    )


def _has_session(asked: Question, held: Sequence[Note | IndexedSession]) -> bool:
    """One of that time, with the fields it asks for where their text is at hand."""
    there = [one for one in held if isinstance(asked.when, Period) and asked.when.holds(one.day)]
    return any(
        not isinstance(one, Note) or not asked.fields or asked.fields & one.fields.keys()
        for one in there
    )


def _is_mentioned(asked: Question, topic: str, said: _Said) -> bool:
    if asked.intent == "fact":
        return False
    words = Topic.of(topic, measured=asked.intent == "change")
    return bool(words) and any(words.said_among(said.texts))
