"""Which sentences may reach a therapist."""

from dataclasses import replace
from typing import get_args

import pytest
from prometheus_client import REGISTRY

from service.chat.filter import admit, filter
from service.domain.answers import Claim, Span, Verdict, WithheldReason
from tests.fakes import a_passage

NOTE = "Continue 50 mg at night. Sleep is better."
PASSAGE = a_passage(NOTE)


def a_claim(text: str, *cited: str) -> Claim:
    return Claim(text, cited or ("p1",))


def withheld(text: str, *cited: str, note: str = NOTE) -> WithheldReason | None:
    return admit(a_claim(text, *cited), [a_passage(note)]).withheld


def test_a_quoted_sentence_is_admitted_with_its_place():
    """A sentence of the note reaches the therapist, with the words it rests on."""
    verdict = admit(a_claim("Sleep is better."), [PASSAGE])
    assert verdict.admitted
    [span] = verdict.spans
    assert (span.passage_id, NOTE[span.start : span.end]) == ("p1", "Sleep is better.")


def test_an_uncited_sentence_is_withheld():
    """True or not: without a citation nobody can check it."""
    verdict = admit(Claim("Sleep is better.", ()), [PASSAGE])
    assert (verdict.withheld, verdict.spans) == ("uncited", ())


@pytest.mark.parametrize("cited", [("p2",), ("p1", "p2"), ("P1",), ("",), ("p1 ",)], ids=repr)
def test_a_sentence_that_cites_what_was_not_sent_is_withheld(cited):
    """A passage the model made up, even beside a real one, spoils the sentence."""
    assert withheld("Sleep is better.", *cited) == "unknown_passage"


@pytest.mark.parametrize(
    "text",
    [
        "See https://evil.example/x for more.",
        "See HTTP://evil.example for more.",
        "See www.evil.example for more.",
        "See [the plan](//evil.example).",
        "![chart](//evil.example/x.png)",
        "See ftp://evil.example for more.",
        "Write to mailto:a@evil.example now.",
        "Click javascript:alert(1) now.",
        "See data:text/html;base64,AAAA now.",
        "<img src=//evil.example>",
        "<script>alert(1)</script>",
        "</div>",
        "<!-- hidden -->",
        "ראו https://evil.example לפרטים.",
    ],
)
def test_links_and_markup_are_withheld_even_when_the_note_has_them(text):
    """A link can carry data out or lure a reader, wherever it came from."""
    assert withheld(text, note=text) == "markup"


@pytest.mark.parametrize(
    "text",
    [
        "Pain < before, flexion > 90.",
        "ROM <90 degrees.",
        "Objective data: ROM 120.",
        "Rest [see plan] (daily).",
        "Ratio 1:2, and/or more.",
        "Spoke by tel: tomorrow again.",
    ],
)
def test_signs_that_notes_use_are_no_markup(text):
    """Comparisons, brackets and colons are ordinary clinical writing."""
    assert withheld(text, note=text) is None


def test_a_sentence_the_note_does_not_say_is_withheld():
    """What stands in no cited passage does not reach the therapist."""
    assert withheld("The mother died last year.") == "unsupported"


def test_a_changed_dose_is_withheld():
    """A claim whose dose differs from the cited note does not reach the therapist."""
    assert withheld("Continue 50 mg at night.") is None
    assert withheld("Continue 500 mg at night.") == "number_differs"


def test_only_the_cited_passages_count():
    """Support in a passage that was sent but not cited is no support."""
    passages = [PASSAGE, a_passage("Flexion reached ninety degrees.", id="p2")]
    assert admit(a_claim("Flexion reached ninety degrees.", "p2"), passages).admitted
    assert (
        admit(a_claim("Flexion reached ninety degrees.", "p1"), passages).withheld == "unsupported"
    )


def a_verdict(text: str, reason: WithheldReason | None = None) -> Verdict:
    verdict = admit(a_claim(text), [a_passage(text)])
    return replace(verdict, spans=(), withheld=reason) if reason else verdict


async def test_a_repeated_sentence_is_shown_once():
    """The first of two equal sentences stands, in the order of the answer."""
    verdicts = [a_verdict("Rest."), a_verdict("Walk."), a_verdict("Rest.")]
    kept = (await filter({"verdicts": verdicts}, None))["verdicts"]
    assert [verdict.claim.text for verdict in kept] == ["Rest.", "Walk."]


async def test_a_sentence_that_was_only_withheld_is_no_repetition():
    """What nobody was shown can still be said, once it is proved."""
    verdicts = [a_verdict("Rest.", "uncited"), a_verdict("Rest."), a_verdict("Rest.")]
    assert (await filter({"verdicts": verdicts}, None))["verdicts"] == verdicts[:2]


async def test_every_withheld_sentence_is_counted_by_its_reason():
    """Operators see what was kept back and why, and the answer still knows how much."""

    def counted(reason: str) -> float:
        name = "ai_agent_claims_withheld_total"
        return REGISTRY.get_sample_value(name, {"reason": reason}) or 0.0

    reasons = get_args(WithheldReason)
    before = {reason: counted(reason) for reason in reasons}
    verdicts = [a_verdict("Rest.", reason) for reason in reasons]
    kept = (await filter({"verdicts": verdicts}, None))["verdicts"]
    assert {reason: counted(reason) - before[reason] for reason in reasons} == dict.fromkeys(
        reasons, 1
    )
    assert kept == verdicts


async def test_two_sessions_that_say_the_same_are_two_points_of_a_course():
    """What repeats in an ordinary answer is dropped; a course keeps a line for each session."""
    verdicts = [
        Verdict(Claim("No headaches.", (name,)), (Span(name, 0, 13, "No headaches."),))
        for name in ("p1", "p2")
    ]
    assert (await filter({"verdicts": verdicts}, None))["verdicts"] == verdicts[:1]
    assert (await filter({"verdicts": verdicts, "course": None}, None))["verdicts"] == verdicts
