"""The amounts a text states: numbers in figures and words, with their units, scores and ranges."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from service.language.hebrew import rests
from service.language.sides import PAIRED
from service.language.text import Word, normalise, words

# A unit's ways of writing, its own name first. What is no unit here ("14 points") does not distinguish amounts.
_UNIT_WORDS = """
% percent אחוז אחוזים
mg מ"ג מג milligram milligrams מיליגרם מיליגרמים
mcg µg ug מק"ג מיקרוגרם
g gr gram grams גרם גרמים
kg kilo kilos kilogram kilograms ק"ג קילו קילוגרם קילוגרמים
ml מ"ל
l liter litre liters litres ליטר
cc סמ"ק
iu יחידות יח'
mm millimetre millimetres millimeter millimeters מ"מ מילימטר מילימטרים
cm centimetre centimetres centimeter centimeters ס"מ סנטימטר סנטימטרים
m meter metre meters metres מטר מטרים
km ק"מ kilometers kilometres kilometer kilometre קילומטר קילומטרים
hz bpm mmhg
times time x פעמים פעם
set sets סט סטים
rep reps repetition repetitions חזרות
second sec secs seconds s שניות שנייה שניה
minute min mins minutes דקה דקות דק' דק
hour h hr hrs hours שעה שעות
day days יום ימים ימי
week wk wks weeks שבוע שבועות
month mo mos mth mths months חודש חודשים
year yr yrs years שנה שנים
shekel shekels nis ils ש"ח שקל שקלים ₪
dollar dollars $ דולר דולרים
"""
_UNITS = {
    normalise(way): line.split()[0]
    for line in _UNIT_WORDS.strip().splitlines()
    for way in line.split()
} | {one: one for one in ("hz", "bpm", "mmhg")}
_SMALL = """
2 two שתיים שניים שתי שני שתים
3 three שלוש שלושה שלושת
4 four ארבע ארבעה
5 five חמש חמישה
6 six שש שישה ששה
7 seven שבע שבעה
8 eight שמונה
9 nine תשע תשעה
10 ten עשר עשרה
11 eleven
12 twelve dozen תריסר
13 thirteen
14 fourteen
15 fifteen
16 sixteen
17 seventeen
18 eighteen
19 nineteen
20 twenty עשרים
30 thirty שלושים
40 forty ארבעים
50 fifty חמישים
60 sixty שישים
70 seventy שבעים
80 eighty שמונים
90 ninety תשעים
100 hundred מאה
"""
_VALUES = {
    normalise(way): int(line.split()[0])
    for line in _SMALL.strip().splitlines()
    for way in line.split()[1:]
}
_ONE = frozenset(map(normalise, ("one", "single", "אחד", "אחת", "once")))
_TEEN = frozenset(map(normalise, ("עשרה", "עשר")))
_DUALS = {
    normalise(word): unit
    for word, unit in (
        *(("שעתיים", "hour"), ("יומיים", "day"), ("שבועיים", "week"), ("חודשיים", "month")),
        *(("שנתיים", "year"), ("פעמיים", "times"), ("twice", "times"), ("fortnight", "week")),
    )
}
_HALVES = {"half": "30", "quarter": "15", normalise("חצי"): "30", normalise("רבע"): "15"}
_SECOND_DAY = frozenset(map(normalise, ("יום", "ביום", "בימי")))
# Each piece is bounded, so that no row of digits is read twice. A letter before, or a letter and a hyphen of Latin
# script, makes a name of it: L4, PHQ-9.
_PIECE = r"\d{1,9}(?:,\d{3})*(?:\.\d{1,6})?"
_BEFORE = r"(?<![\dA-Za-z.,:/])(?<![A-Za-z]-)"
_YEAR_ENDS = (
    r"(?<=\D(?:19|20)\d\d)\s?(?:to|עד|[-–])\s?\d{1,3}(?!\d)"  # "in May 2025 to 16": no range
)
_FIGURE = re.compile(
    rf"{_BEFORE}(?P<first>{_PIECE})"
    rf"(?:(?!{_YEAR_ENDS})\s?(?P<join>-+>|→|[x×X:/–-]|out of|מתוך|to|עד)\s?[-–]?(?P<second>{_PIECE}))?"
    rf"(?:[/.](?P<third>\d{{1,4}}))?"
    r"[ \t\u00a0-]*(?P<unit>%|\$|₪|[^\W\d_][^\s\d.,;:!?/()\[\]–-]*)?"
)
# L4-5, PHQ-9, T12: names, not amounts; "x10" is one.
_NAMED = re.compile(r"(?<![A-Za-z\d])(?![xX]\d)[A-Za-z]{1,12}-?\d{1,4}(?:[-–/]\d{1,3})?(?!\d)")
_OF_SETS = re.compile(r"\s*-?(?:sets?|סט|סטים)\s+(?:of|של)\s+", re.IGNORECASE)
_EVERY_OTHER = re.compile(r"\bevery (?:other|second) (day|week|month)\b", re.IGNORECASE)
_TIMES = re.compile(  # "x3 weeks" is for three weeks
    r"(?<![\w.,])[xX×](\d{1,3})(?!\d|[.,]\d|[A-Za-zא-ת]|\s?(?:sec|min|hour|hr|day|week|wk|month|mo|year|yr)"
    r"|\s(?:דק|שע|ימ|יום|שבוע|חודש|שנ))"
)
_HALF_MORE = (("and", "a", "half"), (normalise("וחצי"),))
# Between two numbers, and before them, of which one range is made: "two to three", "between 40 and 50", "בין 3 ל-4".
_RANGE = re.compile(r"\s?(?:-|–|\bto\b|\bor\b|(?<![א-ת])(?:עד|או)(?![א-ת]))\s?", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:\bbetween|(?<![א-ת])[ושכ]?בין)\s$", re.IGNORECASE)
_BETWEEN_AND = re.compile(r"\s(?:and\s|ל-?\s?|ו-?\s?|לבין\s)", re.IGNORECASE)
_APART = 8  # Code points between "twice" and its "daily".
_AGE_BEFORE = re.compile(
    r"(?:(?<![א-ת])ו?(?:בן|בת|בני|בנות|בגיל|גיל)|\b(?:aged?|age of))\s*$", re.IGNORECASE
)
_AGE_BEHIND = re.compile(r"[- ](?:years?|yrs?)[- ]?(?:olds?)\b|[- ]?y/?o\b", re.IGNORECASE)
_LISTED = re.compile(
    r"(?:^|,\s|\band\s|\bat\s|(?<![א-ת])ו-?)$"
)  # "47, nurse", "two sons, 6 and 9".
AGE = "age"
_RATE = re.compile(
    r"\b(?:an?|per|each|every|last|past)\s(?P<en>day|night|evening|week|month|year)\b"
    r"|\b(?P<adverb>daily|nightly|weekly|monthly|yearly)\b"
    r"|/\s?(?P<slash>day|d|week|wk|month|mo|year|yr)\b"
    r"|(?<![א-ת])(?:[בל]|כל\s|מדי\s)(?P<he>יום|שבוע|חודש|שנה)(?![א-ת])(?!\s(?:הבא|הקרוב|ראשון|שני|שלישי|רביעי|חמישי|שישי))",
    re.IGNORECASE,
)
_LOOSE = ({"", "times"}, {"", "set"}, {"", "rep"}, {"", "day"}, {"", "shekel"}, {"", "dollar"})
_TO_TEN = frozenset(f"{half / 2:g}" for half in range(21))  # Whole and half points of a scale.
_ARROWS = (">", "→")
_OVER = frozenset(["/", "out of", "מתוך"])
_FROM = re.compile(r"(?:\bfrom|(?<![א-ת])מ-?)\s*$", re.IGNORECASE)
_DAILY = re.compile(
    r"\b(?:once(?! (?:she|he|they|the|it|a month|a year))|one|daily|every day|each day|weekly|every week)\b"
    r"|\b(?:a|per) (?:day|week)\b"
    r"|(?<![א-ת])(?:פעם(?:\s+אחת)?\s+ב?|פעם אחת|אחת\s+ל(?=יום|שבוע|חודש)|כל יום|מדי יום)",
    re.IGNORECASE,
)
_ONE_DAILY = re.compile(r"once$|פעם|אחת", re.IGNORECASE)
_TIMES_BEFORE = re.compile(r"[xX×]\s?$")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as a text states it: `text[start:end]`, without its unit."""

    value: str
    """In figures without needless zeros: "50", "0.5", "6/10", "2-5", "3:30"."""
    unit: str
    """In its canonical form; empty where the next word is none."""
    start: int
    end: int
    is_aside: bool = False
    """Said without being stated: an end of a range, or that "daily" is once. It answers a claim and makes none."""

    may_be_age: bool = False
    """It stands alone where a note writes an age."""

    @property
    def kind(self) -> str:
        """What it may be confused with: amounts of the same unit, or other scores."""
        return "/" if "/" in self.value else self.unit

    def is_said_by(self, other: "Amount") -> bool:
        """Whether the other one states it: the same value and unit, or a score out of ten without its ten."""
        if AGE in (self.unit, other.unit):
            is_age = self.unit == other.unit or not self.unit or other.may_be_age
            return self.value == other.value and is_age
        if self.value == other.value and (self.unit == other.unit or self._is_loose(other)):
            return True
        scores = {self.value.removesuffix("/10"), other.value.removesuffix("/10")}
        return scores <= _TO_TEN and len(scores) == 1 and self.unit == other.unit == ""

    def _is_loose(self, other: "Amount") -> bool:
        """ "Twice" says of arguments what "two" does, and "10 of 14 days" counts ten days."""
        return {self.unit, other.unit} in _LOOSE


