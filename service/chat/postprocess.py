"""postprocess: markers, citations with exact offsets, or an honest 'not found'."""

from collections.abc import Sequence

from langgraph.runtime import Runtime

from service.chat.citing import AnswerText
from service.chat.days import day_text
from service.chat.other_language import not_crossed
from service.chat.state import ChatContext, ChatState
from service.chat.suggestions import suggested
from service.domain.answers import (
    Answer,
    AnswerStatus,
    Citation,
    Lack,
    Language,
    Passage,
    SearchStatement,
    Verdict,
    lacking,
)
from service.domain.audit import Trail
from service.retrieval.exhaustive import Course
from service.telemetry.metrics import CITATIONS_RETURNED, DEGRADED

NO_MODEL = "none"  # Names what wrote an answer that no model did.


async def postprocess(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    question, verdicts, passages = state["question"], state["verdicts"], state["found"].passages
    admitted = [verdict for verdict in verdicts if verdict.admitted]
    heading = state.get("heading")
    found = _status_of(state)
    degraded = lacking(runtime.context.calls.meter)
    text, citations = cite(admitted, passages, heading=heading.text if heading else "")
    leave_trail(runtime.context.trail, verdicts, passages)
    for risk in state.get("risk", ()):
        runtime.context.trail.pinned(risk)
    CITATIONS_RETURNED.observe(len(citations))
    for part, why in runtime.context.calls.meter.away.items():
        DEGRADED.labels(part=part, reason=why).inc()
    return {
        "answer": Answer(
            text=text or not_found(state["search"], question.language, degraded),
            status="degraded" if degraded else _honest(found, state["search"]),
            language=question.language,
            citations=citations,
            search=state["search"],
            retrieved_count=len({passage.note.ref for passage in passages}),
            withheld=len(verdicts) - len(admitted),
            model=state.get("written_by", NO_MODEL),
            # "Not found" leans on no note, as in any other answer.
            heading=heading if found != "abstained" else None,
            degraded=degraded,
            risk=state.get("risk", ()),
            risk_unread=state.get("risk_unread", 0),
            suggestions=await suggested(state, runtime.context, found_any=found != "abstained"),
        )
    }


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
    if not course.searched or (course.has_topic and not course.points):
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
    verdicts: Sequence[Verdict], passages: Sequence[Passage], *, heading: str = ""
) -> tuple[str, tuple[Citation, ...]]:
    """The answer with `[n]` after each sentence, one line each, and what every marker points to."""
    answer = AnswerText(passages)
    if heading:
        answer.add_heading(heading)
    for verdict in verdicts:
        answer.add(verdict)
    return answer.text, tuple(answer.citations)


def not_found(search: SearchStatement, language: Language, degraded: Sequence[Lack] = ()) -> str:
    """What was searched, in the asker's language, with exact counts, and whether it was searched in full."""
    told = _not_found_he(search) if language == "he" else _not_found_en(search)
    less = _searched_less(degraded)[language] if degraded else ""
    return " ".join(filter(None, (told, less, not_crossed(search, language))))


def _searched_less(degraded: Sequence[Lack]) -> dict[Language, str]:
    """Why, and when it is worth asking again: a budget does not come back in a minute."""
    return _NO_BUDGET if "budget" in degraded else _AWAY


_AWAY: dict[Language, str] = {
    "he": "החיפוש היה חלקי, כי שירות השפה אינו זמין כרגע; כדאי לשאול שוב מאוחר יותר.",
    "en": "The search was limited, because the language service is away; ask again later.",
}
_NO_BUDGET: dict[Language, str] = {
    "he": "החיפוש היה חלקי, כי התקציב היומי של שירות השפה נוצל; כדאי לשאול שוב מחר.",
    "en": "The search was limited, because the day's budget for the language service is used up; ask again tomorrow.",
}


def _not_found_he(search: SearchStatement) -> str:
    if not search.notes_read:
        return "לא נמצאה תשובה: אין עדיין סיכומי פגישות שאפשר לחפש בהם."
    where = "בסיכום אחד" if search.notes_read == 1 else f"ב-{search.notes_read} סיכומים"
    return f"לא נמצאה תשובה {where}{_days(search, 'מ-{} עד {}')}."


def _not_found_en(search: SearchStatement) -> str:
    if not search.notes_read:
        return "Not found: there are no session notes to search yet."
    notes = "1 session note" if search.notes_read == 1 else f"{search.notes_read} session notes"
    return f"Not found in {notes}{_days(search, 'from {} to {}')}."


def _days(search: SearchStatement, shape: str) -> str:
    if search.first_day is None or search.last_day is None:
        return ""
    return ", " + shape.format(day_text(search.first_day), day_text(search.last_day))
