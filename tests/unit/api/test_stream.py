"""POST /ai/agent/chat as events: what is told, in which order, how it ends, and that it stops for nobody."""

import asyncio
import json
from contextlib import suppress
from typing import get_args
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from service.api import stream
from service.api.problems import ENGLISH, HEBREW
from service.api.schemas import EVENTS
from service.domain.progress import Line, Pin, Step
from service.domain.risk import Risk, RiskKind
from service.errors import ModelUnavailable, NotAllowed, StoreUnavailable
from tests.fakes import NOW, WORKSPACE, a_note
from tests.unit.api.practice import APP, CHAT, an_answer, ask, bearer, is_problem
from tests.unit.api.test_chat import a_citation
from tests.unit.doubles import CountedLimiter, SwitchedStandings, an_introspection

EVENT_STREAM = "text/event-stream"
ONE, TWO = a_citation(0, 5), a_citation(10, 15, 2)
LINES = (Line("Rest. [1]", 0, (ONE,)), Line("\nWalk. [2]", 9, (TWO,)))
STEPS = tuple(map(Step, ("understand", "retrieve", "synthesize")))
TOLD = (*STEPS, *LINES, Step("filter"), Step("postprocess"))
ANSWER = an_answer("Rest. [1]\nWalk. [2]", ONE, TWO)
UNKNOWN = str(UUID(int=99))


def a_risk(kind: RiskKind) -> Risk:
    note = a_note()
    who = {"note": note.ref, "client": note.client, "client_name": "דנה לוי", "is_draft": False}
    where = {"session_date": NOW, "field": "plan", "start": 2, "end": 5, "note_version": 1}
    return Risk(kind, "denied", quote="SI?", **who, **where)


def events_of(text: str) -> list[tuple[str, dict]]:
    """The events of a stream, comments left out; fails on what no reader of such streams would take."""
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        if block.startswith(":"):
            continue
        [name], [data] = (
            [line.removeprefix(kind) for line in block.splitlines() if line.startswith(kind)]
            for kind in ("event: ", "data: ")
        )
        found.append((name, json.loads(data)))
    return found


def as_events(**headers: str) -> dict[str, str]:
    return bearer(**{"Accept": EVENT_STREAM, **headers})


class Caller:
    """Speaks ASGI by hand: httpx waits for the whole of an answer, and cannot leave."""

    def __init__(self, parts, accept: str = EVENT_STREAM) -> None:
        self.parts, self.accept = parts, accept
        self.sent: list[dict] = []
        self.left, self.more = asyncio.Event(), asyncio.Condition()
        self.takes = asyncio.Event()
        self.takes.set()
        self.asked = False

    def ask(self) -> asyncio.Task:
        headers = bearer(**{"Accept": self.accept, "Content-Type": "application/json"})
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "method": "POST",
            "path": CHAT,
            "raw_path": CHAT.encode(),
            "query_string": b"",
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "state": {"container": self.parts, "bulkhead": self.parts.bulkhead},
        }
        return asyncio.create_task(APP(scope, self._receive, self._send))

    async def _receive(self) -> dict:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b'{"query": "How?"}', "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict) -> None:
        await self.takes.wait()
        self.sent.append(message)
        async with self.more:
            self.more.notify_all()

    async def until(self, word: str) -> None:
        async with asyncio.timeout(5), self.more:
            await self.more.wait_for(lambda: word in self.text)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()


