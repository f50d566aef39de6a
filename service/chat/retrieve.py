"""retrieve: the passages that may answer, or all that mention it, and how much was searched."""

from dataclasses import replace

from langgraph.runtime import Runtime

from service.chat.state import ChatContext, ChatState
from service.domain.answers import SearchStatement
from service.retrieval.exhaustive import Course
from service.retrieval.search import Found
from service.telemetry.metrics import RETRIEVAL_SECONDS, SOURCES_RETRIEVED


async def retrieve(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    with RETRIEVAL_SECONDS.time():
        best = state["question"].intent == "fact"
        part = await (_best(state, runtime.context) if best else _all(state, runtime.context))
    SOURCES_RETRIEVED.observe(len({passage.note.ref for passage in part["found"].passages}))
    return part


async def _best(state: ChatState, context: ChatContext) -> ChatState:
    question, workspace = state["question"], context.principal.workspace
    found = await context.finder.find(
        question, workspace=workspace, actor=context.principal.user, trail=context.trail
    )
    search = await context.store.coverage(workspace=workspace, within=found.within)
    return {"found": found, "search": search}


async def _all(state: ChatState, context: ChatContext) -> ChatState:
    question, workspace = state["question"], context.principal.workspace
    within = await context.finder.scope(question, workspace=workspace)
    # Asked first: if no work is open now, the list of sessions that is taken next lacks none.
    search = await context.store.coverage(workspace=workspace, within=within)
    course = await context.reader.read(
        question,
        workspace=workspace,
        within=within,
        actor=context.principal.user,
        trail=context.trail,
    )
    passages = tuple(point.passage for point in course.points)
    found = Found(passages, ranked=(), considered=course.read)
    return {"course": course, "found": found, "search": _counted(course, search)}


def _counted(course: Course, search: SearchStatement) -> SearchStatement:
    return replace(
        search,
        notes_read=course.read,
        notes_total=course.total,
        first_day=course.first_day,
        last_day=course.last_day,
        drafts=course.drafts,
    )
