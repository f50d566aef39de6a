"""retrieve: the passages that may answer, or all that mention it, and how much was searched."""

import asyncio
from dataclasses import replace

from langgraph.runtime import Runtime

from service.chat.modes.overview import overview_of, scoped
from service.chat.output_guard import Naming
from service.chat.pinned import pinned
from service.chat.state import ChatContext, ChatState
from service.domain.answers import Question, SearchStatement
from service.domain.scope import Within
from service.retrieval.crossing import OTHER, topic_crosses
from service.retrieval.exhaustive import Course
from service.retrieval.search import Found
from service.telemetry.metrics import RETRIEVAL_SECONDS, SOURCES_RETRIEVED


async def retrieve(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    with RETRIEVAL_SECONDS.time():
        context, question = runtime.context, state["question"]
        part = await _part(state, context)
        pins = await pinned(question, part["found"], context)
    SOURCES_RETRIEVED.observe(len({passage.note.ref for passage in part["found"].passages}))
    if pins["risk"]:
        runtime.stream_writer({"type": "risk", "risk": pins["risk"]})
    others: ChatState = {"others": await _others(context)}
    return part | pins | others


async def _others(context: ChatContext) -> Naming:
    """Asked once, after the notes were read: whoever is a client by then is one."""
    workspace = context.workspace
    return (await context.reader.people.register(workspace=workspace)).named


async def _part(state: ChatState, context: ChatContext) -> ChatState:
    question = state["question"]
    if question.form != "answer":
        return await _overview(question, context)
    every = question.intent != "fact" and await context.reader.can_tell(
        question, workspace=context.workspace
    )
    return await (_all(state, context) if every else _best(state, context))


async def _best(state: ChatState, context: ChatContext) -> ChatState:
    question, workspace = state["question"], context.workspace
    found = await context.finder.find(
        question, context=context.calls, actor=context.principal.user, trail=context.trail
    )
    search = await context.store.coverage(workspace=workspace, within=found.within)
    # A note may have come or gone between the search and this count.
    other = min(found.other_language, search.notes_read)
    return {"found": found, "search": replace(search, other_language=other)}


async def _all(state: ChatState, context: ChatContext) -> ChatState:
    question = state["question"]
    within, search, course = await _course(question, context)
    passages = tuple(point.passage for point in course.points)
    found = Found(passages, ranked=(), within=within, read=course.named)
    other = await _other_language(question, course, within, context)
    return {"course": course, "found": found, "search": _counted(course, search, other)}


async def _overview(question: Question, context: ChatContext) -> ChatState:
    """All notes of the one client, whose name no model may see; the rest of what it sees was named at the start."""
    within, search, course = await _course(scoped(question), context)
    context.calls.veil.know(course.people)
    overview = await asyncio.to_thread(overview_of, question, course)
    found = Found(overview.passages, ranked=(), within=within, read=course.named)
    return {
        "course": course,
        "overview": overview,
        "found": found,
        "search": _counted(course, search, 0),
    }


async def _course(
    question: Question, context: ChatContext
) -> tuple[Within, SearchStatement, Course]:
    workspace = context.workspace
    within = await context.finder.scope(question, context=context.calls)
    # Asked first: if no work is open now, the list of sessions that is taken next lacks none.
    search = await context.store.coverage(workspace=workspace, within=within)
    course = await context.reader.read(
        question,
        workspace=workspace,
        within=within,
        actor=context.principal.user,
        trail=context.trail,
    )
    return within, search, course


async def _other_language(
    question: Question, course: Course, within: Within, context: ChatContext
) -> int:
    """Sessions whose mentions the topic's words may miss; whatever the embedder, a course is read by its words."""
    if not course.has_topic or topic_crosses(replace(question, topic=course.topic)):
        return 0
    reader, workspace = context.reader, context.workspace
    key = (await reader.keys.keys(workspace=workspace)).index
    other = OTHER[question.language]
    count = await reader.lexical.only_in(other, key=key, workspace=workspace, within=within)
    return min(count, course.total)


def _counted(course: Course, search: SearchStatement, other_language: int) -> SearchStatement:
    return replace(
        search,
        notes_read=course.read,
        notes_total=course.total,
        first_day=course.first_day,
        last_day=course.last_day,
        drafts=course.drafts,
        other_language=other_language,
    )