class Endless:
    """An answer that is asked for and never comes."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __call__(self) -> None:
        self.begun.set()
        await asyncio.Event().wait()


def cancelled() -> float:
    labels = {"language": "en", "status": "cancelled"}
    return REGISTRY.get_sample_value("ai_agent_queries_total", labels) or 0.0


async def test_what_is_pinned_comes_before_the_first_line(http, parts):
    """One event a sentence, each the same as in the whole answer; above "not found" too."""
    pins = tuple(a_risk(kind) for kind in get_args(RiskKind))
    parts.progress = (*STEPS[:2], *map(Pin, pins), Line("Not found.", 0), *TOLD[-2:])
    parts.answer = an_answer(risk=pins, risk_unread=2)
    events = events_of((await ask(http, headers=as_events())).text)
    names = [name for name, _ in events]
    assert names == ["status"] * 2 + ["risk"] * 4 + ["token"] + ["status"] * 2 + ["done"]
    done = events[-1][1]
    assert [data for name, data in events if name == "risk"] == done["risk"]
    assert [one["kind"] for one in done["risk"]] == list(get_args(RiskKind))
    assert done["risk_unread"] == 2


async def test_an_answer_comes_as_events(http, parts):
    """Steps, then each sentence behind its citations, then the whole; the sentences put together are the answer."""
    parts.progress, parts.answer = TOLD, ANSWER
    response = await ask(http, headers=as_events())

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Accel-Buffering"] == "no"
    events = events_of(response.text)
    assert [name for name, _ in events] == [
        *["status"] * 3,
        *["citation", "token"] * 2,
        *["status"] * 2,
        "done",
    ]
    assert [data["step"] for name, data in events if name == "status"] == [
        one.name for one in TOLD if isinstance(one, Step)
    ]
    done = events[-1][1]
    tokens = [data for name, data in events if name == "token"]
    assert "".join(token["text"] for token in tokens) == done["answer"] == ANSWER.text
    for token in tokens:
        assert done["answer"][token["answer_start"] : token["answer_end"]] == token["text"]
    assert [data for name, data in events if name == "citation"] == done["citations"]
    assert done["request_id"] == response.headers["X-Request-ID"]
    assert all(data.keys() == EVENTS[name].model_fields.keys() for name, data in events)


async def test_both_forms_say_the_same(http, parts):
    """`done` is the JSON answer, field for field."""
    parts.progress, parts.answer = TOLD, ANSWER
    _, done = events_of((await ask(http, headers=as_events())).text)[-1]
    whole = (await ask(http)).json()
    own = {"conversation_id", "message_id", "request_id", "processing_time_ms"}
    assert done.keys() == whole.keys()
    assert {k: v for k, v in done.items() if k not in own} == {
        k: v for k, v in whole.items() if k not in own
    }


@pytest.mark.parametrize(
    ("accept", "events"),
    [
        (EVENT_STREAM, True),
        ("Text/Event-Stream;q=0.9", True),
        ("application/json, text/event-stream", True),
        ("application/json", False),
        ("*/*", False),
        ("", False),
        ("text/*", False),
    ],
)
async def test_events_are_for_who_names_them(http, accept, events):
    """Anything else is answered in JSON."""
    response = await ask(http, headers=bearer(Accept=accept))
    kind = response.headers["Content-Type"].partition(";")[0]
    assert kind == (EVENT_STREAM if events else "application/json")


def no_token(parts):
    return {"headers": {"Accept": EVENT_STREAM}}, 401, "not_authenticated"


def no_shape(parts):
    return {"max_results": 99}, 422, "malformed"


def suspended(parts):
    parts.login.said = an_introspection(workspace_status="suspended")
    return {}, 403, "workspace_suspended"


def switched_off(parts):
    parts.standings = SwitchedStandings(enabled=False)
    return {}, 503, "switched_off"


def a_stranger(parts):
    return {"client_id": UNKNOWN}, 404, "client_not_found"


def nothing_left(parts):
    parts.limiter = CountedLimiter(left=0)
    return {}, 429, "allowance_used"


def no_audit(parts):
    parts.audit.away = StoreUnavailable()
    return {}, 503, "unavailable"


def a_full_house(parts):
    parts.bulkhead._inside[WORKSPACE] = parts.bulkhead.most_per_workspace
    return {}, 429, "too_many_at_once"


@pytest.mark.parametrize(
    "given",
    [
        no_token,
        no_shape,
        suspended,
        switched_off,
        a_stranger,
        nothing_left,
        no_audit,
        a_full_house,
    ],
)
async def test_a_refusal_is_a_problem_and_no_stream(http, parts, given):
    """Whatever can refuse a question does so before the 200, as in JSON."""
    parts.progress = TOLD
    more, status, code = given(parts)
    response = await ask(http, **{"headers": as_events()} | more)
    assert is_problem(response, status, code)
    assert not parts.asked


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (ModelUnavailable(), 503, "unavailable", 5),
        (NotAllowed(), 403, "not_allowed", None),
        (ValueError("the patient said zebra"), 500, "internal", None),
        (asyncio.CancelledError(), 500, "internal", None),
    ],
)
@pytest.mark.parametrize(("language", "texts"), [("he", HEBREW), ("en", ENGLISH)])
async def test_a_failure_on_the_way_is_the_last_event(
    http, parts, error, status, code, retry_after, language, texts
):
    """A problem document in the caller's language; no turn is kept, the closing row tells how it ended."""
    parts.progress, parts.answer = TOLD, error
    headers = as_events(**{"Accept-Language": language})
    response = await ask(http, "zebra?", headers=headers)

    *_, (name, problem) = events_of(response.text)
    assert (response.status_code, name) == (200, "error")
    assert problem == {
        "type": f"urn:pazpaz-ai:{code}",
        "title": ENGLISH[code],
        "status": status,
        "detail": texts[code],
        "request_id": response.headers["X-Request-ID"],
        "code": code,
        "retry_after": retry_after,
    }
    assert parts.audit.actions == ["chat.opened", "chat.closed"]
    assert parts.conversations.kept == {}
    assert not parts.bulkhead._inside


