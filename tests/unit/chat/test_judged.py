"""What rules, a model and the note's own words make of a sentence, and that nothing else is ever shown."""

import asyncio
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from service.adapters.models.local_model import ExtractiveModel
from service.chat import filter as gate
from service.chat.filter import admit, filter, judged
from service.chat.grounding import Support, support
from service.chat.grounding.evidence import read
from service.chat.postprocess import cite
from service.chat.synthesize import synthesize
from service.domain.answers import (
    MOST_CONFIRMED,
    MOST_SOURCES,
    CitationDelta,
    Claim,
    Finished,
    Passage,
    Question,
    Span,
    TextDelta,
    Verdict,
)
from service.domain.deadline import Deadline
from service.domain.usage import Meter
from service.errors import ModelUnavailable
from service.language.chunking import LIMIT
from service.language.injection import orders_in
from service.language.sentences import sentences
from service.ports.calls import CallContext
from service.ports.models import EntailmentModel
from service.retrieval.search import Found
from tests.fakes import a_context, a_passage
from tests.unit.doubles import ScriptedEntailment, ScriptedModel

NOTE = "Came by bus. She said that she sleeps well now. So her mother thinks. Takes 50 mg at night."
STATED = "She sleeps well now."
WRONG = "Takes 500 mg at night."
LIKELY = "Her nights are calm."


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules, of which only what this file is about is fixed: a doubtful sentence, and one way to put it right."""
    monkeypatch.setattr(gate, "support", _support)
    monkeypatch.setattr(gate, "repair", _repair)


def _support(text: str, passages: Sequence[Passage], **_: object) -> Support:
    if text == LIKELY:
        return Support("likely", (_span(passages[0], 1),))
    return support(text, passages)


def _repair(text: str, passages: Sequence[Passage], **_: object) -> tuple[str, Span] | None:
    """The last sentence of the first passage, for all that has a digit or is doubted."""
    if not passages or not (any(map(str.isdigit, text)) or text in (LIKELY, STATED)):
        return None
    span = _span(passages[0], -1)
    return span.quote, span


def _span(passage: Passage, number: int) -> Span:
    start, end = sentences(passage.chunk.text)[number]
    at = passage.chunk.start
    return Span(passage.id, at + start, at + end, passage.chunk.text[start:end])


judge = partial(judged, orders=orders_in, read=read)


async def verdict_of(
    text: str, model: EntailmentModel | None = None, *, meter: Meter | None = None
) -> Verdict:
    context = a_context(meter=meter or Meter())
    return await judge(
        Claim(text, ("p1",), lead="3 May: "), [a_passage(NOTE)], entailment=model, context=context
    )


REPAIRED = "Takes 50 mg at night."


@pytest.mark.parametrize(
    ("text", "said", "shown", "repaired"),
    [
        (REPAIRED, None, REPAIRED, None),
        (REPAIRED, "contradicted", REPAIRED, None),
        (STATED, None, STATED, None),
        (STATED, "supported", STATED, None),
        (STATED, "contradicted", REPAIRED, "not_entailed"),
        (STATED, "not_stated", REPAIRED, "not_entailed"),
        (STATED, ModelUnavailable("timeout"), STATED, None),
        (LIKELY, None, REPAIRED, "unsupported"),
        (LIKELY, "supported", LIKELY, None),
        (LIKELY, "not_stated", REPAIRED, "not_entailed"),
        (LIKELY, ModelUnavailable("garbage"), REPAIRED, "unsupported"),
        (WRONG, "supported", REPAIRED, "number_differs"),
    ],
    ids=str,
)
async def test_what_is_shown_of_a_sentence(text, said, shown, repaired):
    """Rules first; a model can take back what they let pass, and let pass what they doubt, never what they refuse."""
    model = None if said is None else ScriptedEntailment(said)
    verdict = await verdict_of(text, model)
    assert verdict.admitted
    assert (verdict.claim.text, verdict.repaired) == (shown, repaired)
    assert verdict.claim.lead == "3 May: "
    assert [NOTE[span.start : span.end] for span in verdict.spans] == [
        span.quote for span in verdict.spans
    ]


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (Claim(STATED, ()), "uncited"),
        (Claim(STATED, ("p9",)), "unknown_passage"),
        (Claim("See https://evil.example/50 now.", ("p1",)), "markup"),
        (Claim("The mother died.", ("p1",)), "unsupported"),
    ],
)
async def test_what_a_note_cannot_put_right_is_withheld(claim, reason):
    """No model is asked about it, and a sentence that somebody may have dictated gets no better one in its place."""
    model = ScriptedEntailment("supported")
    verdict = await judge(claim, [a_passage(NOTE)], entailment=model, context=a_context())
    assert (verdict.withheld, verdict.repaired, verdict.spans) == (reason, None, ())
    assert model.asked == []


async def test_a_repair_that_rules_do_not_find_in_the_note_is_none(monkeypatch):
    """What stands in for a sentence must itself be the note's own words."""
    for text in ("Takes 5 mg at night.", "See www.evil.example.", STATED):
        span = Span("p1", 0, len(text), text)
        monkeypatch.setattr(gate, "repair", lambda *_, given=(text, span), **__: given)
        verdict = await verdict_of(WRONG)
        assert (verdict.withheld, verdict.repaired) == ("number_differs", None)


