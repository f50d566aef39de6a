"""Bounds of what a text counts: at least so much, at most so much."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from service.language.amounts import Amount

End = Literal["least", "most"]
_OTHER: dict[End, End] = {"least": "most", "most": "least"}


@dataclass(frozen=True, slots=True)
class Bound:
    """That there is no less or no more than so much: `text[start:end]` says it."""

    end_of: End
    amount: Amount | None
    """What it bounds; None where it bounds no number: "at least partly"."""
    start: int
    end: int
    is_aside: bool = False
    """It may only say how far: "squats to 60 degrees". It answers a claim and makes none."""


def _hebrew(ways: str) -> str:
    return rf"(?<![א-ת])ו?(?:{ways})(?![א-ת])"


_ALWAYS: dict[End, str] = {
    "least": r"\bat least\b|\bat a minimum\b|\bminimum\b|" + _hebrew("לפחות|לכל הפחות|מינימום"),
    "most": r"\bat most\b|\bmaximum\b|" + _hebrew("לכל היותר|מקסימום"),
}
"""What bounds whatever stands beside it."""
_BEFORE: dict[End, str] = {
    "least": r"\b(?:no less than|no fewer than|not less than|more than|longer than|over|above|beyond"
    r"|exceed(?:s|ed|ing)?|upwards of)\s|(?<![א-ת])(?:לא פחות מ|יותר מ|למעלה מ|מעל(?:\sל)?)|[>≥]",
    "most": r"\b(?:no more than|not more than|not longer than|less than|fewer than|shorter than|under|below)\s"
    r"|(?<![א-ת])(?:לא יותר מ|פחות מ|מתחת ל)|[<≤]",
}
"""What bounds a number right behind it; elsewhere it says something else: "over the weekend", "until Sunday"."""
_BEHIND: dict[End, str] = {
    "least": r"\+|\s(?:or|and) more\b|\s(?:או יותר|ומעלה)(?![א-ת])",
    "most": r"\s(?:or|and) (?:less|fewer)\b|\s(?:או פחות|ומטה)(?![א-ת])",
}
_AS_FAR_AS: dict[End, str] = {"most": r"\b(?:up )?to\s|(?<![א-ת])עד\s"}
_SAID = [
    (end, re.compile(pattern, re.IGNORECASE), place)
    for ways, place in (
        (_ALWAYS, "beside"),
        (_BEFORE, "before"),
        (_BEHIND, "behind"),
        (_AS_FAR_AS, "aside"),
    )
    for end, pattern in ways.items()
]
_NOT = re.compile(
    r"\b(?:no|not|never|avoid(?:s|ing|ed)?|without|cannot|can't|don't|doesn't|didn't)\b"
    r"|(?<![א-ת])[ולש]?(?:לא|בלי|ללא|אין|אסור|להימנע|נמנע|נמנעת|הימנעות)(?![א-ת])",
    re.IGNORECASE,
)
_LITTLE = re.compile(r"[\s-]*(?:(?:about|a|an|the)\s)?[הבכלמ]?-?")
_UNIT = re.compile(r"[\s-]*[^\W\d_]{0,12}")
_REACH = 40  # Code points before a bound in which what it falls on is denied: "avoid sitting for more than".


def bounds(text: str, counted: Sequence[Amount]) -> list[Bound]:
    """Each bound of a text, turned round where it is denied: to avoid more than 20 is 20 at most."""
    found = (
        one for end, pattern, place in _SAID for one in _found(end, pattern, place, text, counted)
    )
    return sorted(found, key=lambda one: one.start)


def _found(
    end: End, pattern: re.Pattern[str], place: str, text: str, counted: Sequence[Amount]
) -> Iterator[Bound]:
    for match in pattern.finditer(text):
        behind = next(
            (one for one in counted if _LITTLE.fullmatch(text, match.end(), one.start)), None
        )
        before = next(
            (one for one in counted if _UNIT.fullmatch(text, one.end, match.start())), None
        )
        amount = before if place == "behind" else behind or (before if place == "beside" else None)
        if amount or place == "beside":
            is_turned = _is_denied(text, match)
            yield Bound(_OTHER[end] if is_turned else end, amount, *match.span(), place == "aside")


def _is_denied(text: str, match: re.Match[str]) -> bool:
    """Whether what it bounds is not, or is not to be; "no less than" has its own denial."""
    denied = _NOT.search(text, max(0, match.start() - _REACH), match.start())
    return denied is not None and not re.search(r"[.;:,]\s", text[denied.end() : match.start()])
