"""A byte a number: codes of vectors, the scan of them, and how far a scan's word can be from the exact cosine.

A scan alone finds 0.99 of the best ten. What it finds is judged again by the vectors themselves, and whatever the bound
says could still belong among them is judged too, so the result is that of an exact search.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct

import numkong
import numpy as np
from numpy.typing import NDArray

from service.vectors import DIMENSION

LEVELS = 127
BLOCK = 4096  # Vectors coded at a time: 16 MB as float32.
# Rounding errs by at most half a step in each number, so by Hoeffding's inequality a dot product with a vector of
# length 1 errs by more than 3.4 steps once in 10^10, as long as the errors do not conspire.
STEPS = 3.4
LEAST = 32  # Candidates: judging one costs 0.2 us.
WHOLE = 16_384  # Scores: a partition of no more takes as long as a sample and what follows.
TIMES = 4  # So many candidates for each that is wanted: then the bound seldom asks for more.

_NUMBERS = Struct(f"{DIMENSION}f")  # Of a list numpy takes three times as long to make an array.

Rows = NDArray[np.intp]  # Places in arrays.
Floats = NDArray[np.float32]
Halves = NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Of vectors: 1,036 bytes each."""

    codes: NDArray[np.int8]
    """Shape (n, DIMENSION), C-contiguous."""
    factors: Floats
    """One step of each, as a share of its length: times two vectors' codes' dot product it gives the cosine."""
    norms: Floats
    """The length of each."""
    slacks: Floats
    """How far the code of each may turn a cosine, at most."""

    @classmethod
    def empty(cls, capacity: int) -> "Codes":
        """Room for so many, not yet written."""
        columns = (np.empty(capacity, np.float32) for _ in range(3))
        return cls(np.empty((capacity, DIMENSION), np.int8), *columns)

    def __getitem__(self, chosen: slice | Rows) -> "Codes":
        return Codes(
            self.codes[chosen], self.factors[chosen], self.norms[chosen], self.slacks[chosen]
        )

    @property
    def nbytes(self) -> int:
        columns = self.codes, self.factors, self.norms, self.slacks
        return sum(column.nbytes for column in columns)

    def write(self, halves: Halves, *, at: int) -> None:
        """Codes these vectors into the places from `at` on."""
        for start in range(0, len(halves), BLOCK):
            block = halves[start : start + BLOCK]
            first = at + start
            self._write_block(block.astype(np.float32), slice(first, first + len(block)))

    def take(self, other: "Codes", chosen: Rows, *, at: int) -> None:
        """These of another's, into the places from `at` on."""
        to = slice(at, at + len(chosen))
        np.take(other.codes, chosen, axis=0, out=self.codes[to])
        self.factors[to] = other.factors[chosen]
        self.norms[to] = other.norms[chosen]
        self.slacks[to] = other.slacks[chosen]

    def _write_block(self, vectors: Floats, to: slice) -> None:
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        steps = np.abs(vectors).max(axis=1) / np.float32(LEVELS)
        safe = np.where(steps > 0, steps, np.float32(1))[:, None]
        rounded = np.rint(vectors / safe)
        self.codes[to] = rounded
        missed = vectors - rounded * safe
        lengths = np.where(norms > 0, norms, np.float32(1))
        error = np.sqrt(np.einsum("ij,ij->i", missed, missed)) / lengths
        self.factors[to] = steps / lengths
        self.norms[to] = norms
        # By Cauchy and Schwarz where that is nearer, as for a vector of a few numbers.
        self.slacks[to] = np.minimum(STEPS * steps / lengths, error)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question's vector, in float16 as the store rounds it, and its code."""

    half: Halves
    """Shape (1, DIMENSION)."""
    code: NDArray[np.int8]
    """Shape (1, DIMENSION)."""
    factor: float
    norm: float
    slack: float
    """These three as of `Codes`."""

    @classmethod
    def of(cls, vector: Iterable[float]) -> "Query":
        numbers = np.frombuffer(_NUMBERS.pack(*vector), np.float32)
        half = numbers.astype(np.float16).reshape(1, DIMENSION)
        wide = half[0].astype(np.float32)
        # Few calls: with cold caches each costs 10 us, and all codes of 10,000 vectors are read in 300.
        norm = float(wide.dot(wide)) ** 0.5 or 1.0
        step = float(np.abs(wide).max()) / LEVELS or 1.0
        rounded = np.rint(wide / step)
        wide -= rounded * np.float32(step)
        error = float(wide.dot(wide)) ** 0.5
        slack = min(STEPS * step, error) / norm
        return cls(half, rounded.astype(np.int8).reshape(1, DIMENSION), step / norm, norm, slack)

    def scan(self, held: Codes) -> Floats:
        """About the cosine with each vector, to within its slack and the query's, shape (n,)."""
        if not len(held.codes):  # which numkong refuses
            return np.empty(0, np.float32)
        dots = numkong.cdist(self.code, held.codes, "dot", out_dtype="float32")
        # A dot product of codes is at most 127 * 127 * 1,024 < 2^24, which float32 holds exactly.
        found: Floats = np.asarray(dots).reshape(-1)
        found *= held.factors
        found *= np.float32(self.factor)
        return found

    def cosines(self, halves: Halves, norms: Floats) -> NDArray[np.float64]:
        """With each vector, shape (n,); of one without a direction -2, so that it comes last."""
        dots = np.asarray(numkong.cdist(self.half, halves, "dot")).reshape(-1)
        if norms.all():
            found: NDArray[np.float64] = dots / (norms * self.norm)
            return found
        return np.where(norms > 0, dots / np.where(norms > 0, norms * self.norm, 1), -2.0)


def best(scores: Floats, count: int) -> Rows:
    """The places of the `count` greatest and of whatever equals the last of them, in no order; all, if there are fewer.

    A partition of 100,000 numbers takes a third of a scan of their codes; one of a sample tells where to cut, and the
    few above the cut are partitioned.
    """
    if count >= len(scores):
        return np.arange(len(scores))
    if len(scores) > WHOLE:
        above = np.flatnonzero(scores >= _cut(scores, count))
        if len(above) >= count:  # else the sample was not like the whole
            return above[_greatest(scores[above], count)]
    return _greatest(scores, count)


def _greatest(scores: Floats, count: int) -> Rows:
    return np.flatnonzero(scores >= np.partition(scores, -count)[-count])


def _cut(scores: Floats, count: int) -> float:
    """A score that at least `count` others reach, in all likelihood, and not many more."""
    stride = min(len(scores) // 1024, 32)
    sample = scores[::stride]
    expected = count / stride
    rank = min(len(sample), int(expected + 4 * expected**0.5 + 4))
    return float(np.partition(sample, -rank)[-rank])