def amounts(text: str) -> list[Amount]:
    """All amounts in order of their kind of writing: in figures, then in words."""
    bare = _NAMED.sub(lambda match: "\u00b7" * len(match.group()), text)
    figures = [one for match in _FIGURE.finditer(bare) for one in _read(match, bare)]
    figures += [one for one in _repeated(text) if not any(_overlap(one, own) for own in figures)]
    found = list(_ranged(_with_repetitions([*figures, *_spelled(text)], text), text))
    found += _every_other(text)
    often = [one.end for one in found if one.unit == "times"]
    once = (one for one in _once(text) if not any(0 <= one.start - end <= _APART for end in often))
    return [*found, *once]


def _with_repetitions(found: list[Amount], text: str) -> Iterator[Amount]:
    """Of "3 sets of 10" the ten are repetitions."""
    ends = [one.end for one in found if one.unit == "set"]
    for one in found:
        is_of = any(_OF_SETS.fullmatch(text, end, one.start) for end in ends if end < one.start)
        yield replace(one, unit="rep") if is_of and not one.unit else one


def _repeated(text: str) -> Iterator[Amount]:
    """ "x3" by itself is three times."""
    for match in _TIMES.finditer(text):
        yield Amount(_plain(match[1]), "times", match.start(1), match.end(1))


