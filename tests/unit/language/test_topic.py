"""What a question is about, and whether a text says it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.topic import Topic, counted_in, without_words


def says(text: str, topic: str, **how: bool) -> bool:
    return Topic.of(topic, **how).said_in([text]) == [True]


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("sleep", "Sleeping in the recliner."),
        ("headaches", "No headache this week."),
        ("every session where sleep was mentioned", "Sleep: 5 h."),
        ("שינה", "אין שינוי בשינה."),
        ("שינה", "ישנה 6 שעות."),
        ("שינה", "קם ב-4 ולא חוזר לישון."),
        ("sleep", "לא ישן שני לילות."),
        ("המינון של ציפרלקס", 'ציפרלקס 10 מ"ג בבוקר.'),
        ("dose of sertraline", "Sertraline 50 mg daily."),
        ("כאבי ראש", "אין כאב ראש."),
        ("אחיו", "התקשר לאחיו רועי."),
        ("no sleep", "Sleeps well."),
        ("לא ישן", "ישן היטב."),
        ("המלגזה", "קורס מפעיל מלגזה."),
    ],
)
def test_inflections_and_denials_are_mentions(topic, text):
    """Stems are compared, words that say how it is asked do not count, and a denial mentions too."""
    assert says(text, topic)


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("left knee", "R knee 5/10."),
        ("right knee", "Left knee 5/10."),
        ("ברך שמאל", "כאב בברך ימין."),
        ("sleep", "Slipped on the stairs."),
        ("שינה", "זו הברך עם המניסקוס הישן."),
    ],
)
def test_of_a_few_words_all_must_be_said(topic, text):
    """The other knee is no mention, however many of the words a sentence shares."""
    assert not says(text, topic)


def test_of_many_words_one_may_be_missing():
    """A long topic is hardly ever said to the letter."""
    topic = "burning pain, right heel, morning"
    assert says("Heel pain burning at night, right side.", topic)
    assert not says("Heel pain on the right.", topic)


def test_asked_for_its_numbers_a_measure_need_not_be_named():
    """Notes give the number: "pain 6/10" is the pain score. Alone, the measure is what is asked about."""
    assert says("Pain 6/10.", "pain score", measured=True)
    assert says("הכאב 6/10.", "ציון הכאב", measured=True)
    assert not says("Pain 6/10.", "pain score")
    assert not says("Pain 6/10.", "score", measured=True)


def test_nothing_is_said_of_no_topic():
    """A question of frame words alone has no words that a note could say."""
    assert not Topic.of("how many sessions did we have?")
    assert not Topic.of("כמה פגישות היו?")


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("sleep", "אין שינוי בשינה."),
        ("שינה", "Sleep 5 h."),
        ("BP", "Blood pressure 120/80."),
        ("לחץ דם", "BP 120/80."),
        ("suicidal ideation", "Denies SI."),
        ("PHQ-9", "PHQ9 14."),
        ("פרזוסין", "Prazosin 4 mg."),
    ],
)
def test_a_word_is_said_in_any_of_its_ways(topic, text):
    """An abbreviation, an equivalent, the other language, a name in the other alphabet."""
    assert says(text, topic)


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("BP", "Under pressure at work."),
        ("secret", "סוכרת מאוזנת."),
        ("muscle", "משקל 62."),
        ("לאה", "ללא שינוי."),
        ("חצי", "לחץ בעבודה."),
        ("מחשבות אובדניות", "דיברה על האובדן."),
        ("אובדן", "שולל אובדנות."),
        ("הבן", "בן 45, נהג."),
    ],
)
def test_what_only_looks_alike_is_no_mention(topic, text):
    """Half a term, consonants that meet by chance, guessed stems, an age: a count of wrong sessions misleads."""
    assert not says(text, topic)


@pytest.mark.parametrize(
    ("topic", "text", "said"),
    [
        ("left knee pain", "Pain in the L knee.", True),
        ("left knee pain", "Pain in the right knee.", False),
        ("left knee", "R knee fine, left knee sore.", True),
        ("left knee", "R knee sore, left hip fine.", False),
        ("left knee", "Both knees sore.", True),
        ("left knee", "Knee sore.", False),
        ("right knee", "R/v knee in 4 weeks.", False),
        ("שמאל ברך", "L knee sore.", True),
        ("ברך שמאל", "כאב בברך ימין, ברך שמאל תקינה.", True),
        ("ברך שמאל", "כאב בברך ימין, ירך שמאל תקינה.", False),
        ("הברך השמאלית", "ברך שמאל רגישה.", True),
        ("כתף ימין", "הכתף כואבת בלילה בכל תנועה, בצד ימין.", True),
        ("ברך ימין", "שתי הברכיים רגישות.", True),
        ("knee", "R knee sore.", True),
        ("left", "L side numb.", True),
        ("left", "R side numb.", False),
    ],
)
def test_a_side_is_that_of_the_word_it_stands_with(topic, text, said):
    """The nearest side counts, whatever else the sentence says; both are either."""
    assert says(text, topic) == said


def test_pain_of_something_is_told_by_a_number():
    """ "L knee 3/10" is its pain; alone, a number out of ten may be anything's."""
    for text in ("L knee 3/10.", "L knee worse, VAS 5 on stairs."):
        assert says(text, "left knee pain")
        assert says(text, "knee pain", measured=True)
        assert not says(text, "knee pain")
    assert not says("L knee ROM 0-112.", "left knee pain")
    assert not says("Mood 6/10.", "pain", measured=True)


@pytest.mark.parametrize(
    ("text", "some", "left"),
    [
        ("Dana sister", {"dana"}, "sister"),
        ("לדנה כאב PHQ-9", {"לדנה"}, "כאב PHQ-9"),
        ("sleep Dana Levi's work", {"dana", "levis"}, "sleep work"),
        ("Dana", {"dana"}, ""),
        ("sister", (), "sister"),
    ],
)
def test_words_can_be_left_out(text, some, left):
    """As those that name the client, which notes do not say."""
    assert without_words(text, some) == left


TOPICS = [*map(Topic.of, ("sleep", "left knee", "pain", "כאבי ראש", "שינה", "mood"))]
SAID = st.sampled_from(
    [
        "Sleeps well.",
        "L knee 5/10.",
        "Left knee and right hip.",
        "אין כאב ראש",
        "ישן רע",
        "Low mood, no pain.",
        "",
    ]
)


@given(st.lists(st.lists(SAID, max_size=3), max_size=4))
def test_many_topics_are_counted_as_each_alone(groups):
    """What others look for beside it changes nothing for a topic."""
    alone = [sum(any(topic.said_in(texts)) for texts in groups) for topic in TOPICS]
    assert counted_in(TOPICS, groups) == alone
