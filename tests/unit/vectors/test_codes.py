"""Codes of a byte a number: how far they are off, and how the best are chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.vectors import DIMENSION
from service.vectors.codes import BLOCK, Codes, Query, best


def drawn(kind, count, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, DIMENSION))
    if kind == "few numbers":
        vectors *= rng.random((count, DIMENSION)) < 0.01
        vectors[:, 0] += 0.1
    if kind == "one that is large":
        vectors[:, 7] += 40
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def coded(halves):
    codes = Codes.empty(len(halves))
    codes.write(halves, at=0)
    return codes


@pytest.mark.parametrize("kind", ["usual", "few numbers", "one that is large"])
def test_a_score_is_within_its_slack(kind):
    """Of the cosine, whatever the vectors look like."""
    halves = drawn(kind, 2000)
    for query in map(Query.of, drawn(kind, 20, seed=1)):
        exact = query.cosines(halves, coded(halves).norms)
        missed = np.abs(query.scan(coded(halves)) - exact)
        assert (missed <= coded(halves).slacks + query.slack + 1e-5).all()


def test_cosines_are_those_of_the_vectors():
    """As float16 has them, of whatever length they are."""
    halves = (drawn("usual", 50).astype(np.float32) * 3).astype(np.float16)
    query = halves[3].astype(np.float64)
    wide = halves.astype(np.float64)
    exact = wide @ query / np.linalg.norm(wide, axis=1) / np.linalg.norm(query)
    assert Query.of(halves[3]).cosines(halves, coded(halves).norms) == pytest.approx(
        exact, abs=1e-6
    )


def test_what_has_no_direction_is_last():
    """A vector of zeros divides by nothing, and no query is near it."""
    halves = np.vstack([np.zeros((1, DIMENSION)), -drawn("usual", 1)]).astype(np.float16)
    query = Query.of(drawn("usual", 1)[0])
    zero, opposite = query.cosines(halves, coded(halves).norms)
    assert zero < opposite
    assert query.scan(coded(halves))[0] == 0


def test_vectors_are_coded_the_same_in_any_block():
    """However many come at once, and wherever they are put."""
    halves = drawn("usual", BLOCK + 3)
    whole, part = coded(halves), coded(halves[BLOCK - 1 :])
    assert (whole.codes[BLOCK - 1 :] == part.codes).all()
    assert (whole.slacks[BLOCK - 1 :] == part.slacks).all()


@given(
    scores=st.lists(st.integers(-3, 3) | st.floats(-1, 1, width=32), max_size=40),
    times=st.integers(1, 600),  # until a sample is taken
    count=st.integers(1, 60),
)
def test_the_best_are_the_greatest(scores, times, count):
    """In few and in many, sorted or not: as many as asked for, or as there are, and all that equal the last of them."""
    held = np.array(scores * times, np.float32)
    for laid in (held, np.sort(held), np.sort(held)[::-1]):
        found = best(laid, count)
        least = np.sort(held)[-min(count, len(held)) :].min(initial=np.inf)
        assert sorted(found.tolist()) == np.flatnonzero(laid >= least).tolist()
