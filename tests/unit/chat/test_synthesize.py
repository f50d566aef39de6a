"""A model's stream, cut into sentences and judged one by one."""

from functools import cache
from threading import current_thread, main_thread
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.models.local_model import ExtractiveModel
from service.chat.filter import admit
from service.chat.synthesize import claims, synthesize
from service.domain.answers import (
    CitationDelta,
    Claim,
    Finished,
    Question,
    TextDelta,
    Usage,
)
from service.errors import ModelUnavailable
from service.language.injection import orders_in
from service.language.pseudonyms import Pseudonyms, PseudonymVeil
from service.language.sentences import sentences
from service.ports.calls import NO_VEIL
from service.retrieval.search import Found
from tests.fakes import a_client, a_context, a_passage
from tests.unit.doubles import ScriptedModel

DONE = Finished("complete")
QUESTION = Question("How is the sleep?", "en")


async def told(*deltas) -> list[Claim]:
    stream = ScriptedModel(*deltas).stream(QUESTION, [], context=a_context())
    return [claim async for claim in claims(stream, model="scripted-1", veil=NO_VEIL, passages=())]


async def texts(*deltas) -> list[str]:
    return [claim.text for claim in await told(*deltas)]


async def run(*deltas, passages) -> tuple[list, list[dict]]:
    """The verdicts of a stream, and what was offered while it ran, in order."""
    offered: list[dict] = []
    model = ScriptedModel(*deltas)
    runtime = SimpleNamespace(
        context=SimpleNamespace(
            model=model,
            spare=ExtractiveModel(),
            entailment=None,
            calls=a_context(),
            orders=orders_in,
        ),
        stream_writer=lambda event: offered.append(event),
    )
    found = Found(tuple(passages), ranked=())
    state = await synthesize({"question": QUESTION, "found": found}, runtime)
    return list(state["verdicts"]), offered


async def test_sentences_come_with_the_citations_that_touch_them():
    """A citation belongs to each sentence it overlaps, once, in the order it came."""
    [one, two] = await told(
        TextDelta("Slept well. "),
        CitationDelta(0, 11, ("p2", "p1")),
        CitationDelta(6, 11, ("p1", "p3")),
        TextDelta("Ate."),
        CitationDelta(12, 16, ("p4",)),
        DONE,
    )
    assert one == Claim("Slept well.", ("p2", "p1", "p3"))
    assert two == Claim("Ate.", ("p4",))


async def test_a_citation_that_ends_where_a_sentence_begins_is_not_its_own():
    """Offsets are half open: the neighbour does not borrow a citation."""
    [one, two] = await told(
        TextDelta("Slept. "),
        CitationDelta(0, 7, ("p1",)),
        TextDelta("Ate."),
        CitationDelta(6, 11, ("p2",)),
        DONE,
    )
    assert (one.passage_ids, two.passage_ids) == (("p1",), ("p2",))


async def test_citations_count_code_points():
    """Emoji and Hebrew before a sentence do not shift its citations."""
    [one, two] = await told(
        TextDelta("🙂 ישן טוב 🙂. "),
        CitationDelta(0, 12, ("p1",)),
        TextDelta("אכל."),
        CitationDelta(13, 17, ("p2",)),
        DONE,
    )
    assert (one.passage_ids, two.passage_ids) == (("p1",), ("p2",))


async def test_text_may_run_ahead_of_its_citations():
    """A sentence waits for its citation; one of a later sentence says that none will come for it."""
    late = await told(TextDelta("Slept. Ate. He"), CitationDelta(0, 5, ("p1",)), DONE)
    assert [one.passage_ids for one in late] == [("p1",), (), ()]
    passed_over = await told(TextDelta("Slept. Ate. He"), CitationDelta(7, 11, ("p1",)), DONE)
    assert [one.passage_ids for one in passed_over] == [(), ("p1",), ()]