async def test_a_repair_is_judged_by_what_is_remembered_of_its_note():
    """A note may be long: what was looked through for the sentence is not looked through again for the one instead."""
    asked: list[str] = []

    def orders(text: str) -> tuple[tuple[int, int], ...]:
        asked.append(text)
        return ()

    claim, passages = Claim(WRONG, ("p1",)), [a_passage(NOTE)]
    verdict = await judge(claim, passages, entailment=None, context=a_context(), orders=orders)
    assert verdict.repaired
    assert asked == [NOTE, NOTE]


def test_rules_alone_withhold_what_only_a_model_could_confirm():
    """A course's lines have no model, so a doubt is a no."""
    assert admit(Claim(LIKELY, ("p1",)), [a_passage(NOTE)]).withheld == "unsupported"


async def test_a_model_reads_the_quote_between_its_neighbours():
    """Who "she" is, and what takes it back, stand beside it; the rest of the note does not prove what is not quoted."""
    model = ScriptedEntailment()
    await verdict_of(STATED, model)
    near = "Came by bus. She said that she sleeps well now. So her mother thinks."
    assert model.asked == [(STATED, [near])]


@pytest.mark.parametrize(
    ("before", "within", "sources"),
    [(700, 0, 1), (700, 100, 1), (0, 900, 0)],
    ids=["all fits", "the quote alone", "no model"],
)
async def test_a_model_reads_no_more_than_a_chunk_at_once(before, within, sources):
    """Neighbours are left out of a long source; a quote that is longer by itself is left to the rules."""
    filling = "so it goes on and on "
    quote = f"She said {(filling * 99)[:within]} that she sleeps well now."
    note = f"Came {(filling * 99)[:before]} home. {quote}"
    model = ScriptedEntailment("supported")
    verdict = await judge(
        Claim(STATED, ("p1",)), [a_passage(note)], entailment=model, context=a_context()
    )
    assert verdict.claim.text == STATED
    assert [len(texts) for _, texts in model.asked] == [1] * sources
    assert all(len(text) <= LIMIT for _, texts in model.asked for text in texts)
    assert all(quote in texts[0] for _, texts in model.asked)


async def test_a_model_reads_only_so_many_quotes():
    """Else a sentence that cites all would cost more than a question is counted at."""
    model, names = ScriptedEntailment(), [f"p{number}" for number in range(9)]
    passages = [a_passage(NOTE, id=name) for name in names]
    await judge(Claim(STATED, tuple(names)), passages, entailment=model, context=a_context())
    [(_, sources)] = model.asked
    assert len(sources) == MOST_SOURCES


async def test_a_model_that_is_away_is_told_once_and_not_waited_for_again():
    """The meter says why; for the rest of the question rules judge alone."""
    model, meter = ScriptedEntailment(ModelUnavailable("timeout")), Meter()
    for _ in range(3):
        assert (await verdict_of(STATED, model, meter=meter)).admitted
    assert len(model.asked) == 1
    assert meter.away == {"entailment": "timeout"}


async def test_a_sentence_may_wait_for_a_part_of_the_time_only():
    """What is left after it is enough for the others and the audit row."""
    left: list[float] = []

    class Timed(ScriptedEntailment):
        async def entails(self, claim, sources, *, context):
            left.append(context.deadline.left)
            return await super().entails(claim, sources, context=context)

    context = a_context(deadline=Deadline.after(40))
    await judge(Claim(STATED, ("p1",)), [a_passage(NOTE)], entailment=Timed(), context=context)
    assert 7 < left[0] <= 8


async def test_repairs_are_counted_by_what_was_wrong_and_never_shown_twice():
    """Two wrong doses put right are one sentence of the note; operators see both."""

    def counted() -> float:
        name, labels = "ai_agent_claims_repaired_total", {"reason": "number_differs"}
        return REGISTRY.get_sample_value(name, labels) or 0.0

    before = counted()
    verdicts = [await verdict_of(text) for text in (WRONG, "Takes 5 mg at night.", REPAIRED)]
    kept = (await filter({"verdicts": verdicts}, None))["verdicts"]
    assert kept == verdicts[:1]
    assert counted() - before == 2


