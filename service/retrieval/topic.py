"""The words of a question that say what it is about."""

import re
from collections.abc import Sequence

from service.domain.answers import Intent
from service.language.stopwords import STOPWORDS
from service.language.text import Word, normal_forms, words
from service.retrieval.asking import ORDER_VERBS

# Stop words that decide here: what is absent, and on which side.
_KEPT = normal_forms("no not never without none nor right לא בלי ללא אין אינו אינה אינם")
_ORDERS = normal_forms(f"{ORDER_VERBS} summary overview תקציר")
_MEETINGS = normal_forms("""
appointments visit visits meetings discussed discussing talked talking spoke spoken mention mentions mentioning came
come meet met brought bring raised raise question questions
פגישות הפגישות בפגישות מהפגישות מפגש המפגש מפגשים המפגשים במפגשים סשן סשנים הסשנים שוחחנו עסקנו עבדנו הוזכרה הוזכרו
עלה עלתה עלו נושא בנושא שבהן שבהם שבה בהן צוין צוינה
כתבתי רשמתי נתתי המלצתי שעברה סוכם נפגשתי פגשתי ראיתי אצלי
""")
_FRAMES: dict[Intent, frozenset[str]] = {
    "fact": frozenset(),
    "count": normal_forms(
        "often times time number first last פעמים מספר היו קיימנו נפגשנו ראשונות הראשונות אחרונות האחרונות"
    ),
    "list": normal_forms(
        "times time every all first last כל הפעמים ראשונות הראשונות אחרונות האחרונות"
    ),
    "change": normal_forms("""
change changed changes changing course progress progressed evolve evolved evolving trend trends trajectory evolution
timeline השתנה השתנתה השתנו משתנה משתנים התפתח התפתחה התפתחו התקדם התקדמה התקדמו ההתקדמות התקדמות המגמה מגמה שינוי
"""),
}
# How somebody tells or treats of something, where that is counted; alone it is what is asked about.
_TELLING = normal_forms("""
complain complains complained complaining complaint complaints touch touches touched deal deals dealt dealing address
addresses addressed cover covers covered include includes included involve involves involved refer refers referred
appear appears appeared focus focuses focused practise practised practice practiced feel feels
felt deny denies denied denying measure measured checked tested examined assessed
התלונן התלוננה מתלונן מתלוננת עסקו עסק עסקה כללו נגענו נגעו התמקדנו התמקדו התייחס התייחסה התייחסנו הועלה הועלתה הועלו
הופיע הופיעה הופיעו נדון נדונה נידון נידונה דנו תרגלנו הרגיש הרגישה חש חשה נשלל נשללה נשללו שלל שללה הכחיש הכחישה
נמדד נמדדה נמדדו נבדק נבדקה נבדקו מדדתי בדקתי
""")
_COURSE = re.compile(
    r"\b(?:over|across|throughout|during)\s+(?:the\s+)?(?:(?:whole\s+|entire\s+)?course\s+of\s+)?(?:the\s+|her\s+|his\s+|their\s+|our\s+)?"
    r"(?:time|treatment|therapy|sessions|course)\b|\bor\s+not\b|\bnext\s+steps?\b"
    r"|(?<!\w)(?:לאורך|במהלך|על\s+פני)\s+(?:כל\s+)?(?:הטיפול|הטיפולים|הזמן|הפגישות|המפגשים|התהליך|התקופה)(?!\w)"
    r"|(?<!\w)או\s+לא(?!\w)",
    re.IGNORECASE,
)

_WORKED_ON = re.compile(r"\bwork(?:s|ed|ing)?\s+on\b", re.IGNORECASE)

Spans = Sequence[tuple[int, int]]


def topic_words(text: str, *, intent: Intent = "fact", without: Spans = ()) -> list[Word]:
    """The words left without stop words, the question's frame and the stretches `without`; negations stay."""
    patterns = [_COURSE] if intent == "fact" else [_COURSE, _WORKED_ON]
    gone = [*without, *(m.span() for pattern in patterns for m in pattern.finditer(text))]
    found = [
        word
        for word in words(text)
        if _says_something(word.text, intent)
        and not any(start <= word.start < end for start, end in gone)
    ]
    told = [word for word in found if intent == "fact" or word.text not in _TELLING]
    return told if any(word.text not in _KEPT for word in told) else found


def _says_something(word: str, intent: Intent) -> bool:
    if word in _KEPT:
        return True
    if word[0] == "ו" and word[1:] in STOPWORDS:  # "and what", "and how"
        return False
    return not any(word in silent for silent in (STOPWORDS, _ORDERS, _MEETINGS, _FRAMES[intent]))


def joined(text: str, kept: Sequence[Word]) -> str:
    """The words as they are written, "PHQ-9" too; empty where only negations are left."""
    if all(word.text in _KEPT - {"right"} for word in kept):
        return ""
    parts = []
    for before, word in zip([None, *kept], kept, strict=False):
        gap = text[before.end : word.start] if before else ""
        parts.append("" if not before else gap if gap in {"-", "/", "־", "."} else " ")
        parts.append(text[word.start : word.end])
    return "".join(parts)