async def test_a_stream_without_an_end_is_not_trusted():
    """A cut stream raises, however complete its sentences look."""
    with pytest.raises(ModelUnavailable):
        await told(TextDelta("Slept well. "), CitationDelta(0, 11, ("p1",)), TextDelta("Ate."))
    with pytest.raises(ModelUnavailable):
        await told()


async def test_at_the_length_limit_the_sentence_in_hand_is_dropped():
    """The model was stopped in the middle: what is whole stands, what may be half does not."""
    deltas = (TextDelta("Slept well. Takes 5"),)
    assert await texts(*deltas, Finished("length")) == ["Slept well."]
    assert await texts(*deltas, DONE) == ["Slept well.", "Takes 5"]
    assert await texts(TextDelta("Takes 5"), Finished("length")) == []


async def test_nothing_after_the_end_counts():
    """What a stream says after it said it was done is not read."""
    assert await texts(TextDelta("Slept."), DONE, TextDelta(" Died.")) == ["Slept."]


async def test_an_empty_answer_has_no_sentences():
    """A model that says nothing claims nothing."""
    assert await texts(DONE) == []
    assert await texts(TextDelta(" \n "), Finished("abstained")) == []


async def test_what_a_question_writes_otherwise_is_cited_as_the_note_has_it():
    """A number's dashes are the note's, or its quote would not prove it; and a name has its capital."""
    veil = PseudonymVeil(Pseudonyms([a_client(name=("Dana", "Levi")).person], key=bytes(32)))
    veil.hide("is 0521234567 of dana's mother?")
    note = "Dana's mother answers at 052-123-4567."
    model = ScriptedModel(TextDelta(veil.hide(note)), CitationDelta(0, 9, ("p1",)), DONE)
    passages, context = [a_passage("Slept.", id="p2"), a_passage(note)], a_context()
    stream = model.stream(QUESTION, passages, context=context)
    [claim] = [one async for one in claims(stream, model="m", veil=veil, passages=passages)]
    assert claim.text == note
    assert admit(claim, passages).admitted


PIECES = [
    "a",
    "B",
    "1",
    " ",
    ".",
    "!",
    "?",
    "…",
    "\n",
    '"',
    ")",
    "- ",
    'ד"ר',
    " mg",
    "Dr",
    "...",
    "1.",
    "🙂",
    "\t",
]


@given(st.lists(st.sampled_from(PIECES), max_size=20))
async def test_a_streamed_answer_has_the_sentences_of_the_whole(pieces):
    """However the text is cut into deltas, no sentence is lost, doubled or changed."""
    text = "".join(pieces)
    whole = [text[start:end] for start, end in sentences(text)]
    assert await texts(*map(TextDelta, pieces), DONE) == whole
    assert await texts(TextDelta(text), DONE) == whole


async def test_a_sentence_is_offered_only_once_it_is_complete():
    """While a sentence may still grow, nobody sees it; once the next has begun, it is shown at once."""
    passage = a_passage("Takes 5 mg daily. Slept well.")
    offered: list[str] = []
    seen_before: list[list[str]] = []

    class Watched(ScriptedModel):
        async def stream(self, question, passages, *, context):
            async for delta in super().stream(question, passages, context=context):
                seen_before.append(list(offered))
                yield delta

    model = Watched(
        TextDelta("Takes 5"),
        TextDelta(" mg daily."),
        CitationDelta(0, 17, ("p1",)),
        TextDelta(" Slept well."),
        CitationDelta(18, 29, ("p1",)),
        DONE,
    )
    runtime = SimpleNamespace(
        context=SimpleNamespace(
            model=model, spare=ScriptedModel(), entailment=None, calls=a_context(), orders=orders_in
        ),
        stream_writer=lambda event: offered.append(event["verdict"].claim.text),
    )
    found = Found((passage,), ranked=())
    await synthesize({"question": QUESTION, "found": found}, runtime)

    assert seen_before[:4] == [[], [], [], []]
    assert seen_before[4] == ["Takes 5 mg daily."]
    assert offered == ["Takes 5 mg daily.", "Slept well."]


