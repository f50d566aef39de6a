"""Whether a note supports a sentence, and with which of its words."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.chat.grounding import Support, support
from service.chat.grounding.own_words import places
from service.domain.answers import Passage
from service.language.chunking import chunk_note
from service.language.sentences import sentences
from tests.fakes import a_note, a_passage

PRACTICE = Path(__file__).parents[2] / "data" / "sessions.jsonl"


def reason(text: str, *notes: str) -> str | None:
    passages = [a_passage(note, id=f"p{number}") for number, note in enumerate(notes, 1)]
    return support(text, passages).reason


def quotes(text: str, *notes: str) -> list[str]:
    passages = [a_passage(note, id=f"p{number}") for number, note in enumerate(notes, 1)]
    return [span.quote for span in support(text, passages).spans]


def passages_of(**fields: str) -> list[Passage]:
    note = a_note(**fields)
    return [
        Passage(f"p{number}", note, chunk, "דנה לוי", 0.8)
        for number, chunk in enumerate(chunk_note(note), 1)
    ]


def test_a_quote_is_found_where_it_stands():
    """The span's offsets give exactly the quoted words of the field."""
    assert quotes("Sleep is better.", "Pain is less. Sleep is better.") == ["Sleep is better."]


@pytest.mark.parametrize(
    "before", ["", "🙂 שלום. ", "e\u0301 \U0001f468\u200d\U0001f469. ", "x. " * 600]
)
def test_offsets_count_code_points_of_the_whole_field(before):
    """Emoji, Hebrew, joined signs and a field cut into chunks: the quote is field[start:end]."""
    text = before + "הכאב ירד ל-3 🙂 היום."
    passages = passages_of(subjective=text)
    found = [
        span for passage in passages for span in support("הכאב ירד ל-3 🙂 היום.", [passage]).spans
    ]
    assert found
    for span in found:
        assert text[span.start : span.end] == span.quote == "הכאב ירד ל-3 🙂 היום."


SIGNS = [
    "Pain is 5 mg. ",
    "Sleep? ",
    "לא ישן. ",
    'ד"ר כהן אמר. ',
    "🙂",
    "\n- ",
    "1. ",
    "7.5",
    " mg",
]


@given(st.lists(st.sampled_from(SIGNS), min_size=1, max_size=120))
def test_every_sentence_of_a_note_is_supported_by_just_itself(parts):
    """Quote offsets hold for whatever a note looks like: span.quote == field[start:end]."""
    text = "".join(parts)
    if not text.strip():
        return
    for passage in passages_of(plan=text):
        for start, end in sentences(passage.chunk.text):
            said = passage.chunk.text[start:end]
            found = support(said, [passage])
            assert found.reason is None, said
            assert [text[span.start : span.end] for span in found.spans] == [said]


def test_every_sentence_of_the_practice_data_is_supported():
    """No rule below costs a whole sentence of a real-looking note."""
    checked = 0
    for line in PRACTICE.read_text().splitlines():
        row = json.loads(line)
        fields = {name: row.get(name) or "" for name in ("subjective", "assessment", "plan")}
        for passage in passages_of(**fields):
            for start, end in sentences(passage.chunk.text):
                said = passage.chunk.text[start:end]
                assert [span.quote for span in support(said, [passage]).spans] == [said]
                checked += 1
    assert checked > 500


DOSES = [
    ("Continue 50 mg at night.", "Continue 500 mg at night."),
    ("Continue 50 mg at night.", "Continue 5 mg at night."),
    ("Continue 150 mg at night.", "50 mg at night."),
    ("Continue 2.5 mg at night.", "5 mg at night."),
    ("Continue 2.5 mg at night.", "Continue 2"),
    ("Continue 1,500 mg at night.", "500 mg at night."),
    ("Continue 50 mg at night.", "Continue 50 g at night."),
    ("Continue 50 mg at night.", "Continue 50 mcg at night."),
    ("Continue 50 mg at night.", "Continue 50 at night."),
    ('להמשיך 50 מ"ג בלילה.', 'להמשיך 50 מ"ל בלילה.'),
    ('להמשיך 50 מ"ג בלילה.', 'להמשיך 500 מ"ג בלילה.'),
    ("Pain 3/10 since the visit.", "Pain 8/10 since the visit."),
    ("Exercise for 3 weeks at home.", "Exercise for 3 days at home."),
    ("Flexion 90 to 110 degrees today.", "Flexion 90 to 120 degrees today."),
    ("Range of 2-5 repetitions each day.", "5 repetitions each day."),
    ("Seen on 12.3.2026 at home.", "Seen on 12.3.2025 at home."),
]


