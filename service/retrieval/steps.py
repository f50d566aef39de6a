"""A follow-up that goes one session on from the one before: "and the one before?", "ובזו שאחריה?"."""

import re
from dataclasses import replace
from datetime import timedelta

from service.domain.scope import Period, Place, When
from service.retrieval.time_words import Phrase, compiled

_EN_ONE = r"(?:(?:in|at|from|on)\s+)?(?:the\s+)?(?:one|session|meeting|visit)"
_EN_THAT = r"(?:\s+(?:that|this|it)(?:\s+(?:one|session|meeting|visit))?)?"
_HE_ONE = r"ו?ב?ה?(?:פגישה|מפגש|זו|זאת|זה|אחת)\s+"
_HE_THAT = r"(?:\s+(?:זה|זו|זאת|כן|ההיא|ההוא)|[הו]|יה|יו)?"
_END = r"(?=\W*$)"  # "the session before that accident" steps nowhere

_STEPS: tuple[tuple[re.Pattern[str], int], ...] = tuple(
    (compiled(rf"{pattern}{_END}"), step)
    for pattern, step in (
        (rf"(?:{_EN_ONE}\s+before{_EN_THAT}|before\s+(?:that|this|then))", -1),
        (r"(?:(?:in|at|from)\s+)?the\s+previous\s+(?:one|session|meeting|visit)", -1),
        (rf"(?:{_HE_ONE}ש?לפני{_HE_THAT}|ו?לפני\s+(?:כן|זה))", -1),
        (r"ו?(?:ב|ה|מה)?(?:(?:פגישה|מפגש)\s+)?ה?קודמ?ת(?:\s+לה)?", -1),
        (rf"(?:{_EN_ONE}\s+after{_EN_THAT}|after\s+(?:that|this))", 1),
        (r"(?:(?:in|at|from)\s+)?the\s+(?:next|following)\s+(?:one|session|meeting|visit)", 1),
        (rf"(?:{_HE_ONE}ש?אחרי{_HE_THAT}|ו?אחרי\s+(?:כן|זה))", 1),
    )
)
NOWHERE = Place("oldest", skip=10**6)
"""A place that no course has: nothing is found there, and that is said."""


def is_step(text: str) -> bool:
    """Whether it means sessions by their place beside others, and so says nothing without the question before."""
    return any(pattern.search(text) for pattern, _ in _STEPS)


def stepped(text: str, before: When | None) -> Phrase | None:
    """What is beside the time asked about before; None where no time was, or nothing steps.

    A step off either end of a course leads to `NOWHERE`: the session before once more would be a wrong answer.
    """
    if before is None:
        return None
    for pattern, step in _STEPS:
        if match := pattern.search(text):
            return Phrase(_beside(before, step), match.start(), match.end(), "place")
    return None


def _beside(before: When, step: int) -> When:
    if isinstance(before, Period):
        return _beside_days(before, step)
    skip = before.skip + (step if before.end == "oldest" else -step) * before.count
    if skip >= 0:
        return replace(before, skip=skip)
    return _next_to(before.among, step) if before.among else NOWHERE


def _beside_days(days: Period, step: int) -> When:
    """A day is left for the session next to it, several days for all before or after them."""
    if days.first == days.last:
        return _next_to(days, step)
    beyond = _beyond(days, step)
    return NOWHERE if beyond is None else beyond


def _next_to(days: Period, step: int) -> Place:
    beyond = _beyond(days, step)
    return NOWHERE if beyond is None else Place("newest" if step < 0 else "oldest", among=beyond)


def _beyond(days: Period, step: int) -> Period | None:
    edge = days.first if step < 0 else days.last
    if edge is None:
        return None
    beyond = edge + timedelta(days=step)
    return Period(last=beyond) if step < 0 else Period(first=beyond)
