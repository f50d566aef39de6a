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
    spans, reason = support(claim.text, [by_id[name] for name in claim.passage_ids])
    return _withhold(claim, reason) if reason else Verdict(claim, spans)


def has_markup(text: str) -> bool:
    """Whether a text holds what may act as a link, an image or a tag."""
    return bool(_MARKUP.search(text))


async def filter(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    """Counts what was withheld, and drops a sentence that only repeats one before it.

    Of a course none is dropped: two sessions that say the same are two points.
    """
    seen: set[Claim | str] = set()
    kept = []
    for verdict in state["verdicts"]:
        said = verdict.claim if "course" in state else verdict.claim.text
        if verdict.withheld:
            CLAIMS_WITHHELD.labels(reason=verdict.withheld).inc()
        elif said in seen:
            continue
        seen.add(said)
        kept.append(verdict)
    return {"verdicts": kept}


def _withhold(claim: Claim, reason: WithheldReason) -> Verdict:
    return Verdict(claim, (), reason)