@pytest.mark.parametrize(("note", "claim"), DOSES, ids=[claim for _, claim in DOSES])
def test_a_changed_number_or_unit_is_withheld(note, claim):
    """A number stands in the quoted words whole and with its unit, or the sentence is not shown."""
    assert reason(note, note) is None
    assert reason(claim, note) in {"number_differs", "date_differs", "unsupported"}


@pytest.mark.parametrize(
    ("note", "claim"),
    [
        ("Continue 50mg at night, please.", "Continue 50 mg at night."),
        ("Continue 50 MG at night, please.", "Continue 50 mg at night."),
        ("להמשיך 50 מ״ג כל לילה.", 'להמשיך 50 מ"ג לילה.'),
        ("Pain 3/10 at rest since the last visit.", "Pain 3/10 since the last visit."),
    ],
)
def test_an_amount_may_be_written_another_way(note, claim):
    """Blanks, case and quotation marks do not change a dose."""
    assert reason(claim, note) is None


NEGATIONS = [
    ("Denies suicidal thoughts.", "suicidal thoughts."),
    ("The patient denies suicidal thoughts.", "The patient reports suicidal thoughts."),
    ("No pain at night since the last visit.", "pain at night since the last visit."),
    ("The patient does not drink alcohol.", "The patient does drink alcohol."),
    ("The patient drinks alcohol on weekends.", "The patient never drinks alcohol on weekends."),
    ("אין מחשבות אובדניות כרגע.", "מחשבות אובדניות כרגע."),
    ("המטופל שולל מחשבות אובדניות.", "המטופל מתאר מחשבות אובדניות."),
    ("המטופלת לא ישנה בלילות.", "המטופלת ישנה בלילות."),
    ("She does not sleep well.", "She sleeps well."),
    ("The medication does not work well.", "The medication works well."),
    ("Does not tolerate sertraline well.", "Tolerates sertraline well."),
    ("Does not get along well with his father.", "Gets along well with his father."),
    ("Gets along well with his father.", "Does not get along well with his father."),
    ("Does not take all her tablets.", "Takes all her tablets."),
    ("Eats well, does not sleep well.", "Eats well, sleeps well."),
    ("לא מרגישה טוב בעבודה.", "מרגישה טוב בעבודה."),
]


@pytest.mark.parametrize(("note", "claim"), NEGATIONS, ids=[claim for _, claim in NEGATIONS])
def test_a_lost_or_added_negation_is_withheld(note, claim):
    """Half a sentence, or one with a word changed, must not say the opposite of the note."""
    assert reason(note, note) is None
    assert reason(claim, note) == "negation_differs"


def test_an_affirmation_elsewhere_in_the_note_is_found():
    """The same words denied first and affirmed later are quoted from where they are affirmed."""
    note = "In May no pain at night. In June pain at night."
    assert quotes("pain at night.", note) == ["pain at night."]
    [span] = support("pain at night.", [a_passage(note)]).spans
    assert span.start == note.rindex("pain at night.")


def test_a_quote_does_not_begin_or_end_inside_a_word():
    """ "rest" is not quoted out of "unrest"."""
    assert reason("rest", "There was unrest among them.") == "unsupported"
    assert reason("rest", "There was rest among them.") is None


def test_a_near_paraphrase_is_supported_by_one_sentence():
    """Most of its words in one sentence are enough; the same words spread over the note are not."""
    note = "Patient slept well all week. Knee pain improved. Walks daily now."
    assert quotes("Patient slept well this week.", note) == ["Patient slept well all week."]
    assert reason("Patient pain daily improved well.", note)


@pytest.mark.parametrize("text", ["", " ", "...", "?!", "\u200f"], ids=repr)
def test_a_sentence_without_words_supports_nothing_false(text):
    """Signs alone are no statement: they pass only where the note has exactly them."""
    assert reason(text, "Slept well") in {"unsupported", None}
    assert all(quote == text for quote in quotes(text, "Slept well"))


