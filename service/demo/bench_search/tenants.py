"""Made-up practices of all sizes: clustered vectors of clients' notes, and questions about them, the same in each run.

Real embeddings share a direction, lie in clusters and fill some 200 of their 1,024 dimensions; so do these. Recall of
whatever is approximate depends on that: it has to be measured again on a real model's vectors.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from json import dumps
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from service.domain.identity import WorkspaceId
from service.vectors import DIMENSION

PART = 512
"""Rows that are made at once; a note never stands in two parts."""
CHUNKS_OF_A_NOTE = 2
ROWS_OF_A_CLIENT = 33
TOPICS = 1000
TOPICS_OF_A_CLIENT = 4
DAYS = 730
FIRST_DAY = date(2024, 1, 1)
SHARED, TOPIC, OWN = np.sqrt(np.array([0.4, 0.3, 0.3], np.float32))
"""Of a vector: what all share, its topic's, its own. Cosines: 0.7 in a topic, 0.4 across topics."""
DECAY = 0.35  # Of the spectrum of what is a vector's own: 190 effective dimensions.
ASIDE = 0.55  # A question stands so far from a note that says what it asks.
MEDIAN, SPREAD, LEAST, MOST = 278, 1.1, 20, 9000
FIELD, MODEL = "plan", "made-up"
ID = np.dtype("V16")
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mix:
    """What decides every vector: some tenants of log-normal sizes, and one of each size that is asked for."""

    tenants: int = 1000
    sizes: Sequence[int] = (1000, 10_000, 100_000)
    seed: int = 5

    def fingerprint(self, layout: str) -> str:
        """Changes with anything that decides what a database is filled with."""
        shape = [PART, CHUNKS_OF_A_NOTE, ROWS_OF_A_CLIENT, TOPICS, TOPICS_OF_A_CLIENT, DECAY]
        said = {**asdict(self), "sizes": list(self.sizes), "shape": shape, "layout": layout}
        return sha256(dumps(said, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace; `first` is the number of its first row among those of all."""

    number: int
    size: int
    first: int
    is_designated: bool

    @property
    def workspace(self) -> WorkspaceId:
        return WorkspaceId(UUID(int=(0xBE_4C << 112) | (4 << 76) | (8 << 60) | self.number))

    @property
    def clients(self) -> int:
        return max(1, round(self.size / ROWS_OF_A_CLIENT))

    @property
    def parts(self) -> int:
        return -(-self.size // PART)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Chunks of one tenant as columns."""

    tenant: Tenant
    start: int
    """The number of the first of them in the tenant."""
    notes: NDArray[Any]
    """16 bytes each."""
    clients: NDArray[Any]
    """16 bytes each."""
    chunks: NDArray[np.int32]
    days: NDArray[np.int32]
    """After FIRST_DAY."""
    topics: NDArray[np.int32]
    halves: NDArray[np.float16]
    """Shape (n, DIMENSION), of length 1 up to rounding: what both sides are given."""

    def __len__(self) -> int:
        return len(self.notes)

    def uuid(self, row: int) -> UUID:
        return UUID(bytes=self.notes[row].tobytes())

    def client(self, row: int) -> UUID:
        return UUID(bytes=self.clients[row].tobytes())

    def day(self, row: int) -> date:
        return self.day_of(int(self.days[row]))

    @staticmethod
    def day_of(after: int) -> date:
        """So many days after the first."""
        return FIRST_DAY + timedelta(days=after)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question as its vector, of length 1; about something the tenant's notes speak of, or not."""

    tenant: Tenant
    vector: Floats
    is_on_topic: bool


@dataclass(frozen=True, slots=True)
class World:
    """All tenants, and the space that their vectors lie in."""

    mix: Mix
    tenants: Sequence[Tenant]
    space: "Topics" = field(repr=False)

    @classmethod
    def of(cls, mix: Mix) -> "World":
        return cls(mix, list(_tenants(mix)), Topics.of(mix.seed))

    @property
    def rows(self) -> int:
        return sum(tenant.size for tenant in self.tenants)

    def designated(self) -> Sequence[Tenant]:
        return [tenant for tenant in self.tenants if tenant.is_designated]

    def others(self) -> Sequence[Tenant]:
        """Those of log-normal sizes."""
        return [tenant for tenant in self.tenants if not tenant.is_designated]

    def part(self, tenant: Tenant, number: int) -> Rows:
        """One part of a tenant's rows; the same whenever it is made."""
        start = number * PART
        size = min(PART, tenant.size - start)
        chance = self._chance(tenant.number, number)
        notes = -(-size // CHUNKS_OF_A_NOTE)
        of_note = np.repeat(np.arange(notes), CHUNKS_OF_A_NOTE)[:size]
        client = chance.integers(tenant.clients, size=notes)[of_note]
        place = chance.integers(TOPICS_OF_A_CLIENT, size=size)
        topics = self._topics(tenant)[client, place]
        return Rows(
            tenant=tenant,
            start=start,
            notes=_ids(chance, notes)[of_note],
            clients=self._clients(tenant)[client],
            chunks=(np.arange(size) % CHUNKS_OF_A_NOTE).astype(np.int32),
            days=chance.integers(DAYS, size=notes)[of_note].astype(np.int32),
            topics=topics,
            halves=self.space.vectors(topics, chance).astype(np.float16),
        )

    def all_of(self, tenant: Tenant) -> Rows:
        """All rows of a tenant, in their order."""
        parts = [self.part(tenant, number) for number in range(tenant.parts)]
        names = ("notes", "clients", "chunks", "days", "topics", "halves")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return Rows(tenant=tenant, start=0, **columns)

    def question(self, rows: Rows, chance: np.random.Generator, off_topic: float) -> Asked:
        """About one of the rows, or, in this share of the cases, about a topic that none of them is of."""
        is_on_topic = bool(chance.random() >= off_topic)
        if is_on_topic:
            near = rows.halves[chance.integers(len(rows))].astype(np.float32)
        else:
            foreign = np.setdiff1d(np.arange(TOPICS), rows.topics)
            [near] = self.space.vectors(
                chance.choice(foreign if len(foreign) else TOPICS, 1), chance
            )
        return Asked(rows.tenant, _unit(near + ASIDE * self.space.noise(1, chance)[0]), is_on_topic)

    def _topics(self, tenant: Tenant) -> NDArray[np.int32]:
        """Of each client, from a third of all topics at most."""
        chance = self._chance(tenant.number, 1 << 30)
        theirs = chance.choice(TOPICS, min(TOPICS // 3, 8 + tenant.clients), replace=False)
        return chance.choice(theirs, (tenant.clients, TOPICS_OF_A_CLIENT)).astype(np.int32)

    def _clients(self, tenant: Tenant) -> NDArray[Any]:
        return _ids(self._chance(tenant.number, (1 << 30) + 1), tenant.clients)

    def _chance(self, *about: int) -> np.random.Generator:
        return np.random.default_rng([self.mix.seed, *about])


@dataclass(frozen=True, slots=True, eq=False)
class Topics:
    """Where vectors lie: a direction that all share, one a topic, and the turned spectrum of what is their own."""

    shared: Floats
    topics: Floats
    spectrum: Floats
    """Shape (DIMENSION, DIMENSION)."""

    @classmethod
    def of(cls, seed: int) -> "Topics":
        chance = np.random.default_rng(seed)
        directions = _unit(_normal(chance, TOPICS + 1))
        turn, _ = np.linalg.qr(_normal(chance, DIMENSION))
        scales = np.arange(1, DIMENSION + 1, dtype=np.float32) ** -np.float32(DECAY)
        scales /= np.linalg.norm(scales)
        return cls(directions[0], directions[1:], scales[:, None] * turn)

    def noise(self, count: int, chance: np.random.Generator) -> Floats:
        """Shape (count, DIMENSION), of length 1 or so."""
        drawn: Floats = _normal(chance, count) @ self.spectrum
        return drawn

    def vectors(self, topics: NDArray[np.int32], chance: np.random.Generator) -> Floats:
        """Shape (n, DIMENSION), of length 1."""
        own = OWN * self.noise(len(topics), chance)
        return _unit(SHARED * self.shared + TOPIC * self.topics[topics] + own)


def _normal(chance: np.random.Generator, count: int) -> Floats:
    return chance.standard_normal((count, DIMENSION), dtype=np.float32)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    made: Floats = (vectors / lengths).astype(np.float32)
    return made


def _ids(chance: np.random.Generator, count: int) -> NDArray[Any]:
    """Random UUIDs of version 4, 16 bytes each."""
    made = np.frombuffer(bytearray(chance.bytes(16 * count)), np.uint8).reshape(count, 16)
    made[:, 6] = made[:, 6] & 0x0F | 0x40
    made[:, 8] = made[:, 8] & 0x3F | 0x80
    return made.view(ID)[:, 0]


def _tenants(mix: Mix) -> Iterator[Tenant]:
    chance = np.random.default_rng([mix.seed, 1 << 29])
    drawn = np.exp(np.log(MEDIAN) + SPREAD * chance.standard_normal(mix.tenants))
    sizes = [*np.clip(drawn, LEAST, MOST).astype(int).tolist(), *mix.sizes]
    first = 0
    for number, size in enumerate(sizes):
        yield Tenant(number, size, first, number >= mix.tenants)
        first += size
