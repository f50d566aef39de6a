"""Scales and values as notes write them, in both languages: "כאב 7/10", "PHQ-9: 14", "flex 125", "BP 130/80". Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from service.language.features import stem
from service.language.text import tokens

Kind = Literal["score", "dose"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A value that a text gives: `name` is the same for the same measure, in whichever language it was written."""

    kind: Kind
    name: str
    value: str


_DIGIT = re.compile(r"\d")
_NUMBER = r"\d{1,3}(?:[.,]\d{1,2})?"
_NOT_A_COUNT = r"(?!\s*(?:[xX×]\s*\d|\d|/\d|[.,]\d|-\d|חזרות|reps?\b|min\b|דק|שניות|sec))"
# Between a scale's name and its value: "PHQ-9 = 18", "PHQ הבית 8", "PHQ-9 בקו 5", "BP today 130/80".
_IS = r"\s*(?:score|total|now|today|of|is|was|at|הבית|בקו|ציון|היום|כעת)?\s*[=:~–-]?\s*"
# Questionnaires and scales by the name that all languages write in Latin letters.
_SCALE = re.compile(
    r"(?<![A-Za-z])(?P<name>PHQ(?:-?9)?|GAD(?:-?7)?|BDI(?:-?II)?|BAI|ODI|NDI|DASH|LEFS|WOMAC|HIT-?6|EDE-?Q|PCL(?:-?5)?"
    rf"|Y-?BOCS|ISI|MoCA|MMSE|EPDS|OCI-?R|SUDS?|HbA1c|BMI|CKCUEST|TUG|Berg|SPADI|FABQ|HAM-?[AD])(?![A-Za-z]){_IS}(?P<value>{_NUMBER})(?!\d|[.,]\d)",
    re.IGNORECASE,
)
_PRESSURE = re.compile(
    rf"(?:(?<![A-Za-z])BP(?![A-Za-z])|blood\s+pressure|לחץ\s+דם){_IS}(?P<value>\d{{2,3}}/\d{{2,3}})(?!\d)",
    re.IGNORECASE,
)
# "Pain since 7/10" tells a day in October.
_DATED = re.compile(
    r"(?:\b(?:since|on|until|till)\s|(?<!\w)(?:מאז\s+ה?|עד\s+ה?|מה|ב)[־-]?)\s*$", re.IGNORECASE
)
_OUT_OF_TEN = re.compile(r"(?<![\d/.,])(?P<value>\d{1,2}(?:[.,]\d)?)\s*/\s*10(?![\d/])")
_VISUAL = re.compile(rf"\b(?:VAS|NRS)\b{_IS}(?P<value>\d{{1,2}}(?:[.,]\d)?)(?!\d)", re.IGNORECASE)
# What is told out of ten, nearest to its number; pain where no other is named and the scale is one of pain.
_RATED: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "pain": r"\bpain\w*|\bsore\w*|\bache\w*|(?<!\w)[ובהל]{0,2}כאב\w*",
        "mood": r"\bmood\b|מצב[\s־-]ה?רוח",
        "anxiety": r"\banxi\w+|(?<!\w)[ובהל]{0,2}חרד\w+",
        "stress": r"\bstress\w*|(?<!\w)[ובהל]{0,2}(?:סטרס|לחץ)(?!\w)",
        "sleep": r"\bsleep\w*|(?<!\w)[ובהל]{0,2}שינה(?!\w)",
        "energy": r"\benergy\b|אנרגיה",
    }.items()
}
# A movement or a quantity before its number.
_TOLD: dict[str, re.Pattern[str]] = {
    name: re.compile(rf"(?:{words}){_IS}(?P<value>{_NUMBER}){_NOT_A_COUNT}", re.IGNORECASE)
    for name, words in {
        "flexion": r"\bflex(?:ion)?\b|(?<!\w)כפיפה(?!\w)",
        "abduction": r"\babd(?:uction)?\b|(?<!\w)הרחקה(?!\w)",
        "external rotation": r"\b(?-i:ER)\b(?:\s+at\s+side)?|(?<!\w)סיבוב\s+חוצה(?!\w)|רוטציה\s+חיצונית",
        "SLR": r"\b(?-i:SLR)\b",
        "grip": r"\bgrip\b(?:\s+[LR]\b)?|(?<!\w)(?:אחיזה|תפיסה)(?!\w)",
        "weight": r"\bweigh(?:t|s|ed)\b|(?<!\w)(?:ה?משקל|שוקלת?)(?!\w)",
        "pulse": r"\b(?:resting\s+)?(?:pulse|heart\s+rate)\b|\b(?-i:HR)\b|(?<!\w)דופק(?:\s+מנוחה)?(?!\w)",
        "hours of sleep": r"\b(?:slept|sleep(?:s|ing)?)\b|(?<!\w)(?:ישנה?|שינה)(?!\w)",
    }.items()
}
_HOURS = re.compile(r"\s*(?:h\b|hrs?\b|hours?\b|שעות)", re.IGNORECASE)
_DOSE = re.compile(
    r"(?P<value>(?<![\d.,/])\d{1,4}(?:[.,]\d{1,3})?)\s*(?P<unit>mg|mcg|µg|ug|מ[\"״]?ג|מק[\"״]?ג)(?!\w)",
    re.IGNORECASE,
)
_BEFORE_A_DOSE = 48  # Code points before a dose in which its drug is named.
# Between a drug and its dose: "sertraline raised to 100 mg", "ציפרלקס הועלה 10 -> 15 מ"ג".
_BETWEEN = frozenset(
    stem(word)
    for word in tokens("""
    to from at of on the a by up down then and dose doses now daily day raised reduced lowered increased decreased
    changed started start begun stopped took takes taking tapered was is mg mcg once twice morning evening night stay
    continue still go going wait week plan step since for until last
    january february march april may june july august
    september october november december jan feb mar apr jun jul aug sep sept oct nov dec
    ל מ ב עד על ואז אז כעת היום בוקר ערב לילה ביום הועלה הועלתה הורד הורדה ירד ירדה עלה עלתה הופחת התחיל התחילה הפסיק
    הפסיקה לוקח לוקחת נטל נטלה קיבל קיבלה מינון במינון מג מקג שבוע לשבוע פעם פעמיים הגיע הגיעה ממשיך ממשיכה נשאר נשארת
    """)
)
SHORTEST_NAME = 3  # Letters that a drug's name has at least.


