"""One question through PazPaz's proxy, as events or whole, and how it ended."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from uuid import uuid4

import httpx

from service.demo.bench_chat.asking import accepting
from service.demo.bench_chat.streams import END, events_of, lost
from service.demo.therapist import CHAT, Therapist

Way = Literal["events", "whole", "left at once", "left at a sentence"]
"""How it is asked; whoever leaves does so at the first event, or at the first sentence."""
Kind = Literal["first", "follow-up", "other client", "practice", "form"]
LEAVING: frozenset[Way] = frozenset({"left at once", "left at a sentence"})
ANSWERED = frozenset({"answered", "partial", "abstained", "degraded"})
LEFT = "left"
REFUSED = frozenset(
    {
        "429 allowance_used",
        "429 too_many_at_once",
        "503 busy",
        "503 out_of_time",
        "404 client_not_found",
        "404 conversation_not_found",
    }
)
"""What the service means to say. Anything else but an answer is a failure."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, by whom the ledger knows."""

    body: Mapping[str, Any]
    way: Way
    kind: Kind
    workspace: str
    client: str | None


@dataclass
class Heard:
    """What came of a question; moments and seconds of one clock."""

    query: Query
    began: float
    request_id: str = field(default_factory=lambda: str(uuid4()))
    ended: float = 0.0
    outcome: str = ""
    """The status of an answer, `left`, or the name of a refusal or failure."""
    first_event: float | None = None
    first_sentence: float | None = None
    raw: bytes = b""

    @property
    def whole(self) -> float:
        return self.ended - self.began

    @property
    def answered(self) -> bool:
        return self.outcome in ANSWERED

    @property
    def failed(self) -> bool:
        return self.outcome not in ANSWERED | REFUSED | {LEFT}

    @cached_property
    def answer(self) -> Mapping[str, Any]:
        """Once it ended: as much as came: of a stream that was left its citations and risks."""
        if self.query.way == "whole":
            return _object(self.raw)
        events = list(events_of(self.raw.rpartition(END)[0]))
        done = [data for name, data in events if name == "done"]
        if done:
            return done[0]
        return {
            "citations": [data for name, data in events if name == "citation"],
            "risk": [data for name, data in events if name == "risk"],
        }

    def saw(self, part: bytes) -> None:
        """More of a stream; a first event counts once it is whole."""
        self.raw += part
        now = time.monotonic() - self.began
        if self.first_event is None and END in self.raw:
            self.first_event = now
        if self.first_sentence is None and b"event: token" in self.raw:
            self.first_sentence = now

    @property
    def leaves(self) -> bool:
        """Whether this is the moment."""
        if self.query.way == "left at a sentence":
            return self.first_sentence is not None
        return self.query.way == "left at once" and self.first_event is not None


async def ask(therapist: Therapist, query: Query) -> Heard:
    """Reads the answer to its end, unless it is one to be left; never raises for what came."""
    heard = Heard(query, began=time.monotonic())
    try:
        heard.outcome = await _heard(therapist, heard)
    except httpx.HTTPError as exc:
        heard.outcome = type(exc).__name__
    heard.ended = time.monotonic()
    return heard


async def _heard(therapist: Therapist, heard: Heard) -> str:
    form = accepting("JSON" if heard.query.way == "whole" else "events")
    headers = {
        **form,
        "X-Request-ID": heard.request_id,
        "X-CSRF-Token": therapist.http.cookies.get("csrf_token") or "",
    }
    asked = therapist.http.stream("POST", CHAT, json=dict(heard.query.body), headers=headers)
    async with asked as response:
        if response.status_code != 200:
            return _refusal(response.status_code, _object(await response.aread()))
        async for part in response.aiter_bytes():
            heard.saw(part)
            if heard.leaves:
                return LEFT
    return _outcome(heard)


def _refusal(status: int, problem: Mapping[str, Any]) -> str:
    """As `503 busy`; unnamed where it is PazPaz's own, as when the service is away."""
    kind, _, named = str(problem.get("type", "")).rpartition(":")
    return f"{status} {problem.get('code') or (named if kind.startswith('urn') else 'unnamed')}"


def _outcome(heard: Heard) -> str:
    if heard.query.way != "whole":
        events = list(events_of(heard.raw))
        if events and events[-1][0] == "error":
            return _refusal(events[-1][1].get("status", 0), events[-1][1])
        if lacks := lost(events):
            return f"stream without a whole {lacks}"
    return str(heard.answer.get("answer_status", "no answer"))


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