def _overlap(one: "Amount", other: "Amount") -> bool:
    return one.start < other.end and other.start < one.end


def _ranged(found: Iterable[Amount], text: str) -> Iterator[Amount]:
    """Two numbers that are the ends of a range state it, and are asides of it."""
    held = sorted(found, key=lambda one: one.start)
    ends = {first: last for first, last in pairwise(held) if _is_range(first, last, text)}
    asides = {*ends, *ends.values()}
    for one in held:
        if last := ends.get(one):
            yield Amount(f"{one.value}-{last.value}", last.unit, one.start, last.end)
        yield replace(one, is_aside=True) if one in asides else one


def _is_range(first: Amount, last: Amount, text: str) -> bool:
    plain = first.value.isdigit() and last.value.isdigit() and int(first.value) < int(last.value)
    if not plain or first.unit not in {"", last.unit} or first.is_aside or last.is_aside:
        return False
    before, between = text[max(0, first.start - 9) : first.start], text[first.end : last.start]
    if _BETWEEN.search(before):
        return bool(_BETWEEN_AND.fullmatch(between))
    return bool(_RANGE.fullmatch(between)) and not _FROM.search(before)


def _every_other(text: str) -> Iterator[Amount]:
    """ "Every other day" is every two days."""
    for match in _EVERY_OTHER.finditer(text):
        yield Amount("2", unit_of(match[1].casefold()), match.start(), match.end())


def _once(text: str) -> Iterator[Amount]:
    """That what is daily, or "once", happens one time; more often is said by another amount."""
    for match in _DAILY.finditer(text):
        yield Amount(
            "1", "times", match.start(), match.end(), is_aside=not _ONE_DAILY.match(match.group())
        )


def rates(text: str) -> frozenset[str]:
    """The stretches of time that something is counted in: "three a week", "weekly", "פעם בחודש"."""
    return frozenset(_period(match) for match in _RATE.finditer(text))


def rate_at(text: str, start: int, end: int) -> str:
    """The one of them that a stretch of the text is part of, or holds; empty if none."""
    found = (one for one in _RATE.finditer(text) if one.start() < end and start < one.end())
    return next(map(_period, found), "")


def _period(match: re.Match[str]) -> str:
    word = normalise(match["en"] or match["adverb"] or match["slash"] or match["he"])
    return (
        "day"
        if word in {"daily", "night", "nightly", "evening", "d"}
        else unit_of(word.removesuffix("ly"))
    )


def unit_of(word: str) -> str:
    """The canonical unit a word in normal form names; empty if it names none."""
    return _UNITS.get(word, "")


def is_number_word(word: str) -> bool:
    """Whether a word in normal form is a number, or says two of a unit."""
    return any(form in _VALUES or form in _DUALS or form in _ONE for form in _rests(word))


