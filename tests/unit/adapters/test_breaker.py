"""The circuit breaker: when it opens, whom it lets through, and that nothing can leave it shut for good."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from prometheus_client import REGISTRY

from service.adapters.models.breaker import FAILURES, Breaker
from service.errors import ModelFailure, ModelUnavailable

NAME = "test.breaker"
OUR_DOING: tuple[ModelFailure, ...] = ("refused", "denied", "busy", "no_budget", "circuit_open")


@dataclass
class Seconds:
    """A monotonic clock that moves when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(clock: Seconds) -> Breaker:
    return Breaker(NAME, clock)


def ends(breaker: Breaker, *reasons: ModelFailure | None, asked: float | None = None) -> None:
    """A call each, one after the other; None for one that succeeds."""
    for reason in reasons:
        if reason is None:
            with breaker.watched():
                pass
            continue
        failure = ModelUnavailable(reason, retry_after=asked)
        with pytest.raises(ModelUnavailable) as raised, breaker.watched():
            raise failure
        assert raised.value is failure, "refused"


def refusal(breaker: Breaker) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as refused, breaker.watched():
        raise AssertionError("let through")
    assert refused.value.reason == "circuit_open"
    return refused.value


@pytest.mark.parametrize("reason", sorted(FAILURES))
def test_five_calls_that_all_failed_open_it(breaker: Breaker, reason: ModelFailure) -> None:
    """Each kind of failure counts; four of them do not suffice."""
    ends(breaker, *[reason] * 4)
    assert breaker.state == "closed"
    ends(breaker, reason)
    assert breaker.state == "open"
    assert refusal(breaker).retry_after == pytest.approx(30)


@pytest.mark.parametrize("reason", OUR_DOING)
def test_what_is_our_own_doing_counts_neither_way(breaker: Breaker, reason: ModelFailure) -> None:
    """A wrong request, or one never sent, neither opens it nor dilutes the failures."""
    ends(breaker, *[reason] * 30, *["timeout"] * 4, *[reason] * 30)
    assert breaker.state == "closed"
    ends(breaker, "timeout")
    assert breaker.state == "open"


def test_it_judges_by_the_last_twenty_calls(breaker: Breaker) -> None:
    """Half of them must have failed; what lies further back is forgotten."""
    ends(breaker, *[None] * 50, *["timeout"] * 9)
    assert breaker.state == "closed"
    ends(breaker, "timeout")
    assert breaker.state == "open"


def test_a_success_never_opens_it(breaker: Breaker) -> None:
    """The fifth call is good news, though four of five failed."""
    ends(breaker, *["timeout"] * 4, None)
    assert breaker.state == "closed"
    ends(breaker, "timeout")
    assert breaker.state == "open"


@pytest.mark.parametrize(("asked", "seconds"), [(None, 30), (2.0, 30), (45.0, 45), (3600.0, 120)])
def test_it_stays_open_as_long_as_the_provider_asks_within_bounds(
    breaker: Breaker, clock: Seconds, asked: float | None, seconds: float
) -> None:
    """30 s at least, 120 at most; a refused caller is told what is left."""
    ends(breaker, *["rate_limited"] * 5, asked=asked)
    clock.forward(seconds - 1)
    assert refusal(breaker).retry_after == pytest.approx(1)
    clock.forward(1)
    ends(breaker, None)
    assert breaker.state == "closed"


def test_one_probe_at_a_time_is_let_through(breaker: Breaker, clock: Seconds) -> None:
    """Everybody else is refused while it is out; its success lets all through again, with a clean window."""
    ends(breaker, *["timeout"] * 5)
    clock.forward(30)
    with breaker.watched():
        assert breaker.state == "half_open"
        assert (refusal(breaker).retry_after or 0) > 0
    assert breaker.state == "closed"
    with breaker.watched(), breaker.watched():
        ends(breaker, *["timeout"] * 4)
    assert breaker.state == "closed"


def test_a_probe_that_fails_opens_it_anew(breaker: Breaker, clock: Seconds) -> None:
    """For as long as the first time, and then there is another probe."""
    ends(breaker, *["timeout"] * 5)
    for _ in range(3):
        clock.forward(30)
        ends(breaker, "garbage")
        assert breaker.state == "open"
        assert refusal(breaker).retry_after == pytest.approx(30)


@pytest.mark.parametrize("left_by", [GeneratorExit, KeyboardInterrupt, LookupError])
def test_a_probe_that_is_abandoned_gives_its_place_back(
    breaker: Breaker, clock: Seconds, left_by: type[BaseException]
) -> None:
    """The next caller is the probe then."""
    ends(breaker, *["timeout"] * 5)
    clock.forward(30)
    with pytest.raises(left_by), breaker.watched():
        raise left_by
    assert breaker.state == "half_open"
    ends(breaker, "refused")
    assert breaker.state == "half_open"
    ends(breaker, None)
    assert breaker.state == "closed"


def test_a_call_of_before_the_last_change_is_no_news(breaker: Breaker, clock: Seconds) -> None:
    """Neither a late success nor a late failure decides for the probe or stains the clean window."""
    late = [breaker.watched() for _ in range(6)]
    for call in late:
        call.__enter__()
    ends(breaker, *["timeout"] * 5)
    late.pop().__exit__(None, None, None)
    assert breaker.state == "open"
    clock.forward(30)
    with breaker.watched():
        _fail(late.pop())
        late.pop().__exit__(None, None, None)
        assert breaker.state == "half_open"
    for call in late:
        _fail(call)
    ends(breaker, "timeout", "timeout")
    assert breaker.state == "closed"


