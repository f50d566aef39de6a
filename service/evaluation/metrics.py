"""The figures of a ranking: nDCG@10, recall@10 and MRR, with intervals by the bootstrap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP = 10
ROUNDS = 1000  # of the bootstrap; with another seed an end of the interval of 789 questions moves by up to 0.004
SEED = 0  # so that the same ranks have the same interval, today and tomorrow
TAILS = (2.5, 97.5)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of some questions."""

    questions: int
    ndcg: Estimate
    recall: float
    mrr: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Of the same questions in two rankings, nDCG@10: the second less the first."""

    questions: int
    mean: Estimate
    better: int
    worse: int

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.mean.low > 0 or self.mean.high < 0


def ndcg(ranks: Sequence[int]) -> Floats:
    """Each question's nDCG@10, from the rank of its one relevant session; 0 stands for "not found"."""
    rank = np.asarray(ranks, dtype=np.float64)
    gain: Floats = np.where(_in_top(rank), 1 / np.log2(1 + np.maximum(rank, 1)), 0.0)
    return gain


def summary(ranks: Sequence[int]) -> Summary | None:
    """None of no questions. MRR looks at the whole ranking, the others at its first ten."""
    if not len(ranks):
        return None
    rank = np.asarray(ranks, dtype=np.float64)
    return Summary(
        questions=len(rank),
        ndcg=estimate(ndcg(ranks)),
        recall=float(_in_top(rank).mean()),
        mrr=float(np.where(rank > 0, 1 / np.maximum(rank, 1), 0.0).mean()),
    )


def difference(before: Sequence[int], after: Sequence[int]) -> Difference | None:
    """Paired: question by question, so that what makes a question hard drops out. None of no questions."""
    if not len(before):
        return None
    gained = ndcg(after) - ndcg(before)
    return Difference(
        questions=len(gained),
        mean=estimate(gained),
        better=int((gained > 0).sum()),
        worse=int((gained < 0).sum()),
    )


def estimate(values: Floats) -> Estimate:
    """The mean of at least one value, and where 95 % of the means of as many drawn from them fall."""
    drawn = np.random.default_rng(SEED).choice(values, (ROUNDS, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, TAILS)
    return Estimate(float(values.mean()), float(low), float(high))


def _in_top(rank: Floats) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (rank > 0) & (rank <= TOP)
    return inside
