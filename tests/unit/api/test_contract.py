"""The examples of the contract, before the real API: it reads what they send, and answers what they promise."""

import httpx
import pytest

import contract_examples as contract
from service.domain.notes import NoteRef
from service.domain.progress import Pin
from service.errors import ModelUnavailable
from tests.fakes import CLIENT, WORKSPACE
from tests.unit.api.practice import an_answer, bearer
from tests.unit.api.test_chat import a_citation
from tests.unit.api.test_stream import LINES, STEPS, a_risk
from tests.unit.doubles import USER, CountedLimiter

IDS = {"client": str(CLIENT), "workspace": str(WORKSPACE), "user": str(USER)}
CHAT, STREAM, _, EVENTS, _ = (contract.exchanges(file, **IDS) for file in contract.FILES)
OF_PROFILE = {"note": NoteRef(WORKSPACE, "clients", CLIENT), "field": "notes"}
CITED = (
    a_citation(0, 5),
    a_citation(10, 15, 2, session_date=None, note_version=None, **OF_PROFILE),
)


async def sent(http: httpx.AsyncClient, exchange, **options):
    asked = exchange["request"]
    headers = bearer(**{"Accept-Language": "en"}, **asked.get("headers", {}))
    return await http.request(
        asked["method"], asked["path"], json=asked.get("body"), **{"headers": headers, **options}
    )


def arrange(parts, given: str) -> None:
    """What the exchange has as given."""
    if given == "a note and a profile about back pain":
        parts.answer = an_answer("Rest. [1]\nWalk. [2]", *CITED, language="he")
        parts.progress = (*STEPS, Pin(a_risk("self_harm")), *LINES)
    if given == "a model that is away":
        parts.answer = an_answer("Rest. [1]", CITED[0], status="degraded", degraded=("model",))
    if given == "a used-up allowance":
        parts.limiter = CountedLimiter(left=0)
    if given == "a stream that breaks":
        parts.answer, parts.progress = ModelUnavailable(), STEPS


OURS = [one for one in CHAT.values() if one["answered_by"] == "service"]


@pytest.mark.parametrize("exchange", OURS, ids=[one["name"] for one in OURS])
async def test_a_question_is_answered_as_promised(http, parts, exchange):
    """Answers and refusals: status, headers and body."""
    arrange(parts, exchange["given"])
    contract.check_response(exchange, await sent(http, exchange))


async def test_a_stream_is_told_as_promised(http, parts):
    """Every kind of event there is, in the promised order."""
    exchange = STREAM["an answer as it comes"]
    arrange(parts, exchange["given"])
    parts.answer = an_answer("Rest. [1]\nWalk. [2]", *(line.citations[0] for line in LINES))
    response = await sent(http, exchange)
    contract.check_response(exchange, response)
    told = {name for name, _ in contract.events_in(response.text)}
    assert told == {"status", "risk", "citation", "token", "done"}


async def test_a_stream_that_fails_says_so_as_promised(http, parts):
    """With the service's own error where it can still speak; where it cannot, the proxy does."""
    exchange = STREAM["an answer that fails on its way"]
    arrange(parts, exchange["given"])
    contract.check_response(exchange, await sent(http, exchange))


async def test_the_history_is_as_promised(http, parts):
    """One conversation from its question to its end, in the order of the file."""
    arrange(parts, "a note and a profile about back pain")
    asked = (await sent(http, OURS[0])).json()
    ids = {"conversation": asked["conversation_id"], "message": asked["message_id"]}
    for exchange in contract.exchanges("history", **IDS, **ids).values():
        contract.check_response(exchange, await sent(http, exchange))


@pytest.mark.parametrize("name", EVENTS)
async def test_a_delivery_is_answered_as_promised(http, parts, name):
    """Taken and stored, or refused."""
    exchange = EVENTS[name]
    signed = exchange["given"] != "no signature"
    auth = parts.signer().auth("pp-event/1") if signed else None
    contract.check_response(exchange, await sent(http, exchange, headers={}, auth=auth))
    stored = exchange["response"]["body"].get("accepted", 0)
    assert len(parts.queue.accepted) == stored