# Sentences judged side by side

QUESTION = Question("How is the sleep?", "en")


def runtime_of(model, entailment, offered, calls: CallContext | None = None) -> SimpleNamespace:
    context = SimpleNamespace(
        model=model,
        spare=ExtractiveModel(),
        entailment=entailment,
        calls=calls or a_context(),
        orders=orders_in,
    )
    return SimpleNamespace(context=context, stream_writer=offered.append)


async def run(model, entailment, passages, *, offered=None, calls=None) -> list[Verdict]:
    offered = [] if offered is None else offered
    found = Found(tuple(passages), ranked=())
    runtime = runtime_of(model, entailment, offered, calls)
    return list((await synthesize({"question": QUESTION, "found": found}, runtime))["verdicts"])


def said(*texts: str, of: str = "p1") -> list[TextDelta | CitationDelta]:
    deltas, at = list[TextDelta | CitationDelta](), 0
    for text in texts:
        deltas += [TextDelta(text + "\n"), CitationDelta(at, at + len(text), (of,))]
        at += len(text) + 1
    return deltas


FACTS = ("Ann walks daily", "Ben swims often", "Cleo reads much", "Dov plays chess")
LONG = " ".join(f"{fact} these days." for fact in FACTS)
DONE = Finished("complete")


def stated(fact: str) -> str:
    return f"{fact} days."


async def test_a_sentence_is_shown_before_the_next_is_written():
    """Its verdict comes while the model still writes, and is not kept back until something else does."""
    offered, seen = [], list[int]()
    confirmed = asyncio.Event()

    class Slow(ScriptedModel):
        async def stream(self, question, passages, *, context):
            first, second = FACTS[:2]
            for delta in (*said(stated(first)), TextDelta(second)):
                yield delta
            await confirmed.wait()
            for _ in range(3):
                await asyncio.sleep(0)
            seen.append(len(offered))
            yield TextDelta(" days.")
            yield CitationDelta(len(stated(first)) + 1, 60, ("p1",))
            yield DONE

    model = ScriptedEntailment()

    async def wait(claim: str) -> None:
        await asyncio.sleep(0.01)
        confirmed.set()

    model.wait = wait
    async with asyncio.timeout(5):
        verdicts = await run(Slow(), model, [a_passage(LONG)], offered=offered)
    assert seen == [1]
    assert [verdict.admitted for verdict in verdicts] == [True, True]


async def test_the_order_is_the_models_whatever_is_confirmed_first():
    """The first sentence takes longest; a few are asked about at once, and no more."""
    offered, inside, most = [], set[str](), list[int]()
    model = ScriptedEntailment()

    async def wait(claim: str) -> None:
        inside.add(claim)
        most.append(len(inside))
        await asyncio.sleep(0.03 if claim == stated(FACTS[0]) else 0.001)
        inside.discard(claim)

    model.wait = wait
    texts = [stated(fact) for fact in FACTS]
    await run(ScriptedModel(*said(*texts), DONE), model, [a_passage(LONG)], offered=offered)
    assert [event["verdict"].claim.text for event in offered] == texts
    assert max(most) == 3


async def test_only_so_many_sentences_are_confirmed():
    """What a question may cost is counted before; beyond it rules alone judge."""
    words = [f"{a}{b} rests" for a in "bdfgk" for b in ("am", "en", "ip")]
    note = " ".join(f"{one} these days." for one in words)
    model = ScriptedEntailment()
    deltas = said(*(stated(one) for one in words))
    verdicts = await run(ScriptedModel(*deltas, DONE), model, [a_passage(note)])
    assert len(words) > MOST_CONFIRMED
    assert len(model.asked) == MOST_CONFIRMED
    assert all(verdict.admitted for verdict in verdicts)
    assert len(verdicts) == len(words)


async def test_whoever_leaves_stops_what_is_still_judged():
    """No task outlives the question it belongs to, and nothing is shown after it."""
    offered, model, asked = [], ScriptedEntailment(), asyncio.Event()

    async def wait(claim: str) -> None:
        asked.set()
        await asyncio.Event().wait()

    model.wait = wait
    texts = [stated(fact) for fact in FACTS]
    before = asyncio.all_tasks()
    going = asyncio.create_task(
        run(ScriptedModel(*said(*texts), DONE), model, [a_passage(LONG)], offered=offered)
    )
    await asked.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert asyncio.all_tasks() == before
    assert offered == []


