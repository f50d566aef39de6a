"""Whether a question stands alone, or needs the one before it."""

import re
from datetime import date

from service.domain.answers import Language
from service.language.detect import language_of
from service.language.hebrew import begins_with_and
from service.language.text import normal_forms, normalise, tokens
from service.retrieval.asking import begins_asking, orders
from service.retrieval.steps import is_step
from service.retrieval.time_intent import phrases
from service.retrieval.topic import topic_words

ENOUGH = 3  # Words of its own with which "and how did Dana sleep after the operation" needs nothing before it.

WHOLE: dict[Language, int] = {"en": 3, "he": 2}  # Words beside a time: "what was there", "מה היה".

_LEAD = re.compile(
    r"\W*(?:(?:and|also|but|plus|(?:what|how)\s+about)\b|(?:מה\s+(?:עם|לגבי|בנוגע)|גם)(?!\w)|(?P<led>ו[א-ת]{2,}))",
    re.IGNORECASE,
)
# What somebody asks of a subject already named; by themselves these name none.
_ASPECTS = normal_forms("""
left right upper lower other another both same one ones side sides dose dosage amount score level frequency reason
details detail example examples elaborate explain expand continue further happened else exactly long much far ago
better worse date day
שמאל ימין שמאלית ימנית שמאלי ימני השמאלית הימנית השמאלי הימני השני השנייה האחר האחרת אחר אחרת שניהם צד הצד מינון המינון
כמות ציון תדירות סיבה הסיבה פרטים דוגמה דוגמאות הרחב תרחיב תרחיבי להרחיב אפשר לפרט פרט תפרט תפרטי המשך בדיוק זמן תאריך
""")
_REFERS = re.compile(
    r"\b(?:it|this|that|these|those|them)\b"
    r"|(?<!\w)(?:זה|זאת|זו|אלה|אלו|כך|[בלמ](?:זה|זאת|זו)|עליו|עליה|אותו|אותה|אותם|אותן)(?!\w)",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(
    r"\b(?:he|she|him|her|his|hers)\b|(?<!\w)(?:הוא|היא|שלו|שלה|לו|לה|אצלו|אצלה)(?!\w)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:clients?|patients?|who|whose|my)\b|(?<!^)(?-i:\b[A-Z][a-z]+)"
    r"|(?<!\w)[בהלמ]{0,2}(?:מטופל|לקוח)\w*|(?<!\w)[בלמ]?מי(?!\w)",
    re.IGNORECASE,
)


# "And who is the psychiatrist?" has all it needs; "and who said so?" has not.
_WHO_IS = re.compile(
    r"^\W*(?:and|but|so)\s+who(?:['’]s|\s+(?:is|was|are|were))\s+(?:the|her|his|their|my)\s+\w"
    r"|^\W*ומי\s+(?:(?:זה|זאת|זו|היה|הייתה)\s+)?ה(?!וא|יא|ם|ן)[א-ת]{3}",
    re.IGNORECASE,
)


def leads_on(text: str) -> bool:
    """Begins as what goes on from something: "and ...", "what about ...", "ומה עם ..."."""
    match = _LEAD.match(text)
    return bool(match and (not match["led"] or begins_with_and(normalise(match["led"]))))


# A place or a person is added to what was asked about; a bare noun takes its place.
_ADDS = re.compile(
    r"\b(?:in|on|at|for|with|to|from|during|after|before|brother|sister|mother|father|mom|mum|dad|husband|wife"
    r"|partner|son|daughter|child|children|kids?|parents?|boss)\b"
    r"|^\W*ו?[בלמ](?=[א-ת]{3})|(?<!\w)(?:ו?ה?(?:אח|אחות|אמא|אבא|בעל|אישה|אשתו|בת\s+זוג|בן\s+זוג|הורים))(?!\w)"
    r"|(?<!\w)(?:ו|ומה\s+עם\s+|מה\s+עם\s+)?ה?(?:אחיו|אחותו|אמו|אביו|בעלה|בתו|בנו|אחיה|אחותה|אמה|אביה|בתה|בנה)(?!\w)",
    re.IGNORECASE,
)


_OF_SESSIONS = re.compile(
    r"\b(?:sessions?|meetings?|notes?)\b|(?<!\w)[ובהלמ]{0,2}(?:פגישה|פגישות|מפגש|מפגשים)(?!\w)",
    re.IGNORECASE,
)


def renames(text: str, *, today: date) -> bool:
    """Takes up another subject in the same question: "and the sleep?", but not "and his brother?"."""
    timeless = _timeless(text, today)
    if not leads_on(text) or _ADDS.search(timeless):
        return False
    return any(word.text not in _ASPECTS for word in topic_words(timeless))


def _times(text: str, today: date) -> list[tuple[int, int]]:
    return [(phrase.start, phrase.end) for phrase in phrases(text, today)]


def _timeless(text: str, today: date) -> str:
    for start, end in reversed(_times(text, today)):
        text = f"{text[:start]} {text[end:]}"
    return text


def stands_alone(text: str, *, today: date, client_known: bool) -> bool:
    """Whether it names what it is about, however short: "sleep problems?" does, "and the left one?" does not.

    A "she" is the client where one is fixed, and needs the question before where none is.
    """
    if is_step(text) and not phrases(text, today):
        return False
    own = [word.text for word in topic_words(text, without=_times(text, today))]
    subjects = [word for word in own if word not in _ASPECTS and not word.isdigit()]
    if leads_on(text):
        return len(subjects) >= ENOUGH or bool(subjects and _WHO_IS.match(text))
    refers = bool(_REFERS.search(text))
    if not subjects:
        return not refers and _asks_of_sessions(text, today)
    if len(subjects) == 1 and refers:
        return False
    lost = not client_known and _SOMEBODY.search(text) and not _NAMED.search(text)
    return not lost or len(subjects) >= ENOUGH


def _asks_of_sessions(text: str, today: date) -> bool:
    """Whole without a subject: "what did we discuss last week?", "how many sessions have we had?"."""
    timeless = _timeless(text, today)
    count = len(tokens(timeless))
    if timeless != text and (orders(timeless) or count >= WHOLE[language_of(text)]):
        return begins_asking(timeless)
    return begins_asking(text) and count > ENOUGH and bool(_OF_SESSIONS.search(text))