def _fail(call: AbstractContextManager[None]) -> None:
    assert not call.__exit__(ModelUnavailable, ModelUnavailable("timeout"), None)


def test_operators_see_its_state_and_its_changes(
    clock: Seconds, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """A gauge for now, a counter for what happened, a line for each change."""
    name = "test.breaker.seen"
    breaker = Breaker(name, clock)

    def changes(before: str, after: str) -> float | None:
        labels = {"circuit_breaker": name, "from_state": before, "to_state": after}
        return REGISTRY.get_sample_value("ai_circuit_breaker_state_changes_total", labels)

    def shown() -> float | None:
        return REGISTRY.get_sample_value("ai_circuit_breaker_open", {"circuit_breaker": name})

    assert (shown(), changes("closed", "open")) == (0, 0)
    ends(breaker, *["timeout"] * 5)
    assert (shown(), changes("closed", "open")) == (1, 1)
    clock.forward(30)
    with breaker.watched():
        assert (shown(), changes("open", "half_open")) == (0.5, 1)
    assert (shown(), changes("half_open", "closed")) == (0, 1)
    told = lines()
    assert [(line["event"], line["circuit_breaker"], line["state"]) for line in told] == [
        ("breaker.changed", name, state) for state in ("open", "half_open", "closed")
    ]
    assert (told[0]["reason"], told[0]["seconds"]) == ("timeout", 30)


@dataclass(eq=False)
class Call:
    """A call that was let through, and the state that let it."""

    block: AbstractContextManager[None]
    probe: bool
    settled: bool = field(default=False)
    """The breaker has changed since: its end is no news."""


class BreakerMachine(RuleBasedStateMachine):
    """Calls begin, end in every way and overlap; beside the breaker goes a plain account of what it may do."""

    under_way: Bundle[Call] = Bundle("under_way")

    @initialize()
    def begin(self) -> None:
        self.clock = Seconds()
        self.breaker = Breaker("test.machine", self.clock)
        self.calls: set[Call] = set()
        self.seen: list[bool] = []
        self.open_for = 0.0

    @rule(target=under_way, most=st.integers(1, 4))
    def calls_begin(self, most: int) -> Any:
        return multiple(*(call for _ in range(most) if (call := self.call())))

    @precondition(lambda self: self.breaker.state == "closed")
    @rule()
    def has_an_outage(self) -> None:
        """Calls fail until it opens, and the time for a probe comes: lives are about more than a closed breaker."""
        while call := self.call():
            self.fails(call, None)
        self.waits(31.0)

    @rule(call=consumes(under_way), asked=st.sampled_from([None, 1.0, 60.0, 500.0]))
    def fails(self, call: Call, asked: float | None) -> None:
        self.end(call, ModelUnavailable("server_error", retry_after=asked))
        if not call.settled:
            self.seen = [*self.seen, True][-20:]
            enough = len(self.seen) >= 5 and self.seen.count(True) * 2 >= len(self.seen)
            assert (self.breaker.state == "open") == (call.probe or enough)
            if self.breaker.state == "open":
                self.open_for = min(120.0, max(30.0, asked or 0.0))
                self.changed()

    @rule(call=consumes(under_way))
    def succeeds(self, call: Call) -> None:
        self.end(call, None)
        if not call.settled:
            self.seen = [*self.seen, False][-20:]
            assert self.breaker.state == "closed"
            if call.probe:
                self.changed()

    @rule(
        call=consumes(under_way),
        exc=st.sampled_from([GeneratorExit(), ModelUnavailable("refused"), LookupError()]),
    )
    def is_abandoned(self, call: Call, exc: BaseException) -> None:
        before = self.breaker.state
        self.end(call, exc)
        assert self.breaker.state == before

    @rule(seconds=st.sampled_from([29.0, 31.0, 121.0]))
    def waits(self, seconds: float) -> None:
        self.clock.forward(seconds)
        self.open_for -= seconds

    def call(self) -> Call | None:
        before = self.breaker.state
        if self.open_for > 0 or self.probes():
            refusal(self.breaker)
            return None
        call = Call(self.breaker.watched(), probe=before != "closed")
        call.block.__enter__()
        if before == "open":
            self.changed()
        self.calls.add(call)
        return call

    def end(self, call: Call, exc: BaseException | None) -> None:
        before = self.breaker.state
        assert not call.block.__exit__(type(exc) if exc else None, exc, None)
        self.calls.discard(call)
        assert not call.settled or self.breaker.state == before

    def changed(self) -> None:
        self.seen = []
        for call in self.calls:
            call.settled = True

    def probes(self) -> int:
        return sum(call.probe and not call.settled for call in self.calls)

    @invariant()
    def one_probe_at_most_is_out(self) -> None:
        assert self.probes() <= (self.breaker.state == "half_open")

    def teardown(self) -> None:
        """However it went: once all are gone and time has passed, one success closes it."""
        for call in list(self.calls):
            self.end(call, GeneratorExit())
        self.clock.forward(121)
        ends(self.breaker, None)
        assert self.breaker.state == "closed"


def test_no_order_of_events_lets_two_probes_out_or_shuts_it_for_good() -> None:
    """Random lives against a plain account: who is let through, when it opens, and that it can always recover."""
    run_state_machine_as_test(
        BreakerMachine,
        settings=settings(max_examples=60, stateful_step_count=20, deadline=None, database=None),
    )
