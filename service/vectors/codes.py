"""A byte a number: codes of vectors, the scan of them, and how far a scan's word can be from the exact cosine.

A scan alone finds 0.99 of the best ten. What it finds is judged again by the vectors themselves, and whatever the bound
says could still belong among them is judged too, so the result is that of an exact search.
"""

from dataclasses import dataclass

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
TIMES = 4  # So many candidates for each that is wanted: then the bound seldom asks for more.

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
    coded: Codes

    @classmethod
    def of(cls, vector: object) -> "Query":
        half = np.asarray(vector, np.float32).astype(np.float16).reshape(1, DIMENSION)
        coded = Codes.empty(1)
        coded.write(half, at=0)
        return cls(half, coded)

    @property
    def slack(self) -> float:
        return float(self.coded.slacks[0])

    def scan(self, held: Codes) -> Floats:
        """About the cosine with each vector, to within its slack and the query's, shape (n,)."""
        if not len(held.codes):  # which numkong refuses
            return np.empty(0, np.float32)
        dots = numkong.cdist(self.coded.codes, held.codes, "dot", out_dtype="float32")
        # A dot product of codes is at most 127 * 127 * 1,024 < 2^24, which float32 holds exactly.
        found: Floats = np.asarray(dots).reshape(-1) * held.factors
        found *= self.coded.factors[0]
        return found

    def cosines(self, halves: Halves, norms: Floats) -> NDArray[np.float64]:
        """With each vector, shape (n,); of one without a direction -2, so that it comes last."""
        dots = np.asarray(numkong.cdist(self.half, halves, "dot")).reshape(-1)
        lengths = norms * float(self.coded.norms[0])
        return np.where(lengths > 0, dots / np.where(lengths > 0, lengths, 1), -2.0)


def best(scores: Floats, count: int) -> Rows:
    """The places of the `count` greatest, in no order, and of as many as there are.

    A partition of 100,000 numbers takes a third of a scan of their codes; one of a sample tells where to cut, and the
    few above the cut are partitioned.
    """
    if count >= len(scores):
        return np.arange(len(scores))
    above = np.flatnonzero(scores >= _cut(scores, count))
    if len(above) < count:  # the sample was not like the whole
        return np.argpartition(scores, -count)[-count:]
    if len(above) == count:
        return above
    return above[np.argpartition(scores[above], -count)[-count:]]


def _cut(scores: Floats, count: int) -> float:
    """A score that at least `count` others reach, in all likelihood, and not many more."""
    stride = max(1, min(len(scores) // 1024, 32))
    sample = scores[::stride]
    expected = count / stride
    rank = min(len(sample), int(expected + 4 * expected**0.5 + 4))
    return float(np.partition(sample, -rank)[-rank])