def measures(text: str) -> list[Measure]:
    """All that it gives, by kind of pattern; of one measure the first value comes first."""
    return list(dict.fromkeys(_measures(text))) if _DIGIT.search(text) else []


def _measures(text: str) -> Iterator[Measure]:
    for match in _SCALE.finditer(text):
        yield Measure("score", _scale(match["name"]), match["value"])
    for match in _PRESSURE.finditer(text):
        yield Measure("score", "blood pressure", match["value"])
    for match in _VISUAL.finditer(text):
        yield Measure("score", "pain", match["value"])
    for match in _OUT_OF_TEN.finditer(text):
        if not _DATED.search(text, 0, match.start()) and (name := _rated(text, match)):
            yield Measure("score", name, match["value"])
    yield from _quantities(text)
    yield from _doses(text)


def _scale(name: str) -> str:
    """PHQ, PHQ9 and PHQ-9 are one; so are SUD and SUDS."""
    return re.sub(r"[\d-]+(?:II)?$|-|(?<=SUD)S$", "", name.upper())


def _rated(text: str, match: re.Match[str]) -> str | None:
    """What is rated: the nearest name before the number, else the nearest behind it."""
    before = [
        (found.end(), name)
        for name, pattern in _RATED.items()
        for found in pattern.finditer(text, 0, match.start())
    ]
    if before:
        return max(before)[1]
    after = [
        (found.start(), name)
        for name, pattern in _RATED.items()
        for found in pattern.finditer(text, match.end())
    ]
    return min(after)[1] if after else None


def _quantities(text: str) -> Iterator[Measure]:
    for name, pattern in _TOLD.items():
        for match in pattern.finditer(text):
            if name != "hours of sleep" or _HOURS.match(text, match.end()):
                yield Measure("score", name, match["value"])


def _doses(text: str) -> Iterator[Measure]:
    for match in _DOSE.finditer(text):
        if drug := _drug(text[max(0, match.start() - _BEFORE_A_DOSE) : match.start()]):
            yield Measure("dose", drug, match["value"])


def _drug(before: str) -> str | None:
    """The last word before a dose that may name a drug."""
    for word in reversed(tokens(before)):
        if not any(map(str.isdigit, word)) and stem(word) not in _BETWEEN:
            return stem(word) if len(word) >= SHORTEST_NAME else None
    return None
