"""The one place where this evaluation touches what it evaluates."""

from collections.abc import Sequence

from service.chat import filter as gate
from service.chat.grounding.evidence import read
from service.domain.answers import Claim, Passage, Stretch, Verdict
from service.language.injection import orders_in
from service.ports.calls import CallContext, for_nobody
from service.ports.models import Entailment


class SaysYes:
    """Confirms whatever it is asked: the best that a model can do for true sentences, and the worst for false ones."""

    model = "says-yes"

    async def entails(
        self, claim: str, sources: Sequence[Stretch], *, context: CallContext
    ) -> Entailment:
        return "supported"


async def judge(claim: Claim, passages: Sequence[Passage], *, confirmed: bool = False) -> Verdict:
    """As a question's sentence is judged by the rules alone, and repaired; or with a model that says yes to all that
    they ask it."""
    model = SaysYes() if confirmed else None
    return await gate.judged(
        claim, passages, entailment=model, context=for_nobody(), orders=orders_in, read=read
    )
