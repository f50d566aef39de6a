"""What guards read of a sentence: amounts, days, denials, times, subjects, names and quotations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.amounts import amounts
from service.language.causes import reason_at
from service.language.dates import days
from service.language.modality import modality
from service.language.polarity import denials, turns
from service.language.proper_names import has_names, names
from service.language.quotations import quoted, says
from service.language.statements import Statement
from service.language.subjects import leaders, people, subject
from service.language.terms import concept, kind, meanings
from service.language.text import normalise, tokens


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("Continue 50 mg at night", {("50", "mg")}),
        ('להמשיך 0.50 מ"ג', {("0.5", "mg")}),
        ("1,500 mg", {("1500", "mg")}),
        ("6 out of 10", {("6/10", "")}),
        ("6 מתוך 10", {("6/10", "")}),
        ("PHQ-9: 14, L4-5", {("14", "")}),
        ("twice a day for two weeks", {("2", "times"), ("2", "week")}),
        ("שלוש פעמים ביום", {("3", "times")}),
        ("שבועיים", {("2", "week")}),
        ("עשרים וחמש דקות", {("25", "minute")}),
        ("רבע שעה", {("15", "minute")}),
        ("3x10", {("3", "set"), ("10", "rep")}),
        ("90 to 110 degrees", {("90-110", "")}),
        ("from 8 to 5", {("8", ""), ("5", "")}),
        ("ביום שני", set()),
        ("two to three times a week", {("2-3", "times")}),
        ("between 40 and 50 times", {("40-50", "times")}),
        ("בין 3 ל-4 פעמים", {("3-4", "times")}),
        ("שלוש עד ארבע פעמים", {("3-4", "times")}),
        ("from two to five", {("2", ""), ("5", "")}),
        ("5 on 12 March and 3 on 2 April", {("5", ""), ("12", ""), ("3", ""), ("2", "")}),
        ("10 -> 15 mg", {("10", "mg"), ("15", "mg")}),
        ("9 in May 2025 to 5 in June", {("9", ""), ("2025", ""), ("5", "")}),
        ("x2/wk", {("2", "times")}),
        ("15 x3", {("15", "set"), ("3", "rep")}),
        ("two and a half weeks", {("2.5", "week")}),
        ("שלושה שבועות וחצי", {("3.5", "week")}),
        ("אחת ליום", {("1", "times")}),
        ("שלושה קילוגרמים", {("3", "kg")}),
        ("בשתי כתפיו", set()),
        ("שני ילדיה", {("2", "")}),
        ("שבעת הימים האחרונים", {("7", "day")}),
        ("3 השבועות האחרונים", {("3", "week")}),
        ("חמשה ימים", {("5", "day")}),
        ("שנים עשר חודשים", {("12", "month")}),
        ("עשרים ואחת שנה", {("21", "year")}),
        ("שעתיים וחצי", {("2.5", "hour")}),
        ("אלפיים צעדים", {("2000", "")}),
        ("שלוש מאות וחמישים מיליגרם", {("350", "mg")}),
        ("חמשת אלפים צעדים", {("5000", "")}),
        ("twenty-one days", {("21", "day")}),
        ("twenty, one of them at night", {("20", "")}),
        ("two hundred and ten mg", {("210", "mg")}),
        ("one hundred and fifty steps", {("150", "")}),
        ("three thousand five hundred steps", {("3500", "")}),
        ("two, three hundred", {("2", ""), ("300", "")}),
        ("was twenty once", {("20", ""), ("1", "times")}),
        ("ירד ממאה לחמישים צעדים", {("100", ""), ("50", "")}),
        ("ירד מעשרים לחמש", {("20", ""), ("5", "")}),
        ("between one hundred and two hundred", {("100-200", "")}),
        ("מאה ועשרים", {("120", "")}),
    ],
)
def test_amounts_are_read_in_figures_and_words(text, stated):
    """With their units, in either language."""
    assert {(one.value, one.unit) for one in amounts(text) if not one.is_aside} == stated


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("on 12 March 2026", (12, 3, 2026)),
        ("March 12", (12, 3, None)),
        ("ב-12 במרץ", (12, 3, None)),
        ("ב-12 במארס", (12, 3, None)),
        ("12.3.26", (12, 3, 2026)),
        ("2026-03-12", (12, 3, 2026)),
        ("in May", (None, 5, None)),
    ],
)
def test_days_are_read_in_many_ways(text, day):
    """Numbers, names of months, either language."""
    assert [(one.day, one.month, one.year) for one in days(text)] == [day]


@pytest.mark.parametrize("said", ["Thur", "Thurs", "Thursday"])
def test_a_weekday_is_known_however_it_is_cut(said):
    """Whatever is found to be a weekday is one."""
    assert [one.weekday for one in days(f"Seen {said} at noon.")] == [3]


def test_a_month_that_is_a_verb_names_no_day():
    """ "May" and "march" are words as well."""
    assert days("She may march on.") == []


@pytest.mark.parametrize(
    ("text", "word", "is_denied"),
    [
        ("Denies suicidal thoughts, self-harm", "self", True),
        ("Does not deny pain", "pain", False),
        ("No pain but swelling", "swelling", False),
        ("She is pain-free", "pain", True),
        ("Stopped ibuprofen", "ibuprofen", True),
        ("אין חולשה ואין נימול", "נימול", True),
        ("לא שולל כאב", "כאב", False),
    ],
)
def test_a_denial_reaches_what_it_denies(text, word, is_denied):
    """Lists, double denials, and "but"."""
    said = Statement.of(text)
    [unit] = [
        one
        for one in said.units
        if any(tokens(word)[0] == at.text for at in said.words[one.start : one.end])
    ]
    assert (unit.polarity == -1) is is_denied


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("She will start running", "planned"),
        ("תתחיל לרוץ", "planned"),
        ("If the pain returns", "hypothetical"),
        ("שוקל להתחיל תרופה", "hypothetical"),
        ("He used to smoke", "past"),
        ("Sleeps well", "told"),
        ("The dose was raised at the next session", "told"),
        ("He is considered stable", "told"),
        ("Consider raising the dose", "hypothetical"),
    ],
)
def test_what_is_planned_or_possible_is_told_apart(text, time):
    """From what is, and from what was once."""
    assert modality(text) == time


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("Her mother was hospitalised", "mother"),
        ("She argued with her mother", None),
        ("אביו סובל מדיכאון", "father"),
        ("She was hit by her brother", "brother"),
        ("Her mother says she sleeps", None),
    ],
)
def test_whose_doing_is_told(text, who):
    """Somebody who is only mentioned does nothing."""
    said = Statement.of(text)
    assert bool(subject(said, 0)) is bool(who)
    assert not who or subject(said, 0) <= concept(who)


def test_an_age_is_no_child():
    """בן 34 is no son."""
    said = Statement.of("בן 34, ישן טוב")
    assert not people([unit for unit in said.units if unit.weight])


def test_names_are_found_in_either_alphabet():
    """Dana is דנה, and a code is a name too."""
    assert names("Yesterday Dana had PHQ-9 done") == ["dana", "phq9"]
    assert has_names(["dana", "phq9"], ["דנה", "PHQ9: 4"])
    assert not has_names(["noa"], ["דנה"])


def test_quotations_are_compared_word_for_word():
    """A Hebrew abbreviation is no quotation."""
    assert list(quoted('אמר "אני חוזר" לד"ר כהן ולקח 5 מ"ג')) == ["אני חוזר"]
    assert says("He said: I am  Back!", "i am back")
    assert not says("unrest", "rest")


def test_both_languages_share_concepts():
    """Inflected words of one meet words of the other."""
    for one, other in [("sleeps", "ישנה"), ("knees", "בברכיה"), ("Cipralex", "escitalopram")]:
        [first], [second] = meanings(tokens(one)), meanings(tokens(other))
        assert first.concepts & second.concepts


@given(st.text(alphabet=st.sampled_from("אבהו מ\"ג'12.,/-:xabנטש🙂\u200f\n()"), max_size=80))
def test_any_text_is_read(text):
    """Whatever stands in it, places stay inside, and each word has a clause."""
    said = Statement.of(text)
    assert len(said.clauses) == len(said.words)
    assert all(0 <= one.start < one.end <= len(text) for one in [*said.amounts, *said.days])
    assert all(0 <= one.start < one.end <= len(said.words) for one in said.units)


def test_or_carries_a_denial_on():
    """ "No alcohol or drugs" denies both, and "and with" ends it."""
    for text in ("No alcohol or gambling", "אין אלכוהול או הימורים"):
        assert {unit.polarity for unit in Statement.of(text).telling} == {-1}
    said = Statement.of("ללא חום ועם שיעול")
    assert [unit.polarity for unit in said.telling] == [-1, 1]


def test_what_denies_is_found_though_it_denies_no_word_that_tells():
    """ "Was not 17" has nothing behind it that a list knows; "not only" denies nothing."""
    assert denials(tokens("The score was not 17")) == [3]
    assert denials(tokens("Not only pain")) == []
    assert turns(["unsent", "letter"], [0, 0])
    assert not turns(["letter"], [0])


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("היא תיסע לבד", "planned"),
        ("הוא ילך לחוג", "planned"),
        ("She was to call the clinic", "planned"),
        ("הוא אמור להביא יומן", "planned"),
        ("She is afraid that her son will fall", "told"),
        ("If the pain has started, he rests", "told"),
    ],
)
def test_futures_of_irregular_verbs_are_plans_and_fears_are_none(text, time):
    """What somebody is afraid of is no appointment."""
    assert modality(text) == time


def test_the_name_a_clause_begins_with_leads_it():
    """By clause; a relative or a pronoun is no name."""
    assert leaders(Statement.of("Tamar called the school, but Yossi refused")) == {
        0: "tamar",
        2: "yossi",
    }
    assert leaders(Statement.of("Her mother called")) == {}


def test_names_that_no_list_has_are_heard_in_the_other_alphabet():
    """By consonants and by the vowels that both show; a name that is listed only as it is listed."""
    assert has_names(["etomal"], ["נוטלת אטומל כל ערב"])
    assert has_names(["לוסיה"], ["Lucia came late"])
    assert not has_names(["etomal"], ["נוטלת אטמיל כל ערב"])
    assert not has_names(["dana"], ["דינה"])


def test_a_word_before_its_dose_is_a_name_and_an_agreement_is_none():
    """Drugs that no list has, and verbs that look like names before "to do"."""
    assert names("She takes zumilate 50 mg") == ["zumilate"]
    assert names('נוטלת זומילט 50 מ"ג') == [normalise("זומילט")]
    assert names("הוחלט להפסיק") == []
    assert names("According to her") == []


def test_a_reason_begins_behind_what_announces_it():
    """In either language; the last one where there are several."""
    assert reason_at("Slept badly because of noise") == len("Slept badly because")
    assert reason_at("ישנה רע בגלל רעש") == len("ישנה רע בגלל")
    assert reason_at("Slept badly") is None


def test_a_term_of_the_body_says_its_parts():
    """Back pain is of the back, and loss of appetite is no appetite."""
    [pain] = Statement.of("back pain").telling
    [loss] = Statement.of("loss of appetite").telling
    assert pain.wide & concept("back")
    assert pain.wide & concept("pain")
    assert not loss.wide & concept("appetite")


def test_places_and_shifts_are_known_by_what_they_are():
    """A town, or a time of work, that the note does not say is no word that may be added."""
    for text, kinds in [("באילת", {"place"}), ("night shift", {"daytime"}), ("London", {"place"})]:
        [unit] = Statement.of(text).telling
        assert {kind(one) for one in unit.concepts} >= kinds
