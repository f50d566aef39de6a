"""A model that will not answer, or proves nothing: the notes are quoted instead."""

import pytest

from service.adapters.models.local_model import ExtractiveModel
from service.chat.graph import build_graph
from service.chat.refusing import declined, unproven
from service.chat.state import ChatContext
from service.domain.answers import (
    CitationDelta,
    Claim,
    Finished,
    Passage,
    Question,
    Span,
    TextDelta,
    Verdict,
)
from service.domain.identity import Principal
from service.retrieval.enough import Decision
from tests.fakes import NOW, WORKSPACE, a_context, a_passage
from tests.unit.chat.test_graph import Coverage
from tests.unit.doubles import READS_NOTHING, USER, FixedFinder, ScriptedModel

GOOD = Decision("answer", ("good_match",))
WEAK = Decision("partial", ("weak_match",))
NOTE = "Suicidal thoughts at night. Sleeps badly."
QUESTION = Question("What does she say of suicidal thoughts at night?", "en")


def withheld(text: str, *cited: str) -> Verdict:
    return Verdict(Claim(text, cited), (), "unsupported" if cited else "uncited")


def shown(text: str) -> Verdict:
    return Verdict(Claim(text, ("p1",)), (Span("p1", 0, 1, "x"),))


REFUSALS = [
    "I can't help with that.",
    "I'm sorry, but I can't discuss self-harm.",
    "I cannot provide information about suicide.",
    "I’m unable to answer this question.",
    "I won't discuss this topic.",
    "As an AI, I must not talk about it.",
    "This goes against the content policy.",
    "אני לא יכול לעזור בנושא הזה.",
    "מצטערת, איני יכולה לענות על כך.",
    "לא אוכל לסייע בבקשה זו.",
    "\u202bאני לא יכולה לדון בזה.\u202c",
    "כמודל שפה אין באפשרותי לענות.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_in_words_is_one(text):
    """In both languages, with whatever apostrophe and bidi control; not where a sentence stands beside it."""
    assert declined([withheld(text)])
    assert not declined([shown("Sleeps badly."), withheld(text)])
    assert not declined([withheld(text, "p1")])


@pytest.mark.parametrize(
    "text",
    [
        "She says: I can't sleep.",
        "The notes do not say.",
        "I am sorry for the delay, said the client.",
        "She cannot help her mother.",
        "הסיכומים אינם אומרים.",
        "",
    ],
)
def test_what_a_client_cannot_do_is_none(text):
    """Nor is an honest word that the notes do not tell."""
    assert not declined([withheld(text)])
    assert not declined([withheld(text, "p1")])


def test_claims_that_all_fall_are_unproven():
    """Of good passages alone; who cites nothing has claimed nothing."""
    fallen = [withheld("She ran a marathon.", "p1"), withheld("So it seems.")]
    assert unproven(fallen, GOOD)
    assert not unproven(fallen, WEAK)
    assert not unproven([*fallen, shown("Sleeps badly.")], GOOD)
    assert not unproven([withheld("The notes do not say.")], GOOD)
    assert not unproven([], GOOD)


async def answered(*deltas, passage: Passage | None = None):
    context = ChatContext(
        principal=Principal(USER, WORKSPACE, "owner"),
        store=Coverage(),
        finder=FixedFinder(passage or a_passage(NOTE)),
        model=ScriptedModel(*deltas),
        spare=ExtractiveModel(),
        reader=READS_NOTHING,
        calls=a_context(),
        clock=lambda: NOW,
    )
    state = {"question": QUESTION, "earlier": []}
    return (await build_graph().ainvoke(state, context=context))["answer"]


@pytest.mark.parametrize("text", [REFUSALS[0], REFUSALS[7]])
async def test_a_refusal_falls_back_to_quotes(text):
    """The notes are quoted word for word, and the answer says that the model did not write it."""
    answer = await answered(TextDelta(text), Finished("complete"))
    assert {one.quote for one in answer.citations} == {"Suicidal thoughts at night."}
    assert (answer.status, answer.degraded) == ("degraded", ("model",))
    assert (answer.model, answer.withheld) == (ExtractiveModel.model, 1)
    assert text not in answer.text


async def test_claims_that_all_fall_are_followed_by_quotes():
    """The answer is a part, for something was withheld, and nothing was away."""
    said = "She ran a marathon in 3 hours."
    deltas = TextDelta(said), CitationDelta(0, len(said), ("p1",)), Finished("complete")
    answer = await answered(*deltas)
    assert {one.quote for one in answer.citations} == {"Suicidal thoughts at night."}
    assert (answer.status, answer.degraded) == ("partial", ())
    assert (answer.model, answer.withheld) == (ExtractiveModel.model, 1)


async def test_a_model_that_writes_nothing_has_abstained():
    """So it was told to where the notes do not answer: it is no refusal."""
    answer = await answered(Finished("complete"))
    assert (answer.status, answer.citations, answer.degraded) == ("abstained", (), ())
