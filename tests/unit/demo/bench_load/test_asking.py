"""What is heard of an answer, however it comes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.demo.bench_chat.streams import STEPS
from service.demo.bench_load.asking import Heard, Query, Way, ask
from service.demo.therapist import Therapist

DONE = {"answer": "a [1]", "citations": [{"marker": 1}], "answer_status": "answered"}
BUSY = {"type": "urn:pazpaz-ai:busy", "status": 503}


def told(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


STREAM = [
    *(told("status", {"step": step}) for step in STEPS),
    told("citation", {"marker": 1}),
    told("token", {"text": "a [1]"}),
    told("done", DONE),
]


class Body(httpx.AsyncByteStream):
    """Parts, one by one; which of them were taken."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts, self.taken, self.closed = parts, 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            self.taken += 1
            yield part

    async def aclose(self) -> None:
        self.closed = True


async def heard(way: Way, body: Body | httpx.Response | Exception) -> Heard:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["x-request-id"]
        if isinstance(body, Exception):
            raise body
        return httpx.Response(200, stream=body) if isinstance(body, Body) else body

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://p") as http:
        return await ask(Therapist(http), Query({"query": "?"}, way, "first", "w", None))


async def test_a_stream_is_timed_at_its_first_event_its_first_sentence_and_its_end() -> None:
    """In this order, and its answer is that of the last event."""
    one = await heard("events", Body(STREAM))
    assert one.outcome == "answered"
    assert one.first_event is not None
    assert one.first_sentence is not None
    assert 0 <= one.first_event <= one.first_sentence <= one.whole
    assert one.answer == DONE


@pytest.mark.parametrize(("way", "parts"), [("left at once", 1), ("left at a sentence", 7)])
async def test_whoever_leaves_hangs_up_at_that_moment(way: Way, parts: int) -> None:
    """And what came until then is judged too."""
    body = Body(STREAM)
    one = await heard(way, body)
    assert (one.outcome, body.taken, body.closed) == ("left", parts, True)
    assert one.answer["citations"] == ([{"marker": 1}] if parts == 7 else [])
    assert not one.answered
    assert not one.failed


@pytest.mark.parametrize(
    ("way", "body", "outcome", "failed"),
    [
        ("whole", httpx.Response(200, json=DONE), "answered", False),
        ("whole", httpx.Response(503, json=BUSY), "503 busy", False),
        ("events", httpx.Response(503, json=BUSY), "503 busy", False),
        ("events", httpx.Response(500, json={"detail": "?"}), "500 unnamed", True),
        ("whole", httpx.Response(200, text="?"), "no answer", True),
        ("events", Body(STREAM[:-1]), "stream without a whole end", True),
        ("events", Body([*STREAM[:6], *STREAM[7:]]), "stream without a whole token", True),
        (
            "events",
            Body([told("error", {**BUSY, "code": "stream_broken"})]),
            "503 stream_broken",
            True,
        ),
        ("events", Body([]), "stream without a whole end", True),
        ("whole", httpx.ReadError("?"), "ReadError", True),
    ],
)
async def test_every_other_end_has_a_name(way: Way, body: Any, outcome: str, failed: bool) -> None:
    """Refusals that the service means are no failures; an answer cut short is one."""
    one = await heard(way, body)
    assert (one.outcome, one.failed) == (outcome, failed)
