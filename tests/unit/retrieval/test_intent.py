"""What a question asks for: fields, kind of answer, topic; and what a follow-up takes over."""

from datetime import date

import pytest

from service.domain.answers import Question
from service.domain.scope import Period, Place
from service.language.detect import language_of
from service.retrieval.intent import fields_of, intent_of, topic_of, understood
from service.retrieval.time_intent import when_of
from tests.fakes import CLIENT

TODAY = date(2026, 5, 13)
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
LAST_WEEK = Period(date(2026, 5, 3), date(2026, 5, 9))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("What did I plan for the shoulder?", {"plan"}),
        ("what homework did he get", {"plan"}),
        ("What are the next steps?", {"plan"}),
        ("which exercise did I recommend", {"plan"}),
        ("מה התוכנית?", {"plan"}),
        ("מה תכננתי להמשך", {"plan"}),
        ("מה סיכמנו להמשך?", {"plan"}),
        ("מה שיעורי הבית שלו", {"plan"}),
        ("איזה תרגיל נתתי לרון", {"plan"}),
        ("What did she report about her sleep?", {"subjective"}),
        ("did he complain of dizziness", {"subjective"}),
        ("what did Dana say about work", {"subjective"}),
        ("רון התלונן על סחרחורת?", {"subjective"}),
        ("מה היא סיפרה על העבודה", {"subjective"}),
        ("What did I measure at the knee?", {"objective"}),
        ("what did I find on examination", {"objective"}),
        ("מה ראיתי בבדיקה", {"objective"}),
        ("What was my impression?", {"assessment"}),
        ("what is the diagnosis", {"assessment"}),
        ("מה ההערכה שלי", {"assessment"}),
        ("מה היה הרושם מהקשר שלהם", {"assessment"}),
        ("how is the knee", set()),
        ("did he plan to move to Haifa?", set()),
        ("who gave her a lift", set()),
        ("You told me to rest, what did she say?", set()),
        ("My husband wants a divorce after I was diagnosed", set()),
        ("מי אמר את זה", set()),
        ("איפה תכננו להיפגש", set()),
    ],
)
def test_a_field_is_hinted_at_where_one_is_asked_for(text, fields):
    """Plans, reports, findings and impressions stand in fields of their own."""
    assert fields_of(text) == fields


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("How many sessions have we had?", "count"),
        ("in how many sessions did she mention her mother", "count"),
        ("How often did she mention sleep?", "count"),
        ("how many times did he bring up work", "count"),
        ("בכמה פגישות דיברנו על שינה?", "count"),
        ("כמה פעמים הוא הזכיר את אחיו", "count"),
        ("כמה פגישות היו מאז מרץ", "count"),
        ("every session where sleep was mentioned", "list"),
        ("Show all sessions that mention panic", "list"),
        ("Which sessions dealt with the divorce?", "list"),
        ("When did we talk about her mother?", "list"),
        ("list all mentions of alcohol", "list"),
        ("when was the medication discussed", "list"),
        ("באילו פגישות עלה נושא השינה?", "list"),
        ("כל הפגישות שבהן הוזכרה חרדה", "list"),
        ("מתי דיברנו על העבודה", "list"),
        ("תני לי את כל הפגישות על אבל", "list"),
        ("How did the pain score change?", "change"),
        ("progress of the left shoulder", "change"),
        ("How has her mood changed since March?", "change"),
        ("pain over time", "change"),
        ("what is the trend of the PHQ-9", "change"),
        ("איך השתנה הכאב?", "change"),
        ("מה ההתקדמות של רון", "change"),
        ("איך היה הכאב לאורך הטיפול", "change"),
        ("איך התקדמה הכפיפה בברך", "change"),
    ],
)
def test_all_notes_are_read_where_all_are_asked_for(text, intent):
    """Counting, listing and what became of something need every note, not the best few."""
    assert intent_of(text) == intent


