"""The parts of a claim, each of which says enough to be looked for by itself."""

import re

from service.language.statements import Part

_HEADING = re.compile(
    r"(?:the\s)?(?:next\s)?(?:steps?|plans?|tasks?|goals?|homework|follow-up)(?:\s(?:is|was|are|were|includes?))?"
    r"|ה?(?:המשך|תוכנית|תכנית|צעדים הבאים|מטלות|מטרות|סוכם|סיכום)",
    re.IGNORECASE,
)


def grouped(whole: Part, least: int) -> list[Part]:
    """Its clauses, each joined to the one before it until it says so many things of which one is known well.

    A clause with nothing of its own belongs to the one before it: "extensions (10 reps every 2 hours)".
    """
    groups: list[list[int]] = []
    for clause in whole.clauses:
        own = whole.whole.part([clause])
        if not groups and _is_heading(own):
            continue
        if groups and not (_is_enough(whole.whole.part(groups[-1]), least) and own.telling):
            groups[-1].append(clause)
        else:
            groups.append([clause])
    if len(groups) > 1 and not _is_enough(whole.whole.part(groups[-1]), least):
        last = groups.pop()
        groups[-1] += last
    return [whole.whole.part(group) for group in groups]


def _is_heading(part: Part) -> bool:
    """Whether it only says that a list of what is to be done comes: "Next steps:"."""
    end = part.whole.text.find(part.text) + len(part.text)
    return part.whole.text[end : end + 1] == ":" and bool(_HEADING.fullmatch(part.text))


def _is_enough(part: Part, least: int) -> bool:
    counts = bool(part.telling) and bool(part.amounts)
    return part.substance >= least + (0 if part.is_full else 1) and (part.is_full or counts)
