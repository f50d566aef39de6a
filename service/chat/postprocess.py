"""postprocess: markers, citations with exact offsets, or an honest 'not found'."""

import asyncio
from collections.abc import Mapping, Sequence

from langgraph.runtime import Runtime

from service.chat.citing import AnswerText
from service.chat.not_found import not_found
from service.chat.output_guard import Orders
from service.chat.state import ChatContext, ChatState
from service.chat.suggestions import suggested
from service.domain.answers import (
    Answer,
    AnswerStatus,
    Citation,
    Passage,
    SearchStatement,
    Verdict,
)
from service.domain.audit import Trail
from service.domain.usage import Part, lacking
from service.language.injection import orders_in
from service.retrieval.exhaustive import Course
from service.telemetry.metrics import CITATIONS_RETURNED, DEGRADED, LIKE_INSTRUCTIONS

NO_MODEL = "none"  # Names what wrote an answer that no model did.


async def postprocess(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    context, search, verdicts = runtime.context, state["search"], state["verdicts"]
    passages, risk, heading = state["found"].passages, state.get("risk", ()), state.get("heading")
    admitted = [verdict for verdict in verdicts if verdict.admitted]
    withheld = len(verdicts) - len(admitted)
    # In a thread: of each of forty quotes of a course it is looked up whether it reads like an order, 5 ms each.
    head = heading.text if heading else ""
    text, citations = await asyncio.to_thread(
        cite, admitted, passages, heading=head, orders=context.orders
    )
    leave_trail(context.trail, verdicts, passages)
    for one in risk:
        context.trail.pinned(one)
    _count(citations, context.calls.meter.away)
    found, degraded = _status_of(state), lacking(context.calls.meter)
    return {
        "answer": Answer(
            text=text or _not_found(state, context, withheld),
            status="degraded" if degraded else _honest(found, search),
            language=state["question"].language,
            citations=citations,
            search=search,
            retrieved_count=len({passage.note.ref for passage in passages}),
            withheld=withheld,
            model=state.get("written_by", NO_MODEL),
            # "Not found" leans on no note, as in any other answer.
            heading=heading if found != "abstained" else None,
            degraded=degraded,
            risk=risk,
            risk_unread=state.get("risk_unread", 0),
            suggestions=await suggested(state, context, found_any=found != "abstained"),
        )
    }


def _not_found(state: ChatState, context: ChatContext, withheld: int) -> str:
    return not_found(
        state["search"],
        state["question"],
        today=context.today,
        degraded=lacking(context.calls.meter),
        withheld=withheld,
    )


def _count(citations: Sequence[Citation], away: Mapping[Part, str]) -> None:
    CITATIONS_RETURNED.observe(len(citations))
    LIKE_INSTRUCTIONS.labels(kind="quote").inc(sum(one.instruction_like for one in citations))
    for part, why in away.items():
        DEGRADED.labels(part=part, reason=why).inc()


def _status_of(state: ChatState) -> AnswerStatus:
    if "overview" in state:
        whole = state["course"].is_whole and state["search"].complete
        return _status(state["verdicts"], sure=whole)
    if "course" in state:
        return _course_status(state["course"], state["verdicts"], state["search"])
    return _status(state["verdicts"], sure=state["decision"].kind == "answer")


def _honest(found: AnswerStatus, search: SearchStatement) -> AnswerStatus:
    """Nothing found, where part of the notes could hardly be searched, is a part of the answer and no more."""
    return "partial" if found == "abstained" and search.other_language else found


def _course_status(
    course: Course, verdicts: Sequence[Verdict], search: SearchStatement
) -> AnswerStatus:
    """A count is answered when everything in scope was read in its language, and no quote is missing from it."""
    if not course.searched or (not course.points and (course.has_topic or course.lists)):
        return "abstained"
    searched = course.is_whole and search.complete and not search.other_language
    whole = searched and all(one.admitted for one in verdicts)
    return "answered" if whole else "partial"


def leave_trail(trail: Trail, verdicts: Sequence[Verdict], passages: Sequence[Passage]) -> None:
    """Tells which notes the answer cites, and on which a sentence leaned that is withheld."""
    by_id = {passage.id: passage.note for passage in passages}
    for verdict in verdicts:
        for name in verdict.claim.passage_ids if verdict.withheld else ():
            if name in by_id:  # a model may name a passage that it was never given
                trail.saw(by_id[name], "withheld")
        for span in verdict.spans:
            trail.saw(by_id[span.passage_id], "cited")


def _status(verdicts: Sequence[Verdict], *, sure: bool) -> AnswerStatus:
    admitted = sum(verdict.admitted for verdict in verdicts)
    if not admitted:
        return "abstained"
    return "answered" if sure and admitted == len(verdicts) else "partial"


def cite(
    verdicts: Sequence[Verdict],
    passages: Sequence[Passage],
    *,
    heading: str = "",
    orders: Orders = orders_in,
) -> tuple[str, tuple[Citation, ...]]:
    """The answer with `[n]` after each sentence, one line each, and what every marker points to."""
    answer = AnswerText(passages, orders=orders)
    if heading:
        answer.add_heading(heading)
    for verdict in verdicts:
        answer.add(verdict)
    return answer.text, tuple(answer.citations)