@pytest.mark.parametrize(
    "text",
    [
        "How many mg does she take?",
        "how many weeks pregnant is she",
        "how many exercises did I give",
        "How many sessions did the insurer approve?",
        "how many sessions of physio a week did he have",
        "how many sessions are left",
        "When did it start?",
        "When did we first talk about her mother?",
        "when did she last mention alcohol",
        "when was he operated",
        "How often does he take it?",
        "how often does she run",
        "does he come late to every session",
        "which session is next",
        "Which medication did she change?",
        "did the medication change help",
        "How do I change a habit of mine?",
        "How did you change your diet?",
        "list her medications",
        "how far did he progress to running when it hurt me",
        "all day she sleeps",
        "what did we do each time he cried",
        'כמה מ"ג היא לוקחת?',
        "כמה פעמים ביום הוא לוקח את זה",
        "כמה פגישות אושרו לו",
        "מה ההחלטה לגבי הבן, כמה מפגשים",
        "מתי זה התחיל",
        "מתי דיברנו לראשונה על אמא שלה",
        "מתי היא אמרה שקשה לה",
        "איך ירד הציון בתרגול הנשימה",
        "מי תמך בו בהתקדמות בעבודה",
        "היא בוכה כל פגישה",
        "באיזו פגישה הבאה ניפגש",
    ],
)
def test_a_plain_question_reads_no_more_than_it_needs(text):
    """Doses, weeks, exercises, what others count and the one time that is meant are facts."""
    assert intent_of(text) == "fact"


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("every session where sleep was mentioned", "sleep"),
        ("איך השתנה הכאב בכתף ימין לאורך הטיפול", "הכאב בכתף ימין"),
        ("How did the pain score change over the course of treatment?", "pain score"),
        ("How did the right knee change?", "right knee"),
        ("In how many sessions did we discuss the panic attacks?", "panic attacks"),
        ("כל הפגישות שבהן הוזכרה חרדה", "חרדה"),
        ("בכמה פגישות דיברנו על ריב עם אחותה", "ריב אחותה"),
        ("What did she say about sleep last week?", "sleep"),
        ("when did we talk about not sleeping", "not sleeping"),
        ("באילו פגישות לא היה כאב", "לא כאב"),
        ("what was the PHQ-9 in March", "PHQ-9"),
        ("Summarise the last three sessions", ""),
        ("מה היה בפגישה האחרונה?", ""),
        ("How many sessions have we had?", ""),
        ("What did she say, or not?", ""),
        ("תמצאי פגישות שבהן דובר על שינה", "שינה"),
        ("תחפשי את כל הפגישות על חרדה", "חרדה"),
        ("תזכירי לי מה אמרה על כאב ברך", "כאב ברך"),
    ],
)
def test_the_topic_is_what_is_left_without_the_frame(text, topic):
    """Who asks, how, and of which time is no topic; what is absent, and the side, belong to it."""
    timed = when_of(text, today=TODAY)
    assert topic_of(text, intent=intent_of(text), when=timed) == topic


def asked(*said: str, client=CLIENT) -> Question:
    """The last question, understood after those before it."""
    *earlier, text = said
    question = Question(text, language_of(text), client=client)
    return understood(question, earlier=earlier, today=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "and the left?",
        "And the sleep?",
        "What about his appetite?",
        "why?",
        "since when?",
        "which side?",
        "what dose?",
        "did she say more about it?",
        "does he still take it?",
        "tell me more",
        "and in March?",
        "last week?",
        "?",
        "why 5?",
        "and his brother?",
        "the left one?",
        "ולמה?",
        "ומה עם השינה?",
        "מה עם השינה?",
        "ומה היא אמרה על זה?",
        "ובפגישה הקודמת?",
        "ואיך הוא ישן?",
        "וגם בברך?",
        "באיזה צד?",
        "מה המינון?",
        "ואחיו?",
        "עוד?",
        "אפשר להרחיב על זה?",
    ],
)
def test_what_cannot_stand_alone_is_searched_with_the_question_before_it(text):
    """Its own wording is searched beside it; without anything before it, it stays as it is."""
    after = asked("How is the right knee?", text)
    assert after.text == f"How is the right knee? {text}"
    assert after.also == (text,)
    assert asked(text).text == text
    assert asked(text).also == ()


@pytest.mark.parametrize(
    "text",
    [
        "sleep problems?",
        "medication dose?",
        "left knee?",
        "What did we discuss in the last session?",
        "What did we discuss last week?",
        "summarise the last three sessions",
        "How many sessions have we had?",
        "מה היה בפגישה האחרונה?",
        "על מה דיברנו בחודש האחרון?",
        "How did she sleep?",
        "How did the patient sleep?",
        "did she say that the sleep improved?",
        "and how did Dana sleep after the shoulder operation?",
        "PHQ-9?",
        "כאבי ראש?",
        "ויטמין D?",
        "ויקטור ישן טוב?",
        "וירוס?",
        "ותיק?",
        "מינון תרופה?",
        "מה היה הטיפול בכאב בשבוע שעבר?",
        "What did we discuss about work last week?",
    ],
)
def test_what_names_its_subject_stands_alone_however_short(text):
    """A noun of its own is enough; nothing is searched beside it."""
    after = asked("How is the right knee?", text)
    assert (after.text, after.also) == (text, ())


