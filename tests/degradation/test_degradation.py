"""Every part fails in every way, and a question gets what the contract says, as soon as it says."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.adapters.models.local_model import ExtractiveModel
from service.demo.provider_stub import Asked, Written, citing
from service.demo.provider_stub.faults import (
    BadEvent,
    Cut,
    FinishError,
    GarbageText,
    NoEnd,
    NotSse,
    Operation,
    Refusal,
    Stall,
    Status,
)
from service.demo.provider_stub.faults import Fault as Struck
from service.demo.stage import Stage
from tests.degradation.contract import (
    CELLS,
    CONTRACT,
    RETRY_AFTER,
    Fault,
    Metric,
    Part,
    Promise,
    as_markdown,
)
from tests.degradation.house import (
    BREAKER_OPEN_SECONDS,
    CLIENT,
    LIMITS,
    NOTES,
    PLANTED,
    SECRET,
    House,
    open_house,
    rewording,
    value,
)
from tests.degradation.house import (
    OPERATIONS as STRUCK,
)
from tests.journeys.practice import eventually

USUAL_SECONDS = 6.0
"""What a question may take here when all is well: a second, and the noise of a machine that does other things too."""
MOST_AT_ONCE = 4
OPERATING = Path(__file__).parents[2] / "helm" / "operating.md"


@pytest.fixture(scope="module")
async def opened(stage: Stage) -> AsyncIterator[House]:
    """On the servers of the run, in databases of its own."""
    folder = stage.folder / "degradation"
    folder.mkdir(exist_ok=True)  # set up anew where the suite comes back to this module
    async with open_house(folder, stage.servers, name=f"pazpaz_weak_{os.getpid()}") as house:
        yield house


@pytest.fixture
async def house(opened: House) -> AsyncIterator[House]:
    """Well again after each test, soon and without a restart; and nothing of what was said stands in a log."""
    yield opened
    opened.heal()
    opened.stub.writer = rewording
    await eventually(opened.is_well, patience=BREAKER_OPEN_SECONDS + USUAL_SECONDS)
    assert planted(opened.logs()) == []


@pytest.mark.parametrize(("part", "fault"), CELLS)
async def test_the_contract_holds(house: House, part: Part, fault: Fault) -> None:
    """The answer or the refusal, in time, what it lacks, and what an operator sees; the process lives all the while."""
    promise = CONTRACT[part]
    before = await house.series()

    house.hurt(part, fault)
    response, seconds = await house.ask()
    alive = await house.http.get("/healthz")
    house.heal()  # else the metrics would wait for Postgres

    _keeps(promise, response, house.texts)
    assert seconds < promise.longer(LIMITS) + USUAL_SECONDS
    assert alive.status_code == 200
    after = await house.series()
    assert [one for one in promise.moved(fault) if value(after, one) <= value(before, one)] == []
    assert planted(await house.shown()) == []


def _keeps(promise: Promise, response: httpx.Response, texts: Mapping[str, str]) -> None:
    if promise.refused:
        assert response.status_code == 503, response.text
        assert response.headers["content-type"] == "application/problem+json"
        assert int(response.headers["retry-after"]) == RETRY_AFTER
        assert planted(response.text) == []
        return
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["degraded"] == [*promise.degraded]
    assert answer["answer_status"] == promise.answer_status
    assert answer["citations"], answer["answer"]
    assert unproven(answer, texts) == ""


def unproven(answer: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """What of an answer is neither a sentence with a true quote behind it nor such a quote's marker."""
    left = [*answer["answer"]]
    for one in answer["citations"]:
        assert texts[one["session_id"]][one["start"] : one["end"]] == one["quote"]
        stretch = range(one["answer_start"], one["answer_end"])
        left[stretch.start : stretch.stop] = " " * len(stretch)
    return re.sub(r"\[\d+]", "", "".join(left)).strip()


def planted(text: str) -> list[str]:
    """The planted words that occur in it."""
    return [word for word in PLANTED if word.casefold() in text.casefold()]


@pytest.mark.parametrize("part", ["embedder", "reranker", "model", "entailment"])
async def test_a_part_that_keeps_failing_is_left_alone(house: House, part: Part) -> None:
    """Once its breaker is open nobody waits for it or calls it; after a while it is tried, and used again."""
    promise = CONTRACT[part]
    refused = promise.metrics[0].for_fault("circuit_open")
    house.hurt(part, "failing")

    async def is_left_alone() -> bool:
        await asyncio.gather(*(house.ask() for _ in range(MOST_AT_ONCE)))
        before, calls = value(await house.series(), refused), _calls(house, part)
        response, _ = await house.ask()
        _keeps(promise, response, house.texts)
        return value(await house.series(), refused) > before and _calls(house, part) == calls

    await eventually(is_left_alone)


def _calls(house: House, part: Part) -> int:
    [operation] = STRUCK[part]
    return sum(call.operation == operation for call in house.stub.calls)


@pytest.mark.parametrize(("part", "refused"), [("postgres", 0), ("redis", 0), ("monolith", 1)])
async def test_open_connections_may_be_forgotten_on_the_way(
    house: House, part: Part, refused: int
) -> None:
    """Nothing passes on them and nobody says so: Postgres and Redis are reached anew while the question waits."""
    await (
        house.is_well()
    )  # one that is idle for five seconds is closed, and then there is none to forget
    house.links[part].forget()

    response, seconds = await house.ask()

    assert response.status_code == (503 if refused else 200), response.text
    assert seconds < CONTRACT[part].longer(LIMITS) + USUAL_SECONDS