def test_each_passage_gives_its_own_quote():
    """A sentence that rests on two notes shows both; one that does not support it shows none."""
    assert quotes("Slept well.", "Slept well. Ate.", "Slept well.", "Knee pain.") == [
        "Slept well.",
        "Slept well.",
    ]


def test_numbers_of_a_sentence_may_stand_in_different_notes():
    """A sentence drawn from two notes needs each of its numbers in one of them."""
    notes = ("Pain was 8 in May and then fell.", "Pain was 3 in June and then fell.")
    assert reason("Pain was 8 and then fell 3.", *notes) is None
    assert reason("Pain was 8 and then fell 2.", *notes) == "number_differs"


def test_no_passage_supports_nothing():
    """Without a note there is nothing to quote."""
    assert support("Slept well.", []) == Support("none", reason="unsupported")


@pytest.mark.parametrize(
    ("claim", "note", "why"),
    [
        ("Dan reports suicidal thoughts", "Dana reports suicidal thoughts.", "name"),
        ("Pain in the left knee after running", "Pain in the right knee after running.", "side"),
        ("Anxiety worsened a lot this week", "Anxiety improved a lot this week.", "direction"),
        ("Mother hit the child", "Child hit the mother.", "subject"),
        ("כאב בברך שמאל אחרי ריצה", "כאב בברך ימין אחרי ריצה.", "side"),
        ("דניאל מדווח על מחשבות אובדניות", "דנה מדווחת על מחשבות אובדניות.", "name"),
    ],
)
def test_one_wrong_word_is_enough_to_withhold(claim, note, why):
    """Another person, another side, the opposite, or who did what to whom: the rest being alike proves nothing."""
    assert reason(claim, note) == f"{why}_differs"


@pytest.mark.parametrize(
    ("claim", "note", "why"),
    [
        ("The balance score was not 41.", "Balance score: 41.", "negation"),
        ("הציון בשאלון לא היה 22.", "ציון בשאלון: 22.", "negation"),
        (
            "Thoughts of death, some plan and no intent.",
            "Thoughts of death, no plan or intent.",
            "negation",
        ),
        (
            "Her sister wept when she spoke of her sister.",
            "Wept when she spoke of her sister.",
            "subject",
        ),
        ("אחותה סובלת מסיוטים.", "אחותה אושפזה באביב. סובלת מסיוטים.", "subject"),
        ("Tamar refused the shift.", "Yossi refused the shift. Tamar slept well.", "subject"),
        ("היא תיסע לחיפה ברכבת.", "נסעה לחיפה ברכבת.", "time"),
        (
            "Reflex absent on the left and normal on the left.",
            "Reflex absent on the left, normal on the right.",
            "side",
        ),
    ],
)
def test_a_fact_that_no_word_of_weight_carries_is_compared(claim, note, why):
    """A bare "not", a plan to act, who is named twice, who leads a clause, an irregular future, a side of a finding."""
    assert reason(claim, note) == f"{why}_differs"


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("She sleeps poorly.", "Does not sleep well."),
        ("Does not sleep well.", "Sleeps poorly."),
        ("לא ישנה טוב.", "ישנה רע."),
        ("She eats well but does not sleep well.", "Does not sleep well, eats well."),
    ],
)
def test_a_way_that_is_denied_may_be_told_by_its_contrary(claim, note):
    """What "not" and "well" say together, "poorly" says alone."""
    assert reason(claim, note) is None


