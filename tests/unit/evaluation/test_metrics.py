"""The figures of a ranking."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.metrics import difference, ndcg, summary

RANKS = st.lists(st.integers(0, 60), min_size=1, max_size=40)


def test_the_figures_by_hand():
    """First, third, eleventh and not found: nDCG and recall end at ten, MRR does not."""
    figures = summary([1, 3, 11, 0])
    assert figures is not None
    assert figures.ndcg.mean == pytest.approx((1 + 1 / math.log2(4)) / 4)
    assert figures.recall == 0.5
    assert figures.mrr == pytest.approx((1 + 1 / 3 + 1 / 11) / 4)
    assert list(ndcg([10, 11])) == [pytest.approx(1 / math.log2(11)), 0]


def test_of_no_questions_there_are_no_figures():
    """Neither of a run nor of two."""
    assert summary([]) is None
    assert difference([], []) is None


@given(RANKS)
def test_the_mean_lies_in_its_interval_and_everything_between_0_and_1(ranks):
    """Whatever was found."""
    figures = summary(ranks)
    assert figures is not None
    assert figures.ndcg.low - 1e-9 <= figures.ndcg.mean <= figures.ndcg.high + 1e-9
    assert all(0 <= value <= 1 for value in (figures.ndcg.mean, figures.recall, figures.mrr))


@given(RANKS, st.randoms())
def test_the_order_of_the_questions_does_not_matter(ranks, chance):
    """Another order of the file, the same mean."""
    turned = chance.sample(ranks, len(ranks))
    one, other = summary(ranks), summary(turned)
    assert one is not None
    assert other is not None
    assert one.ndcg.mean == pytest.approx(other.ndcg.mean)
    assert (one.recall, one.mrr) == (pytest.approx(other.recall), pytest.approx(other.mrr))


@given(RANKS, st.data())
def test_a_better_rank_never_makes_a_figure_worse(ranks, data):
    """One session found one place earlier."""
    place = data.draw(st.integers(0, len(ranks) - 1))
    better = [*ranks]
    better[place] = ranks[place] - 1 if ranks[place] > 1 else 1
    one, other = summary(ranks), summary(better)
    assert one is not None
    assert other is not None
    assert other.ndcg.mean >= one.ndcg.mean
    assert (other.recall, other.mrr) >= (one.recall, one.mrr)


def test_a_difference_is_paired():
    """The questions differ much and the two runs little: the interval sees the runs only."""
    before, after = [2, 9] * 30, [1, 8] * 30
    change = difference(before, after)
    assert change is not None
    assert (change.better, change.worse) == (60, 0)
    assert change.is_beyond_chance
    assert change.mean.low > 0.1


@given(RANKS)
def test_a_run_does_not_differ_from_itself(ranks):
    """No mean, no interval, nothing better or worse."""
    change = difference(ranks, ranks)
    assert change is not None
    assert (change.mean.mean, change.mean.low, change.mean.high) == (0, 0, 0)
    assert (change.better, change.worse, change.is_beyond_chance) == (0, 0, False)
