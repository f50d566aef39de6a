"""understand: the question's language, what it asks for, and a follow-up made stand-alone."""

from dataclasses import replace

from langgraph.runtime import Runtime

from service.chat.modes.client import confirmed
from service.chat.state import ChatContext, ChatState
from service.domain.answers import Question
from service.domain.audit import Trail
from service.language.detect import language_of
from service.language.injection import LIKELY, score
from service.retrieval.intent import understood
from service.telemetry.metrics import LIKE_INSTRUCTIONS


async def understand(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    question = state["question"]
    _score(question, runtime.context.trail)
    question = replace(question, language=language_of(question.text))
    context = runtime.context
    question = understood(question, earlier=state.get("earlier", ()), today=context.today)
    if question.form != "answer":
        people, workspace = context.reader.people, context.workspace
        question = await confirmed(question, people=people, workspace=workspace)
    return {"question": question}


def _score(question: Question, trail: Trail) -> None:
    """Counted and told as a number; the question is answered whatever it is."""
    share = score(question.text)
    trail.instruction_score = round(100 * share)
    if share >= LIKELY:
        LIKE_INSTRUCTIONS.labels(kind="question").inc()
