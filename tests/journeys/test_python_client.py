"""The client that PazPaz imports, over real sockets: a question, a stream, the history, an operator's look."""

from collections.abc import AsyncIterator

import httpx
import pytest

from pazpaz_ai_client.api_models import ChatAnswer, Question, Sentence, Step
from pazpaz_ai_client.service import AiOperators, AiService, ServiceRefused
from service.demo.stage import OPERATOR_TOKEN, Stage
from tests.journeys.practice import Practice

QUERY = "מתי התחילה לרוץ שוב?"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
def ai(http: httpx.AsyncClient, practice: Practice, running: Stage) -> AiService:
    token = practice.therapist.http.cookies["access_token"]
    return AiService(http, service_url=running.service_url, token=token)


async def _asked(practice: Practice) -> Question:
    client = await practice.client()
    await practice.note(client, subjective="התחילה לרוץ שוב ביום שלישי, שני קילומטרים.")
    await practice.settled()
    return Question.model_validate({"query": QUERY, "client_id": client})


async def test_a_therapist_asks_streams_and_reads_back(ai: AiService, practice: Practice) -> None:
    """The streamed answer is the whole one's, and the history has both until they are deleted."""
    question = await _asked(practice)
    answer = await ai.chat(question)
    assert (answer.answer_status, answer.language) == ("answered", "he")
    more = question.model_copy(update={"conversation_id": answer.conversation_id})
    events = [event async for event in ai.stream(more)]

    *told, done = events
    assert isinstance(done, ChatAnswer)
    assert done.answer == "".join(one.text for one in told if isinstance(one, Sentence))
    assert any(isinstance(one, Step) for one in told)
    [head] = [one async for one in ai.conversations()]
    turns = (await ai.read_conversation(head.conversation_id)).turns
    assert [turn.message_id for turn in turns] == [answer.message_id, done.message_id]
    await ai.delete_conversations()
    with pytest.raises(ServiceRefused, match=r"^404 "):
        await ai.read_conversation(head.conversation_id)


async def test_an_operator_looks(http: httpx.AsyncClient, running: Stage) -> None:
    """Health, and lists that may be empty."""
    operator = AiOperators(http, service_url=running.service_url, token=OPERATOR_TOKEN)
    assert (await operator.healthz()).status == "ok"
    assert (await operator.readyz()).status == "ready"
    await operator.list_dead_letters()
    await operator.list_erasures()
