"""Values stay with what they are of, whatever the order a claim tells them in."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.chat.grounding import support
from service.domain.answers import Passage
from service.domain.notes import Chunk
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
        ("כאב 7/10 בעבודה.", "כאב 7/10 בנהיגה ו-6/10 בעבודה.", "number_differs"),
        ("כאב 6/10 בעבודה.", "כאב 7/10 בנהיגה ו-6/10 בעבודה.", None),
        ("Pain 7/10 at work.", "Pain 7/10 when driving and 6/10 at work.", "number_differs"),
        ("Pain 6/10 at work.", "Pain 7/10 when driving and 6/10 at work.", None),
        ('לוקחת 40 מ"ג בבוקר.', 'לוקחת 20 מ"ג בבוקר ו-40 מ"ג בערב.', "number_differs"),
        ('לוקחת 40 מ"ג בערב.', 'לוקחת 20 מ"ג בבוקר ו-40 מ"ג בערב.', None),
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


def dated(**notes: str) -> list[Passage]:
    """Notes by their days, as `m3_14="..."`."""
    found = []
    for number, (day, text) in enumerate(notes.items(), 1):
        month, of_month = map(int, day[1:].split("_"))
        note = replace(a_note(text), session_date=datetime(2026, month, of_month, 9, tzinfo=UTC))
        found.append(replace(a_passage(text), id=f"p{number}", note=note))
    return found


PHQ = dated(m3_2="PHQ-9: 18.", m3_30="PHQ-9: 9.")
PHQ_LATER = dated(m3_2="PHQ-9: 18.", m5_1="PHQ-9: 9.")
GAD = dated(m4_14="GAD-7: 9.", m4_28="GAD-7: 13.")
BDI = dated(m1_3="BDI: 31.", m3_3="BDI: 11.")


@pytest.mark.parametrize(
    ("claim", "notes", "reason"),
    [
        ("Within four weeks the PHQ-9 fell from 18 to 9.", PHQ, None),
        ("Within eight weeks the PHQ-9 fell from 18 to 9.", PHQ, "number_differs"),
        ("תוך 4 שבועות ירד ה-PHQ-9 מ-18 ל-9.", PHQ, None),
        ("תוך 5 שבועות ירד ה-PHQ-9 מ-18 ל-9.", PHQ, "number_differs"),
        ("Within 2 months the PHQ-9 fell from 18 to 9.", PHQ_LATER, None),
        ("תוך 2 חודשים ירד ה-PHQ-9 מ-18 ל-9.", PHQ_LATER, None),
        ("GAD-7 was 9 on 14.4 and 13 on 28.4.", GAD, None),
        ("GAD-7 was 13 on 14.4 and 9 on 28.4.", GAD, "number_differs"),
        ("ציון ה-GAD-7 היה 9 ב-14.4 ו-13 ב-28.4.", GAD, None),
        ("ציון ה-GAD-7 היה 13 ב-14.4 ו-9 ב-28.4.", GAD, "number_differs"),
        ("The BDI was 31, eventually 11.", BDI, None),
        ("The BDI was 11, eventually 31.", BDI, "number_differs"),
        ("The BDI was 11, THEN 31.", BDI, "number_differs"),
        ("At first the BDI was 31.", BDI, None),
        ("At first the BDI was 11.", BDI, "time_differs"),
        ("AT FIRST the BDI was 11.", BDI, "time_differs"),
        ("בהתחלה ה-BDI היה 31.", BDI, None),
        ("בהתחלה ה-BDI היה 11.", BDI, "time_differs"),
    ],
)
def test_values_belong_to_their_sessions(claim, notes, reason):
    """How long lies between two, which day each is of, and which came first."""
    found = support(claim, notes)
    assert (found.how, found.reason) == (("none", reason) if reason else ("stated", None))


@pytest.mark.parametrize(
    ("measure", "first", "last", "better", "worse"),
    [
        ("Appetite", "3/10", "6/10", "improved", "worsened"),
        ("Motivation", "3/10", "6/10", "improved", "worsened"),
        ("Stress", "8/10", "4/10", "improved", "worsened"),
        ("Headaches", "8/10", "4/10", "improved", "worsened"),
        ("TUG", "18 seconds", "12 seconds", "improved", "worsened"),
        ("Knee bend", "70 degrees", "95 degrees", "improved", "worsened"),
        ("כאבי ראש", "8/10", "4/10", "השתפרו", "החמירו"),
        ("התיאבון", "3/10", "6/10", "השתפר", "החמיר"),
    ],
)
def test_numbers_tell_what_is_better(measure, first, last, better, worse):
    """Of some things more is better, of others less."""
    notes = dated(m1_3=f"{measure} {first}.", m2_3=f"{measure} {last}.")
    told = "{} {} from {} to {}." if measure.isascii() else "{} {} מ-{} ל-{}."
    assert support(told.format(measure, better, first, last), notes).how == "stated"
    assert support(told.format(measure, worse, first, last), notes).reason == "direction_differs"


@pytest.mark.parametrize(
    ("claim", "note", "reason"),
    [
        ("Smokes 10 cigarettes a week.", "Smokes 10 cigarettes a day.", "number_differs"),
        ("מעשנת 10 סיגריות בשבוע.", "מעשנת 10 סיגריות ביום.", "number_differs"),
        ("Ruth, aged 51, works in a nursery.", "Aged 51, works in a nursery.", "name_differs"),
        ("Pain worsened this week.", "Pain increased this week.", None),
        ("הכאב החמיר השבוע.", "הכאב עלה השבוע.", None),
        ("She refused to take the tablets.", "Did not agree to take the tablets.", None),
        ("Ron asked for a break.", "Ann asked for a break, Ron slept.", "subject_differs"),
        ("Ann asked for a break.", "Ann asked for a break, Ron slept.", None),
        ("He was tired.", "She was tired.", "subject_differs"),
        ("היא עייפה מאוד.", "הוא עייף מאוד.", "subject_differs"),
        ("They have begun to swim.", "To begin swimming.", "time_differs"),
        ("Will move out.", "Would move out if the rent fell.", "time_differs"),
        ("Plans to move out.", "If the rent falls, she moves out.", "time_differs"),
        ("She will see a doctor.", "She used to see a doctor.", "time_differs"),
        ("She stays in bed.", "If it rains, stays in bed.", "time_differs"),
        ("היא נשארת במיטה.", "אם יורד גשם, נשארת במיטה.", "time_differs"),
        ("The green scarf was lost.", "The red scarf was lost.", "unsupported"),
        ('She said "I will go home".', 'Said "I will stay here".', "quote_differs"),
        ("Pain in the left knee.", "Pain in both knees.", None),
        ("Pain in both knees.", "Pain in the left knee.", "side_differs"),
        ("her brother hits her", "Denies that her brother hits her.", "negation_differs"),
        ("the tablets help", "It is not that the tablets help.", "negation_differs"),
        ("the tablets help", "Unclear whether the tablets help.", "negation_differs"),
    ],
)
def test_each_fact_is_compared_by_itself(claim, note, reason):
    """One thing differs, and all the rest is the note's; or nothing does, said otherwise."""
    assert how(claim, note) == (("none", reason) if reason else ("stated", None))


@pytest.mark.parametrize(
    ("claim", "plan", "reason"),
    [
        ("She took the tablets.", "Take the tablets.", "time_differs"),
        ("She is to take the tablets.", "Take the tablets.", None),
        ("She saw the doctor.", "Saw the doctor, letter follows.", None),
    ],
)
def test_a_plan_is_to_be_done_unless_it_says_otherwise(claim, plan, reason):
    """What stands in the field for plans has not happened yet."""
    chunk = Chunk("plan", 0, 0, len(plan), plan)
    found = support(claim, [Passage("p1", a_note(plan=plan), chunk, "Dana Levi", 0.8)])
    assert (found.how, found.reason) == (("none", reason) if reason else ("stated", None))
