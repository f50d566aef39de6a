"""What it costs an answer that a model confirms its sentences: in its own words or quoted, confirmed or not."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import httpx
import numpy as np
import typer
from langgraph.runtime import Runtime
from pydantic import SecretStr

from service.adapters.models.cohere import open_provider
from service.adapters.models.local_model import ExtractiveModel
from service.adapters.models.provider import Provider
from service.adapters.models.veiled import veiled
from service.chat.output_guard import remembered
from service.chat.state import ChatContext, ChatState
from service.chat.synthesize import synthesize
from service.commands.progress import progress
from service.demo.provider_stub import KEY, Asked, Pace, Written, citing, provider_stub
from service.domain.answers import Passage, Question, Verdict
from service.domain.deadline import Deadline
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Chunk, Note, NoteRef
from service.ports.calls import CallContext
from service.ports.clock import now
from service.ports.keys import WorkspaceKeys
from service.retrieval.search import Found
from service.settings import Settings

NOTES = (
    "Came on foot. She says that the nights are quiet now. Her sister agrees.",
    "A short visit. The left knee bends further since the new exercises. No swelling.",
    "Tea first. He walks to the market every morning with his dog. Rain stopped him once.",
    "Late again. They argue less about money since the spring. The flat is sold.",
)
QUOTES = tuple(f"{note.split('. ')[1]}." for note in NOTES)
REWORDED = (
    "The nights are quiet now.",
    "The left knee bends further since exercises.",
    "He walks to the market every morning.",
    "They argue less since the spring.",
)
QUESTION = Question("How are the nights, the knee, the walks and the money?", "en")
SECONDS = 45.0


@dataclass(slots=True)
class Arm:
    """One way to answer, and the seconds to each sentence and to the end of each answer."""

    name: str
    texts: Sequence[str]
    confirms: bool
    sentences: list[list[float]] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)


ARMS = (
    ("quoted, not confirmed", QUOTES, False),
    ("quoted, confirmed", QUOTES, True),
    ("reworded, not confirmed", REWORDED, False),
    ("reworded, confirmed", REWORDED, True),
)


async def run_bench(*, answers: int, pace: Pace) -> None:
    """Takes the ways in turn, so that what else the machine does falls on all of them."""
    arms = [Arm(*one) for one in ARMS]
    async with _provider(pace) as (stub, provider):
        with progress("answers", answers) as tick:
            for number in range(answers + 1):
                for arm in arms:
                    stub.writer = partial(_write, texts=arm.texts)
                    await _answer(arm, provider, counts=number > 0)  # the first opens connections
                tick(min(number + 1, answers))
    _print(arms)


@asynccontextmanager
async def _provider(pace: Pace) -> AsyncIterator[tuple[Any, Provider]]:
    async with (
        provider_stub(pace=pace, keeps_calls=False) as stub,
        httpx.AsyncClient(verify=False, trust_env=False) as http,  # noqa: S501 - there is no TLS here
    ):
        settings = Settings.model_construct(
            cohere_api_key=SecretStr(KEY), cohere_base_url=cast(Any, stub.url)
        )
        opened = open_provider(settings, http)
        assert opened is not None  # noqa: S101 - it has a key
        yield stub, veiled(opened)


def _write(asked: Asked, *, texts: Sequence[str]) -> Written:
    """A word an event, as a model writes."""
    return replace(citing(*((text, f"p{number}") for number, text in enumerate(texts, 1))), step=1)


async def _answer(arm: Arm, provider: Provider, *, counts: bool) -> None:
    moments: list[float] = []
    runtime = _runtime(arm, provider, lambda event: moments.append(time.perf_counter()))
    began = time.perf_counter()
    state = await synthesize(_found(), runtime)
    ended = time.perf_counter()
    _require_all(arm, state["verdicts"], runtime.context.calls)
    if counts:
        arm.sentences.append([moment - began for moment in moments])
        arm.ends.append(ended - began)


def _runtime(arm: Arm, provider: Provider, writer: Any) -> Runtime[ChatContext]:
    calls = CallContext(
        WorkspaceKeys(WorkspaceId(uuid4()), 1, bytes(32), bytes(32)),
        deadline=Deadline.after(SECONDS),
    )
    context = SimpleNamespace(
        model=provider.chat,
        spare=ExtractiveModel(),
        entailment=provider.entailment if arm.confirms else None,
        calls=calls,
        orders=remembered(),
    )
    return cast(Runtime[ChatContext], SimpleNamespace(context=context, stream_writer=writer))


def _found() -> ChatState:
    passages = tuple(_passage(number, text) for number, text in enumerate(NOTES, 1))
    return {"question": QUESTION, "found": Found(passages, ranked=())}


def _passage(number: int, text: str) -> Passage:
    client = ClientId(uuid4())
    ref = NoteRef(WorkspaceId(uuid4()), "sessions", uuid4())
    note = Note(ref, client, "active", {"subjective": text}, updated_at=now())
    return Passage(f"p{number}", note, Chunk("subjective", 0, 0, len(text), text), "Ada", 0.9)


def _require_all(arm: Arm, verdicts: Sequence[Verdict], calls: CallContext) -> None:
    """What is measured is an answer of which nothing is missing."""
    shown = [verdict.claim.text for verdict in verdicts if verdict.admitted]
    if shown != [*arm.texts] or calls.meter.away:
        raise typer.BadParameter(f"{arm.name}: not the answer that is measured")


def _print(arms: Sequence[Arm]) -> None:
    typer.echo(f"{'seconds, p50 / p95':26}{'first sentence':>18}{'each sentence':>18}{'end':>18}")
    for arm in arms:
        firsts = [one[0] for one in arm.sentences]
        each = [moment for one in arm.sentences for moment in one]
        columns = "".join(f"{_quantiles(one):>18}" for one in (firsts, each, arm.ends))
        typer.echo(f"{arm.name:26}{columns}")
    without, confirmed = arms[-2:]
    for name, share in (("first sentence", _first), ("end", _end)):
        ratio = share(confirmed) / share(without)
        typer.echo(f"reworded, p95 of the {name}: {ratio:.2f} times as long when confirmed")


def _first(arm: Arm) -> float:
    return float(np.quantile([one[0] for one in arm.sentences], 0.95))


def _end(arm: Arm) -> float:
    return float(np.quantile(arm.ends, 0.95))


def _quantiles(seconds: Sequence[float]) -> str:
    half, most = np.quantile(seconds, [0.5, 0.95])
    return f"{half:.3f} / {most:.3f}"
