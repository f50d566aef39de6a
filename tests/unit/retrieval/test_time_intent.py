"""Which time a question confines itself to, and which times are none of the sessions'."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.scope import Period, Place
from service.retrieval.time_intent import when_of

TODAY = date(2026, 5, 13)  # a Wednesday


def said(text: str, today: date = TODAY):
    """What `text` is confined to, and the words that said it."""
    timed = when_of(text, today=today)
    return (timed.when, text[timed.start : timed.end]) if timed else None


def newest(count: int = 1, skip: int = 0) -> Place:
    return Place("newest", count, skip)


def oldest(count: int = 1, skip: int = 0) -> Place:
    return Place("oldest", count, skip)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("What did we discuss in the last session?", newest()),
        ("Summarise the last three sessions", newest(3)),
        ("summarize the last 3 sessions", newest(3)),
        ("What was planned in our previous session?", newest()),
        ("What came up in the session before last?", newest(skip=1)),
        ("what came up in the session before the last one", newest(skip=1)),
        ("What did she say in the first session?", oldest()),
        ("How was his mood in the first three sessions?", oldest(3)),
        ("What did I write in the third session?", oldest(skip=2)),
        ("what was the pain score in session 4", oldest(skip=3)),
        ("What did we agree on at our last appointment?", newest()),
        ("What did Dana say in the last session with her partner's letter?", None),
        ("Show me the notes of the second session", oldest(skip=1)),
        ("In the last session, did he mention sleep?", newest()),
        ("what was the homework from the last session", newest()),
        ("מה היה בפגישה האחרונה?", newest()),
        ("על מה דיברנו בפגישה הקודמת", newest()),
        ("סכם את שלוש הפגישות האחרונות", newest(3)),
        ("איך הייתה השינה בשלוש הפגישות הראשונות?", oldest(3)),
        ("מה היא סיפרה בפגישה השלישית?", oldest(skip=2)),
        ("מה עלה בפגישה הלפני אחרונה", newest(skip=1)),
        ("מה עלה בפגישה שלפני האחרונה", newest(skip=1)),
        ("איך הוא היה במפגש הראשון?", oldest()),
        ("מה עשינו בטיפול האחרון?", newest()),
        ("מה עשינו בטיפול השני?", oldest(skip=1)),
        ("מה רשמתי ב-3 הפגישות האחרונות?", newest(3)),
        ("מה תכננתי בפגישה 4?", oldest(skip=3)),
        ("מה תכננתי בפגישה מספר 12", oldest(skip=11)),
        ("בפגישה הראשונה, לרון הייתה תקווה?", oldest()),
        ("מה היה בפגישה האחרונה עם רון?", newest()),
        # Names that begin as the words for others do: a social worker, a father, a teacher, a doctor.
        ("מה היה בפגישה האחרונה עם עומר?", newest()),
        ("מה היה בפגישה האחרונה עם אבי?", newest()),
        ("מה היה בפגישה האחרונה עם מורן?", newest()),
        ("מה היה בפגישה האחרונה עם דרור?", newest()),
        ("מה היה בפגישה האחרונה עם אביו?", None),
        ('מה היה בפגישה האחרונה עם עו"ד לוי?', None),
        ("על מה דיברנו בפגישה שעברה", newest()),
        ("מה היה בשני המפגשים האחרונים", newest(2)),
        ("מה היו שיעורי הבית מהפגישה האחרונה", newest()),
    ],
)
def test_a_place_in_the_course_is_understood(text, place):
    """Sessions are named by their place, in words or figures, of either gender."""
    assert (said(text) or [None])[0] == place


def days(first: str | None, last: str | None) -> Period:
    return Period(
        date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None
    )


@pytest.mark.parametrize(
    ("text", "period", "words"),
    [
        ("What did we discuss since March?", days("2026-03-01", None), "since March"),
        (
            "What did we discuss since March 2025?",
            days("2025-03-01", None),
            "since March 2025",
        ),
        ("what did she report from June", days("2025-06-01", None), "from June"),
        ("what did we discuss since 3.3.2026", days("2026-03-03", None), "since 3.3.2026"),
        ("What did she say in March?", days("2026-03-01", "2026-03-31"), "in March"),
        ("what did we talk about in may", days("2026-05-01", "2026-05-31"), "in may"),
        ("What did I plan in 2025?", days("2025-01-01", "2025-12-31"), "in 2025"),
        (
            "What did we work on between January and March?",
            days("2026-01-01", "2026-03-31"),
            "between January and March",
        ),
        (
            "what did we discuss between November and February",
            days("2025-11-01", "2026-02-28"),
            "between November and February",
        ),
        ("How was her sleep last week?", days("2026-05-03", "2026-05-09"), "last week"),
        # Nothing else is left to look for, so it can only be the sessions of that time.
        ("what happened last week", days("2026-05-03", "2026-05-09"), "last week"),
        ("What was in March?", days("2026-03-01", "2026-03-31"), "in March"),
        ("How was she last spring?", days("2025-03-01", "2025-05-31"), "last spring"),
        ("What did we discuss in the spring?", days("2026-03-01", "2026-05-31"), "in the spring"),
        ("what did she say in the winter of 2024", days("2024-12-01", "2025-02-28"), None),
        ("What did we discuss last autumn?", days("2025-09-01", "2025-11-30"), "last autumn"),
        ("What did we discuss last month?", days("2026-04-01", "2026-04-30"), "last month"),
        ("what did he say last year", days("2025-01-01", "2025-12-31"), "last year"),
        ("What have we talked about this week?", days("2026-05-10", "2026-05-16"), "this week"),
        ("what did we practise this month", days("2026-05-01", "2026-05-31"), "this month"),
        ("what did she mention this year", days("2026-01-01", "2026-12-31"), "this year"),
        (
            "Summarise the sessions of the past 3 months",
            days("2026-02-13", "2026-05-13"),
            "of the past 3 months",
        ),
        (
            "How has his mood been in the last two weeks?",
            days("2026-04-29", "2026-05-13"),
            "in the last two weeks",
        ),
        ("How was his pain over the last month?", days("2026-04-13", "2026-05-13"), None),
        ("show all notes for the last month", days("2026-04-13", "2026-05-13"), None),
        ("What did we discuss a month ago?", days("2026-03-28", "2026-04-29"), "a month ago"),
        ("How was the pain two weeks ago?", days("2026-04-25", "2026-05-03"), "two weeks ago"),
        ("what did I write yesterday", days("2026-05-12", "2026-05-12"), "yesterday"),
        ("What did we talk about today?", days("2026-05-13", "2026-05-13"), "today"),
        ("what did he report until June", days(None, "2025-06-30"), "until June"),
        ("What did we discuss after 12/3?", days("2026-03-13", None), "after 12/3"),
        ("what did we discuss on the 3rd of March", days("2026-03-03", "2026-03-03"), None),
        ("what did we agree on March 3", days("2026-03-03", "2026-03-03"), "on March 3"),
        ("How did the pain score change since January?", days("2026-01-01", None), None),
        ("how many sessions have we had since March", days("2026-03-01", None), None),
        ("על מה דיברנו מאז מרץ?", days("2026-03-01", None), "מאז מרץ"),
        ("על מה דיברנו מאז מארס?", days("2026-03-01", None), "מאז מארס"),
        ("מה היא סיפרה ממרץ", days("2026-03-01", None), "ממרץ"),
        ("מה סיכמנו במרץ?", days("2026-03-01", "2026-03-31"), "במרץ"),
        ("איך הייתה השינה בחודש מרץ?", days("2026-03-01", "2026-03-31"), "בחודש מרץ"),
        ("על מה עבדנו בשנת 2025?", days("2025-01-01", "2025-12-31"), "בשנת 2025"),
        ("מה תכננתי ב-2025", days("2025-01-01", "2025-12-31"), "ב-2025"),
        ("מה עלה בפגישות בין ינואר למרץ", days("2026-01-01", "2026-03-31"), "בין ינואר למרץ"),
        ("על מה דיברנו לפני חודש?", days("2026-03-28", "2026-04-29"), "לפני חודש"),
        ("על מה דיברנו לפני שבועיים?", days("2026-04-25", "2026-05-03"), "לפני שבועיים"),
        ("איך היה הכאב לפני שלושה חודשים?", days("2026-01-28", "2026-03-01"), None),
        ("מה היה במרץ?", days("2026-03-01", "2026-03-31"), "במרץ"),
        ("מה קרה בחודש שעבר?", days("2026-04-01", "2026-04-30"), "בחודש שעבר"),
        ("עם מי נפגשתי השבוע?", days("2026-05-10", "2026-05-16"), "השבוע"),
        ("מה היה באביב האחרון?", days("2025-03-01", "2025-05-31"), "באביב האחרון"),
        ("על מה דיברנו בקיץ שעבר?", days("2025-06-01", "2025-08-31"), "בקיץ שעבר"),
        ("מה דובר בחורף 2024?", days("2024-12-01", "2025-02-28"), "בחורף 2024"),
        ("איך הוא ישן בשבוע שעבר?", days("2026-05-03", "2026-05-09"), "בשבוע שעבר"),
        ("מה היה ציון הכאב בחודש שעבר?", days("2026-04-01", "2026-04-30"), "בחודש שעבר"),
        ("מה היא אמרה בשנה שעברה", days("2025-01-01", "2025-12-31"), "בשנה שעברה"),
        ("על מה דיברנו השבוע?", days("2026-05-10", "2026-05-16"), "השבוע"),
        ("איך הייתה החרדה החודש?", days("2026-05-01", "2026-05-31"), "החודש"),
        ("מה סיכמנו השנה?", days("2026-01-01", "2026-12-31"), "השנה"),
        ("מה כתבתי אתמול?", days("2026-05-12", "2026-05-12"), "אתמול"),
        ("על מה דיברנו היום", days("2026-05-13", "2026-05-13"), "היום"),
        ("איך הרגישה בשבועיים האחרונים?", days("2026-04-29", "2026-05-13"), None),
        ("סכם את הפגישות בחודש האחרון", days("2026-04-13", "2026-05-13"), "בחודש האחרון"),
        ("מה היא דיווחה בחצי השנה האחרונה", days("2025-11-13", "2026-05-13"), None),
        ("על מה דיברנו מה-3.3?", days("2026-03-03", None), "מה-3.3"),
        ("מה סיכמנו עד יוני?", days(None, "2025-06-30"), "עד יוני"),
        ("מה היא סיפרה אחרי 12.3?", days("2026-03-13", None), "אחרי 12.3"),
        ("מה הפרוטוקול שנתתי לרון בינואר", days("2026-01-01", "2026-01-31"), "בינואר"),
        ("מה היה ה-PCL-5 של יעל במרץ", days("2026-03-01", "2026-03-31"), "במרץ"),
        ("מה היה ה-PCL-5 של רון במרץ", days("2026-03-01", "2026-03-31"), "במרץ"),
    ],
)
def test_days_are_understood(text, period, words):
    """Days are counted from today, months without a year are the latest, and the span is that of the words."""
    found = said(text)
    assert found is not None
    assert found[0] == period
    assert words is None or found[1] == words


NO_TIME = """
I've been having headaches since March
I have been sleeping badly for the last two weeks.
my last session of chemo was two weeks ago
when did her pain start, last week?
which medication did he take before the accident two years ago
what did he take before the surgery last year?
When did she have the operation in March?
how did she break her wrist last year
did she say she slept badly last week?
did she mention that her mother died in March?
what did she say about the accident last year
what did he say about last week?
Have you been sleeping well since March?
how have you been since our last session
What should I do about my anxiety this year?
How has my pain been since last week?
What may I expect?
may I ask how he slept?
how far can she march on the sore foot
What did she say about a second opinion?
did the pain ease after a minute or a second
how bad was the pain, 5/10?
how did the pain go from 8/10 to 3/10
does she take 3/4 tablet at night?
what did he report after 5/10 pain
What happened the first time he fell?
when was the last time she fell
how old was he in the first grade
What did we discuss since 31.2?
what did we discuss before the summer?
did he have panic attacks years ago
could what happened years ago be the cause of her anxiety?
What did she say about her trip in June?
Since March the headaches are worse.
The last session was hard. What should we do next?
what changed since the last session
is the pain less than in the last session
how many days between the first session and the last session
compare the first and the last session
what did he do after the last session
How was her last session of physiotherapy?
what did she feel in the last session with the psychiatrist
what did we do in the last sessions
when is the last session?
How was the last EMDR session?
which days are the children with him this year
where does he work today?
how long was the drive last month
what won the league yesterday
who was prime minister in 2014?
how many records were sold this year?
what did she say about last month's rent
is it 2025-26 or 2024
When is our next session in June?
how much weight did she lose since March?
what is written about week 20, לפני שבוע 20?
Compare this session with the last session
מתי הפגישה הבאה ביוני
how much did he earn in 2019
for how long has she been off work, the last month?
What did we discuss in March and in May?
did he take ibuprofen last week?
what is planned in session 0
how was the 60 minute session
did she bring up her friend June?
what did we discuss in 2031
Dana sertraline March
what was her first PHQ-9 score in October
מה היה ה-PHQ-9 הראשון של יעל באוקטובר
the last session
יש לי כאבי ראש מאז מרץ
הטיפול הכימי האחרון שלי היה לפני שבועיים
מתי התחיל הכאב, בשבוע שעבר?
איזו תרופה הוא לקח לפני התאונה לפני שנתיים
מה הוא לקח לפני הניתוח בשנה שעברה?
מה היא סיפרה על התאונה במרץ
מה היא אמרה על הכאב שהתחיל במרץ
האם אמר שהוא ישן רע בשבוע שעבר?
מי היה ראש הממשלה בשנת 2014?
כמה כסף גייסה החברה בחודש שעבר?
כמה תקליטים נמכרו השנה?
איזה מוצר הצליח השנה?
מה שער הדולר היום?
איפה רון עובד היום
מי ניצחה אתמול במשחק
מה רון דמיין לעשות בלילה של יום השנה
מה היא הכינה לראש השנה
איך היא ישנה בסוף השבוע
על מה דיברנו ב-31.2?
איך ירד הכאב מ-7.5 ל-4.5
כמה הוא הרים, ב-2.5 ק"ג?
האם היא לוקחת 3/4 כדור?
הכאב היה 5/10?
מה השתנה מאז הפגישה האחרונה
מה השתנה מהפגישה האחרונה
מה קרה לפני הפגישה הראשונה
מה היה בין הפגישה הראשונה לפגישה האחרונה
מתי הפגישה האחרונה?
מתי הפגישות האחרונות של תמי
איך הייתה הפגישה האחרונה עם הפסיכיאטר
איך הייתה הפגישה האחרונה עם אמא שלה
איך היה הטיפול הקודם
מה קרה בטיפול השני בקרינה
מה הטיפול בקו ראשון
מה היה בפגישות האחרונות
באיזה שבוע היא בהיריון, שבוע 20?
כמה ימים בשבוע היא עובדת מאז שחזרה
הפגישה האחרונה הייתה קשה.
מה שמעתי מיוני
מי היה במאי הסרט
כמה זמן היא ישנה רע, בחודש האחרון או יותר?
לפני כמה זמן זה קרה
מי שכנע אותו בפעם הראשונה ללכת לטיפול
""".strip().splitlines()


@pytest.mark.parametrize("text", NO_TIME)
def test_a_time_that_may_be_an_events_confines_nothing(text):
    """What a client told, when something happened, doses, scores, ages, names: search stays open."""
    assert said(text) is None


def test_a_month_that_has_not_begun_is_last_years():
    """Sessions are never ahead of today."""
    text = "what did we discuss in March?"
    assert said(text, date(2026, 2, 28))[0] == days("2025-03-01", "2025-03-31")
    assert said(text, date(2026, 3, 1))[0] == days("2026-03-01", "2026-03-31")
    assert said("what did we discuss in March 2026?", date(2026, 2, 28)) is None
    assert said("what did we discuss after May?") is None


def test_a_leap_day_is_the_latest_there_was():
    """29.2 names a day of a leap year, however long ago."""
    assert said("what did we discuss since 29.2")[0] == days("2024-02-29", None)


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            re.findall(
                r"\S+",
                "what did we discuss since in until between March may 31.2 2025 last session 999 years ago the 0 "
                "first two ? מה דיברנו מאז ב בין מרץ ל ה- לפני 99 שנים בפגישה האחרונה השנה 12/13 ו",
            )
        ),
        max_size=12,
    ).map(" ".join),
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_any_text_on_any_day_has_a_time_or_none(text, today):
    """Nothing a therapist types breaks it; a span lies in the text, a period is in order and begins by today."""
    timed = when_of(text, today=today)
    if timed is None:
        return
    assert 0 <= timed.start < timed.end <= len(text)
    if isinstance(timed.when, Place):
        assert timed.when.count >= 1
        assert timed.when.skip >= 0
    else:
        first, last = timed.when.first, timed.when.last
        assert (first or date.min) <= min(today, last or today)
        assert last is None or last < today + timedelta(days=366)
