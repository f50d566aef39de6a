"""Questions with their true answers: brute force in float32, over the very numbers that both sides were given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from service.demo.bench_search.tenants import Asked, Floats, Rows, Tenant, World

TOP, DEEP = 10, 50
OFF_TOPIC = 0.15
WINDOW = 240
"""Days that a narrowed question is about, of one client."""
TIE = 5e-5
"""Vectors stored in halves are of length 1 up to 1.5e-5: a row this near to the last true one is as true."""


@dataclass(frozen=True, slots=True)
class Narrow:
    """One client's notes of some days, both ends included."""

    client: UUID
    first: date
    last: date


@dataclass(frozen=True)
class Question:
    """Asked of one tenant; `likeness` is the true cosine of each of its rows, -inf out of scope."""

    asked: Asked
    rows: Rows
    narrow: Narrow | None
    likeness: Floats = field(repr=False)

    @property
    def tenant(self) -> Tenant:
        return self.rows.tenant

    @cached_property
    def vector(self) -> list[float]:
        """As an embedder gives it."""
        return [float(number) for number in self.asked.vector]

    @cached_property
    def in_scope(self) -> int:
        return int(np.isfinite(self.likeness).sum())

    def wanted(self, limit: int) -> int:
        """How many rows a full answer has."""
        return min(limit, self.in_scope)

    def recall(self, found: Sequence[int], limit: int) -> float:
        """The share of the true answer that was found, by number of the tenant's rows."""
        wanted = self.wanted(limit)
        if not wanted:
            return 1.0
        last = np.partition(self.likeness, -wanted)[-wanted]
        right = {row for row in found[:limit] if self.likeness[row] >= last - TIE}
        return min(1.0, len(right) / wanted)


@dataclass(slots=True)
class Kept:
    """Rows of the tenants that are asked about, made once."""

    world: World
    _rows: dict[int, Rows] = field(default_factory=dict)

    def rows(self, tenant: Tenant) -> Rows:
        if tenant.number not in self._rows:
            self._rows[tenant.number] = self.world.all_of(tenant)
        return self._rows[tenant.number]


@dataclass(frozen=True, slots=True)
class Class:
    """Tenants that are asked about together, under the name they have in tables."""

    name: str
    questions: Sequence[Question]
    narrowed: Sequence[Question]
    """The same questions, each about one client and some days."""

    @property
    def is_designated(self) -> bool:
        """All of one practice that was asked for by its size."""
        return (
            all(question.tenant.is_designated for question in self.questions)
            and len(self.tenants) == 1
        )

    @property
    def tenants(self) -> Sequence[Tenant]:
        return list(
            {question.tenant.number: question.tenant for question in self.questions}.values()
        )


def classes(world: World, count: int) -> Sequence[Class]:
    """One a designated tenant; the others, and all, drawn by their size: a large practice asks more."""
    kept, chance = Kept(world), np.random.default_rng([world.mix.seed, 77])
    drawn: list[tuple[str, Sequence[Tenant]]] = [
        (named(tenant.size), [tenant] * count) for tenant in world.designated()
    ]
    if world.others():
        drawn.append(("mix", _by_size(world.others(), count, chance)))
    drawn.append(("all", _by_size(world.tenants, count, chance)))
    return [_class(name, tenants, kept, chance) for name, tenants in drawn]


def named(size: int) -> str:
    """1k, 10k, 1M."""
    for unit, letter in ((10**6, "M"), (10**3, "k")):
        if size >= unit:
            return f"{size / unit:g}{letter}"
    return str(size)


def _by_size(
    tenants: Sequence[Tenant], count: int, chance: np.random.Generator
) -> Sequence[Tenant]:
    sizes = np.array([tenant.size for tenant in tenants], float)
    return [tenants[one] for one in chance.choice(len(tenants), count, p=sizes / sizes.sum())]


def _class(name: str, tenants: Sequence[Tenant], kept: Kept, chance: np.random.Generator) -> Class:
    questions = list(_asked(tenants, kept, chance))
    return Class(name, questions, [_narrowed(question, chance) for question in questions])


def _asked(
    tenants: Sequence[Tenant], kept: Kept, chance: np.random.Generator
) -> Iterator[Question]:
    whole: dict[int, Floats] = {}
    for tenant in tenants:
        rows = kept.rows(tenant)
        asked = kept.world.question(rows, chance, OFF_TOPIC)
        if tenant.number not in whole:
            whole = {
                tenant.number: rows.halves.astype(np.float32)
            }  # 400 MB of the largest: one at a time
        yield Question(asked, rows, None, whole[tenant.number] @ asked.vector)


def _narrowed(question: Question, chance: np.random.Generator) -> Question:
    """About the client and the time of one of its rows."""
    rows = question.rows
    row = int(chance.integers(len(rows)))
    first = int(rows.days[row]) - int(chance.integers(WINDOW))
    inside = (
        (rows.days >= first) & (rows.days < first + WINDOW) & (rows.clients == rows.clients[row])
    )
    narrow = Narrow(rows.client(row), rows.day_of(first), rows.day_of(first + WINDOW - 1))
    return Question(question.asked, rows, narrow, _only(question.likeness, inside))


def _only(likeness: Floats, inside: NDArray[np.bool_]) -> Floats:
    return np.where(inside, likeness, np.float32(-np.inf))