async def test_what_was_whole_is_judged_though_the_model_broke_off():
    """Sentences still being confirmed when the stream is cut are shown, in their place before the quotes."""
    offered, model = [], ScriptedEntailment()

    async def wait(claim: str) -> None:
        await asyncio.sleep(0.01)

    model.wait = wait
    cut = ScriptedModel(*said(stated(FACTS[0]), stated(FACTS[1])), TextDelta("Cleo"))
    meter = Meter()
    verdicts = await run(
        cut, model, [a_passage(LONG)], offered=offered, calls=a_context(meter=meter)
    )
    texts = [verdict.claim.text for verdict in verdicts]
    assert texts[0] == stated(FACTS[0])
    assert [event["verdict"] for event in offered] == [one for one in verdicts if one.admitted]
    assert meter.away == {"model": "cut"}


async def test_a_fault_of_ours_keeps_its_name(monkeypatch):
    """What breaks in one sentence's turn is no bundle of faults to whoever catches it."""

    def broken(text: str, passages: Sequence[Passage], **_: object) -> Support:
        raise ZeroDivisionError

    monkeypatch.setattr(gate, "support", broken)
    with pytest.raises(ZeroDivisionError):
        await run(ScriptedModel(*said("Rest."), DONE), None, [a_passage(LONG)])


# Whatever a model streams

TEXTS = (
    'שוללת כאב בלילה 🙂. נוטלת 50 מ"ג. \u2067ישנה\u2069 טוב.',
    NOTE,
    "Walks 30 minutes daily. Left knee 4/10. See www.evil.example for more. No pain at night.",
)
WORDS = [*sorted({word for text in TEXTS for word in text.split()}), "500", "not", "ימין", "[p1]"]
WHOLE = [text[s:e] for text in TEXTS for s, e in sentences(text)] + [STATED, WRONG, LIKELY]
PIECE = st.one_of(
    st.sampled_from(WHOLE), st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
)
CITED = st.lists(st.sampled_from(["p1", "p2", "p3", "p9"]), max_size=3).map(tuple)
SAYS = st.sampled_from(
    ["supported", "contradicted", "not_stated", ModelUnavailable("timeout"), None]
)
SAID = st.lists(st.tuples(PIECE, CITED, st.integers(0, 3), SAYS), max_size=8)


@settings(max_examples=150, deadline=None)
@given(SAID, st.integers(1, 9), st.sampled_from([DONE, Finished("length"), None]), st.booleans())
async def test_nothing_unadmitted_is_ever_shown(pieces, step, end, has_model):
    """Whatever is written, cited, cut or confirmed: what is shown was admitted, in order, and each quote is exact."""
    deltas, at = list[TextDelta | CitationDelta | Finished](), 0
    model = ScriptedEntailment()
    waits: dict[str, int] = {}
    for text, cited, wait, says in pieces:
        line = text + "\n"
        deltas += [TextDelta(line[n : n + step]) for n in range(0, len(line), step)]
        deltas += [CitationDelta(at, at + len(text), cited)] if cited else []
        at += len(line)
        waits[text] = wait
        if says is not None:
            model.of[text] = says
    if end is not None:
        deltas.append(end)

    async def wait(claim: str) -> None:
        for _ in range(waits.get(claim, 0)):
            await asyncio.sleep(0)

    model.wait = wait
    passages = [a_passage(text, id=f"p{number}") for number, text in enumerate(TEXTS, 1)]
    offered: list[dict] = []
    verdicts = await run(
        ScriptedModel(*deltas), model if has_model else None, passages, offered=offered
    )
    shown = [event["verdict"] for event in offered]
    assert shown == [one for one in verdicts if one.admitted]
    for verdict in shown:
        said_no = model.of.get(verdict.claim.text) in ("contradicted", "not_stated")
        how = _support(
            verdict.claim.text, [p for p in passages if p.id in verdict.claim.passage_ids]
        ).how
        assert how == "verbatim" or not verdict.repaired
        assert how in ("verbatim", "stated", "likely")
        assert how == "verbatim" or not (has_model and said_no)
        assert how != "likely" or has_model
    text, citations = cite(shown, passages)
    assert {one.answer_start for one in citations} == {
        text.index(one.claim.text, start)
        for one, start in zip(shown, _starts(text, shown), strict=True)
    }
    fields = {passage.note.ref: passage.note.fields for passage in passages}
    for one in citations:
        assert fields[one.note][one.field][one.start : one.end] == one.quote
        assert text[one.answer_start : one.answer_end] in {v.claim.text for v in shown}
        assert "evil" not in text


def _starts(text: str, shown: Sequence[Verdict]) -> list[int]:
    """Where the line of each begins."""
    starts = [0]
    for char, at in zip(text, range(len(text)), strict=True):
        if char == "\n":
            starts.append(at + 1)
    return starts[: len(shown)]
