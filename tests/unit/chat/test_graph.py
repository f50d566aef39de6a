"""The whole graph, with a scripted model and found passages."""

import os
from collections.abc import Sequence

import pytest
from langsmith.utils import tracing_is_enabled
from prometheus_client import REGISTRY

from service.adapters.models.local_model import ExtractiveModel
from service.chat.graph import NODES, build_graph
from service.chat.state import ChatContext
from service.domain.answers import CitationDelta, Finished, Question, SearchStatement, TextDelta
from service.domain.identity import Principal
from service.domain.risk import RiskNote
from service.domain.scope import Within
from service.errors import NotAllowed, SourceUnavailable
from tests.fakes import CLIENT, NOW, WORKSPACE, a_context, a_passage
from tests.unit.doubles import READS_NOTHING, USER, FixedFinder, ScriptedModel

DONE = Finished("complete")
CALLER = Principal(USER, WORKSPACE, "owner")
PASSAGE = a_passage("Takes 50 mg daily. Slept well.")
SAID = (TextDelta("Slept well. "), CitationDelta(0, 11, ("p1",)), TextDelta("The mother died."))


class Coverage:
    """The part of ChunkStore that answering asks."""

    def __init__(self) -> None:
        self.asked: list[tuple] = []

    async def coverage(self, *, workspace, within) -> SearchStatement:
        self.asked.append((workspace, within))
        return SearchStatement(3, NOW.date(), NOW.date(), 0, complete=True)

    async def risks(self, *, workspace, clients) -> Sequence[RiskNote]:
        return []


@pytest.fixture(scope="module")
def graph():
    return build_graph()


def a_chat(*deltas, passages=(PASSAGE,)) -> ChatContext:
    return ChatContext(
        principal=CALLER,
        store=Coverage(),
        finder=FixedFinder(*passages),
        model=ScriptedModel(*deltas),
        spare=ExtractiveModel(),
        reader=READS_NOTHING,
        calls=a_context(),
        clock=lambda: NOW,
    )


def a_state(text: str = "How did the patient sleep?", **scope) -> dict:
    return {"question": Question(text, "he", **scope), "earlier": []}


async def test_a_question_becomes_a_cited_answer(graph):
    """Understood, searched for as the caller, written, judged and cited."""
    context = a_chat(*SAID, DONE)
    answer = (await graph.ainvoke(a_state(client=CLIENT), context=context))["answer"]

    assert (answer.text, answer.status, answer.language) == ("Slept well. [1]", "partial", "en")
    [citation] = answer.citations
    assert citation.quote == "Slept well."
    assert (answer.withheld, answer.retrieved_count) == (1, 1)
    [(question, workspace, actor)] = context.finder.asked
    assert (question.client, workspace, actor) == (CLIENT, WORKSPACE, USER)
    assert context.store.asked == [(WORKSPACE, Within.client(CLIENT))]


async def test_a_follow_up_is_searched_for_and_answered_with_its_subject(graph):
    """What understanding added reaches the search and the model."""
    context = a_chat(DONE)
    state = a_state("and the sleep?") | {"earlier": ["How is Dana doing these days?"]}
    await graph.ainvoke(state, context=context)
    assert context.finder.asked[0][0].text == "How is Dana doing these days? and the sleep?"
    assert context.model.asked[0].text == "How is Dana doing these days? and the sleep?"


async def test_nothing_found_is_an_abstention_that_spends_nothing(graph):
    """Without a source the model is not asked, and the answer says what was searched."""
    context = a_chat(*SAID, DONE, passages=())
    answer = (await graph.ainvoke(a_state(), context=context))["answer"]
    assert (answer.status, answer.citations) == ("abstained", ())
    assert answer.text.startswith("Not found in three notes, 1 November.")
    assert context.model.asked == []


async def test_after_a_cut_stream_quotes_make_the_answer(graph):
    """A model that stops in the middle is told, and what it left unsaid is quoted word for word."""
    answer = (await graph.ainvoke(a_state(), context=a_chat(*SAID)))["answer"]
    assert (answer.status, answer.degraded) == ("degraded", ("model",))
    assert answer.model == ExtractiveModel.model
    assert {citation.quote for citation in answer.citations} == {"Slept well."}


@pytest.mark.parametrize("error", [SourceUnavailable(), NotAllowed()])
async def test_an_error_of_a_part_is_the_callers_to_see(graph, error):
    """What a port raises passes through the graph unchanged."""

    class Failing(FixedFinder):
        async def find(self, question, *, context, actor, trail):
            raise error

    context = ChatContext(
        CALLER,
        Coverage(),
        Failing(),
        ScriptedModel(DONE),
        ExtractiveModel(),
        READS_NOTHING,
        calls=a_context(),
        clock=lambda: NOW,
    )
    with pytest.raises(type(error)) as caught:
        await graph.ainvoke(a_state(), context=context)
    assert caught.value is error


async def test_verified_sentences_stream_out_before_the_answer(graph):
    """Whoever streams sees each admitted sentence, and nothing that was withheld."""
    context = a_chat(*SAID, DONE)
    events = [
        event async for event in graph.astream(a_state(), context=context, stream_mode="custom")
    ]
    claims = [event["verdict"].claim.text for event in events if event["type"] == "claim"]
    assert claims == ["Slept well."]
    steps = [event["name"] for event in events if event["type"] == "step"]
    assert steps == [node.__name__ for node in NODES]


async def test_two_questions_at_once_do_not_meet(graph):
    """The graph is shared, its state is not."""
    import asyncio

    one = a_chat(TextDelta("Slept well."), CitationDelta(0, 11, ("p1",)), DONE)
    two = a_chat(TextDelta("Takes 50 mg daily."), CitationDelta(0, 18, ("p1",)), DONE)
    answers = await asyncio.gather(
        *(graph.ainvoke(a_state(), context=context) for context in (one, two))
    )
    assert [said["answer"].text for said in answers] == [
        "Slept well. [1]",
        "Takes 50 mg daily. [1]",
    ]


async def test_every_node_is_timed_under_its_own_name(graph):
    """A step has one name in the graph, the file and the metric."""

    def counted(stage: str) -> float:
        name = "ai_agent_stage_duration_seconds_count"
        return REGISTRY.get_sample_value(name, {"stage": stage}) or 0.0

    names = [node.__name__ for node in NODES]
    assert names == ["understand", "retrieve", "synthesize", "filter", "postprocess"]
    assert all(node.__module__ == f"service.chat.{node.__name__}" for node in NODES)
    before = {name: counted(name) for name in names}
    await graph.ainvoke(a_state(), context=a_chat(DONE))
    assert all(counted(name) == before[name] + 1 for name in names)


def test_no_variable_makes_the_graph_report_its_runs(monkeypatch):
    """LangSmith would post note text; its variables are gone once the graph is built, others stay, and it takes itself
    for switched off.
    """
    for name in (
        "LANGSMITH_TRACING",
        "LANGSMITH_API_KEY",
        "LANGCHAIN_TRACING_V2",
        "LANGCHAIN_ENDPOINT",
    ):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("LANGUAGE", "he")
    build_graph()
    left = {name for name in os.environ if name.startswith(("LANGSMITH", "LANGCHAIN"))}
    assert left == set()
    assert not tracing_is_enabled()
    assert os.environ["LANGUAGE"] == "he"


def test_the_graph_remembers_nothing(graph):
    """No checkpointer and no store: state with note text is never written down."""
    assert graph.checkpointer is None
    assert graph.store is None