async def test_an_unforeseen_failure_is_logged_by_type_and_place_only(http, parts, lines):
    """The stream ends with `error`, the operator sees where it broke, and the message stays inside."""
    parts.progress, parts.answer = STEPS, ValueError("the patient said zebra")
    await ask(http, "zebra?", headers=as_events())
    [failed] = [line for line in lines() if line["event"] == "request.failed"]
    assert (failed["error"], "zebra" in json.dumps(failed)) == ("ValueError", False)


async def test_without_a_closing_row_no_answer_is_done(http, parts):
    """What cannot be recorded ends in `error`."""
    parts.progress, parts.answer = STEPS, ANSWER
    parts.audit.away, parts.audit.away_from = StoreUnavailable(), 1
    response = await ask(http, headers=as_events())
    assert [name for name, _ in events_of(response.text)] == [*["status"] * 3, "error"]


async def test_all_is_kept_before_done_and_the_place_is_held_until_it_is_sent(parts):
    """Turn and closing row come before `done`, the place is free after it."""
    parts.progress, parts.answer = TOLD, ANSWER
    caller = Caller(parts)
    seen: list[tuple] = []
    send = caller._send

    async def watched(message):
        if b"event: done" in message.get("body", b""):
            turns, inside = len(parts.conversations.kept), parts.bulkhead._inside.total()
            seen.append((turns, parts.audit.actions[-1], inside))
        await send(message)

    caller._send = watched
    await asyncio.wait_for(caller.ask(), 5)
    assert seen == [(1, "chat.closed", 1)]
    assert not parts.bulkhead._inside


@pytest.mark.parametrize("accept", [EVENT_STREAM, "application/json"])
async def test_who_leaves_stops_the_work(parts, accept):
    """Cancelled, recorded as such, nothing kept, the place given back: in both forms."""
    parts.progress, parts.meanwhile, before = TOLD[:4], Endless(), cancelled()
    caller = Caller(parts, accept)
    asking = caller.ask()
    if accept == EVENT_STREAM:
        await caller.until("event: token")
    await parts.meanwhile.begun.wait()
    assert parts.bulkhead._inside[WORKSPACE] == 1

    caller.left.set()
    await asyncio.wait_for(asking, 5)

    assert parts.audit.actions == ["chat.opened", "chat.closed"]
    assert parts.audit.entries[-1].details["outcome"] == "cancelled"
    assert parts.conversations.kept == {}
    assert not parts.bulkhead._inside
    assert cancelled() == before + 1
    assert "event: done" not in caller.text
    assert "event: error" not in caller.text
    assert caller.status == (200 if accept == EVENT_STREAM else 499)


