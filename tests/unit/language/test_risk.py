"""What notes say of danger is found, whole sentences of it, with what the note says of it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.risk import Polarity, RiskKind
from service.language.risk import risk_spans
from service.language.risk_words import spelled_rightly
from service.language.sentences import sentences

DATA = Path(__file__).parents[2] / "data" / "risk.jsonl"
"""Sentences of ours, with what each says of danger; a third only sounds like it. Those `held` were written before any
rule was, and no rule was changed for what they showed."""
ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
RECALL, PRECISION, POLARITY = 0.98, 0.9, 0.9


@dataclass
class Score:
    """Counts of kinds in sentences."""

    found: int = 0
    lost: int = 0
    false: int = 0
    alike: int = 0
    """Of those found, with the polarity that the note says."""

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.lost)

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.false)

    @property
    def polarity(self) -> float:
        return self.alike / self.found


def said(text: str) -> dict[str, str]:
    return {one.kind: one.polarity for one in risk_spans({"plan": text})}


def score(language: str, half: str) -> Score:
    counted = Score()
    for row in ROWS:
        if (row["language"], row["half"]) == (language, half):
            found, right = said(row["text"]), row["says"]
            counted.found += len(found.keys() & right.keys())
            counted.lost += len(right.keys() - found.keys())
            counted.false += len(found.keys() - right.keys())
            counted.alike += len(found.items() & right.items())
    return counted


@pytest.mark.parametrize("half", ["open", "held"])
@pytest.mark.parametrize("language", ["he", "en"])
def test_danger_is_found_and_little_else(language, half, record_property):
    """Recall first: of a hundred sentences on danger two may be lost, of a hundred shown ten may be none."""
    counted = score(language, half)
    record_property("score", f"{counted.recall:.3f} {counted.precision:.3f} {counted.polarity:.3f}")
    assert counted.recall >= RECALL
    assert counted.precision >= PRECISION
    assert counted.polarity >= POLARITY


def test_what_is_present_is_never_told_as_denied():
    """That slip alone could make somebody look away."""
    wrong = [
        row["text"]
        for row in ROWS
        for kind, polarity in row["says"].items()
        if polarity == "present" and said(row["text"]).get(kind) == "denied"
    ]
    assert wrong == []


def test_the_set_is_as_large_and_as_mixed_as_it_must_be():
    """At least 150 sentences a language, a third of them near misses, every kind in every polarity."""
    sizes = Counter(row["language"] for row in ROWS)
    assert min(sizes["he"], sizes["en"]) >= 150
    for language, size in sizes.items():
        rows = [row for row in ROWS if row["language"] == language]
        assert sum(not row["says"] for row in rows) >= size * 0.3
        seen = {pair for row in rows for pair in row["says"].items()}
        assert seen == {(k, p) for k in get_args(RiskKind) for p in get_args(Polarity)}
    assert len({row["text"] for row in ROWS}) == len(ROWS)


def test_a_span_is_the_whole_sentence_in_code_points():
    """One span a kind, over every field, in the order of the text."""
    text = "ישנה היטב. 😀 שוללת אובדנות, אך חותכת את עצמה שוב! הבית שקט."
    spans = risk_spans({"subjective": "Slept well.", "assessment": text})
    assert [(one.kind, one.polarity, one.field) for one in spans] == [
        ("suicide", "denied", "assessment"),
        ("self_harm", "present", "assessment"),
    ]
    for one in spans:
        assert text[one.start : one.end] == "😀 שוללת אובדנות, אך חותכת את עצמה שוב!"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Denies: SI, HI, AVH.", {"suicide": "denied", "violence": "denied"}),
        ("SI - denied", {"suicide": "denied"}),
        ("SI: none reported", {"suicide": "denied"}),
        ("SI, denies cutting.", {"suicide": "present", "self_harm": "denied"}),
        ("No change - SI daily.", {"suicide": "present"}),
        ("No improvement, suicidal thoughts persist.", {"suicide": "present"}),
        ("No better, SI daily.", {"suicide": "present"}),
        ("Has suicidal thoughts but denies intent.", {"suicide": "present"}),
        ("יש מחשבות אובדניות, שוללת תוכנית", {"suicide": "present"}),
        ("אין שיפור, מחשבות אובדניות נמשכות.", {"suicide": "present"}),
        ("איננה אובדנית ולא פוגעת בעצמה", {"suicide": "denied", "self_harm": "denied"}),
    ],
)
def test_a_denial_reaches_what_it_denies(text, says):
    """Over commas to what is named, not to a plan behind it, nor from what is no danger."""
    assert said(text) == says


@pytest.mark.parametrize(
    ("text", "polarity"),
    [
        ("Is she suicidal?", "possible"),
        ("Suicide attempt in 2015.", "past"),
        ("Suicide attempt last night.", "present"),
        ("ניסיון אובדני לפני עשור.", "past"),
        ("ניסיון אובדני אתמול.", "present"),
    ],
)
def test_when_it_was_is_told_as_the_note_says(text, polarity):
    """What was last night is no past."""
    assert said(text) == {"suicide": polarity}


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("suicdal", "suicidal"),
        ("ideatoin", "ideation"),
        ("מהתאבדוות", "מהתאבדות"),
        ("התאבלות", "התאבלות"),
        ("התאחדות", "התאחדות"),
        ("אובדנימ", "אובדנימ"),
        ("violet", "violet"),
        ("knee", "knee"),
    ],
)
def test_a_slip_of_a_letter_is_forgiven(word, right):
    """Unless it is another word: mourning is a letter away from suicide, and so is a union."""
    assert spelled_rightly(word) == right


def _marked(text: str) -> Iterator[str]:
    yield text.replace("אובדנות", "אוֹבְדָנוּת")
    yield f"\u202b{text}\u202c"
    yield text.replace(" ", " \u200f")


@pytest.mark.parametrize("text", ["שוללת אובדנות.", "Denies SI, אובדנות passive."])
def test_niqqud_and_bidi_controls_change_nothing(text):
    """What steers the display is no part of a word."""
    for marked in _marked(text):
        assert said(marked) == said(text) != {}


TEXT = st.lists(
    st.sampled_from([*(row["text"] for row in ROWS[::7]), "\n", "- ", "🙂", " ", "\u200f", ":"]),
    max_size=8,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["subjective", "plan"]), TEXT))
def test_every_span_is_a_sentence_once_a_kind(fields):
    """In whatever text: within its field, one of its sentences, each kind once, in order."""
    spans = risk_spans(fields)
    assert len({(one.field, one.start, one.kind) for one in spans}) == len(spans)
    for one in spans:
        assert (one.start, one.end) in sentences(fields[one.field])
    places = [(list(fields).index(one.field), one.start) for one in spans]
    assert places == sorted(places)


@settings(max_examples=100, deadline=2000)
@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    """No text makes it fail or hang."""
    risk_spans({"plan": text})


@pytest.mark.parametrize("text", ["ה" * 60_000, "no suicide and no thoughts of harming " * 1_500])
def test_time_grows_with_the_text_alone(text):
    """A profile may be of any length, and hold a pasted image or a page without a full stop."""
    started = process_time()
    risk_spans({"notes": text})
    assert process_time() - started < 5


def test_danger_is_found_wherever_a_long_sentence_speaks_of_it():
    """It is still one span, of the whole sentence."""
    for place in (0, 1_590, 1_990, 4_000):
        text = f"{'walks, ' * (place // 7)}cuts herself again, {'walks, ' * 300}home."
        assert [(one.kind, one.start, one.end) for one in risk_spans({"plan": text})] == [
            ("self_harm", 0, len(text))
        ]