@pytest.mark.parametrize(
    ("claim", "note", "is_told"),
    [
        ("She rested.", "Advised to rest.", False),
        ("She was advised to rest and rested.", "Advised to rest.", False),
        ("She was advised to rest.", "Advised to rest.", True),
        ("She rests.", "Advised to rest.", False),
        ("She is resting.", "Advised to rest.", False),
        ("Advice: to rest.", "Advised to rest.", True),
        ("She walks every morning.", "She was told to rest and walk every morning.", False),
        ("היא מתרגלת נשימות כל ערב.", "הומלץ לה לתרגל נשימות כל ערב.", False),
        ("הומלץ לה לתרגל נשימות כל ערב.", "הומלץ לתרגל נשימות כל ערב.", True),
        ("He stopped smoking.", "Was encouraged to stop smoking.", False),
        ("It was suggested that she keep a diary.", "Suggested to keep a diary.", True),
        ("He wrote a sleep diary.", "Asked to write a sleep diary.", False),
        ("He was asked to write a sleep diary.", "Asked to write a sleep diary.", True),
        ("She kept the diary as advised.", "Kept the diary as advised.", True),
        ("היא הפסיקה לעשן.", "הומלץ להפסיק לעשן.", False),
        ("הומלץ לה להפסיק לעשן והיא הפסיקה.", "הומלץ להפסיק לעשן.", False),
        ("הומלץ לה להפסיק לעשן.", "הומלץ להפסיק לעשן.", True),
        ("היא רשמה יומן שינה.", "התבקשה לרשום יומן שינה.", False),
    ],
)
def test_advice_is_not_told_as_done(claim, note, is_told):
    """What somebody was advised or asked to do they may not have done."""
    assert reason(claim, note) == (None if is_told else "time_differs")


def of_sessions(*notes: tuple[date, str], client: str = "דנה לוי") -> list[Passage]:
    """A passage each, of that day and client."""
    made = [(a_passage(text, id=f"p{number}"), day) for number, (day, text) in enumerate(notes, 1)]
    return [
        replace(
            one,
            client_name=client,
            note=replace(one.note, session_date=datetime.combine(day, time(9), UTC)),
        )
        for one, day in made
    ]


MAY, JUNE = date(2026, 5, 3), date(2026, 6, 7)


@pytest.mark.parametrize(
    ("claim", "is_told"),
    [
        ("Her GAD-7 score fell from 9 in May 2026 to 5 on 7 June 2026.", True),
        ("GAD-7 was 9 on 3 May and 5 on 7 June.", True),
        ("GAD-7 was 5 on 3 May and 9 on 7 June.", False),
        ("Her GAD-7 score rose from 5 in May 2026 to 9 in June 2026.", False),
        ("Her GAD-7 score fell from 9 in April 2026 to 5 in June 2026.", False),
        ("Her GAD-7 score fell from 9 in May 2026 to 7 in June 2026.", False),
    ],
)
def test_each_session_of_a_course_may_be_called_by_its_day(claim, is_told):
    """The days are the notes', wherever else a day or a number stands in them; another day or order is neither's."""
    notes = of_sessions(
        (MAY, "PHQ-9 5, GAD-7 9. Off work since April."), (JUNE, "GAD-7 5. Slept 7 hours.")
    )
    assert (support(claim, notes).how == "stated") is is_told


@pytest.mark.parametrize(
    ("claim", "client", "how"),
    [
        ("דנה ישנה טוב יותר.", "דנה לוי", "stated"),
        ("ומרים ישנה טוב יותר.", "מרים לוי", "stated"),
        ("Hope sleeps better.", "Hope Levi", "stated"),
        ("She sleeps better and has hope.", "Hope Levi", "none"),
        ("היא ישנה טוב יותר והרגישה שמחה.", "שמחה לוי", "none"),
        ("הגב שלו שחור, ישן טוב יותר.", "יוסי שחור", "none"),
    ],
)
def test_a_name_that_is_a_word_too_stands_for_the_client(claim, client, how):
    """דנה discusses and מרים lifts; an English name begins with a capital."""
    assert support(claim, of_sessions((MAY, "ישנה טוב יותר."), client=client)).how == how


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        (
            "She denied both suicidal thoughts and self-harm.",
            "Denies suicidal thoughts, denies self-harm.",
        ),
        ("He gave up tramadol on 10 September.", "Stopped tramadol on 10 Sept."),
        ("Cipralex was raised from 10 to 15 mg.", 'ציפרלקס הועלה 10 -> 15 מ"ג.'),
        ("She cries two to three times a week.", "Cries 2-3x/wk."),
    ],
)
def test_what_a_note_says_in_signs_may_be_said_in_words(claim, note):
    """Ranges, arrows and "x", and what stopped or is denied in other words."""
    assert support(claim, [a_passage(note)]).how == "stated"


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("She had surgery on the knee.", "Surgery on the knee was considered."),
        ("Medication is taken for sleep.", "Medication for sleep is not considered."),
        ("Both knees hurt and are swollen.", "Right knee hurts and is swollen."),
        ("Pain in both knees and the neck.", "Pain in the right knee and the neck."),
        ("שתי כתפיו כואבות בלילה.", "כתף ימין כואבת בלילה."),
        ("Left knee 3 and 7 right knee.", "Left knee 7 and 3 right knee."),
        ("She relies on her mother.", "She used her mother's car."),
        ("She was not given sertraline.", "She was given up to 50 mg of sertraline."),
        ("She had headaches three times.", "Headache x3 weeks."),
        ("He spent the money.", "הוא העביר את הכסף לאחיו."),
    ],
)
def test_what_reads_nearly_so_is_not_said(claim, note):
    """What was only thought of, one side of two, a stretch of time that looks like a count."""
    assert support(claim, [a_passage(note)]).how in {"none", "likely"}


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("Her knee swelled on 10.5.2026.", "On 3.5.2026, her knee swelled after a run."),
        ("She had a panic attack on 10 May.", "3 May: she had a panic attack."),
        ("She fell on Sunday.", "On Tuesday, she fell on the stairs."),
    ],
)
def test_a_day_that_the_note_names_is_not_its_sessions(claim, note):
    """Also where it stands alone before a comma."""
    notes = of_sessions((date(2026, 5, 10), note))
    assert support(claim, notes).reason == "date_differs"


