"""What the graph's first node makes of a question, given what was asked before."""

from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from service.chat.understand import understand
from service.domain.answers import Question
from service.domain.scope import Period
from tests.fakes import CLIENT

NIGHT = datetime(2026, 5, 14, 1, 30, tzinfo=timezone(timedelta(hours=3)))
RUNTIME = SimpleNamespace(context=SimpleNamespace(clock=lambda: NIGHT))


@pytest.mark.parametrize(
    ("text", "language"),
    [("ולמה?", "he"), ("why?", "en"), ("?", "he"), ("MRI של זה?", "he"), ("why 5?", "en")],
)
async def test_the_language_is_that_of_the_question_itself(text, language):
    """A Hebrew follow-up to an English question is answered in Hebrew, and the other way round."""
    for earlier in (["How is the right knee?"], ["איך הברך הימנית?"]):
        state = {"question": Question(text, "en"), "earlier": earlier}
        understood = (await understand(state, RUNTIME))["question"]
        assert understood.language == language
        assert understood.text == f"{earlier[0]} {text}"
        assert understood.also == (text,)


async def test_nothing_else_of_the_question_changes():
    """Scope and limits are the server's and stay."""
    question = Question(
        "why?", "en", client=CLIENT, max_results=7, min_similarity=0.6, mode="prepare"
    )
    understood = (await understand({"question": question}, RUNTIME))["question"]
    assert understood == question


async def test_today_is_the_day_by_which_notes_are_dated():
    """Half past one at night in Israel is still yesterday in UTC, where the days of notes are counted."""
    question = Question("What did we discuss today?", "en")
    understood = (await understand({"question": question}, RUNTIME))["question"]
    assert understood.when == Period(date(2026, 5, 13), date(2026, 5, 13))
    assert NIGHT.astimezone(UTC).date() == date(2026, 5, 13)
