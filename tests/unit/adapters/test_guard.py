"""The guard around a provider: what is tried again and for how long, who waits, and that nothing is left behind."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from prometheus_client import REGISTRY

from service.adapters.models.breaker import Breaker
from service.adapters.models.guard import RETRIED, Guard, ProviderBulkhead, guards
from service.domain.answers import Delta, Finished, TextDelta
from service.domain.deadline import Deadline
from service.domain.usage import Meter, Part, Usage
from service.errors import ModelFailure, ModelUnavailable
from service.ports.calls import CallContext
from service.ports.keys import WorkspaceKeys
from tests.fakes import WORKSPACE
from tests.unit.adapters.test_breaker import Seconds, ends

CONTEXT = CallContext(keys=WorkspaceKeys(WORKSPACE, 1, b"", b""))
WORD, DONE = TextDelta("word"), Finished("complete")
LONG = 60.0
SOON = 0.002
AT_ONCE = 0.0
NAME = "cohere.chat"

Said = Delta | BaseException | Callable[[], Awaitable[Any]]
"""What a provider does next: a delta, a failure, or a wait for something."""


class Naps:
    """In the place of sleep: remembers how long it should have been, and lets time go on by so much."""

    def __init__(self, clock: Seconds) -> None:
        self.clock = clock
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.clock.forward(seconds)


class Provider:
    """Does what it was told to, a list for each call; what is left of the last list it says again."""

    def __init__(self, *calls: list[Said]) -> None:
        self.calls = list(calls)
        self.begun = 0
        self.open = 0
        self.most_open = 0

    async def send(self) -> Delta:
        async with aclosing(self.stream()) as said:
            return await anext(said)

    async def stream(self) -> AsyncGenerator[Delta, None]:
        says = self.calls[min(self.begun, len(self.calls) - 1)]
        self.begun += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            for one in says:
                if isinstance(one, BaseException):
                    raise one
                if callable(one):
                    await one()
                else:
                    yield one
        finally:
            self.open -= 1


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """The time of deadlines and of the breaker; only a limit that runs out is waited for in earnest."""
    clock = Seconds()
    monkeypatch.setattr("service.domain.deadline.time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def naps(clock: Seconds) -> Naps:
    return Naps(clock)


@pytest.fixture
def guard(clock: Seconds, naps: Naps) -> Guard:
    bulkhead = ProviderBulkhead("cohere", most=2, patience=AT_ONCE)
    return Guard(NAME, bulkhead, Breaker(NAME, clock), naps)


@pytest.fixture(autouse=True)
def nothing_is_left_behind(guard: Guard) -> Iterator[None]:
    """However a test ends: both places are free, and none is counted as taken."""
    yield
    assert guard.bulkhead._places._value == 2
    assert metric("ai_provider_in_flight", provider="cohere") == 0


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def fails(reason: ModelFailure, *, asks: float | None = None) -> ModelUnavailable:
    return ModelUnavailable(reason, retry_after=asks)


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def a_moment() -> None:
    """Long enough for all that waits for nothing but its turn."""
    for _ in range(20):
        await asyncio.sleep(0)


async def call(
    guard: Guard, provider: Provider, context: CallContext = CONTEXT, seconds: float = LONG
) -> Delta:
    return await guard.call(provider.send, context=context, seconds=seconds)


def stream(
    guard: Guard,
    provider: Provider,
    context: CallContext = CONTEXT,
    first_seconds: float = LONG,
    seconds: float = LONG,
) -> AsyncGenerator[Delta, None]:
    return guard.stream(
        provider.stream, context=context, first_seconds=first_seconds, seconds=seconds
    )


async def heard(deltas: AsyncGenerator[Delta, None]) -> list[Delta]:
    async with aclosing(deltas) as said:
        return [delta async for delta in said]


async def failure(awaited: Awaitable[Any]) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as failed:
        await awaited
    assert failed.value.__cause__ is None
    return failed.value


async def leave(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


Way = Callable[..., Awaitable[Any]]


async def as_call(guard: Guard, provider: Provider, context: CallContext = CONTEXT) -> None:
    await call(guard, provider, context)


async def as_stream(guard: Guard, provider: Provider, context: CallContext = CONTEXT) -> None:
    await heard(stream(guard, provider, context))


both = pytest.mark.parametrize("ask", [as_call, as_stream])


@both
@pytest.mark.parametrize("reason", get_args(ModelFailure))
async def test_only_what_may_pass_is_tried_again(
    guard: Guard, naps: Naps, ask: Way, reason: ModelFailure
) -> None:
    """Twice at most, and not at all where the same request would meet the same answer."""
    provider = Provider([fails(reason)])
    failed = await failure(ask(guard, provider))
    assert failed.reason == reason
    assert provider.begun == (3 if reason in RETRIED else 1)
    assert len(naps.seconds) == provider.begun - 1


@both
async def test_a_second_attempt_may_succeed(guard: Guard, ask: Way) -> None:
    """The caller learns nothing of the first; operators do."""
    before = [metric("ai_retries_total", operation=NAME), *outcomes("ok", "connection")]
    await ask(guard, Provider([fails("connection")], [WORD, DONE]))
    after = [metric("ai_retries_total", operation=NAME), *outcomes("ok", "connection")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]


def outcomes(*names: str) -> list[float]:
    return [metric("ai_provider_calls_total", operation=NAME, outcome=name) for name in names]


async def test_waits_grow_at_random_and_are_bounded(guard: Guard, naps: Naps) -> None:
    """Full jitter: anything up to 0.25 s, then up to 0.5."""
    for _ in range(20):
        guard.breaker = Breaker(NAME)
        await failure(call(guard, Provider([fails("connection")])))
    first, second = naps.seconds[::2], naps.seconds[1::2]
    assert all(0 <= one <= 0.25 for one in first)
    assert all(0 <= one <= 0.5 for one in second)
    assert len(set(first)) > 1


@both
async def test_a_provider_that_says_how_long_is_given_that_long(
    guard: Guard, naps: Naps, ask: Way
) -> None:
    """And a little more, so that not everybody comes back in the same moment."""
    await ask(guard, Provider([fails("rate_limited", asks=3.0)], [WORD, DONE]))
    assert 3.0 <= naps.seconds[0] <= 3.25


@pytest.mark.parametrize(
    ("asks", "left"),
    [(4.85, 5.0), (30.0, 5.0), (3600.0, None)],
    ids=["hardly-a-rest", "no-rest", "nobody-waits-an-hour"],
)
async def test_a_wait_that_leaves_no_useful_rest_is_not_begun(
    guard: Guard, naps: Naps, asks: float, left: float | None
) -> None:
    """The last failure is told at once, with what the provider asked for."""
    context = CONTEXT if left is None else replace(CONTEXT, deadline=Deadline.after(left))
    failed = await failure(call(guard, Provider([fails("rate_limited", asks=asks)]), context))
    assert (failed.reason, failed.retry_after) == ("rate_limited", asks)
    assert naps.seconds == []


@both
async def test_a_budget_that_is_used_up_sends_nothing(guard: Guard, ask: Way) -> None:
    """Nor does a deadline that has passed; neither speaks against the provider."""
    provider = Provider([WORD, DONE])
    spent = replace(CONTEXT, may_spend=False)
    late = replace(CONTEXT, deadline=Deadline.after(-1))
    for context, reason in [(spent, "no_budget"), (late, "timeout")] * 5:
        assert (await failure(ask(guard, provider, context))).reason == reason
    assert provider.begun == 0
    assert guard.breaker.state == "closed"


async def test_an_attempt_has_a_limit_of_its_own(guard: Guard) -> None:
    """A provider that hangs costs one attempt's time, and the next may succeed."""
    provider = Provider([never], [WORD])
    assert await call(guard, provider, seconds=AT_ONCE) == WORD
    assert (provider.begun, provider.open) == (2, 0)


