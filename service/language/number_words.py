"""Numbers that are written in words, Hebrew and English."""

import re
from collections.abc import Iterator

from service.language.hebrew import rests
from service.language.sides import PAIRED
from service.language.text import Word, normalise, words
from service.language.units import unit_of

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
_HALF_MORE = (("and", "a", "half"), (normalise("וחצי"),))


def is_number_word(word: str) -> bool:
    """Whether a word in normal form is a number, or says two of a unit."""
    return any(form in _VALUES or form in _DUALS or form in _ONE for form in _rests(word))


def in_words(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Each number in words: its value in figures, its unit (empty if none), and where it starts and ends."""
    said = words(text)
    place = 0
    while place < len(said):
        value, unit, used = _spelled_at(said, place)
        if value:
            yield value, unit, said[place].start, said[place + used - 1].end
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
