"""When a model leaves a question unanswered that the notes may answer: then they are quoted instead."""

import re
from collections.abc import Sequence

from service.domain.answers import Verdict
from service.language.text import MARKS
from service.retrieval.enough import Decision

# How models decline, as their makers teach them: about themselves, with a verb of help or talk, citing nothing. What a
# client cannot do ("I can't sleep") is no such verb, and the notes' own "she cannot answer" no such person.
_DECLINES = re.compile(
    r"\bi (?:can(?:not|['’]?t)|could(?:n['’]?t| not)|will not|won['’]?t|must decline to|have to decline to"
    r"|(?:am|was) (?:unable|not able|not allowed|not permitted) to)"
    r" (?:help|assist|answer|provide|discuss|respond|comply|continue|engage|fulfil|share|offer|support|talk|do that)\b"
    r"|\bi['’]m (?:unable|not able|not allowed|not permitted) to\b"
    r"|\bas an ai\b|\b(?:content|usage|safety) (?:policy|policies|guidelines)\b"
    r"|(?:אני |אנוכי )?(?:לא|אינני|איני) (?:אוכל|יכול|יכולה|מסוגל|מסוגלת|רשאי|רשאית|מורשה)"
    r" (?:לעזור|לסייע|לענות|לספק|לדון|להשיב|להמשיך|לתת|לשתף|לדבר)"
    r"|כמודל שפה|כבינה מלאכותית|מדיניות (?:התוכן|השימוש|הבטיחות)",
    re.IGNORECASE,
)
_UNSEEN = re.compile(f"[{MARKS}]")


def declined(verdicts: Sequence[Verdict]) -> bool:
    """Whether nothing that was written stands, and it says that the model will not answer."""
    return not _stands(verdicts) and any(
        not one.claim.passage_ids and _declines(one.claim.text) for one in verdicts
    )


def unproven(verdicts: Sequence[Verdict], decision: Decision) -> bool:
    """Whether a model claimed things of good passages, and none of it stands.

    Who cites nothing, or writes nothing, as it was told to where the notes do not answer, has claimed nothing.
    """
    claimed = any(one.claim.passage_ids for one in verdicts)
    return decision.kind == "answer" and claimed and not _stands(verdicts)


def _stands(verdicts: Sequence[Verdict]) -> bool:
    return any(one.admitted for one in verdicts)


def _declines(text: str) -> bool:
    return bool(_DECLINES.search(_UNSEEN.sub("", text)))
