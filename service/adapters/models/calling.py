"""How a provider's models are called, whoever it is: in batches, behind its guard, within our limits, counted."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Literal

from service.adapters.models.guard import Guard
from service.adapters.models.untrusted import batches, counted
from service.domain.answers import Delta, Stretch
from service.ports.calls import CallContext
from service.ports.models import Entailment, Vector
from service.telemetry.metrics import (
    EMBEDDING_ERRORS,
    EMBEDDING_SECONDS,
    ENTAILMENT_SECONDS,
    LLM_ERRORS,
)

# Of one attempt. A person waits for a question's; a batch of notes may take its time.
SECONDS = {"query": 4.0, "document": 20.0}
RERANK_SECONDS = 5.0
FIRST_SECONDS, CHAT_SECONDS = 10.0, 40.0
ENTAIL_SECONDS = 5.0
CHECK_SECONDS = 5.0
MAX_TOKENS = 800
"""Of an answer: what every adapter asks a chat model for."""


async def embedded(
    texts: Sequence[str],
    send: Callable[[Sequence[str]], Awaitable[Sequence[Vector]]],
    *,
    size: int,
    purpose: Literal["document", "query"],
    model: str,
    guard: Guard,
    context: CallContext,
) -> list[Vector]:
    """The vectors of all texts, `size` of them a call; `model` is the label of metrics. Raises ModelUnavailable."""
    vectors: list[Vector] = []
    for batch in batches(texts, size):
        timed = EMBEDDING_SECONDS.labels(model=model).time()
        with timed, counted(EMBEDDING_ERRORS, model):
            vectors += await guard.call(
                partial(send, batch), context=context, seconds=SECONDS[purpose]
            )
    return vectors


async def judged(
    stretches: Sequence[Stretch],
    send: Callable[[Sequence[str]], Awaitable[Sequence[float]]],
    *,
    size: int,
    guard: Guard,
    context: CallContext,
) -> list[float]:
    """The scores of all stretches, each under its heading, `size` of them a call. Raises ModelUnavailable."""
    scores: list[float] = []
    for batch in batches([stretch.headed for stretch in stretches], size):
        scores += await guard.call(partial(send, batch), context=context, seconds=RERANK_SECONDS)
    return scores


async def written(
    open_stream: Callable[[], AsyncGenerator[Delta, None]],
    *,
    model: str,
    guard: Guard,
    context: CallContext,
) -> AsyncGenerator[Delta, None]:
    """Text and citations as they come; closing the generator closes the connection. Raises ModelUnavailable."""
    deltas = guard.stream(
        open_stream, context=context, first_seconds=FIRST_SECONDS, seconds=CHAT_SECONDS
    )
    with counted(LLM_ERRORS, model):
        async with aclosing(deltas):
            async for delta in deltas:
                yield delta


async def confirmed(
    send: Callable[[], Awaitable[Entailment]], *, model: str, guard: Guard, context: CallContext
) -> Entailment:
    """One sentence's verdict. Raises ModelUnavailable."""
    with ENTAILMENT_SECONDS.labels(model=model).time(), counted(LLM_ERRORS, model):
        return await guard.call(send, context=context, seconds=ENTAIL_SECONDS)