async def test_who_leaves_before_the_first_event_stops_the_work_too(parts):
    """Also what has told nothing yet ends with its caller."""
    parts.meanwhile = Endless()
    caller = Caller(parts)
    asking = caller.ask()
    await parts.meanwhile.begun.wait()
    caller.left.set()
    await asyncio.wait_for(asking, 5)
    assert (caller.status, parts.audit.entries[-1].details["outcome"]) == (499, "cancelled")


async def test_who_leaves_while_the_question_is_opened_leaves_nothing_open(parts):
    """The first row of a question is written whole, and has its second."""
    begun, go_on, append = asyncio.Event(), asyncio.Event(), parts.audit.append

    async def slowly(*row, **of) -> int:
        begun.set()
        await go_on.wait()
        return await append(*row, **of)

    parts.audit.append = slowly
    caller = Caller(parts, "application/json")
    asking = caller.ask()
    await begun.wait()
    caller.left.set()
    await asyncio.sleep(0.01)
    go_on.set()
    await asyncio.wait_for(asking, 5)
    assert parts.audit.actions == ["chat.opened", "chat.closed"]
    assert parts.audit.entries[-1].details["outcome"] == "cancelled"
    assert not parts.asked


@pytest.mark.parametrize("accept", [EVENT_STREAM, "application/json"])
async def test_who_leaves_while_the_answer_is_kept_halves_nothing(parts, accept):
    """A turn and its closing row are one: once the storing has begun, both are done."""
    parts.answer = ANSWER
    begun, go_on, add_turn = asyncio.Event(), asyncio.Event(), parts.conversations.add_turn

    async def slowly(**turn) -> None:
        begun.set()
        await go_on.wait()
        await add_turn(**turn)

    parts.conversations.add_turn = slowly
    caller = Caller(parts, accept)
    asking = caller.ask()
    await begun.wait()
    caller.left.set()
    await asyncio.sleep(0.01)
    assert not asking.done()
    go_on.set()
    await asyncio.wait_for(asking, 5)

    assert len(parts.conversations.kept) == 1
    assert parts.audit.actions == ["chat.opened", "chat.closed"]
    assert parts.audit.entries[-1].details["outcome"] == "answered"
    assert not parts.bulkhead._inside


async def test_a_quiet_stream_beats(parts, monkeypatch):
    """A comment comes when nothing else does, so that nobody in between hangs up."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.001)
    parts.progress, parts.meanwhile = STEPS, Endless()
    caller = Caller(parts)
    asking = caller.ask()
    await caller.until(": ping\n\n: ping\n\n")
    caller.left.set()
    await asyncio.wait_for(asking, 5)
    assert stream.HEARTBEAT_SECONDS < 10


async def test_who_takes_nothing_gives_the_place_back(parts, monkeypatch):
    """A caller that is there but reads no further counts as gone after a while."""
    monkeypatch.setattr(stream, "STALL_SECONDS", 0.01)
    parts.progress, parts.meanwhile = STEPS, Endless()
    caller = Caller(parts)
    caller.takes.clear()
    await asyncio.wait_for(caller.ask(), 5)
    assert parts.audit.entries[-1].details["outcome"] == "cancelled"
    assert not parts.bulkhead._inside


async def test_a_server_that_goes_down_says_so(parts):
    """Cut off by a shutdown, a stream still ends with `error`, and its question with a closing row."""
    parts.progress, parts.meanwhile = STEPS, Endless()
    caller = Caller(parts)
    asking = caller.ask()
    await caller.until("synthesize")
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    *_, (name, problem) = events_of(caller.text)
    assert (name, problem["code"]) == ("error", "unavailable")
    assert parts.audit.entries[-1].details["outcome"] == "cancelled"
    assert not parts.bulkhead._inside
