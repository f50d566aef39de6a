"""The client that PazPaz imports, before the real API: what one side writes the other reads."""

import json
from uuid import UUID, uuid4

import httpx
import pytest

from pazpaz_ai_client.api_models import (
    ChatAnswer,
    Chosen,
    Citation,
    Erasure,
    FeedbackRequest,
    Question,
    Risk,
    Sentence,
    Step,
    StreamProblem,
)
from pazpaz_ai_client.service import AiOperators, AiService, ServiceRefused
from service.domain.progress import Pin
from service.errors import ModelUnavailable
from service.ports.monolith import Event
from tests.fakes import CLIENT, WORKSPACE, InMemoryWorkQueue
from tests.unit.api.practice import OPERATOR, a_token
from tests.unit.api.test_stream import ANSWER, LINES, STEPS, a_risk

URL = "http://ai.test"


@pytest.fixture
def ai(http: httpx.AsyncClient) -> AiService:
    return AiService(http, service_url=URL, token=a_token(), language="en")


@pytest.fixture
def operator(http: httpx.AsyncClient) -> AiOperators:
    return AiOperators(http, service_url=URL, token=OPERATOR)


async def test_an_answer_is_asked_for_kept_rated_and_deleted(ai, parts):
    """One conversation through every call of a therapist."""
    parts.answer = ANSWER
    answer = await ai.chat(Question(query="How is the knee?", client_id=CLIENT))
    assert (answer.answer, answer.answer_status) == (ANSWER.text, "answered")

    await ai.give_feedback(
        FeedbackRequest(message_id=answer.message_id, rating="down", reason="missing")
    )
    [head] = [one async for one in ai.conversations(client_id=CLIENT)]
    assert (head.conversation_id, head.turns) == (answer.conversation_id, 1)
    conversation = await ai.read_conversation(head.conversation_id)
    [turn] = conversation.turns
    assert (turn.message_id, turn.query) == (answer.message_id, "How is the knee?")
    assert (turn.feedback.rating, turn.feedback.reason) == ("down", "missing")
    exported = json.loads(await ai.export_conversation(head.conversation_id))
    assert exported["conversation_id"] == str(head.conversation_id)

    await ai.delete_conversation(head.conversation_id)
    with pytest.raises(ServiceRefused) as raised:
        await ai.read_conversation(head.conversation_id)
    assert (raised.value.status, raised.value.code) == (404, "conversation_not_found")
    await ai.delete_conversations()
    assert (await ai.list_conversations()).conversations == []


async def test_every_kind_of_event_is_read(ai, parts):
    """In the service's order; the last is what the JSON form says."""
    risk = a_risk("self_harm")
    parts.progress, parts.answer = (*STEPS, Pin(risk), *LINES), ANSWER
    events = [event async for event in ai.stream(Question(query="How?"))]

    kinds = [Step, Step, Step, Risk, Citation, Sentence, Citation, Sentence, ChatAnswer]
    assert [type(event) for event in events] == kinds
    assert "".join(event.text for event in events if isinstance(event, Sentence)) == ANSWER.text
    assert events[-1].citations == [event for event in events if isinstance(event, Citation)]


async def test_failures_are_read(ai, parts):
    """Before the first event a refusal, after it the last event."""
    parts.answer = ModelUnavailable()
    with pytest.raises(ServiceRefused) as raised:
        await ai.chat(Question(query="How?"))
    assert (raised.value.status, raised.value.code) == (503, "unavailable")

    parts.progress = STEPS
    *_, last = [event async for event in ai.stream(Question(query="How?"))]
    assert isinstance(last, StreamProblem)
    assert (last.status, last.code) == (503, "unavailable")


async def test_operators_calls_are_answered(operator, parts):
    """Dead letters, reconciliation, erasure and health; with a therapist's token none of the first three."""
    parts.queue, key = InMemoryWorkQueue(), uuid4()
    await parts.queue.accept([Event(uuid4(), WORKSPACE, "sessions", key, "upserted")])
    parts.queue.rows[WORKSPACE, "sessions", key].parked = True

    [letter] = await operator.list_dead_letters(workspace_id=WORKSPACE)
    assert (letter.key, letter.kind) == (key, "sessions")
    assert await operator.end_dead_letters("retry", Chosen()) == 0
    assert await operator.end_dead_letters("retry", Chosen(key=key)) == 1
    assert await operator.reconcile(WORKSPACE) == 1
    await operator.erase(Erasure(workspace_id=WORKSPACE, entity="clients", id=UUID(int=9)))
    assert (await operator.healthz()).status == "ok"


async def test_a_therapist_is_no_operator(http):
    """Their token opens nothing of an operator's."""
    with pytest.raises(ServiceRefused) as raised:
        await AiOperators(http, service_url=URL, token=a_token()).list_dead_letters()
    assert (raised.value.status, raised.value.code) == (401, "not_authenticated")
