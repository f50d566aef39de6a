"""What is told while an answer comes, held against the answer."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.chat.graph import NODES, build_graph
from service.chat.state import ChatContext
from service.chat.telling import run
from service.domain.answers import CitationDelta, Finished, Question, SearchStatement, TextDelta
from service.domain.identity import Principal
from service.domain.progress import Line, Progress, Step
from service.errors import ModelUnavailable
from tests.fakes import NOW, WORKSPACE, a_context, a_passage
from tests.unit.doubles import READS_NOTHING, USER, FixedFinder, ScriptedModel

GRAPH = build_graph()
DONE = Finished("complete")
NOTE = "Takes 50 mg daily. Slept well 🙂. Ate."
PASSAGES = (a_passage(NOTE, id="p1"), a_passage(NOTE, id="p2"))


class Coverage:
    """The part of ChunkStore that answering asks."""

    async def coverage(self, *, workspace, within) -> SearchStatement:
        return SearchStatement(3, NOW.date(), NOW.date(), 0, complete=True)


def a_question_of(model, passages=PASSAGES, spare=None) -> ChatContext:
    return ChatContext(
        calls=a_context(),
        principal=Principal(USER, WORKSPACE, "owner"),
        store=Coverage(),
        finder=FixedFinder(*passages),
        model=model,
        spare=spare or ScriptedModel(DONE),
        reader=READS_NOTHING,
        clock=lambda: NOW,
    )


def says(*said: tuple[str, tuple[str, ...]]) -> list:
    """A model's deltas: each sentence with the passages it names."""
    deltas, at = [], 0
    for text, cited in said:
        deltas += [TextDelta(f"{text} ")]
        deltas += [CitationDelta(at, at + len(text), cited)] if cited else []
        at += len(text) + 1
    return deltas


async def answered(context: ChatContext):
    """The answer, and what was told before it."""
    told: list[Progress] = []
    state = {"question": Question("How did she sleep?", "en"), "earlier": []}
    answer = await run(GRAPH, state, context, tell=told.append)
    return answer, told


def lines(told: list[Progress]) -> list[Line]:
    return [one for one in told if isinstance(one, Line)]


SENTENCES = ["Takes 50 mg daily.", "Slept well 🙂.", "Ate.", "Takes 500 mg daily.", "She died."]


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(SENTENCES), st.sampled_from([(), ("p1",), ("p1", "p2"), ("p9",)])
        ),
        max_size=7,
    )
)
async def test_the_lines_put_together_are_the_answer(said):
    """Whatever a model says, twice or unproved: same text, same citations, same markers, and every place is right."""
    answer, told = await answered(a_question_of(ScriptedModel(*says(*said), DONE)))
    assert "".join(line.text for line in lines(told)) == answer.text
    assert [one for line in lines(told) for one in line.citations] == list(answer.citations)
    for line in lines(told):
        assert answer.text[line.start : line.start + len(line.text)] == line.text


async def test_every_step_is_told_as_it_begins():
    """Under the names of the graph's nodes; sentences come while the model writes."""
    _, told = await answered(a_question_of(ScriptedModel(*says(("Ate.", ("p1",))), DONE)))
    names = [one.name if isinstance(one, Step) else "line" for one in told]
    assert names == ["understand", "retrieve", "synthesize", "line", "filter", "postprocess"]
    assert [name for name in names if name != "line"] == [node.__name__ for node in NODES]


async def test_nothing_found_is_told_in_one_line():
    """An abstention is text of the answer too."""
    answer, told = await answered(a_question_of(ScriptedModel(DONE), passages=()))
    assert lines(told) == [Line(answer.text, 0, ())]


async def test_what_stands_in_for_a_model_goes_on_where_it_stopped():
    """A model that is cut off after its first sentence: the lines are still those of the answer."""
    cut = ScriptedModel(*says(("Ate.", ("p1",)), ("Slept", ())))
    spare = ScriptedModel(*says(("Ate.", ("p1",)), ("Slept well 🙂.", ("p2",))), DONE)
    answer, told = await answered(a_question_of(cut, spare=spare))
    assert answer.text == "Ate. [1]\nSlept well 🙂. [2]"
    assert "".join(line.text for line in lines(told)) == answer.text


async def test_a_line_is_told_while_the_model_still_writes():
    """Its beginning can be read before there is an end; what was shown is cited, though the rest never comes."""
    waits, told = asyncio.Event(), []

    class Endless(ScriptedModel):
        async def stream(self, *asked, **more):
            for delta in self.deltas:
                yield delta
            await waits.wait()

    context = a_question_of(Endless(*says(("Ate.", ("p2",)), ("Slept", ()))))
    begun = asyncio.Event()

    def tell(one: Progress) -> None:
        told.append(one)
        if isinstance(one, Line):
            begun.set()

    state = {"question": Question("How did she sleep?", "en"), "earlier": []}
    asking = asyncio.create_task(run(GRAPH, state, context, tell=tell))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    uses = {use.ref: use.use for use in context.trail.uses.values()}
    assert uses == {PASSAGES[0].note.ref: "read", PASSAGES[1].note.ref: "cited"}


async def test_without_a_listener_a_failure_cites_nothing():
    """Sentences that nobody was shown are not told as shown."""
    cut = ScriptedModel(*says(("Ate.", ("p1",)), ("Slept", ())))
    context = a_question_of(cut, spare=cut)
    state = {"question": Question("How did she sleep?", "en"), "earlier": []}
    with pytest.raises(ModelUnavailable):
        await run(GRAPH, state, context)
    assert {use.use for use in context.trail.uses.values()} == {"read"}
