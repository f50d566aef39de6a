"""Many answers streamed at once by one worker: whether each came whole and in order."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from service.demo.bench_chat.asking import Prepared

STEPS = ["understand", "retrieve", "synthesize", "filter", "postprocess"]
END = b"\n\n"
Event = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Stream:
    """What came of one answer; seconds of one clock from its first byte to its last."""

    events: Sequence[Event]
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Streams:
    """What came of all of them."""

    count: int
    at_once: int
    """The most that were open at the same moment."""
    events: int
    faults: Counter[str]
    """What was lost, and of how many."""


async def stream_all(http: httpx.AsyncClient, asked: Iterable[Prepared]) -> Streams:
    """All begin at once. Raises httpx.HTTPError where one is refused or breaks off."""
    streams = await asyncio.gather(*(_read(http, one.request) for one in asked))
    faults = Counter(fault for one in streams if (fault := lost(one.events)))
    events = sum(len(one.events) for one in streams)
    return Streams(len(streams), at_once(streams), events, faults)


def lost(events: Sequence[Event]) -> str | None:
    """What a stream lacks, or has twice, or in another place; None where it is whole.

    Its last event, and no other, is the whole answer: what was told before must be the same, piece by piece, each
    citation before the words that carry its marker.
    """
    names = [name for name, _ in events]
    if names[-1:] != ["done"] or names.count("done") != 1:
        return "end"
    told: dict[str, list[Mapping[str, Any]]] = {}
    for name, data in events:
        told.setdefault(name, []).append(data)
    [done] = told["done"]
    if [one["step"] for one in told.get("status", ())] != STEPS:
        return "step"
    if "".join(one["text"] for one in told.get("token", ())) != done["answer"]:
        return "token"
    if told.get("citation", []) != done["citations"]:
        return "citation"
    return None if _cited_in_time(events) else "order"


def _cited_in_time(events: Sequence[Event]) -> bool:
    cited: set[int] = set()
    for name, data in events:
        if name == "citation":
            cited.add(data["marker"])
        if name == "token" and any(
            f"[{n}]" in data["text"] for n in range(1, 100) if n not in cited
        ):
            return False
    return True


def at_once(streams: Sequence[Stream]) -> int:
    """The most that were open at the same moment."""
    moments = [(one.began, 1) for one in streams] + [(one.ended, -1) for one in streams]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


async def _read(http: httpx.AsyncClient, request: httpx.Request) -> Stream:
    response = await http.send(request, stream=True)
    try:
        began, body = time.perf_counter(), await response.raise_for_status().aread()
    finally:
        await response.aclose()
    return Stream([*events_of(body)], began, time.perf_counter())


def events_of(body: bytes) -> Iterable[Event]:
    """Without comments, which keep a connection open and say nothing."""
    for block in body.split(END):
        lines = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
        if "event" in lines:
            yield lines["event"], json.loads(lines["data"])
