"""Values stay with what they are of, whatever the order a claim tells them in."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.chat.grounding import support
from service.domain.answers import Passage
from tests.fakes import a_note, a_passage


def how(claim: str, note: str) -> tuple[str, str | None]:
    found = support(claim, [a_passage(note)])
    return found.how, found.reason


def sessions(*texts: str) -> list[Passage]:
    """One session a month, each of one sentence."""
    found = []
    for month, text in enumerate(texts, 1):
        passage = a_passage(text)
        note = replace(a_note(text), session_date=datetime(2026, month, 3, 9, tzinfo=UTC))
        found.append(replace(passage, id=f"p{month}", note=note))
    return found


@pytest.mark.parametrize(
    ("claim", "note", "reason"),
    [
        (
            "Neck pain was 3/10 when driving and 6/10 at the desk.",
            "Neck pain 6/10 at the desk, 3/10 when driving.",
            None,
        ),
        (
            "Neck pain was 6/10 when driving and 3/10 at the desk.",
            "Neck pain 6/10 at the desk, 3/10 when driving.",
            "number_differs",
        ),
        ("כאב הצוואר 3/10 בנהיגה ו-6/10 בעבודה.", "כאב הצוואר 6/10 בעבודה, 3/10 בנהיגה.", None),
        (
            "כאב הצוואר 6/10 בנהיגה ו-3/10 בעבודה.",
            "כאב הצוואר 6/10 בעבודה, 3/10 בנהיגה.",
            "number_differs",
        ),
        ("Squats, 4 sets of 12.", "Squats, 4 sets of 12 reps.", None),
        ("Squats, 12 sets of 4.", "Squats, 4 sets of 12 reps.", "number_differs"),
        ("Walks every other day.", "Walks every two days.", None),
        ("Walks every other day.", "Walks every three days.", "number_differs"),
        (
            "Reflexes are weak on the right and normal on the left.",
            "Reflexes weak on the left, normal on the right.",
            "side_differs",
        ),
        ("Trigger point found on the left.", "Trigger point found on the right.", "side_differs"),
    ],
)
def test_values_that_changed_places_are_refused(claim, note, reason):
    """Amounts and sides are compared by what stands around them, and reordering alone refuses nothing."""
    assert how(claim, note) == (("none", reason) if reason else ("stated", None))


SCORES = sessions("BDI: 31.", "BDI: 24.", "BDI: 11.")


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("The BDI fell from 31 to 24 and then to 11.", None),
        ("ציון ה-BDI ירד מ-31 ל-24 ואחר כך ל-11.", None),
        ("The BDI rose from 31 to 24 and then to 11.", "direction_differs"),
        ("The BDI did not drop from 31 to 24 and then to 11.", "negation_differs"),
        ("The BDI fell from 24 to 31 and then to 11.", "number_differs"),
        ("The BDI fell from 31 to 24 and then to 9.", "number_differs"),
        ("The BDI went from 31 to 31.", "number_differs"),
        ("The BDI fell, 31, then 11 and later 24.", "number_differs"),
    ],
)
def test_a_course_is_told_by_all_of_its_sessions(claim, reason):
    """In their order; its direction is that of its numbers."""
    found = support(claim, SCORES)
    assert (found.how, found.reason) == (("none", reason) if reason else ("stated", None))
    if not reason:
        assert {span.passage_id for span in found.spans} == {"p1", "p2", "p3"}


def test_a_dose_belongs_to_the_drug_before_it():
    """Also where no list has that drug."""
    note = "Mild dizziness on fluvoxamine 100 mg."
    assert how("She has mild dizziness on fluvoxamine 100 mg.", note)[0] == "stated"
    assert how("She has mild dizziness on zanoprilex 100 mg.", note) == ("none", "name_differs")


@pytest.mark.parametrize(
    ("claim", "note", "reason"),
    [
        ("Dana is 34 and works as a cook.", "34, works as a cook, up until 2 at night.", None),
        (
            "Dana is 2 years old and works as a cook.",
            "34, a cook, works until 2.",
            "number_differs",
        ),
        ("דנה בת 34 ועובדת עד 2 בלילה.", "בת 34, עובדת עד 2 בלילה.", None),
        ("דנה בת 2 ועובדת.", "בת 34, עובדת עד 2 בלילה.", "number_differs"),
        ("He goes swimming twice weekly.", "Swimming two times a week.", None),
        ("He goes swimming twice monthly.", "Swimming two times a week.", "number_differs"),
        ("אורלי בת 51 ועובדת בגן.", "בת 51, עובדת בגן.", "name_differs"),
        ("He was told not to avoid bending.", "Avoid bending.", "negation_differs"),
        ("If stable, she has begun to swim.", "Start to swim if stable.", "time_differs"),
        ("Grip was not 22 kg.", "Grip 22 kg.", "negation_differs"),
        ("Next steps: yoga on Tuesdays and a sleep diary.", "Yoga on Tuesdays. Sleep diary.", None),
        ("The shoulder pain eased to 2/10.", "Shoulder pain is down to 2/10.", None),
        (
            "The shoulder pain worsened to 2/10.",
            "Shoulder pain is down to 2/10.",
            "direction_differs",
        ),
        ("Some sitting after lunch.", "Avoid sitting after lunch.", "negation_differs"),
    ],
)
def test_ages_rates_and_measures_are_compared(claim, note, reason):
    """An age is none of another number, a week is no month, and pain that is down is pain that eased."""
    assert how(claim, note) == (("none", reason) if reason else ("stated", None))


def test_a_clause_that_no_word_bears_out_is_not_stated():
    """Nor an unknown word behind "in" or "to", which may be any place."""
    assert how("She danced and then vanished.", "She danced all night.")[0] != "stated"
    assert how("היא עברה לגור בקצרין עם אחותה.", "עברה לגור בנהריה עם אחותה.")[0] != "stated"


def test_what_a_second_passage_adds_is_quoted_too():
    """A sentence that two notes tell together is quoted from both."""
    notes = sessions("Uri was invited to the group.", "Uri did not come to the group.")
    found = support("Uri was invited to the group but did not come.", notes)
    assert found.how == "stated"
    assert {span.passage_id for span in found.spans} == {"p1", "p2"}


def test_each_part_is_quoted_from_the_passage_that_says_it():
    """Also where one passage alone would bear out the whole."""
    notes = sessions("Gil to water the plants at 7 am.", "Gil waters the plants on most mornings.")
    claim = "Gil was asked to water the plants at 7 am and now waters the plants on most mornings."
    found = support(claim, notes)
    assert found.how == "stated"
    assert {span.passage_id for span in found.spans} == {"p1", "p2"}
