"""Random work of many practices on three builds of the service, each equal to practices that never met."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from fastapi.routing import iter_route_contexts

from service.demo.stage import Stage
from service.main import build_app
from tests.fuzz.builds import Kind
from tests.fuzz.operations import REGISTRY, Leak
from tests.fuzz.running import running, stores
from tests.fuzz.sharded import unscoped
from tests.fuzz.watch import CONTENT, Watch, public_methods

OPERATIONS = int(os.environ.get("OPERATIONS", "1800"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
LINE_EVERY = 5000
ENOUGH = 1000
"""After so many, every method must have been called: each operation came once, and those of two ways several times."""
OPERATORS_ONLY = {"PgAuditLog.prune"}
"""Needs the owner's login, which the service does not have."""


@dataclass
class Done:
    """What a run did."""

    operations: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


async def fuzz(
    stage: Stage,
    kind: Kind,
    operations: int,
    *,
    forgotten: frozenset[str] = frozenset(),
    done: Done | None = None,
) -> tuple[Done, Watch]:
    """So many operations, each once and then drawn by weight; raises Leak."""
    done = done or Done()
    drawn = list(REGISTRY)
    weights = [REGISTRY[operation][0] for operation in drawn]
    async with running(stage, kind, SEED, done.calls, forgotten=forgotten) as run:
        started, once = time.monotonic(), run.chance.sample(drawn, len(drawn))
        for number in range(1, operations + 1):
            operation = once.pop() if once else run.chance.choices(drawn, weights)[0]
            try:
                await operation(run)
            except Exception as wrong:
                raise Leak(_again(kind, operation.__name__, number, wrong)) from wrong
            done.operations[operation.__name__] += 1
            done.seconds = time.monotonic() - started
            _tell(kind, number, operations, done)
        return done, run.build.watch


def _again(kind: Kind, operation: str, number: int, wrong: Exception) -> str:
    again = f"SEED={SEED} OPERATIONS={OPERATIONS} make fuzz"
    return f"{kind}, {operation}, {number}: {type(wrong).__name__}: {wrong}; again: {again}"


def _tell(kind: Kind, number: int, operations: int, done: Done) -> None:
    if number % LINE_EVERY == 0:
        rate = number / done.seconds
        print(f"\n{kind}: {number} of {operations}, {rate:.0f} a second", end="", flush=True)  # noqa: T201