@both
async def test_no_attempt_outlasts_the_deadline(guard: Guard, naps: Naps, ask: Way) -> None:
    """However long it might take by itself; and then nothing is left to try again in."""
    provider = Provider([never])
    soon = replace(CONTEXT, deadline=Deadline.after(SOON))
    assert (await failure(ask(guard, provider, soon))).reason == "timeout"
    assert (provider.begun, provider.open, naps.seconds) == (1, 0, [])


async def test_a_full_house_is_told_of_before_long(guard: Guard) -> None:
    """Two calls are under way, the third is refused unsent; who leaves makes room."""
    provider = Provider([never])
    tasks = [asyncio.create_task(call(guard, provider)) for _ in range(2)]
    await a_moment()
    assert metric("ai_provider_in_flight", provider="cohere") == 2
    assert (await failure(call(guard, provider))).reason == "busy"
    assert (await failure(heard(stream(guard, provider)))).reason == "busy"
    for task in tasks:
        await leave(task)
    assert await call(guard, Provider([WORD])) == WORD
    assert provider.most_open == 2
    assert guard.breaker.state == "closed"


async def test_who_waits_for_a_place_gets_the_next_one(guard: Guard) -> None:
    """Many callers, never more than two at once, and each has its answer."""
    guard.bulkhead.patience = LONG
    provider = Provider(*([a_moment, WORD] for _ in range(20)))
    said = await asyncio.gather(*(call(guard, provider) for _ in range(20)))
    assert said == [WORD] * 20
    assert provider.most_open == 2


