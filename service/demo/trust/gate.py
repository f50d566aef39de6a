"""The one place where this evaluation touches what it evaluates."""

from collections.abc import Sequence

from service.chat import filter as gate
from service.domain.answers import Claim, Passage, Verdict
from service.ports.calls import for_nobody


async def judge(claim: Claim, passages: Sequence[Passage]) -> Verdict:
    """As a question's sentence is judged where no model confirms anything: by the rules alone, and repaired."""
    return await gate.judged(claim, passages, entailment=None, context=for_nobody())