@pytest.mark.parametrize("kind", ["both", "walls", "filters"])
async def test_no_practice_meets_another(stage: Stage, kind: Kind) -> None:
    """Walls and filters, walls alone, filters alone: each says exactly what separate houses would say."""
    done, watch = await fuzz(stage, kind, -(-OPERATIONS // 3))
    total = done.operations.total()
    print(f"\n{kind}: {total} operations in {done.seconds:.0f} s, seed {SEED}, leaks = 0")  # noqa: T201
    print(f"{kind}: {dict(sorted(done.operations.items()))}")  # noqa: T201
    assert watch.wrong == []
    if kind == "both":  # in the others filters are taken out
        sent = [statement for some in watch.sent.values() for statement in some]
        assert {one: lacking for one in sent if (lacking := unscoped(one))} == {}
    if kind == "walls":  # else this build proves nothing
        assert watch.whole == set()
        assert _stripped(watch) >= set(filtering(done.calls))
    else:
        assert _stripped(watch) == set()
    if total >= ENOUGH:
        assert _public() - OPERATORS_ONLY - set(done.calls) == set()


def _stripped(watch: Watch) -> set[str]:
    return {method for method, sent in watch.sent.items() if sent.total()}


NO_FILTER = {
    "BothVectors": {
        *("swap", "drop_stale", "search", "counted", "rows", "codes", "changed", "halves"),
        "elsewhere_in_all",
    },
    "PlainVectors": {"put"},
    "SealedVectors": {"put"},
    "PgAuditLog": {
        "all_rows",
        "open_chats",
        "heads",
        "head",
        "depth",
        "forwarded",
        "keep_checkpoint",
    },
    "PgChunkStore": {
        *(
            "workspaces",
            "replace",
            "search",
            "is_larger",
            "chunk_rows",
            "changed_chunks",
        ),
        *(
            "state",
            "epoch",
        ),  # in a function of the database, which tests/integration/test_index_states.py asks
        *("chunk_codes", "halves"),
    },
    "PgEraser": {"reopen", "keep", "receipts", "receipt_ids", "lift"},
    "PgRestoration": {"recent", "reason", "note_server", "begin", "asked", "state", "finish"},
    "PgKeyRotation": {"refuse_narrow_login", "begin", "finish", "stored"},
    "PgKeyStore": {"opened", "wrap", "unwrap", "refuse_key_of_another"},
    "PgStandings": {"of", "now", "refresh"},
    "PgSwitches": {"all"},
    "PgWorkQueue": {
        *(
            "accept",
            "want",
            "want_whole",
            "want_erased",
            "claim",
            "renew",
            "done",
            "failed",
            "purged",
            "release",
        ),
        *("depth", "buried", "open_work", "cursor", "forget_old_events"),
        *("dead_letters", "retry_dead_letters", "drop_dead_letters"),
    },
    "PgSchedules": {"plan", "claim", "done", "failed", "ages"},
    "PgBackfills": {"open", "moved", "finished", "abandon"},
    "PgSpending": {"reserve", "settle", "indexed", "days", "forget_old"},
}
"""Those that only add to content, read it through another method, or touch system tables, which stand behind grants."""


def filtering(calls: Counter[str]) -> Iterator[str]:
    """The methods called that must look only at their own workspace's content."""
    for name in calls:
        store, _, method = name.partition(".")
        if store.startswith(("Pg", "Plain", "Sealed", "Both")) and method not in NO_FILTER.get(
            store, set()
        ):
            yield name


async def test_a_house_without_walls_and_filters_is_found_out(stage: Stage) -> None:
    """The fuzz can fail: with both taken away it finds a leak within a few hundred operations."""
    with pytest.raises(Leak):
        await fuzz(stage, "neither", 300)


@pytest.mark.skipif(OPERATIONS < 20_000, reason="make fuzz: a dozen broken houses take a minute")
@pytest.mark.parametrize("table", sorted(CONTENT))
async def test_one_forgotten_filter_is_found_out(stage: Stage, table: str) -> None:
    """Without the walls, the filters of any one table left out are a leak that is found."""
    done = Done()
    with pytest.raises(Leak) as found:
        await fuzz(stage, "filters", 3000, forgotten=frozenset({table}), done=done)
    print(f"\n{table}: found after {done.operations.total()}: {found.value!s:.150}")  # noqa: T201


def _public() -> set[str]:
    return {f"{name}.{method}" for name, one in stores().items() for method in public_methods(one)}


def _exercised() -> set[str]:
    return {name for _, names in REGISTRY.values() for name in names}


def test_every_store_method_is_fuzzed() -> None:
    """A new method that touches a practice's rows joins the registry before this passes again."""
    assert _public() - _exercised() == OPERATORS_ONLY


def test_every_route_is_fuzzed() -> None:
    """A new route joins the registry before this passes again, shown in the OpenAPI document or not."""
    app = build_app()
    routes = {
        f"{method} {one.path}"
        for one in iter_route_contexts(app.routes)
        for method in (one.methods or {"GET"}) - {"HEAD"}
    }
    assert len(routes) > 8
    assert routes <= _exercised()


def test_whatever_is_registered_is_there() -> None:
    """No line of the registry outlives what it names."""
    app = build_app()
    routes = {f"{m} {r.path}" for r in iter_route_contexts(app.routes) for m in r.methods or ()}
    assert _exercised() - _public() - routes == {"many at once"}
