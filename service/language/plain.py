"""The copy of a text that models read: what says nothing to a reader is gone, what he sees stays.

Not NFKC as a whole: that makes "10²" a "102" and "1½" an "11⁄2". Citations keep to the original; whoever compares what
a model wrote with a note lays `plain` over both.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Insides of character classes. Controls, zero-width, bidi, tags and variation selectors: a reader sees none of them,
# a model reads them all (https://www.unicode.org/reports/tr36/, and U+E0000.. for whole hidden messages).
_UNSEEN = (
    "\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_LINE_ENDS = "\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
_BLANKS = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
# The same letters in another shape: ligatures, Hebrew presentation forms, full width, mathematical alphabets.
_FORMS = "\ufb00-\ufb06\ufb1d-\ufb4f\uff01-\uff5e\uffe0-\uffe6\U0001d400-\U0001d7ff"
_HALVES = "\ud800-\udfff"  # Of a pair of surrogates: no encoding carries one.

_UNSEEN_ONE = re.compile(f"[{_UNSEEN}]")
_UNSEEN_RUN = re.compile(f"[{_UNSEEN}]+")
# Of a model's own vocabulary, as "<|im_end|>" or "</s>": some servers read these in any text that they are given.
# "BP < 120" and "<3" are none.
_OPENS = rf"(?:<|\uff1c)(?=[{_UNSEEN}]*[|\uff5c<\uff1c/!A-Za-z\uff21-\uff3a\uff41-\uff5a])"
_CHANGED = re.compile(
    rf"\r\n|{_OPENS}|[{_LINE_ENDS}]|[{_BLANKS}]|[{_FORMS}]|[{_HALVES}]|[{_UNSEEN}]+"
)
# One class alone, which goes over a text ten times as fast as the ways to change it: most texts hold none of it.
_MAY_CHANGE = re.compile(f"[<\uff1c{_LINE_ENDS}{_BLANKS}{_FORMS}{_HALVES}{_UNSEEN}]")
_LINE = re.compile(f"[{_LINE_ENDS}]")
_BLANK = re.compile(f"[{_BLANKS}]")
_FORM = re.compile(f"[{_FORMS}]")


@dataclass(frozen=True, slots=True)
class Copied:
    """The copy of a text; `places[i]` is where its i-th code point stood, and the last one is the text's length."""

    text: str
    places: Sequence[int]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original a stretch of the copy stood; `start < end`."""
        return self.places[start], self.places[end - 1] + 1


def plain(text: str) -> str:
    """The copy alone. Twice is as once."""
    return _CHANGED.sub(_instead, text) if _MAY_CHANGE.search(text) else text


def parted(text: str) -> str:
    """The text with a blank for each run of what a reader does not see: it may part words."""
    return _UNSEEN_RUN.sub(" ", text)


def copied(text: str) -> Copied:
    """The copy, with the way back."""
    pieces, places = list[str](), list[int]()
    for piece, start, kept in _pieces(text):
        pieces.append(piece)
        places += range(start, start + len(piece)) if kept else [start] * len(piece)
    return Copied("".join(pieces), [*places, len(text)])


def _pieces(text: str) -> Iterator[tuple[str, int, bool]]:
    """What the copy is made of, with its place, and whether it stands there as it is."""
    end = 0
    for found in _CHANGED.finditer(text):
        yield text[end : found.start()], end, True
        yield _instead(found), found.start(), False
        end = found.end()
    yield text[end:], end, True


def _instead(found: re.Match[str]) -> str:
    one = found.group()
    if one in {"<", "\uff1c"}:
        return "< "
    if _LINE.match(one):
        return "\n"
    if _BLANK.match(one):
        return " "
    if _FORM.match(one):
        return unicodedata.normalize("NFKC", one)
    return "" if _UNSEEN_ONE.match(one) else "\ufffd"
