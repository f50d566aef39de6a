"""Asks as many at once as are told to, and takes the time of each answer."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import numpy as np

from service.demo.bench_chat.bare import EVENT_STREAM

Form = Literal["JSON", "events"]
WORDS = b"event: token"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that only needs to be sent, and the mark in its question."""

    mark: str
    request: httpx.Request


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds to the end of an answer and, of events, to its first words; `fault` tells what is wrong with it."""

    mark: str
    wall: float
    first: float | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How askers keep from marching in lockstep: when each begins, and how long each thinks between two questions.

    They begin at random moments of `lasting` seconds, about what an answer takes, and think for a time that is
    distributed exponentially, `think` seconds in the mean: some come together, as people do. The same `seed` gives the
    same arrivals, so that two sides are asked alike.
    """

    lasting: float
    think: float
    seed: int

    def pauses(self, askers: Sequence[Sequence[Prepared]]) -> list[list[float]]:
        """Before each question of each asker, in seconds."""
        dice = np.random.default_rng(self.seed)
        return [
            [dice.uniform(0, self.lasting), *dice.exponential(self.think, max(0, len(mine) - 1))]
            for mine in askers
        ]


async def ask_all(
    http: httpx.AsyncClient, askers: Sequence[Sequence[Prepared]], arrivals: Arrivals
) -> list[Taken]:
    """Each asks one after the other."""
    pauses = arrivals.pauses(askers)
    taken = await asyncio.gather(
        *(_ask_in_turn(http, mine, own) for mine, own in zip(askers, pauses, strict=True))
    )
    return [one for mine in taken for one in mine]


async def _ask_in_turn(
    http: httpx.AsyncClient, mine: Sequence[Prepared], pauses: Sequence[float]
) -> list[Taken]:
    taken = []
    for one, pause in zip(mine, pauses, strict=True):
        await asyncio.sleep(pause)
        taken.append(await ask(http, one))
    return taken


async def ask(http: httpx.AsyncClient, prepared: Prepared) -> Taken:
    """One answer, read to its end."""
    began = time.perf_counter()
    response = await http.send(prepared.request, stream=True)
    first, body = None, b""
    try:
        async for part in response.aiter_bytes():
            body += part
            if first is None and WORDS in body:
                first = time.perf_counter() - began
    except httpx.HTTPError as exc:
        return Taken(prepared.mark, 0.0, fault=type(exc).__name__)
    finally:
        await response.aclose()
    wall = time.perf_counter() - began
    return Taken(prepared.mark, wall, first, _fault(response.status_code, body))


def _fault(status: int, body: bytes) -> str | None:
    """What keeps an answer from being what is measured: a refusal, an error, or something that stood in."""
    if status != 200:
        return f"status {status}"
    answer = whole_of(body)
    if lacks := answer.get("degraded"):
        return f"without {', '.join(str(one) for one in lacks)}"
    return None if answer.get("answer_status") == "answered" else str(answer.get("code", "cut"))


def whole_of(body: bytes) -> Mapping[str, Any]:
    """The answer, which ends the events or is all there is; empty where it is not there."""
    last = body.rstrip().rpartition(b"\n")[2].removeprefix(b"data: ")
    try:
        found: Mapping[str, Any] = json.loads(last)
    except ValueError:
        return {}
    return found


def accepting(form: Form) -> dict[str, str]:
    return {"accept": EVENT_STREAM if form == "events" else "application/json"}
