"""Where the sentences of a note begin and end."""

import re

from service.language.text import normalise

# Forms a full stop may follow without ending a sentence, in their normal form.
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\w+",
        """dr mr mrs ms prof st vs eg ie etc approx no fig pt hx dx rx tx wk mo yr yrs mg ml
        דר פרופ גב מר עמ מס טל רח שד אינג""",
    )
)
# These also end sentences often, so a capital letter after them does end one.
_SOFT = frozenset({"etc", "wk", "mo", "yr", "yrs", "mg", "ml", "pt", "no"})

# A run of marks is looked at once, from its first: 5,000 question marks took 0.4 s.
_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’״)\]]*(?=\s)|\n+|\r+|[\u2028\u2029]")
_BULLET = re.compile(r"[ \t]*(?:[-–—*•·●▪◦‣]+|\d{1,3}[.)]|[א-ת][.)])[ \t]+")
_LIST_NUMBER = re.compile(r"(?:^|[.!?:;,])\s*(?:\d{1,2}|[א-ת])$")
_LOOK_BACK = 40  # Code points before a full stop that decide what it is; longer "words" are none.


def sentences(text: str, start: int = 0) -> list[tuple[int, int]]:
    """Spans of the sentences, in order, in code points, trimmed: never blank, never overlapping.

    A line break, a bullet and a list number begin a sentence and stay outside it; what no span covers is
    white space or such a mark. With `start`, the end of one of them, only those behind it.
    """
    spans = []
    for end in [*_ends(text, start), len(text)]:
        if span := _trimmed(text, start, end):
            spans.append(span)
        start = end
    return spans


def around(text: str, start: int, end: int, *, neighbours: int = 0) -> tuple[int, int]:
    """From the first sentence that a stretch touches to the last, with so many beside; itself where it touches none."""
    places = sentences(text)
    touched = [n for n, (s, e) in enumerate(places) if s < end and e > start]
    if not touched:
        return start, end
    near = places[max(0, touched[0] - neighbours) : touched[-1] + 1 + neighbours]
    return near[0][0], near[-1][1]


def _ends(text: str, start: int) -> list[int]:
    return [match.end() for match in _END.finditer(text, start) if _is_end(text, match)]


def _is_end(text: str, match: re.Match[str]) -> bool:
    following = _after(text, match.end())
    if match.group() in {"...", "…"}:
        return not following.islower()
    if match.group() != ".":
        return True
    line = text[
        max(text.rfind("\n", 0, match.start()) + 1, match.start() - _LOOK_BACK) : match.start()
    ]
    if _LIST_NUMBER.search(line):
        return False
    word = normalise(line.rpartition(" ")[2].lstrip("([").replace(".", ""))
    return not _keeps_going(word, following)


def _after(text: str, end: int) -> str:
    """The next character that is no blank on this line; empty at the end of the text."""
    while end < len(text) and text[end] in " \t":
        end += 1
    return text[end : end + 1]


def _keeps_going(word: str, following: str) -> bool:
    """Whether a full stop after this word is part of it: an abbreviation or an initial."""
    if following in {"", "\n", "\r"}:
        return False
    if word in _SOFT:
        return following.islower() or following.isdigit()
    initial = len(word) == 1 and word.isalpha()
    return initial or word in _ABBREVIATIONS


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span without bullets and white space around it; None when nothing with a letter or digit is left."""
    while bullet := _BULLET.match(text, start, end):
        start = bullet.end()
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