def _read(match: re.Match[str], text: str) -> Iterator[Amount]:
    first, second, join = _plain(match["first"]), match["second"], match["join"]
    unit = _unit(match["unit"] or "")
    if not second and _is_age(match, text):
        yield Amount(first, AGE, match.start("first"), match.end("first"))
        return
    start, end = match.start("first"), match.end("first")
    if _TIMES_BEFORE.search(text, max(0, start - 2), start) and not second:
        unit = unit or "times"
    if not second:
        alone = not unit and bool(_LISTED.search(text[max(0, start - 4) : start]))
        yield Amount(first, unit, start, end, may_be_age=alone)
        return
    other, last = _plain(second), match.end("third") if match["third"] else match.end("second")
    if match["third"]:
        yield Amount(f"{first}{join}{other}{join}{_plain(match['third'])}", "", start, last)
    elif join in _OVER:
        yield Amount(f"{first}/{other}", "" if unit in {"times"} else unit, start, last)
    elif join == ":":
        yield Amount(first if other in {"0", "00"} else f"{first}:{other}", "", start, last)
    elif join in "xX×":
        yield Amount(first, "" if unit else "set", start, end)
        yield Amount(other, unit or "rep", match.start("second"), match.end("second"))
    else:
        is_arrow = join.endswith(_ARROWS)
        is_course = is_arrow or (
            join in {"to", "עד"} and bool(_FROM.search(text, max(0, start - 8), start))
        )
        if not is_course:
            yield Amount(f"{first}-{other}", unit, start, last)
        if is_course or join in {"to", "עד"}:
            yield Amount(first, unit, start, end, is_aside=not is_course)
            yield Amount(
                other, unit, match.start("second"), match.end("second"), is_aside=not is_course
            )


def _plain(figure: str) -> str:
    number = Decimal(figure.replace(",", ""))
    return format(number.normalize(), "f") if number else "0"


def _is_age(match: re.Match[str], text: str) -> bool:
    start, end = match.span("first")
    before = text[max(0, start - 12) : start]
    return bool(_AGE_BEFORE.search(before) or _AGE_BEHIND.match(text, end))


def _unit(word: str) -> str:
    return _UNITS.get(normalise(word), "")


def _spelled(text: str) -> Iterator[Amount]:
    said = words(text)
    place = 0
    while place < len(said):
        value, unit, used = _spelled_at(said, place)
        if value:
            yield Amount(value, unit, said[place].start, said[place + used - 1].end)
        place += max(1, used)


def _spelled_at(said: list[Word], place: int) -> tuple[str, str, int]:
    """The value, unit and number of words of a number in words here; nothing if there is none."""
    dual = next((_DUALS[rest] for rest in _rests(said[place].text) if rest in _DUALS), "")
    if dual:
        return "2", dual, 1
    after = _text(said, place + 1)
    if said[place].text in _HALVES:
        is_hour = "hour" in {unit_of(_text(said, place + further)) for further in (1, 2, 3)}
        return (_HALVES[said[place].text], "minute", 1) if is_hour else ("", "", 1)
    if said[place].text in _ONE and after in _TEEN:
        return "11", unit_of(_text(said, place + 2)), 2
    if said[place].text in _ONE:
        return _one(said, place, after)
    return _counted(said, place, after)


def _one(said: list[Word], place: int, after: str) -> tuple[str, str, int]:
    """ "One" is a number where a unit stands beside it; in Hebrew before it: "שעה אחת"."""
    unit = unit_of(after) or (unit_of(_text(said, place - 1)) if place else "")
    return (
        ("1", unit, 1) if unit and unit != "times" and said[place].text != "once" else ("", "", 1)
    )


def _counted(said: list[Word], place: int, after: str) -> tuple[str, str, int]:
    value = _value(said[place].text)
    is_second = place > 0 and said[place - 1].text in _SECOND_DAY
    is_both = after[:1] == "ה" or bool(re.fullmatch(PAIRED, after))  # "שני ההורים", "שתי כתפיו"
    if not value or (value == 2 and (is_second or is_both)):
        return "", "", 1
    used, small = 1, _value(after)
    if value < 10 and after in _TEEN:
        value, used = value + 10, 2
    elif 20 <= value < 100 and 0 < small < 10:
        value, used = value + small, 2
    unit = unit_of(_text(said, place + used))
    at = place + used + bool(unit)
    if half := _half_more(said, at):
        return f"{value}.5", unit or unit_of(_text(said, at + half)), at + half - place
    return str(value), unit, used


def _half_more(said: list[Word], place: int) -> int:
    """How many words say "and a half" here."""
    fitting = (
        len(more)
        for more in _HALF_MORE
        if tuple(_text(said, place + further) for further in range(len(more))) == more
    )
    return next(fitting, 0)


def _value(word: str) -> int:
    return next((_VALUES[rest] for rest in _rests(word) if rest in _VALUES), 0)


def _rests(word: str) -> Iterator[str]:
    if word and word[0] in "ובלמכ" and word[1:] in _VALUES:  # כשש is "about six"
        yield word[1:]
    yield from rests(word) if word and not word.isascii() else (word,)


def _text(said: list[Word], place: int) -> str:
    return said[place].text if 0 <= place < len(said) else ""
