"""understand: the question's language, what it asks for, and a follow-up made stand-alone."""

from dataclasses import replace
from datetime import UTC

from langgraph.runtime import Runtime

from service.chat.state import ChatContext, ChatState
from service.language.detect import language_of
from service.retrieval.intent import understood


async def understand(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    question = state["question"]
    question = replace(question, language=language_of(question.text))
    today = runtime.context.clock().astimezone(UTC).date()  # as the days of notes are kept
    return {"question": understood(question, earlier=state.get("earlier", ()), today=today)}
