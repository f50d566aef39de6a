"""Random work of many practices on three builds of the service, each equal to practices that never met."""

import inspect
import logging
import os
import pkgutil
import random
import time
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import httpx
import pytest
import structlog
from fastapi.routing import APIRoute

import service.adapters
from pazpaz_ai_client.signing import read_folder
from service.container import now
from service.demo.stage import Stage
from service.main import build_app
from service.retrieval.lexical import LexicalIndex
from service.retrieval.search import Finder
from service.security.principals import Principals
from tests.fuzz.builds import CONTENT, Kind, open_build
from tests.fuzz.operations import REGISTRY, Leak, Run, app_for
from tests.fuzz.world import World

OPERATIONS = int(os.environ.get("OPERATIONS", "5000"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
LINE_EVERY = 5000


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Two lines a request would be most of the work."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


async def fuzz(
    stage: Stage, kind: Kind, operations: int, seed: int
) -> tuple[Counter[str], Counter[str]]:
    """So many operations drawn by weight; raises Leak. What was done, and the filters that were stripped."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
    world, done = World(chance), Counter[str]()
    drawn = list(REGISTRY)
    weights = [REGISTRY[operation][0] for operation in drawn]
    async with open_build(stage, kind, world, name=f"pazpaz_fuzz_{os.getpid()}_{kind}") as build:
        transport = httpx.ASGITransport(app_for(build))
        key = read_folder(stage.keys.their_keys, now()).at(now())
        async with httpx.AsyncClient(transport=transport, base_url="http://ai.test") as http:
            run, started = Run(build, world, http, key), time.monotonic()
            for number in range(1, operations + 1):
                operation = chance.choices(drawn, weights)[0]
                try:
                    await operation(run)
                except Leak as leak:
                    again = f"SEED={seed} OPERATIONS={OPERATIONS} make fuzz"
                    raise Leak(
                        f"{kind}, {operation.__name__}, {number}: {leak}; again: {again}"
                    ) from None
                done[operation.__name__] += 1
                if number % LINE_EVERY == 0:
                    rate = number / (time.monotonic() - started)
                    print(f"\n{kind}: {number} of {operations}, {rate:.0f} a second", end="")  # noqa: T201
    return done, build.stripped


@pytest.mark.parametrize("kind", ["both", "walls", "filters"])
async def test_no_practice_meets_another(stage: Stage, kind: Kind) -> None:
    """Walls and filters, walls alone, filters alone: each says exactly what separate houses would say."""
    done, stripped = await fuzz(stage, kind, -(-OPERATIONS // 3), SEED)
    print(f"\n{kind}: {done.total()} operations, seed {SEED}, 0 leaks: {dict(done)}")  # noqa: T201
    assert done.total() >= OPERATIONS // 3
    if kind == "walls":  # else this build proves nothing
        assert set(stripped) == CONTENT - {"turn_sources"} | set(stripped) & {"turn_sources"}
    else:
        assert not stripped


async def test_a_house_without_walls_and_filters_is_found_out(stage: Stage) -> None:
    """The fuzz can fail: with both taken away it finds a leak within a few hundred operations."""
    with pytest.raises(Leak):
        await fuzz(stage, "neither", 300, SEED)


def _stores() -> dict[str, type[Any]]:
    """Every class that stands before a table, a cache or Redis with rows of practices."""
    found: dict[str, type[Any]] = {one.__name__: one for one in (LexicalIndex, Finder, Principals)}
    for module in pkgutil.iter_modules(service.adapters.__path__):
        if module.name in {"cohere", "local_model", "monolith", "jwks", "schema", "database"}:
            continue  # models, PazPaz itself and the doors: no state of a practice of their own
        for name, one in vars(import_module(f"service.adapters.{module.name}")).items():
            if inspect.isclass(one) and one.__module__.endswith(f"adapters.{module.name}"):
                found[name] = one
    return found


def test_every_store_method_is_fuzzed() -> None:
    """A new method that touches a practice's rows joins the registry before this passes again."""
    public = {
        f"{name}.{method}"
        for name, one in _stores().items()
        for method, code in vars(one).items()
        if not method.startswith("_")
        and (inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code))
    }
    exercised = {name for _, names in REGISTRY.values() for name in names}
    assert public - exercised == {"PgAuditLog.prune"}, "only the owner's login may prune"


def test_every_route_is_fuzzed() -> None:
    """A new route joins the registry before this passes again."""
    paths = build_app().openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, ways in paths.items() for method in ways}
    exercised = {name for _, names in REGISTRY.values() for name in names}
    assert routes <= exercised
    assert APIRoute is not None
