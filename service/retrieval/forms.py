"""What form an answer is asked for in: a client's course, what the next appointment needs, what a session was about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.answers import Form, Intent
from service.domain.scope import Place, When
from service.language.text import any_of

FEW = 3  # Sessions that are told one by one rather than summed up.


_EN_PLEASE = (
    r"^\W*(?:(?:please|ok|so|and|now)\W+)*(?:(?:can|could|would|will)\s+you\s+)?(?:please\s+)?"
)
_EN_GIVE = r"(?:(?:give|show|write|tell|get|make)\s+(?:me\s+)?)?(?:i\s+(?:need|want)\s+)?"
_EN_WHOSE = r"(?:(?:the|a|an|of|for|with|on|all|our|my|her|his|their|whole|entire|short|brief|quick|full)\s+)*"
# A name before what is theirs: it stays among the words that are left, and whether it is one is seen there.
_EN_WHO = r"(?P<who>(?:[\w'’-]+\s+){1,3}?)?"
_EN_COURSE = (
    r"(?:(?:course\s+of\s+)?(?:the\s+|her\s+|his\s+|their\s+)?(?:treatments?|therapy)|course|case|file|history|process"
    r"|sessions|notes|progress|everything)"
)
_EN_SO_FAR = r"(?:\s+(?:so\s+far|until\s+now|to\s+date|up\s+to\s+now|of|with|for|about))*"
_EN_MEETING = r"(?:sessions?|meetings?|appointments?|visits?)"
_EN_COMING = r"(?:(?:the|my|our|her|his|their|a|next|upcoming|coming|this|tomorrow['’]?s|today['’]?s|another)\s+)*"
_EN_WHEN = r"(?:\s+(?:tomorrow|today|this\s+week|next\s+week|with|on\s+\w+day))*"

_HE_PLEASE = (
    r"^\W*(?:(?:בבקשה|אז|עכשיו)\W+)*(?:(?:אפשר|תוכלי|תוכל|אני\s+צריכ?ה?|אנא)\s+)?"
    r"(?:(?:תן|תני|כתוב|כתבי|הכן|הכיני)\s+)?(?:לי\s+)?"
)
_HE_COURSE = (
    r"(?:(?:מהלך|תהליך|כל|סיפור)\s+)?ה?(?:טיפולים|טיפול|מהלך|תהליך|תיק|פגישות|מפגשים|התקדמות)"
)
_HE_MEETING = r"(?:ה?(?:פגישה|מפגש|טיפול|סשן|תור))"
_HE_COMING = r"(?:\s+(?:הבאה?|הקרובה?|מחר|היום|של\s+מחר|של\s+היום|שמחר|השבוע|עם))*"

_FRAMES: tuple[tuple[Form, re.Pattern[str]], ...] = (
    (
        "prepare",
        any_of(
            rf"{_EN_PLEASE}(?:help\s+me\s+(?:to\s+)?)?(?:prepare|prep|brief|(?:get|make)(?:\s+me)?\s+ready)(?:\s+me)?"
            rf"\s+(?:for|before|on)\s+{_EN_COMING}{_EN_WHO}{_EN_MEETING}(?!\w){_EN_WHEN}",
            r"^\W*what\s+(?:should|do)\s+i\s+(?:need\s+to\s+)?(?:know|prepare|remember)\s+(?:before|for)\s+"
            rf"{_EN_COMING}{_EN_MEETING}(?!\w){_EN_WHEN}",
            rf"{_HE_PLEASE}(?:(?:עזור|עזרי|תעזור|תעזרי)\s+לי\s+)?(?:תכין|תכיני|הכן|הכיני|להכין|הכנה|להתכונן)(?:\s+אותי|\s+לי)?"
            rf"\s+(?:לקראת\s+|ל){_HE_MEETING}(?!\w){_HE_COMING}",
        ),
    ),
    (
        "summary",
        any_of(
            rf"{_EN_PLEASE}{_EN_GIVE}{_EN_WHOSE}(?:summari[sz]e|summary|overview|recap|sum\s+up)(?:\s+|$){_EN_WHOSE}"
            rf"(?:{_EN_WHO}{_EN_COURSE}(?!\w)|(?=\W*$)|(?=\w)){_EN_SO_FAR}",
            rf"^\W*how\s+(?:has|did|is|was)\s+{_EN_WHOSE}{_EN_COURSE}\s+(?:gone|go|going|been|been\s+going)(?!\w){_EN_SO_FAR}",
            rf"{_HE_PLEASE}(?:סכם|סכמי|תסכם|תסכמי|לסכם|סיכום|תקציר|סקירה|סיכמי)"
            r"(?:\s+(?:לי|בבקשה|קצר|קצרה|של|את|כל|על|מלא))*"
            rf"(?:\s+{_HE_COURSE}(?!\w)|(?=\W*$)|(?=\s+\w))(?:\s+(?:עד\s+(?:כה|עכשיו|היום)|של|עם))*",
        ),
    ),
)
# What a session was about, in words that leave nothing to look for: its time, or that it was planned, says it all.
_PLANNED = any_of(
    r"\b(?:what|which)\s+(?:(?:did|have|had)\s+(?:i|we)\s+(?:plan(?:ned)?|agreed?|decided?)"
    r"|was\s+(?:planned|agreed|decided)|(?:is|was|['’]s)\s+(?:the|my|our|her|his)\s+plan)"
    r"(?!\w)(?:\s+(?:on|upon))?(?:\s+for\s+(?:(?:the|our|her|his)\s+)?next\s+(?:session|meeting|time|week|appointment))?(?:\s+last\s+time)?(?:\s+(?:for|with))?",
    r"^\W*(?:(?:and|so)\s+|(?:and\s+)?what\s+about\s+)?(?:the|my|our|her|his|their|any)?\s*(?:plans?|homework)(?=\W*$)",
    r"\b(?:what|which|any)\s+(?:(?:is|was|were)\s+)?(?:(?:the|her|his|their|our)\s+)?homework\b"
    r"(?:\s+(?:did|have)\s+(?:i|we)\s+(?:given?|set|assign(?:ed)?))?(?=\W*$|\s+(?:for|with)\b)",
    r"^\W*ו?(?:מה\s+(?:עם|לגבי)\s+)?(?:ה?תו?כנית|שיעורי\s+ה?בית)(?=\W*$)",
    r"(?<!\w)ו?(?:מה|האם\s+יש|יש|היו|אילו)\s+(?:היו\s+)?שיעורי\s+ה?בית(?!\w)(?:\s+(?:של|עם|עבור))?",
    r"(?<!\w)ו?מה\s+(?:תכננתי|תכננו|תוכנן|ה?תו?כנית)(?!\w)(?:\s+(?:ל?פגישה\s+הבאה|להמשך|לפעם\s+הבאה))?(?:\s+(?:עם|של|עבור))?",
)


@dataclass(frozen=True, slots=True)
class Formed:
    """The form that a question's words ask for, and the stretches of it that say so."""

    form: Form
    said: Sequence[tuple[int, int]]


def form_of(text: str, *, intent: Intent, when: When | None) -> Formed | None:
    """None where an answer is asked for. Whatever words are left may yet make it a question like any other."""
    for form, frame in _FRAMES:
        few = form == "summary" and isinstance(when, Place) and when.count <= FEW
        if not few and (found := frame.match(text)):
            return Formed(form, _around(found))
    if intent != "fact":
        return None
    if planned := _PLANNED.search(text):
        return Formed("session", [planned.span()])
    return Formed("session", []) if when else None


def _around(found: re.Match[str]) -> Sequence[tuple[int, int]]:
    """What it matched, without the name within."""
    if "who" not in found.re.groupindex or found["who"] is None:
        return [found.span()]
    return [(found.start(), found.start("who")), (found.end("who"), found.end())]