def test_what_is_of_one_session_is_not_of_both():
    """Nor do two sessions change their days."""
    two = of_sessions((MAY, "Panic attacks at work."), (JUNE, "No panic attacks at work."))
    assert support("In May and June 2026 she had panic attacks at work.", two).how == "none"
    scores = of_sessions((MAY, "PHQ-9 was 14."), (JUNE, "PHQ-9 was 9."))
    assert support("In May 2026 PHQ-9 was 14 and in June 2026 it was 9.", scores).how == "stated"
    assert support("In June 2026 PHQ-9 was 14 and in May 2026 it was 9.", scores).how == "none"


def test_what_is_given_as_a_reason_must_be_in_the_note():
    """Any other word that no list has may be added to a sentence; a cause is a fact."""
    note = "Stayed at home on Sunday and slept badly."
    assert reason("She stayed at home on Sunday and slept badly.", note) is None
    assert reason("She stayed at home on Sunday and slept badly because of mould.", note)


def test_the_claim_may_say_word_by_word_what_the_note_says_in_one():
    """ "Her knee hurts" is knee pain, in either language."""
    assert reason("יש לה כאבי צוואר אחרי העבודה.", "Her neck hurts after work.") is None
    assert reason("Her neck hurts after work.", "כאבי צוואר אחרי העבודה.") is None


def test_the_clients_own_name_may_stand_in_a_claim():
    """Notes say "she"; a claim may say whom the note is about."""
    assert reason("דנה מדווחת על מחשבות אובדניות", "מדווחת על מחשבות אובדניות.") is None


SIGNS = st.text("ab1.,:-/ ש", max_size=12)


@given(text=SIGNS.filter(bool), before=SIGNS, after=SIGNS)
def test_words_stand_where_a_pattern_of_them_would_find_them(text, before, after):
    """Neither beginning nor ending inside a word or a number, and none twice."""
    begins = r"(?<!\w)(?<!\d[.,:/–-])" if text[0].isalnum() else ""
    ends = r"(?!\w)(?![.,:/–-]\d)" if text[-1].isalnum() else ""
    source = f"{before}{text}{after}{text}"
    wanted = [found.span() for found in re.finditer(begins + re.escape(text) + ends, source)]
    assert places(text, source) == wanted


def test_no_pattern_is_made_of_what_a_note_says(monkeypatch):
    """`re` keeps the last ones it made: a note's words would stay in the process, beyond the note's erasure."""
    note = "She ran two kilometres on Tuesday without any pain. It was raining."
    assert support(note, passages_of(plan=note)).spans  # and whatever is made once is made

    def made(pattern, flags=0):
        raise AssertionError("a pattern was made")

    monkeypatch.setattr("re._compiler.compile", made)
    other = note.replace("two", "four")
    assert quotes("She ran four kilometres on Tuesday without any pain.", other)
    assert reason("She ran three kilometres on Tuesday without any pain.", other)
