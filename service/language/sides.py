"""Left and right, as questions and notes write them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.language.text import Word

Side = Literal["left", "right", "both"]

# Words between a side and what it is the side of: "pain on the L, at the knee". Who is further off is another's.
REACH = 3
_HE = r"(?<!\w)[ושכבלמה]{0,3}"
# One letter is a side where it stands alone: not in "R/v" (review), "L4-5", "2 L" or "r/o".
_LETTER = r"(?<![\w/])(?<!\d\s)(?<!['’]){}(?![\w/'’])"
# Of these everybody has two.
PAIRED = "(?:כתפ|ברכ|יד|רגל|עינ|אוזנ|ירכ|קרסול|מרפק)(?:יו|יה|יהם|יהן)"
_PAIRED = "(?:knees|shoulders|hands|arms|legs|feet|ankles|wrists|elbows|hips|ears|eyes|sides|thighs|heels|calves)"
# "Denied both pain and fever" says no side; "both knees ache and swell" does.
_BOTH_AND = (
    rf"\bboth\b(?!\s(?!(?:(?:of|the|his|her|their)\s)*{_PAIRED}\b)(?:[\w'’-]+\s){{1,4}}and\s)"
)
_SIDES = re.compile(
    rf"(?P<both>{_BOTH_AND}|\bbilat\w*|(?<![\w/])(?:b/l|r/l|l/r)(?![\w/])"
    rf"|{_HE}דו[\s־-]?צדדי\w*|{_HE}שני\s+ה?צדדים(?!\w)|(?<!\w)[ובלמ]?(?:שתי|שני)(?=\s+(?:ה|{PAIRED}(?!\w))))"
    rf"|(?P<wide>{_HE}צד\s+)?(?:"
    rf"(?P<left>\bleft\b|{_LETTER.format('(?:l|lt)')}|{_HE}(?:שמאל|שמאלי|שמאלית|שמאלה)(?!\w))"
    rf"|(?P<right>\bright\b|{_LETTER.format('(?:r|rt)')}|{_HE}(?:ימין|ימני|ימנית|ימינה)(?!\w)))"
    r"(?P<side>\s+side\b)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SideSaid:
    """A side that a text says with its words `start` up to `end`."""

    side: Side
    start: int
    end: int
    leads: bool
    """It stands before what it is the side of, as in English: "R knee", "ברך ימין"."""

    is_wide: bool
    """Said as "right side", which may stand far from it."""

    def distance(self, place: int) -> tuple[int, bool]:
        """How far a word is; of two as far, the one on the side where a noun belongs is nearer."""
        before = place < self.start
        return (self.start - place if before else place - self.end + 1), before == self.leads


def sides(text: str, words: Sequence[Word]) -> list[SideSaid]:
    """The sides a text says, in order; `words` are the text's own, and what is none of them is no side."""
    found = (_said(match, words) for match in _SIDES.finditer(text))
    return [one for one in found if one is not None]


def side_at(place: int, said: Sequence[SideSaid]) -> Side | None:
    """The side of the word there: the nearest one, if any is near enough."""
    near = [one for one in said if one.is_wide or one.distance(place)[0] <= REACH]
    return min(near, key=lambda one: one.distance(place)).side if near else None


def _said(match: re.Match[str], words: Sequence[Word]) -> SideSaid | None:
    inside = [
        place
        for place, word in enumerate(words)
        if match.start() < word.end and word.start < match.end()
    ]
    if not inside:
        return None
    side: Side = "both" if match["both"] else "left" if match["left"] else "right"
    leads = match.group().isascii() or side == "both"
    is_wide = bool(match["wide"] or match["side"])
    return SideSaid(side, inside[0], inside[-1] + 1, leads, is_wide)