async def test_what_is_withheld_is_never_offered():
    """A sentence that no note supports is counted and shown to nobody."""
    passage = a_passage("Takes 50 mg daily. Slept well.")
    verdicts, offered = await run(
        TextDelta("Takes 500 mg daily."),
        CitationDelta(0, 47, ("p1",)),
        TextDelta(" Slept well. The mother died."),
        DONE,
        passages=[passage],
    )
    assert [verdict.withheld for verdict in verdicts] == ["number_differs", None, "unsupported"]
    assert [event["verdict"].claim.text for event in offered] == ["Slept well."]
    assert offered[0]["type"] == "claim"


async def test_after_a_cut_stream_quotes_say_the_rest():
    """What was shown stays, the half sentence goes, and the spare model says nothing twice."""
    passage = a_passage("She slept well. She sleeps seven hours.")
    verdicts, offered = await run(
        TextDelta("She slept well."),
        CitationDelta(0, 15, ("p1",)),
        TextDelta(" She"),
        passages=[passage],
    )
    said = [verdict.claim.text for verdict in verdicts]
    assert said[0] == "She slept well."
    assert "She" not in said
    assert len(said) == len(set(said)) == len(offered)


@pytest.mark.parametrize(
    "passages",
    [[], [a_passage("Slept well.", similarity=0.1)]],
    ids=["nothing found", "hardly alike"],
)
async def test_the_model_is_not_asked_without_a_source(passages):
    """Nothing to quote means nothing to say, and nothing is spent."""
    model = ScriptedModel(TextDelta("Slept well."), CitationDelta(0, 11, ("p1",)), DONE)
    runtime = SimpleNamespace(
        context=SimpleNamespace(
            model=model, spare=ScriptedModel(), entailment=None, calls=a_context(), orders=orders_in
        ),
        stream_writer=None,
    )
    found = Found(tuple(passages), ranked=())
    state = await synthesize({"question": QUESTION, "found": found}, runtime)
    assert state["verdicts"] == []
    assert model.asked == []


async def test_tokens_are_counted_by_kind():
    """What a model cost is a metric, by model and direction."""
    from prometheus_client import REGISTRY

    def counted(kind: str) -> float:
        labels = {"model": "scripted-1", "token_type": kind}
        return REGISTRY.get_sample_value("ai_agent_llm_tokens_total", labels) or 0.0

    before = counted("input"), counted("output")
    await told(TextDelta("Slept."), Finished("complete", Usage(7, 3)))
    assert (counted("input") - before[0], counted("output") - before[1]) == (7, 3)


async def test_a_note_is_looked_through_once_and_beside_the_loop():
    """However many sentences lean on it: a long one takes 0.3 s, and other questions wait on the loop."""
    looked: list[tuple[str, bool]] = []

    def orders(text: str) -> list[tuple[int, int]]:
        looked.append((text, current_thread() is main_thread()))
        return []

    passage = a_passage("Takes 5 mg daily. Slept well.")
    model = ScriptedModel(
        TextDelta("Takes 5 mg daily. Slept well."),
        CitationDelta(0, 17, ("p1",)),
        CitationDelta(18, 29, ("p1",)),
        DONE,
    )
    runtime = SimpleNamespace(
        context=SimpleNamespace(
            model=model,
            spare=SimpleNamespace(model="spare"),
            entailment=None,
            calls=a_context(),
            orders=cache(orders),
        ),
        stream_writer=lambda event: None,
    )
    found = Found((passage,), ranked=())
    told = await synthesize({"question": QUESTION, "found": found}, runtime)
    assert [one.admitted for one in told["verdicts"]] == [True, True]
    assert looked == [("Takes 5 mg daily. Slept well.", False)]
