"""What is pinned above an answer: all that a client's notes say of danger, as their text stands at this moment."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from service.adapters.models.local_model import ExtractiveModel
from service.chat.graph import build_graph
from service.chat.pinned import pinned
from service.chat.state import ChatContext
from service.chat.telling import run
from service.domain.answers import CitationDelta, Finished, Question, TextDelta
from service.domain.audit import Trail
from service.domain.identity import ClientId, Principal
from service.domain.notes import Chunk
from service.domain.progress import Line, Pin, Progress
from service.domain.scope import ANYWHERE, Period, Within
from service.errors import StoreUnavailable
from service.retrieval.exhaustive import Reader
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Found
from tests.fakes import (
    CLIENT,
    NOW,
    OTHER_WORKSPACE,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    InMemoryNoteSource,
    a_client,
    a_context,
    a_note,
    a_passage,
    index,
)
from tests.unit.doubles import USER, FixedFinder, RecordingEmbedder, ScriptedModel

OTHER = ClientId(UUID(int=12))
KNEE = Question("How is the knee?", "en", CLIENT)
NOTHING = Found((), ranked=())
DANGER = "Slept badly. 🙂 שוללת אובדנות, אך חותכת את עצמה בלילות! Walks daily."
SENTENCE = "🙂 שוללת אובדנות, אך חותכת את עצמה בלילות!"


class Practice:
    """A practice whose notes are indexed and whose monolith answers."""

    def __init__(self, *found) -> None:
        self.store, self.source = InMemoryChunkStore(), InMemoryNoteSource()
        self.source.take(a_client(), a_client(OTHER, name=("Mika", "Oren")))
        lexical, people = LexicalIndex(self.store), People(self.store)
        self.reader = Reader(self.store, self.source, InMemoryKeyStore(), lexical, people)
        self.trail = Trail()
        self.found = found

    async def keep(self, *notes):
        self.source.take(*notes)
        await index(*notes, store=self.store, embedder=RecordingEmbedder(), keys=self.reader.keys)

    def context(self, *deltas, **changes) -> ChatContext:
        parts = {
            "principal": Principal(USER, WORKSPACE, "owner"),
            "store": self.store,
            "finder": FixedFinder(*self.found),
            "model": ScriptedModel(*deltas),
            "spare": ExtractiveModel(),
            "reader": self.reader,
            "calls": a_context(),
            "clock": lambda: NOW,
            "trail": self.trail,
        }
        return ChatContext(**(parts | changes))

    async def pinned(self, question=KNEE, found=NOTHING):
        return (await pinned(question, found, self.context()))["risk"]

    async def answer(self, question=KNEE, *deltas):
        told: list[Progress] = []
        state = {"question": question, "earlier": []}
        context = self.context(*deltas, Finished("complete"))
        return await run(build_graph(), state, context, tell=told.append), told


@pytest.fixture
def practice():
    return Practice()


def on_day(number: int, text: str = "", **more):
    return replace(a_note(text, **more), session_date=NOW + timedelta(days=number))


def said(risk: Sequence) -> list[tuple[str, str, str]]:
    return [(one.kind, one.polarity, one.quote) for one in risk]


async def test_all_notes_of_the_client_are_looked_at_gravest_first(practice):
    """Whatever the question is about, and whatever its days: what is comes first, of what was denied the newest."""
    profile = a_client(medical_history="One suicide attempt in 2015.")
    practice.source.take(profile)
    await practice.keep(
        on_day(1, "Denies SI."),
        on_day(9, "Knee better."),
        on_day(5, DANGER, plan="Screen for self-harm."),
        profile.profile,
    )
    risk = await practice.pinned(
        replace(KNEE, when=Period(NOW.date(), NOW.date())),
        replace(NOTHING, within=Within(frozenset({CLIENT}), Period(NOW.date(), NOW.date()))),
    )
    assert said(risk) == [
        ("self_harm", "present", SENTENCE),
        ("self_harm", "possible", "Screen for self-harm."),
        ("suicide", "past", "One suicide attempt in 2015."),
        ("suicide", "denied", SENTENCE),
        ("suicide", "denied", "Denies SI."),
    ]
    assert {one.client_name for one in risk} == {"דנה לוי"}
    assert [one.session_date is None for one in risk] == [False, False, True, False, False]


async def test_the_text_of_this_moment_decides(practice):
    """A sentence that was edited away is not shown, one that moved is quoted where it stands now, and how it is now."""
    edited, moved, gone = on_day(1, "Denies SI."), on_day(2, "SI daily."), on_day(3, DANGER)
    await practice.keep(edited, moved, gone)
    practice.source.take(
        replace(edited, fields={"subjective": "Slept well."}),
        replace(moved, version=2, fields={"plan": "🙂🙂 Rest. Denies SI."}),
        replace(gone, state="deleted"),
    )
    [one] = await practice.pinned()
    assert (one.polarity, one.field, one.quote, one.note_version) == (
        "denied",
        "plan",
        "Denies SI.",
        2,
    )
    assert one.start == len("🙂🙂 Rest. ")


async def test_a_note_read_for_the_answer_tells_what_the_index_does_not_know_yet(practice):
    """It is not pulled a second time for that, and is pinned once though it was indexed too."""
    new, known = on_day(4, "SI since yesterday."), on_day(2, "Denies SI.")
    await practice.keep(known)
    within = Within(frozenset({CLIENT}))
    found = replace(NOTHING, within=within, read=((new, "דנה לוי"), (known, "דנה לוי")))
    assert [one.quote for one in await practice.pinned(found=found)] == [
        "SI since yesterday.",
        "Denies SI.",
    ]
    assert not practice.trail.uses


async def test_what_may_not_be_read_is_not_pinned(practice):
    """Nothing of an archived client, of one without consent where that is asked for, of another, or next door."""
    await practice.keep(
        on_day(1, "SI daily."),
        on_day(2, "HI daily.", client=OTHER),
        on_day(3, "SI weekly.", workspace=OTHER_WORKSPACE),
    )
    assert [one.quote for one in await practice.pinned()] == ["SI daily."]
    practice.source.take(replace(a_client(), has_consent=False))
    assert await practice.pinned(replace(KNEE, require_consent=True)) == ()
    practice.source.take(a_client(is_active=False))
    assert await practice.pinned() == ()


async def test_a_client_who_is_only_named_is_asked_about_too(practice):
    """What counts is whom the search was confined to."""
    await practice.keep(on_day(1, "SI daily."), on_day(2, "HI daily.", client=OTHER))
    hers = replace(NOTHING, within=Within(frozenset({OTHER})))
    risk = await practice.pinned(replace(KNEE, client=None), hers)
    assert [(one.quote, one.client_name) for one in risk] == [("HI daily.", "Mika Oren")]


async def test_of_a_whole_practice_only_the_passages_tell(practice):
    """The sentences they touch, once each, and no other note's, nor what else their own note says."""
    await practice.keep(on_day(1, "SI daily."))
    whole = a_passage("Feels low. Denies SI. Eats well. HI at times.")
    first, second = Chunk("subjective", 0, 0, 15, ""), Chunk("subjective", 1, 15, 32, "")
    found = Found((replace(whole, chunk=first), replace(whole, chunk=second)), ())
    assert found.within == ANYWHERE
    risk = await practice.pinned(replace(KNEE, client=None), found)
    assert said(risk) == [("suicide", "denied", "Denies SI.")]