async def test_a_place_is_not_held_while_waiting_to_try_again(guard: Guard, naps: Naps) -> None:
    """A caller between two attempts is no call under way."""
    taken: list[float] = []

    async def nap(_: float) -> None:
        taken.append(metric("ai_provider_in_flight", provider="cohere"))

    guard.sleep = nap
    await failure(call(guard, Provider([fails("connection")])))
    assert taken == [0, 0]


@both
async def test_an_open_breaker_refuses_before_anything(guard: Guard, ask: Way) -> None:
    """Nobody waits for a place in vain: not even in a full house is an open breaker waited for."""
    provider = Provider([WORD, DONE])
    ends(guard.breaker, *["timeout"] * 5)
    guard.bulkhead.patience = LONG
    async with guard.bulkhead.place(CONTEXT.deadline), guard.bulkhead.place(CONTEXT.deadline):
        failed = await failure(ask(guard, provider))
    assert failed.reason == "circuit_open"
    assert failed.retry_after == pytest.approx(30)
    assert provider.begun == 0


async def test_who_got_a_place_too_late_is_refused_by_the_breaker(guard: Guard) -> None:
    """Calls that hang end together and open it: those who waited behind them must not hang next."""
    guard.bulkhead.patience = LONG
    provider = Provider([WORD])
    async with guard.bulkhead.place(CONTEXT.deadline):
        async with guard.bulkhead.place(CONTEXT.deadline):
            waiting = asyncio.create_task(call(guard, provider))
            await a_moment()
            ends(guard.breaker, *["timeout"] * 5)
        assert (await failure(waiting)).reason == "circuit_open"
    assert provider.begun == 0


@both
async def test_no_attempt_follows_the_one_that_opened_the_breaker(
    guard: Guard, naps: Naps, ask: Way
) -> None:
    """The caller is told what happened, not that a breaker is open."""
    ends(guard.breaker, *["timeout"] * 4)
    assert (await failure(ask(guard, Provider([fails("server_error")])))).reason == "server_error"
    assert guard.breaker.state == "open"
    assert naps.seconds == []


@both
async def test_every_failed_attempt_counts_and_a_success_closes(
    guard: Guard, clock: Seconds, ask: Way
) -> None:
    """Two callers with three attempts each open it; a probe that is answered closes it."""
    provider = Provider([fails("timeout")])
    for _ in range(2):
        await failure(ask(guard, provider))
    assert guard.breaker.state == "open"
    assert provider.begun == 5
    clock.forward(30)
    await ask(guard, Provider([WORD, DONE]))
    assert guard.breaker.state == "closed"


