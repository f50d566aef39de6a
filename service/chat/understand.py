"""understand: the question's language, and a follow-up made stand-alone."""

from collections.abc import Sequence
from dataclasses import replace

from langgraph.runtime import Runtime

from service.chat.state import ChatContext, ChatState
from service.language.detect import language_of
from service.language.text import tokens

SHORT = 3  # words; "and the left one?" cannot be searched for by itself


async def understand(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    question = state["question"]
    text = stand_alone(question.text, earlier=state.get("earlier", ()))
    return {"question": replace(question, text=text, language=language_of(question.text))}


def stand_alone(text: str, *, earlier: Sequence[str]) -> str:
    """A short follow-up is searched for together with the question before it; others stay as they are."""
    if not earlier or len(tokens(text)) > SHORT:
        return text
    return f"{earlier[-1]} {text}"
