"""retrieve: the passages that may answer, and how much was searched."""

from langgraph.runtime import Runtime

from service.chat.state import ChatContext, ChatState
from service.domain.scope import Within
from service.telemetry.metrics import RETRIEVAL_SECONDS, SOURCES_RETRIEVED


async def retrieve(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    question, context = state["question"], runtime.context
    workspace = context.principal.workspace
    with RETRIEVAL_SECONDS.time():
        found = await context.finder.find(
            question, workspace=workspace, actor=context.principal.user, trail=context.trail
        )
    search = await context.store.coverage(
        workspace=workspace, within=Within.client(question.client)
    )
    SOURCES_RETRIEVED.observe(len({passage.note.ref for passage in found.passages}))
    return {"found": found, "search": search}
