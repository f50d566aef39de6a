"""A follow-up that goes one session on, or back, from the one that was asked about."""

from datetime import date
from uuid import uuid4

import pytest

from service.domain.answers import Question
from service.domain.identity import ClientId
from service.domain.scope import Period, Place, When
from service.retrieval.intent import understood
from service.retrieval.steps import NOWHERE

CLIENT = ClientId(uuid4())
LAST, FIRST = "What was planned in the last session?", "מה תוכנן בפגישה הראשונה?"


def when(*said: str) -> When | None:
    question = Question(text=said[-1], client=CLIENT, language="en")
    return understood(question, earlier=said[:-1], today=date(2026, 11, 30)).when


@pytest.mark.parametrize(
    "step",
    [
        "And the one before?",
        "The one before that?",
        "What about the session before that one?",
        "And in the previous session?",
        "And before that?",
        "מה היה בפגישה שלפני זה?",
        "ובזו שלפניה?",
        "והקודמת?",
        "ובפגישה הקודמת?",
        "ולפני כן?",
    ],
)
def test_before_the_last_is_the_last_but_one(step: str) -> None:
    """Never the session that was just answered about."""
    assert when(LAST, step) == Place("newest", skip=1)
    assert when(LAST, step, step) == Place("newest", skip=2)


@pytest.mark.parametrize(
    "step", ["And the one after?", "And the next one?", "ובפגישה שאחריה?", "ובזו שאחרי?"]
)
def test_after_the_first_is_the_second(step: str) -> None:
    """Also where the questions are in two languages."""
    assert when(FIRST, step) == Place("oldest", skip=1)


@pytest.mark.parametrize(
    "said",
    [
        (LAST, "And after that?"),
        (FIRST, "And the one before?"),
        ("What did we discuss since March?", "And after that?"),
    ],
)
def test_a_step_off_the_end_finds_nothing(said: tuple[str, str]) -> None:
    """There is no session after the last, and saying the last once more would be wrong."""
    assert when(*said) == NOWHERE


def test_before_days_are_all_days_before_them() -> None:
    """Several sessions step by as many."""
    assert when("What did we discuss in March?", "And before that?") == Period(
        last=date(2026, 2, 28)
    )
    assert when("What did we discuss in the last three sessions?", "And before that?") == Place(
        "newest", count=3, skip=3
    )


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        ("What did we discuss on March 5, 2026?", "And the one before?", "And the one after?"),
        ("על מה דיברנו ב-5.3.2026?", "ובפגישה שלפניה?", "ובפגישה שאחריה?"),
    ],
)
def test_beside_a_day_is_one_session(day: str, before: str, after: str) -> None:
    """The nearest before or after it, then the one beyond that; and back over the day itself."""
    earlier, later = Period(last=date(2026, 3, 4)), Period(first=date(2026, 3, 6))
    assert when(day, before) == Place("newest", among=earlier)
    assert when(day, before, before) == Place("newest", skip=1, among=earlier)
    assert when(day, after) == Place("oldest", among=later)
    assert when(day, before, after) == Place("oldest", among=Period(first=date(2026, 3, 5)))


@pytest.mark.parametrize(
    "said",
    [
        ("How did she sleep before that accident?",),
        (LAST, "What happened before the accident?"),
        ("How is her sleep?", "And before that?"),
    ],
)
def test_what_is_before_an_event_is_no_session(said: tuple[str, ...]) -> None:
    """Nor is anything beside a time that nobody named."""
    assert when(*said) is None