@both
async def test_a_cancelled_call_is_no_verdict_and_gives_back_what_it_held(
    guard: Guard, clock: Seconds, ask: Way
) -> None:
    """Its place, the provider's connection, and the turn to probe."""
    before = outcomes("cancelled")
    ends(guard.breaker, *["timeout"] * 5)
    clock.forward(30)
    provider = Provider([never])
    probe = asyncio.ensure_future(ask(guard, provider))
    await a_moment()
    assert provider.open == 1
    assert (await failure(call(guard, provider))).reason == "circuit_open"
    await leave(probe)
    assert (provider.begun, provider.open) == (1, 0)
    assert guard.breaker.state == "half_open"
    assert outcomes("cancelled") == [before[0] + 1]
    await ask(guard, Provider([WORD, DONE]))
    assert guard.breaker.state == "closed"


async def test_who_is_cancelled_between_two_attempts_makes_none(guard: Guard) -> None:
    """A wait can be left like a call."""
    provider = Provider([fails("connection")])
    asleep = asyncio.Event()

    async def nap(_: float) -> None:
        asleep.set()
        await never()

    guard.sleep = nap
    task = asyncio.create_task(call(guard, provider))
    await asleep.wait()
    await leave(task)
    assert provider.begun == 1


async def test_a_stream_is_handed_on_as_it_comes(guard: Guard) -> None:
    """Delta by delta, and only the last one lets go of the place and the connection: before it is handed on."""
    provider = Provider([WORD, WORD, DONE])
    said = []
    async for delta in (deltas := stream(guard, provider)):
        said.append(delta)
        assert provider.open == (delta != DONE)
        assert metric("ai_provider_in_flight", provider="cohere") == provider.open
    assert said == [WORD, WORD, DONE]
    await deltas.aclose()


async def test_a_listener_who_stops_at_the_end_has_heard_a_whole_answer(
    guard: Guard, clock: Seconds
) -> None:
    """Nobody need ask for more after `Finished`: a probe counts as answered then."""
    ends(guard.breaker, *["timeout"] * 5)
    clock.forward(30)
    async with aclosing(stream(guard, Provider([DONE]))) as deltas:
        assert await anext(deltas) == DONE
    assert guard.breaker.state == "closed"


@pytest.mark.parametrize("reason", ["connection", "cut", "garbage"])
async def test_a_stream_that_has_begun_is_never_tried_again(
    guard: Guard, naps: Naps, reason: ModelFailure
) -> None:
    """What was heard cannot be taken back; the failure still counts against the provider."""
    ends(guard.breaker, *["timeout"] * 4)
    provider = Provider([WORD, fails(reason)])
    async with aclosing(stream(guard, provider)) as deltas:
        assert await anext(deltas) == WORD
        assert (await failure(anext(deltas))).reason == reason
    assert naps.seconds == []
    assert (provider.begun, provider.open) == (1, 0)
    assert guard.breaker.state == "open"


async def test_a_stream_that_ends_without_finished_was_cut(guard: Guard) -> None:
    """Before the first delta it is tried again, afterwards it is told."""
    assert await heard(stream(guard, Provider([], [WORD, DONE]))) == [WORD, DONE]
    assert (await failure(heard(stream(guard, Provider([WORD]))))).reason == "cut"


async def test_a_first_delta_that_does_not_come_is_asked_for_again(guard: Guard) -> None:
    """Each attempt has its own limit until then, and what hung is closed."""
    provider = Provider([never], [WORD, DONE])
    assert await heard(stream(guard, provider, first_seconds=AT_ONCE)) == [WORD, DONE]
    assert (provider.begun, provider.open) == (2, 0)


async def test_a_stream_that_stalls_is_ended_by_the_limit_of_all(
    guard: Guard, clock: Seconds
) -> None:
    """The limit of the first delta no longer holds then; the stall counts against the provider."""
    ends(guard.breaker, *["timeout"] * 4)
    provider = Provider([WORD, WORD, never])
    async with aclosing(stream(guard, provider, first_seconds=1, seconds=5)) as deltas:
        assert await anext(deltas) == WORD
        clock.forward(3)
        assert await anext(deltas) == WORD
        clock.forward(2 - SOON)
        assert (await failure(anext(deltas))).reason == "timeout"
    assert provider.open == 0
    assert guard.breaker.state == "open"


