"""What a question asks for: about what, of which time and fields, what kind of answer; and of a conversation."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce

from service.domain.answers import Form, Intent, Question
from service.domain.scope import When
from service.language.text import Word
from service.retrieval.asked_for import CHANGE, COUNT, COUNTED_ELSEWHERE, FIELDS, HELD, LIST, ONE
from service.retrieval.asking import LONGEST, of_a_conversation
from service.retrieval.follow_up import leads_on, renames, stands_alone
from service.retrieval.forms import form_of
from service.retrieval.steps import stepped
from service.retrieval.time_intent import Timed, phrases, when_moved, when_of
from service.retrieval.topic import joined, topic_words

FURTHEST = 3  # Follow-ups in a row that still add their words; more would drown the question they began with.


def fields_of(text: str) -> frozenset[str]:
    """The fields of a note that the question points at; a preference, never a wall.

    Of the practice questions whose answer's field is known, 38 point at one, each at the right one.
    """
    if not _of_notes(text):
        return frozenset()
    return frozenset(name for name, pattern in FIELDS.items() if pattern.search(text))


def intent_of(text: str) -> Intent:
    """What kind of answer is asked for; "fact" when unsure, for every other kind reads all notes."""
    if not _of_notes(text):
        return "fact"
    if COUNT.search(text):
        return "fact" if COUNTED_ELSEWHERE.search(text) else "count"
    if LIST.search(text):
        return "fact" if ONE.search(text) else "list"
    return "change" if CHANGE.search(text) else "fact"


def topic_of(text: str, *, intent: Intent = "fact", when: Timed | None = None) -> str:
    """What it is about, in its own words and order: "every session where sleep was mentioned" is about sleep."""
    said = [(when.start, when.end)] if when else []
    return joined(text, topic_words(text, intent=intent, without=said))


def _of_notes(text: str) -> bool:
    """In a question's length, and not out of a conversation with a client."""
    return len(text.split()) <= LONGEST and not of_a_conversation(text)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A question of a conversation, with what it takes over from those before it."""

    text: str
    when: When | None
    fields: frozenset[str]
    intent: Intent
    topic: str
    form: Form


def understood(question: Question, *, earlier: Sequence[str], today: date) -> Question:
    """The question as search needs it; `earlier` are those before it in the conversation, oldest first.

    A follow-up stands alone in `text`, and is searched for as it was asked beside it (`also`).
    """
    turn = _turn(question, earlier, today)
    return replace(
        question,
        text=turn.text,
        also=(question.text,) if turn.text != question.text else (),
        when=turn.when,
        fields=turn.fields,
        intent=turn.intent,
        topic=turn.topic,
        form=turn.form if question.mode == "ask" else question.mode,
    )


def _turn(question: Question, earlier: Sequence[str], today: date) -> _Turn:
    said = [*earlier, question.text]
    known = question.client is not None
    begins = max(
        (i for i, text in enumerate(said) if stands_alone(text, today=today, client_known=known)),
        default=0,
    )
    first, *following = said[begins:]
    return reduce(
        lambda turn, text: _followed(turn, text, today),
        [*following[:-1][1 - FURTHEST :], *following[-1:]],
        _alone(first, today),
    )


def _alone(text: str, today: date) -> _Turn:
    intent = intent_of(text)
    timed, topic = _timed_topic(text, intent, today)
    formed = form_of(text, intent=intent, when=timed.when if timed else None)
    if formed:
        said = [(timed.start, timed.end)] if timed else []
        topic = joined(text, topic_words(text, without=[*said, *formed.said]))
    return _Turn(
        text=text,
        when=timed.when if timed else None,
        fields=fields_of(text),
        intent="fact" if formed else intent,
        topic=topic,
        form=formed.form if formed else "answer",
    )


def _timed_topic(text: str, intent: Intent, today: date) -> tuple[Timed | None, str]:
    """What is counted is never a time: "how many sessions since March" has no topic, and so March is the sessions'."""
    timed = when_of(text, today=today)
    if intent == "fact":
        return timed, topic_of(text, intent=intent, when=timed)
    found = phrases(text, today)
    said = [(phrase.start, phrase.end) for phrase in found]
    topic = joined(text, topic_words(text, intent=intent, without=said))
    if timed is None and len(found) == 1 and (not topic or HELD.search(text)):
        return Timed(found[0].when, *said[0]), topic
    return timed, topic


def _followed(before: _Turn, text: str, today: date) -> _Turn:
    """What a follow-up asks: its own words and time first, what it leaves out from before."""
    step = stepped(text, before.when)
    found = [step] if step else phrases(text, today)
    intent = intent_of(text)
    goes_on = leads_on(text)
    own = topic_words(
        text,
        intent=before.intent if intent == "fact" else intent,
        without=[(phrase.start, phrase.end) for phrase in found],
    )
    base = _without_time(before, today) if found else before.text
    alone = form_of(text, intent=intent, when=None)
    new = joined(text, [word for word in own if not (alone and _within(word, alone.said))])
    is_new = alone or (new and renames(text, today=today))
    topics = [new] if is_new else [before.topic, new]
    when = before.when if goes_on else None
    if found:
        when = step.when if step else _when_followed(base, text, today)
    intent = before.intent if intent == "fact" and (goes_on or (found and not own)) else intent
    formed = form_of(f"{base} {text}", intent=intent, when=when)
    return _Turn(
        text=f"{base} {text}",
        when=when,
        fields=fields_of(text) or (before.fields if goes_on or not own else frozenset()),
        intent=intent,
        topic=" ".join(filter(None, topics)),
        form=formed.form if formed else "answer",
    )


def _within(word: Word, stretches: Sequence[tuple[int, int]]) -> bool:
    return any(start <= word.start < end for start, end in stretches)


def _when_followed(base: str, text: str, today: date) -> When | None:
    timed = when_of(text, today=today) or when_moved(text, after=base, today=today)
    return timed.when if timed else None


def _without_time(turn: _Turn, today: date) -> str:
    """Its words without the time it was confined to, which another takes the place of."""
    text = turn.text
    for phrase in reversed(phrases(text, today)):
        if phrase.when == turn.when:
            text = f"{text[: phrase.start].rstrip()} {text[phrase.end :].lstrip()}"
    return re.sub(r"\s+([?!.,])", r"\1", text).strip()
