"""filter: judges a sentence before it is shown, and the whole once more at the end."""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from langgraph.runtime import Runtime

from service.chat.grounding import Support, repair, support
from service.chat.grounding.evidence import Read, read
from service.chat.output_guard import Naming, Orders, guarded, nobody
from service.chat.state import ChatContext, ChatState
from service.domain.answers import (
    MOST_SOURCES,
    Claim,
    Passage,
    Span,
    Stretch,
    Verdict,
    WithheldReason,
    WrongFact,
)
from service.errors import ModelUnavailable
from service.language.chunking import LIMIT
from service.language.injection import orders_in
from service.language.sentences import around
from service.ports.calls import CallContext
from service.ports.models import Entailment, EntailmentModel
from service.telemetry.metrics import CLAIMS_REPAIRED, CLAIMS_WITHHELD

ENTAIL_SHARE = 0.2  # Of the time that is left: a sentence may wait as long as the reranker may.
_WRONG_FACTS = frozenset(get_args(WrongFact))


def admit(
    claim: Claim,
    passages: Sequence[Passage],
    *,
    others: Naming = nobody,
    quoted: bool = False,
) -> Verdict:
    """By rules alone: admitted with the spans that support it, or withheld with the first reason found. Pure.

    `others` and `quoted` are as for `guarded`.
    """
    found, _ = _supported(claim, passages, others, quoted=quoted, orders=orders_in, read=read)
    if found.how in ("verbatim", "stated"):
        return Verdict(claim, found.spans)
    return _withhold(claim, found.reason or "unsupported")


async def judged(
    claim: Claim,
    passages: Sequence[Passage],
    *,
    entailment: EntailmentModel | None,
    context: CallContext,
    others: Naming = nobody,
    quoted: bool = False,
    orders: Orders,
    read: Read,
) -> Verdict:
    """By rules, then by a model where there is one; what they do not let pass is repaired once, or withheld.

    A note's own words need no model. What rules can follow is shown unless a model says no; what they cannot, only if
    it says yes. A model that is away leaves it to the rules, and the meter tells. `others` and `quoted` are as for
    `guarded`; `orders` may remember what notes hold of them, and `read` the notes, for one answer.
    """
    found, data = _supported(claim, passages, others, quoted=quoted, orders=orders, read=read)
    if found.how == "verbatim":
        return Verdict(claim, found.spans)
    said = await _confirmed(claim, found.spans, data, entailment, context)
    if said == "supported" or (said is None and found.how == "stated"):
        return Verdict(claim, found.spans)
    reason = found.reason or ("not_entailed" if said else "unsupported")
    return _repaired(claim, data, reason, others, orders, read) or _withhold(claim, reason)


def _supported(
    claim: Claim,
    passages: Sequence[Passage],
    others: Naming,
    *,
    quoted: bool,
    orders: Orders,
    read: Read,
) -> tuple[Support, Sequence[Passage]]:
    """What rules make of it, and the passages they read; for what must not be shown at all, no support."""
    by_id = {passage.id: passage for passage in passages}
    if not claim.passage_ids:
        return Support("none", reason="uncited"), ()
    if any(name not in by_id for name in claim.passage_ids):
        return Support("none", reason="unknown_passage"), ()
    reason, data = guarded(claim, passages, others=others, quoted=quoted, orders=orders, read=read)
    if reason:
        return Support("none", reason=reason), data
    return support(claim.text, data, read=read), data


async def _confirmed(
    claim: Claim,
    spans: Sequence[Span],
    passages: Sequence[Passage],
    model: EntailmentModel | None,
    context: CallContext,
) -> Entailment | None:
    """What a model says of it by the quotes that rules found; None where there is none to ask.

    One that was away once is not asked again for the same question: nobody waits for it a second time. Nor is one
    about a quote of more than a chunk: what a question costs at most is counted by that.
    """
    if model is None or not spans or "entailment" in context.meter.away:
        return None
    by_id = {passage.id: passage for passage in passages}
    near = [_source(span, by_id[span.passage_id]) for span in spans[:MOST_SOURCES]]
    if any(len(one.text) > LIMIT for one in near):
        return None
    try:
        return await model.entails(claim.text, near, context=context.taking(ENTAIL_SHARE))
    except ModelUnavailable as exc:
        context.meter.lacked("entailment", exc.reason)
        return None


def _source(span: Span, passage: Passage) -> Stretch:
    """The quote between its neighbours: the sentence before it says who "she" is, the one behind may take it back.

    No more of the passage: then the quote that is shown would not be what the sentence was judged by.
    """
    chunk = passage.chunk
    start, end = span.start - chunk.start, span.end - chunk.start
    start, end = around(chunk.text, start, end, neighbours=1)
    text = chunk.text[start:end]
    if len(text) > LIMIT:
        text = span.quote
    return Stretch(text, passage.client_name, passage.note.day, chunk.field)


def _repaired(
    claim: Claim,
    passages: Sequence[Passage],
    reason: WithheldReason,
    others: Naming,
    orders: Orders,
    read: Read,
) -> Verdict | None:
    """The note's own sentence in its place, where one must have been meant, and rules agree that it stands there."""
    found = repair(claim.text, passages, read=read) if reason in _WRONG_FACTS else None
    if found is None:
        return None
    text, span = found
    own = replace(claim, text=text, passage_ids=(span.passage_id,))
    again, _ = _supported(own, passages, others, quoted=False, orders=orders, read=read)
    return Verdict(own, again.spans, repaired=reason) if again.how == "verbatim" else None


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
    """Counts what was withheld and what was repaired, and drops a sentence that was shown before."""
    repeats, kept = Repeats(of_course="course" in state), []
    for verdict in state["verdicts"]:
        _count(verdict)
        if verdict.withheld or not repeats(verdict):
            kept.append(verdict)
    return {"verdicts": kept}


def _count(verdict: Verdict) -> None:
    if verdict.withheld:
        CLAIMS_WITHHELD.labels(reason=verdict.withheld).inc()
    if verdict.repaired:
        CLAIMS_REPAIRED.labels(reason=verdict.repaired).inc()


def _withhold(claim: Claim, reason: WithheldReason) -> Verdict:
    return Verdict(claim, (), reason)