async def test_a_listener_who_is_busy_is_not_held_against_the_provider(
    guard: Guard, clock: Seconds
) -> None:
    """Past the limit the answer ends, but the provider was never waited for too long."""
    ends(guard.breaker, *["timeout"] * 4)
    provider = Provider([WORD, WORD, DONE])
    async with aclosing(stream(guard, provider, seconds=5)) as deltas:
        assert await anext(deltas) == WORD
        clock.forward(5)
        assert (await failure(anext(deltas))).reason == "timeout"
    assert provider.open == 0
    assert guard.breaker.state == "closed"


async def test_a_listener_is_never_cancelled_by_a_limit(guard: Guard) -> None:
    """A limit that ran out while somebody listened is told at the next delta, not into what they do meanwhile."""
    async with aclosing(stream(guard, Provider([WORD, WORD, DONE]), seconds=SOON)) as deltas:
        assert await anext(deltas) == WORD
        await asyncio.sleep(2 * SOON)
        assert await anext(deltas) == WORD


async def test_a_listener_who_leaves_closes_the_connection(guard: Guard, clock: Seconds) -> None:
    """At once; it is neither a success nor a failure, and a probe's turn is given back."""
    ends(guard.breaker, *["timeout"] * 5)
    clock.forward(30)
    provider = Provider([WORD, WORD, DONE])
    async with aclosing(stream(guard, provider)) as deltas:
        assert await anext(deltas) == WORD
        assert provider.open == 1
        assert (await failure(call(guard, provider))).reason == "circuit_open"
    assert provider.open == 0
    assert guard.breaker.state == "half_open"
    await heard(stream(guard, provider))
    assert guard.breaker.state == "closed"


@pytest.mark.parametrize(
    ("says", "owed"),
    [
        ([WORD, Finished("complete", Usage(5, 1))], set()),
        ([WORD, DONE], {"model"}),
        ([WORD, fails("cut")], {"model"}),
        ([WORD, never], {"model"}),
        ([never], {"model"}),
        ([fails("refused")], set()),
    ],
    ids=["told", "told nothing", "cut", "left", "left before a word", "refused"],
)
async def test_what_may_be_billed_unseen_is_owed(
    guard: Guard, says: list[Said], owed: set[Part]
) -> None:
    """An answer that was begun or left, and whose usage nobody was told, stands in the meter; a refusal does not."""
    context = replace(CONTEXT, meter=Meter())
    listening = asyncio.create_task(heard(stream(guard, Provider(says), context)))
    await a_moment()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert context.meter.owed == owed


@both
async def test_what_was_not_waited_for_is_owed(guard: Guard, ask: Way) -> None:
    """A provider does, and bills, what took longer than we wait; another failure is nobody's bill."""
    for says, owed in [(fails("timeout"), {"model"}), (fails("connection"), set())]:
        context = replace(CONTEXT, meter=Meter())
        await failure(ask(guard, Provider([says]), context))
        assert context.meter.owed == owed


async def test_a_fault_of_ours_is_neither_hidden_nor_tried_again(guard: Guard) -> None:
    """An error nobody translated goes through as it is, and leaves nothing behind."""
    before = outcomes("internal")
    with pytest.raises(LookupError):
        await call(guard, Provider([LookupError()]))
    with pytest.raises(LookupError):
        await heard(stream(guard, Provider([WORD, LookupError()])))
    assert outcomes("internal") == [before[0] + 2]


async def test_a_retry_is_told_in_codes(
    guard: Guard, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Which operation, why, the how manieth, and how long it waits."""
    await call(guard, Provider([fails("server_error")], [WORD]))
    (line,) = lines()
    assert (line["event"], line["operation"]) == ("provider.retry", NAME)
    assert (line["reason"], line["attempt"]) == ("server_error", 1)
    assert 0 <= line["seconds"] <= 0.25


def test_a_provider_has_a_breaker_for_each_operation_and_one_bulkhead() -> None:
    """So a failing chat leaves embedding alone, but all of them share the places."""
    made = guards("openai")
    each = (made.embed, made.rerank, made.chat)
    assert [one.name for one in each] == ["openai.embed", "openai.rerank", "openai.chat"]
    assert [one.breaker.name for one in each] == [one.name for one in each]
    assert len({id(one.breaker) for one in each}) == 3
    assert len({id(one.bulkhead) for one in each}) == 1
    assert made.chat.bulkhead.most == 32