async def test_postgres_may_fall_silent_in_the_middle_of_a_question(house: House) -> None:
    """What was asked ends as a refusal in time, though its closing row cannot be written either."""
    asking = asyncio.create_task(house.ask())
    await house.stub.called(len(house.stub.calls) + 1)
    house.hurt("postgres", "half-open")

    response, seconds = await asking

    _keeps(CONTRACT["postgres"], response, house.texts)
    assert seconds < 2 * CONTRACT["postgres"].longer(LIMITS) + USUAL_SECONDS


async def test_a_note_written_while_the_embedder_is_away_is_found_later(house: House) -> None:
    """The worker keeps it as work, says so without a word of it, and indexes it once the embedder is back."""
    text = "The frondlesnap mortgage was refinanced twice."
    client = await house.practice.client(*CLIENT)
    house.stub.fault["embed"] = Status(500, SECRET, retry_after=0.1)
    session = await house.practice.note(client, subjective=text)
    house.texts[session] = text

    async def is_told_of() -> bool:
        return '"code": "model_away"' in house.logs()

    await eventually(is_told_of)
    house.heal()
    await house.practice.settled()


# The model breaks off. Event 1 starts the message, 2 its text; then come a few words each, and after a quote's last
# words the two of its citation. So after six the first sentence is whole, and the next has begun.

SHOWN = "Zibblethorn sleeps badly."
BEGUN = 6
BROKEN: Mapping[str, tuple[Struck, bool]] = {
    "cut": (Cut(BEGUN), True),
    "no-end": (NoEnd(), True),
    "bad-event": (BadEvent(SECRET, BEGUN), True),
    "stall": (Stall(BEGUN), True),
    "finish-error": (FinishError(), True),
    "not-sse": (NotSse(), False),
}


def _tells_more(asked: Asked) -> Written:
    """One sentence that the question does not ask for, as no quoting model would say it, and one that it does."""
    said = [SHOWN, "Grumblefax went seaward."]
    return citing(*((one, _holding(one, asked)) for one in said))


def _holding(quote: str, asked: Asked) -> str:
    return next(one.id for one in asked.documents if quote in one.text)


@pytest.mark.parametrize("fault", BROKEN)
async def test_what_was_shown_stays_when_the_model_breaks_off(house: House, fault: str) -> None:
    """Quotes follow it, and the answer says what it lacks; what was streamed is what is kept."""
    struck, shows = BROKEN[fault]
    house.stub.writer = _tells_more
    house.stub.fault["chat"] = struck

    events = await house.listen()

    [answer] = [data for name, data in events if name == "done"]
    tokens = [data["text"] for name, data in events if name == "token"]
    assert "".join(tokens) == answer["answer"]
    assert answer["degraded"] == ["model"]
    assert answer["answer_status"] == "degraded"
    assert answer["answer"].startswith(SHOWN) == shows
    assert {one.partition(". ")[0] + "." for one in NOTES} <= {
        one["quote"] for one in answer["citations"]
    }
    assert unproven(answer, house.texts) == ""


async def test_what_no_note_says_is_withheld(house: House) -> None:
    """An invented sentence with invented citations is not shown, the notes are quoted, and nothing was away."""
    house.stub.fault["chat"] = GarbageText()

    response, _ = await house.ask()

    answer = response.json()
    assert response.status_code == 200
    assert (answer["degraded"], answer["answer_status"]) == ([], "partial")
    assert answer["withheld"] == 1
    assert answer["model"] == ExtractiveModel.model
    assert unproven(answer, house.texts) == ""
    assert "cheese" not in response.text


@pytest.mark.parametrize("words", ["", "I can't help with that.", "אני לא יכול לעזור בנושא הזה."])
async def test_a_model_that_will_not_speak_of_it_is_stood_in_for(house: House, words: str) -> None:
    """A filter's refusal and one in words: the notes are quoted, and it is asked once and no more."""
    refused = Metric("ai_agent_degraded_answers_total", {"part": "model", "reason": "refused"})
    before = value(await house.series(), refused)
    house.stub.fault["chat"] = Refusal(words)

    response, _ = await house.ask()

    answer = response.json()
    assert (answer["degraded"], answer["answer_status"]) == (["model"], "degraded")
    assert answer["model"] == ExtractiveModel.model
    assert answer["citations"] != []
    assert unproven(answer, house.texts) == ""
    assert value(await house.series(), refused) == before + 1


OPERATIONS: tuple[Operation, ...] = ("embed", "rerank", "chat", "entail")


async def test_a_refusal_for_a_moment_is_nobodys_business(house: House) -> None:
    """Each model says once that it has too much to do and when to come back; the caller does not notice."""
    retries = {
        one: Metric("ai_retries_total", {"operation": f"cohere.{one}"}) for one in OPERATIONS
    }
    before = await house.series()
    for operation in OPERATIONS:
        house.stub.fault[operation] = Status(429, SECRET, retry_after=0.1, calls=1)

    response, _ = await house.ask()

    assert (response.status_code, response.json()["answer_status"]) == (200, "answered")
    after = await house.series()
    assert {one: value(after, retries[one]) - value(before, retries[one]) for one in retries} == {
        one: 1.0 for one in OPERATIONS
    }


def test_operators_read_the_contract() -> None:
    """Word for word, as the tests above hold it."""
    assert as_markdown() in OPERATING.read_text(encoding="utf-8")


def test_planted_words_and_unproven_ones_are_found() -> None:
    """So that the tests above can fail."""
    assert planted(f"log: {PLANTED[0].upper()}") == [PLANTED[0]]
    cited = {"session_id": "s", "start": 0, "end": 4, "quote": "Well", "answer_start": 0}
    answer = {"answer": "Well. [1]\nI am sorry.", "citations": [{**cited, "answer_end": 5}]}
    assert unproven(answer, {"s": "Well then"}) == "I am sorry."
