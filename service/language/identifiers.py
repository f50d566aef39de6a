"""Numbers and addresses that say who somebody is, and not when or how much: telephones, e-mail, ids, accounts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.language.text import ACCENTS, CONTROLS, HEBREW, MARKS

LEAST_DIGITS = 7  # What is shorter names nobody by itself: a year, a dose, a score, a house.
_HOME = "972"

_BLANKS = " \\t\u00a0\u2007\u2009\u202f"
_DASHES = "\\-\u2010-\u2015\u05be\u2212"
_PARTED = rf"[{_BLANKS}{CONTROLS}{_DASHES}.()]{{0,4}}"
_SPACED = rf"[{_BLANKS}{CONTROLS}]{{0,2}}"
_TO = rf"{_SPACED}[{_DASHES}]{_SPACED}"
_ENDED = r"(?!\d)"

# Letters and digits stuck to a number belong to it: they would stick to the pseudonym.
_STICKS = re.compile(rf"[^\W{HEBREW}]")
_MAY_STICK = re.compile(rf"[^\W{HEBREW}]|[{MARKS}{ACCENTS}]")
_STUCK = re.compile(rf"[{MARKS}{ACCENTS}@]*[^\W{HEBREW}]")

# A Hebrew prefix before an address is no part of it, unless the address itself is Hebrew. Every pattern begins where
# nothing of the like stands before, or the time would grow with the square of a text.
_SIGNS = ".+%'-"
_LOCAL = rf"(?<![^\W{HEBREW}])(?<![{_SIGNS}])(?:[^\W{HEBREW}]|[{_SIGNS}])+"
_HEBREW_LOCAL = rf"(?<![\w{_SIGNS}])[\w{_SIGNS}]*[{HEBREW}]"
_HOST = rf"(?:[^\W{HEBREW}]|-)+(?:\.(?:[^\W{HEBREW}]|-)+)+|[\w-]+(?:\.[\w-]+)+"
_EMAIL = re.compile(rf"(?:{_LOCAL}|{_HEBREW_LOCAL})(?:@(?:{_HOST}))+")
_HEX = "[0-9A-Fa-f]"
_UUID = re.compile(
    rf"(?<![^\W{HEBREW}]){_HEX}{{8}}(-?)(?:{_HEX}{{4}}\1){{3}}{_HEX}{{12}}(?![^\W{HEBREW}])"
)

_RUN = re.compile(rf"\d(?:[{_BLANKS}{CONTROLS}{_DASHES}./()]{{0,5}}\d)*")
"""Digits with what may stand inside a number: one, or many."""
_GROUP = re.compile(r"\d+")

_YEAR = r"(?:19|20)\d\d"
_ONE = r"(?:0?[1-9]|[12]\d|3[01])"  # A day or a month.
_OF = rf"(?:[{_DASHES}]|{_SPACED}[./]{_SPACED})"
_DATE = rf"(?:{_YEAR}{_OF}{_ONE}{_OF}{_ONE}|{_ONE}{_OF}{_ONE}{_OF}(?:{_YEAR}|\d\d)){_ENDED}"
_DAY = rf"{_ONE}[./]{_ONE}{_ENDED}"
_MONTH = rf"{_ONE}[./]{_YEAR}{_ENDED}"
_DATES = re.compile(
    rf"(?:{_ONE}(?:[./]{_ONE})?{_TO})?{_DATE}(?:{_TO}(?:{_DATE}|{_DAY}))?(?![./{_DASHES}]?\d)"
    rf"|{_MONTH}{_TO}{_MONTH}(?![./{_DASHES}]?\d)"
    rf"|{_DAY}(?![./{_DASHES}]\d)"
)
_PAIR = r"\d{1,4}[./]\d{1,3}"  # A decimal, or a blood pressure.
_PAIRS = re.compile(rf"{_PAIR}{_TO}{_PAIR}(?![./{_DASHES}]?\d)")

_AREA = r"(?:[57]\d|[23489])"
_SIZES = ("34", "322", "223", "232", "43", "1222", "133", "1111111")
_SEVEN = "|".join(_PARTED.join(rf"\d{{{size}}}" for size in sizes) for sizes in _SIZES)
_SIX = "|".join(_PARTED.join(rf"\d{{{size}}}" for size in sizes) for sizes in ("33", "222"))
_ABROAD = r"(?:\+|00)"
_TELEPHONE = re.compile(
    rf"(?:{_ABROAD}?{_HOME}{_PARTED}(?:0{_PARTED})?|0){_AREA}(?:/|{_PARTED})(?:{_SEVEN}){_ENDED}"
    rf"|{_ABROAD}?{_HOME}{_PARTED}(?:0{_PARTED})?[23457-9](?:{_PARTED}\d){{7,8}}{_ENDED}"
    rf"|{_ABROAD}1(?:{_PARTED}\d){{10}}{_ENDED}"
    rf"|{_ABROAD}[1-9](?:{_PARTED}\d){{7,14}}{_ENDED}"
    rf"|0(?!\.)(?:[{_DASHES}.]?\d){{8,9}}{_ENDED}"
    rf"|0(?:[{_BLANKS}]\d){{8,9}}{_ENDED}"
    rf"|1{_PARTED}(?:[78]00|599|80[19]){_PARTED}(?:{_SIX}){_ENDED}"
)
_CHECK_DIGIT = re.compile(rf"\d{{8}}{_SPACED}[{_DASHES}/]?{_SPACED}\d{_ENDED}")
_JOINED = re.compile(rf"\d+(?:[{CONTROLS}]?[{_DASHES}./][{CONTROLS}]?\d+)+")
_BLOCKS = re.compile(
    rf"\d{{3,}}(?:[{_BLANKS}{_DASHES}]\d{{3,}}){{1,12}}(?:[{_BLANKS}{_DASHES}]\d{_ENDED})?"
)
_SPACED_ID = re.compile(rf"\d{{2}}(?:[{_BLANKS}]\d{{3}}){{2}}[{_BLANKS}]\d{_ENDED}")
_LONG = re.compile(rf"\d{{{LEAST_DIGITS},}}")

_UNIT = re.compile(
    rf"{_SPACED}(?:(?:mg|mcg|g|kg|ml|iu|units?|kcal|cal|calories|steps|ms|m|km|dollars|nis|shekels|euros)\b|[%$₪€]"
    r"|(?:מ\"ג|מ״ג|יחידות|יח'|קלוריות|צעדים|ש\"ח|ש״ח|שקל|שקלים|דולר|יורו)(?!\w))",
    re.IGNORECASE,
)
_CURRENCY = "$₪€"


@dataclass(frozen=True, slots=True, repr=False)
class Identifier:
    """Where one stands, in code points, and `same`: what all writings of it share."""

    start: int
    end: int
    same: str


def identifiers(text: str) -> list[Identifier]:
    """Those of a text, in order, none inside another."""
    apart: list[Identifier] = []
    for one in sorted((*_addresses(text), *_numbers(text)), key=lambda one: one.start):
        if apart and one.start <= apart[-1].end:  # Two that touch are hidden as one.
            start, end = apart[-1].start, max(apart.pop().end, one.end)
            one = Identifier(start, end, text[start:end])
        apart.append(one)
    return apart


def _addresses(text: str) -> Iterator[Identifier]:
    for match in _EMAIL.finditer(text) if "@" in text else ():
        written = match.group().lstrip(_SIGNS)
        yield Identifier(match.end() - len(written), match.end(), written.casefold())
    for match in _UUID.finditer(text):
        yield Identifier(*match.span(), match.group().casefold().replace("-", ""))


def _numbers(text: str) -> Iterator[Identifier]:
    reached = 0
    for run in _RUN.finditer(text):
        if _length(run.group()) < LEAST_DIGITS:
            continue
        for start, end in _within(text, *run.span()):
            if end > reached:
                found = _widened(text, max(start, reached), end)
                reached = found.end
                yield found


def _within(text: str, start: int, limit: int) -> Iterator[tuple[int, int]]:
    while group := _GROUP.search(text, start, limit):
        start = group.end()
        if _is_part_of_amount(text, group):
            continue
        begin = group.start() - text.endswith("+", 0, group.start())
        if end := _end_of_number(text, begin, group.start()):
            yield begin - _opens(text, begin, end), end
            start = end
        else:
            start = max(start, _end_of_amount(text, group.start()))


def _opens(text: str, start: int, end: int) -> bool:
    """Whether the bracket before it is closed inside it."""
    inside = text[start:end]
    return text.endswith("(", 0, start) and inside.count(")") > inside.count("(")


def _is_part_of_amount(text: str, group: re.Match[str]) -> bool:
    """Whether it is the last of "1,500,000"."""
    before = text[max(0, group.start() - 2) : group.start()]
    return len(group.group()) == 3 and before[:1].isdigit() and before[1:] == ","


def _end_of_number(text: str, begin: int, start: int) -> int:
    """Where the identifier ends whose digits begin at `start`, or at `begin` with a plus; 0 if there is none."""
    if _DATES.match(text, start) or _PAIRS.match(text, start):
        return 0
    if match := _TELEPHONE.match(text, begin):
        return match.end()
    if match := _CHECK_DIGIT.match(text, start):
        return match.end()
    if match := _JOINED.match(text, start):
        return match.end() if _is_joined(match) else 0
    for pattern, judge in _JUDGED:
        if (match := pattern.match(text, start)) and judge(match):
            return match.end()
    return 0


def _end_of_amount(text: str, start: int) -> int:
    """Where the date, range or ratio that begins there ends; 0 for a mere number."""
    for pattern in (_DATES, _PAIRS, _JOINED):
        if match := pattern.match(text, start):
            return match.end()
    return 0


def _is_joined(match: re.Match[str]) -> bool:
    """An account, a plate, an id; not years, a range, a ratio or a row of measures."""
    groups = _GROUP.findall(match.group())
    if _length(match.group()) < LEAST_DIGITS or _is_row(groups):
        return False
    joints = set(re.sub(rf"[\d{CONTROLS}]", "", match.group()))
    if joints == {"/"}:
        return len(groups[-1]) >= 6
    if len(groups) > 2:
        return True
    return len(groups[0]) >= LEAST_DIGITS if joints == {"."} else not _is_range(match, groups)


def _is_row(groups: Sequence[str]) -> bool:
    """2019-2024, 100-120-140, 12-10-10-8."""
    years = all(re.fullmatch(_YEAR, one) for one in groups)
    short = len(groups) > 2 and all(len(one) <= 2 for one in groups)
    return years or short or _is_round(groups)


def _is_round(groups: Sequence[str]) -> bool:
    return groups[0][0] != "0" and all(len(one) <= 5 and one[-1] == "0" for one in groups)


def _is_range(match: re.Match[str], groups: Sequence[str]) -> bool:
    """1250-1500 mg."""
    low, high = groups
    return low[0] != "0" and (len(low), low) < (len(high), high) and _is_measured(match)


def _is_measured(match: re.Match[str]) -> bool:
    before = match.string[: match.start()].rstrip()[-1:]
    return bool(_UNIT.match(match.string, match.end())) or (before != "" and before in _CURRENCY)


def _is_in_blocks(match: re.Match[str]) -> bool:
    groups = _GROUP.findall(match.group())
    return _length(match.group()) >= LEAST_DIGITS and not _is_row(groups)


def _is_checked(match: re.Match[str]) -> bool:
    """Whether the last digit is right for an Israeli id: "12 345 678 2" is none by its shape alone."""
    digits = _digits(match.group())
    doubled = (int(one) * (1 + place % 2) for place, one in enumerate(digits))
    return sum(one - 9 * (one > 9) for one in doubled) % 10 == 0


def _is_long(match: re.Match[str]) -> bool:
    return match.group()[0] == "0" or not _is_measured(match)


_JUDGED = (
    (_BLOCKS, _is_in_blocks),
    (_SPACED_ID, _is_checked),
    (_LONG, _is_long),
)


def _widened(text: str, start: int, end: int) -> Identifier:
    first, last = _first_stuck(text, start), end
    while stuck := _STUCK.match(text, last):
        last = stuck.end()
    alone = (first, last) == (start, end)
    return Identifier(first, last, _same_number(text[start:end]) if alone else text[first:last])


def _first_stuck(text: str, start: int) -> int:
    first = at = start
    while at and _MAY_STICK.match(text, at - 1):
        at -= 1
        first = at if _STICKS.match(text, at) else first
    return first


def _same_number(written: str) -> str:
    """The digits; of a telephone as it is dialled at home."""
    digits = _digits(written)
    digits = digits[2:] if digits.startswith("00") and len(digits) > 10 else digits
    home = digits.removeprefix(_HOME).lstrip("0")
    is_home = digits.startswith(_HOME) and len(home) in {8, 9}
    return f"0{home}" if is_home else digits


def _digits(written: str) -> str:
    return "".join(str(int(one)) for one in written if one.isdecimal())


def _length(written: str) -> int:
    return sum(map(str.isdecimal, written))
