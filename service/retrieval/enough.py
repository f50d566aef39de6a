"""Decides whether what was found is enough to answer from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.domain.answers import Passage, Question

Reason = Literal["nothing_found", "weak_match", "fair_match", "good_match"]

# Share of practice questions whose note was among the passages, by the best similarity (he / en):
# 0.30-0.35 0.54 / 0.38, 0.35-0.45 0.65 / 0.65, 0.45 and more 0.88 / 0.75. Below 0.35 an answer is a toss-up.
PLAUSIBLE = 0.30
LIKELY = 0.35
GOOD = 0.45


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a question, and why."""

    kind: Literal["answer", "partial", "abstain"]
    reasons: tuple[Reason, ...]


def judge(question: Question, passages: Sequence[Passage]) -> Decision:
    """Answers from the passages, answers with a warning ("partial"), or abstains, by the best similarity."""
    if not passages:
        return Decision("abstain", ("nothing_found",))
    best = max(passage.similarity for passage in passages)
    if best < max(PLAUSIBLE, question.min_similarity):
        return Decision("abstain", ("weak_match",))
    if best < LIKELY:
        return Decision("partial", ("weak_match",))
    return Decision("answer", ("good_match" if best >= GOOD else "fair_match",))
