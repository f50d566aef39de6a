"""filter: judges a sentence before it is shown, and the whole once more at the end."""

import re
from collections.abc import Sequence

from langgraph.runtime import Runtime

from service.chat.grounding import support
from service.chat.state import ChatContext, ChatState
from service.domain.answers import Claim, Passage, Verdict, WithheldReason
from service.telemetry.metrics import CLAIMS_WITHHELD

# A link or an image in an answer can carry data out or lure a reader; notes are quoted on their cards instead.
_MARKUP = re.compile(
    r"[a-z][a-z0-9+.-]*://|(?:mailto|javascript):|data:\w+/|www\.|]\(|!\[|<[a-z!/]",
    re.IGNORECASE,
)


def admit(claim: Claim, passages: Sequence[Passage]) -> Verdict:
    """Admitted with the spans that support it, or withheld with the first reason found. Pure."""
    by_id = {passage.id: passage for passage in passages}
    if not claim.passage_ids:
        return _withhold(claim, "uncited")
    if any(name not in by_id for name in claim.passage_ids):
        return _withhold(claim, "unknown_passage")
    if has_markup(claim.text):
        return _withhold(claim, "markup")
    found = support(claim.text, [by_id[name] for name in claim.passage_ids])
    return _withhold(claim, found.reason) if found.reason else Verdict(claim, found.spans)


def has_markup(text: str) -> bool:
    """Whether a text holds what may act as a link, an image or a tag."""
    return bool(_MARKUP.search(text))


class Repeats:
    """Tells a sentence that only says again what was said before it.

    Of a course none does: two sessions that say the same are two points.
    """

    def __init__(self, *, of_course: bool) -> None:
        self._of_course = of_course
        self._said: set[Claim | str] = set()

    def __call__(self, verdict: Verdict) -> bool:
        said = verdict.claim if self._of_course else verdict.claim.text
        if said in self._said:
            return True
        self._said.add(said)
        return False


async def filter(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    """Counts what was withheld, and drops a sentence that was shown before."""
    repeats, kept = Repeats(of_course="course" in state), []
    for verdict in state["verdicts"]:
        if verdict.withheld:
            CLAIMS_WITHHELD.labels(reason=verdict.withheld).inc()
        elif repeats(verdict):
            continue
        kept.append(verdict)
    return {"verdicts": kept}


def _withhold(claim: Claim, reason: WithheldReason) -> Verdict:
    return Verdict(claim, (), reason)