async def test_more_notes_than_may_be_read_are_told(practice):
    """The newest are read, and the answer says of how many it knows no more than that they spoke of danger."""
    await practice.keep(*(on_day(day, f"SI on day {day}.") for day in range(5)))
    practice.reader = replace(practice.reader, most=3, batch=2)
    answer, _ = await practice.answer()
    assert [one.quote for one in answer.risk] == [f"SI on day {day}." for day in (4, 3, 2)]
    assert answer.risk_unread == 2


async def test_a_note_that_cannot_be_read_is_told(practice):
    """It spoke of danger when it was indexed; that it does no more, nobody knows."""
    note = on_day(1, "SI daily.")
    await practice.keep(note)
    practice.source.unreadable[note.ref.id] = "decrypt_failed"
    answer, _ = await practice.answer()
    assert (answer.risk, answer.risk_unread) == ((), 1)


async def test_it_is_told_before_the_first_line_even_where_nothing_is_found():
    """Above an answer and above "not found" alike; the text of the answer is what it would be without."""
    for found, deltas in (
        ((), ()),
        ((a_passage("Knee better."),), (TextDelta("Knee better."), CitationDelta(0, 12, ("p1",)))),
    ):
        practice = Practice(*found)
        await practice.keep(on_day(1, DANGER))
        answer, told = await practice.answer(KNEE, *deltas)
        shown = [one for one in told if isinstance(one, Pin | Line)]
        assert [one.risk for one in shown[:2]] == list(answer.risk)
        assert "".join(one.text for one in shown[2:]) == answer.text
        assert "אובדנות" not in answer.text


async def test_what_is_pinned_is_cited_in_the_trail_and_counted_by_kind(practice):
    """The trail names the note, the metric only the kind."""
    note = on_day(1, "SI daily.")
    await practice.keep(note)

    def counted() -> float:
        return REGISTRY.get_sample_value("ai_agent_risk_pinned_total", {"kind": "suicide"}) or 0

    before = counted()
    await practice.answer()
    assert practice.trail.uses[note.ref].use == "cited"
    assert counted() == before + 1


async def test_an_index_that_cannot_tell_is_no_answer(practice):
    """Without it danger would be lost in silence."""

    class Away(InMemoryChunkStore):
        async def risks(self, *, workspace, clients):
            raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        await pinned(KNEE, NOTHING, practice.context(store=Away()))


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=40)
@given(
    st.lists(
        st.sampled_from(
            ["Denies SI.", "🙂 SI.\n", "חותכת את עצמה! ", "Knee\u200f better.", "\u202bHI\u202c"]
        ),
        max_size=6,
    ),
    st.sampled_from(["", "🙂 ", "\n- ", "\u200f"]),
)
async def test_every_quote_stands_in_its_field(parts, joint):
    """Code point for code point, bidi controls and emoji included."""
    practice, note = Practice(), on_day(1, joint.join(parts) + "-")
    await practice.keep(note)
    for one in await practice.pinned():
        assert note.fields[one.field][one.start : one.end] == one.quote != ""
