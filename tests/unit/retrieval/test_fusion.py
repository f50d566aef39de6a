"""Bringing candidates into one order."""

from service.domain.answers import Candidate, Hit
from service.retrieval.fusion import best_per_note, fuse
from tests.fakes import CLIENT, a_note

ONE, TWO, THREE = (a_note(str(n)).ref for n in range(3))


def candidates(*scored):
    return [Candidate(ref, CLIENT, score) for ref, score in scored]


def refs(found):
    return [candidate.ref for candidate in found]


def test_a_note_counts_by_its_best_chunk():
    """Several chunks of a note make one candidate."""
    hits = [
        Hit(ref, CLIENT, "plan", n, s)
        for n, (ref, s) in enumerate([(ONE, 0.2), (TWO, 0.5), (ONE, 0.9)])
    ]

    assert [(c.ref, c.score) for c in best_per_note(hits)] == [(ONE, 0.9), (TWO, 0.5)]


def test_each_side_brings_what_the_other_misses():
    """A note found by one side only is still a candidate."""
    fused = fuse(
        candidates((ONE, 0.9), (TWO, 0.1)),
        candidates((THREE, 7.0), (TWO, 6.0)),
        limit=9,
        dense_share=0.2,
    )

    assert refs(fused) == [THREE, TWO, ONE]
    assert all(0 <= candidate.score <= 1 for candidate in fused)


def test_the_limit_keeps_the_best():
    """What is not pulled costs nothing."""
    assert refs(fuse([], candidates((ONE, 1.0), (TWO, 2.0)), limit=1, dense_share=0.2)) == [TWO]


def test_nothing_found_fuses_to_nothing():
    """No candidates, no order."""
    assert fuse([], [], limit=5, dense_share=0.2) == []