def test_she_is_the_client_where_one_is_fixed_and_otherwise_whoever_was_named():
    """Across a practice "how did she sleep?" needs the name that stands in the question before."""
    assert asked("How is Dana's knee?", "how did she sleep?").text == "how did she sleep?"
    joined = "How is Dana's knee? how did she sleep?"
    assert asked("How is Dana's knee?", "how did she sleep?", client=None).text == joined
    alone = "which patient hates his boss?"
    assert asked("How is Dana's knee?", alone, client=None).text == alone


def test_a_chain_of_follow_ups_walks_back_to_the_question_it_began_with():
    """The newest question that stood alone is the subject, what followed it goes along."""
    chain = ["How is the hip?", "How is the right knee?", "And the sleep?", "why?"]
    assert asked(*chain).text == "How is the right knee? And the sleep? why?"
    assert asked(*["and this?"] * 40, "why?").text.count("and this?") == 3


@pytest.mark.parametrize(
    ("said", "text", "when"),
    [
        (
            ("How was her sleep last week?", "and in March?"),
            "How was her sleep? and in March?",
            MARCH,
        ),
        (("על מה דיברנו בשבוע שעבר?", "ובמרץ?"), "על מה דיברנו? ובמרץ?", MARCH),
        (("מה היה החודש?", "ובשבוע שעבר?"), "מה היה? ובשבוע שעבר?", LAST_WEEK),
        (
            ("על מה דיברנו בפגישה האחרונה?", "ובפגישה הקודמת?"),
            None,
            Place("newest", skip=1),
        ),
        (("How was her sleep last week?", "and her appetite?"), None, LAST_WEEK),
        (("How was her sleep last week?", "and in March?", "and her appetite?"), None, MARCH),
        (("How was her sleep?", "and the pain in March?"), None, MARCH),
        (("How was her sleep last week?", "did she say more about it?"), None, None),
        (("How was her sleep last week?", "and since the last session?"), None, None),
        (("What did he take before the surgery?", "and in March?"), None, None),
        (("How was her sleep?", "and the new flat in March?"), None, None),
        (("How was her sleep last week?", "How is the knee?"), "How is the knee?", None),
    ],
)
def test_a_follow_up_takes_over_the_time_unless_it_says_another(said, text, when):
    """A new time takes the place of the old one; an event's stays no time."""
    after = asked(*said)
    assert after.when == when
    assert text is None or after.text == text


@pytest.mark.parametrize(
    ("said", "intent", "topic"),
    [
        (("every session where sleep was mentioned", "and anxiety?"), "list", "anxiety"),
        (("every session where sleep was mentioned", "and her appetite?"), "list", "appetite"),
        (("every session where sleep was mentioned", "why?"), "fact", "sleep"),
        (
            ("How did the pain in the shoulder change?", "and the left?"),
            "change",
            "pain shoulder left",
        ),
        (("איך השתנה הכאב?", "ומה עם השינה?"), "change", "השינה"),
        (("How is Dana's sleep?", "and his brother?"), "fact", "Dana's sleep brother"),
        (("How is the knee?", "How many sessions have we had?"), "count", ""),
        (
            ("What did we discuss in the last session?", "and the sleep?", "And the plan?"),
            "fact",
            "",
        ),
        (("על מה דיברנו בפגישה האחרונה?", "ומה תוכנן?"), "fact", ""),
        (("How is the knee?", "And who is her psychiatrist?"), "fact", "psychiatrist"),
        (("כמה ציפרלקס הוא לוקח?", "ומי הפסיכיאטרית?"), "fact", "הפסיכיאטרית"),
    ],
)
def test_a_follow_up_keeps_what_was_asked_for(said, intent, topic):
    """Another noun takes the old one's place; a side or a person is added to it."""
    after = asked(*said)
    assert (after.intent, after.topic) == (intent, topic)


@pytest.mark.parametrize(
    "said",
    [
        ("What did we discuss in the last session?", "And the plan?"),
        ("What did we discuss in the last session?", "Any homework?"),
        ("על מה דיברנו בפגישה האחרונה?", "ומה תוכנן?"),
        ("על מה דיברנו בפגישה האחרונה?", "והתוכנית?"),
        ("Any homework?",),
        ("יש שיעורי בית?",),
    ],
)
def test_what_was_planned_is_told_of_its_session_in_few_words(said):
    """A plan or homework needs no word that a note would have: its field says it all."""
    after = asked(*said)
    assert (after.form, after.fields, after.topic) == ("session", {"plan"}, "")


def test_a_follow_up_keeps_the_field_that_was_asked_for():
    """ "And for the shoulder?" after a question for the plan asks for the plan."""
    assert asked("What did I plan for the knee?", "and for the shoulder?").fields == {"plan"}
    assert asked("What did I plan for the knee?", "what did she report about it?").fields == {
        "subjective"
    }
