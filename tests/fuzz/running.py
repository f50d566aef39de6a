"""A run of the fuzz: a build, its model, and a caller of the app around it."""

import inspect
import os
import pkgutil
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import httpx

import service.adapters
from pazpaz_ai_client.signing import read_folder
from service.demo.stage import Stage
from service.ports.clock import now
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Finder
from service.security.principals import Principals
from tests.fuzz import over_http, reindexing, storms, upkeep  # noqa: F401 - its operations join the registry
from tests.fuzz.builds import Kind, open_build
from tests.fuzz.operations import Run
from tests.fuzz.watch import wraps_methods
from tests.fuzz.world import World


@asynccontextmanager
async def running(
    stage: Stage, kind: Kind, seed: int, calls: Counter[str], *, forgotten: frozenset[str]
) -> AsyncIterator[Run]:
    """A build, its model, and a caller of the app around it."""
    world = World(random.Random(seed))  # noqa: S311 - repeatable, no secret
    name = f"pazpaz_fuzz_{os.getpid()}_{kind}"
    key = read_folder(stage.keys.their_keys, now()).at(now())
    with wraps_methods(stores(), calls):
        async with open_build(stage, kind, world, name=name, forgotten=forgotten) as build:
            served = over_http.served(build)
            transport = httpx.ASGITransport(over_http.app_with(served))
            async with httpx.AsyncClient(transport=transport, base_url="http://ai.test") as http:
                yield Run(build, world, http, key, served)


def is_protocol(one: type[Any]) -> bool:
    """A seam says what stores do, and does nothing itself."""
    return bool(getattr(one, "_is_protocol", False))


def stores() -> dict[str, type[Any]]:
    """Every class that stands before a table, a cache, Redis or PazPaz with rows of practices."""
    first = (LexicalIndex, People, Finder, Principals)
    found: dict[str, type[Any]] = {one.__name__: one for one in first}
    for module in pkgutil.walk_packages(service.adapters.__path__, "service.adapters."):
        if module.ispkg or module.name.rpartition(".")[2] in {
            "cohere",
            "openai_compatible",
            "entailment",
            "untrusted",
            "markers",
            "provider",
            "guard",
            "breaker",
            "veiled",
            "whole_streams",
            "http_client",
            "local_model",
            "jwks",
            "schema",
            *("database", "index_states"),
        }:
            continue  # models, public keys and the doors: no state of a practice of their own
        for name, one in vars(import_module(module.name)).items():
            if inspect.isclass(one) and one.__module__ == module.name:
                found[name] = one
    found = {name: one for name, one in found.items() if not is_protocol(one)}
    del found["RememberingEmbedder"]  # asks QueryVectors, which is here, for a model, which is not
    return found
