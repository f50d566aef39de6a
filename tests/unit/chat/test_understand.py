"""What is searched for, given what was asked before."""

import pytest

from service.chat.understand import stand_alone, understand
from service.domain.answers import Question
from tests.fakes import CLIENT

EARLIER = ["How is the right knee?", "And the sleep?"]


@pytest.mark.parametrize(
    "text", ["and the left?", "why?", "ולמה?", "?", "מה עם השינה?", "two words"]
)
def test_a_short_follow_up_is_searched_with_the_question_before_it(text):
    """Three words cannot be searched for by themselves; the last question gives them their subject."""
    assert stand_alone(text, earlier=EARLIER) == f"And the sleep? {text}"
    assert stand_alone(text, earlier=[]) == text


@pytest.mark.parametrize("text", ["How did the patient sleep?", "מה היה הטיפול בשבוע שעבר?"])
def test_a_whole_question_stays_as_it_is(text):
    """Four words or more stand alone, whatever was asked before."""
    assert stand_alone(text, earlier=EARLIER) == text


@pytest.mark.parametrize(
    ("text", "language"),
    [("ולמה?", "he"), ("why?", "en"), ("?", "he"), ("MRI של הברך?", "he"), ("why 5?", "en")],
)
async def test_the_language_is_that_of_the_question_itself(text, language):
    """A Hebrew follow-up to an English question is answered in Hebrew, and the other way round."""
    for earlier in (["How is the right knee?"], ["איך הברך הימנית?"]):
        state = {"question": Question(text, "en"), "earlier": earlier}
        understood = (await understand(state, None))["question"]
        assert understood.language == language
        assert understood.text == f"{earlier[0]} {text}"


async def test_nothing_else_of_the_question_changes():
    """Scope and limits are the server's and stay."""
    question = Question(
        "why?", "en", client=CLIENT, max_results=7, min_similarity=0.6, mode="prepare"
    )
    understood = (await understand({"question": question}, None))["question"]
    assert understood == question
