"""Numbers that are written in words, Hebrew and English."""

import re
from collections.abc import Iterator

from service.language.hebrew import rests
from service.language.sides import PAIRED
from service.language.text import Word, normal_forms, normalise, words
from service.language.units import counted_unit, unit_of

_WAYS = """
1 one אחת אחד
2 two שתיים שניים שתי שני שתים
3 three שלוש שלושה שלושת
4 four ארבע ארבעה ארבעת
5 five חמש חמישה חמשה חמשת חמישת
6 six שש שישה ששה ששת שישת
7 seven שבע שבעה שבעת
8 eight שמונה שמונת
9 nine תשע תשעה תשעת
10 ten עשר עשרה עשרת
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
200 מאתיים
1000 thousand אלף
2000 אלפיים
"""
NUMBERS = {
    way: int(line.split()[0]) for line in _WAYS.strip().splitlines() for way in line.split()[1:]
}
"""What each word for a number says, as it is written. How several make one number, `in_words` knows."""

_VALUES = {normalise(way): value for way, value in NUMBERS.items() if value > 1}
_ONE = normal_forms("one single אחד אחת once")
_AND_ONE = normal_forms("one ואחד ואחת")
_TEEN = normal_forms("עשרה עשר")
_TWO_OF_TWELVE = normalise("שנים")  # By itself it is "years".
_SCALES = {
    normalise(way): value
    for way, value in (
        *(("hundred", 100), ("מאות", 100)),
        *(("thousand", 1000), ("אלף", 1000), ("אלפים", 1000)),
    )
}
_BEHIND_ONE = _TEEN | _SCALES.keys()  # With these it is eleven, or one hundred.
_DUALS = {
    normalise(word): unit
    for word, unit in (
        *(("שעתיים", "hour"), ("יומיים", "day"), ("שבועיים", "week"), ("חודשיים", "month")),
        *(("שנתיים", "year"), ("פעמיים", "times"), ("twice", "times"), ("fortnight", "week")),
    )
}
_HALVES = {"half": "30", "quarter": "15", normalise("חצי"): "30", normalise("רבע"): "15"}
_SECOND_DAY = normal_forms("יום ביום בימי")
_HALF_MORE = (("and", "a", "half"), (normalise("וחצי"),))


def is_number_word(word: str) -> bool:
    """Whether a word in normal form is a number, or says two of a unit."""
    return any(
        form in _VALUES or form in _DUALS or form in _ONE or form in _SCALES
        for form in _rests(word)
    )


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
        half = _half_more(said, place + 1)
        return "2.5" if half else "2", dual, 1 + half
    after = _text(said, place + 1)
    if said[place].text in _HALVES:
        is_hour = "hour" in {unit_of(_text(said, place + further)) for further in (1, 2, 3)}
        return (_HALVES[said[place].text], "minute", 1) if is_hour else ("", "", 1)
    if said[place].text in _ONE and after not in _BEHIND_ONE:
        return _one(said, place, after)
    return _counted(said, place, after)


def _one(said: list[Word], place: int, after: str) -> tuple[str, str, int]:
    """ "One" is a number where a unit stands beside it; in Hebrew before it: "שעה אחת"."""
    unit = unit_of(after) or (unit_of(_text(said, place - 1)) if place else "")
    return (
        ("1", unit, 1) if unit and unit != "times" and said[place].text != "once" else ("", "", 1)
    )


def _counted(said: list[Word], place: int, after: str) -> tuple[str, str, int]:
    value, used = _number(said, place)
    is_second = place > 0 and said[place - 1].text in _SECOND_DAY
    is_both = after[:1] == "ה" or bool(re.fullmatch(PAIRED, after))  # "שני ההורים", "שתי כתפיו"
    if not value or (value == 2 and (is_second or is_both)):
        return "", "", 1
    unit = counted_unit(_text(said, place + used))
    at = place + used + bool(unit)
    if half := _half_more(said, at):
        return f"{value}.5", unit or unit_of(_text(said, at + half)), at + half - place
    return str(value), unit, used


def _number(said: list[Word], place: int) -> tuple[int, int]:
    """The number that words from here on make, and how many they are: "two hundred and ten", "מאה עשרים ואחת"."""
    value, used = _below_hundred(said, place)
    while value and (scale := _SCALES.get(_text(said, place + used), 0)):
        value, used = value * scale, used + 1
    if value < 100:
        return value, used
    at = place + used + (_text(said, place + used) == "and")
    more, further = _number(said, at) if _goes_on(said, at) else (0, 0)
    if 0 < more < (100 if value % 1000 else 1000):
        return value + more, at + further - place
    return value, used


def _below_hundred(said: list[Word], place: int) -> tuple[int, int]:
    """The same of what stands before a hundred or a thousand, or by itself; 100 and more where one word says it."""
    word, after = _text(said, place), _text(said, place + 1)
    value = 1 if word in _ONE and after in _BEHIND_ONE else _value(word)
    if word == _TWO_OF_TWELVE and after in _TEEN:
        value = 2
    if 0 < value < 10 and after in _TEEN:
        return value + 10, 2
    small = _value(after) or int(after in _AND_ONE)
    if 20 <= value < 100 and 0 < small < 10 and _goes_on(said, place + 1):
        return value + small, 2
    return value, 1


def _goes_on(said: list[Word], place: int) -> bool:
    """Whether a word continues the number before it: "twenty-one", "שלושים וחמש"; but neither "twenty, one of them" nor
    "מעשרים לחמש", which is from one to another."""
    word = _text(said, place)
    is_plain = word in _AND_ONE or word in _VALUES or word.removeprefix("ו") in _VALUES
    return 0 < place < len(said) and is_plain and said[place].start - said[place - 1].end <= 1


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
    yield from rests(word)


def _text(said: list[Word], place: int) -> str:
    return said[place].text if 0 <= place < len(said) else ""
