"""What a likeness is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.curves import CURVES, Curve


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_half_of_a_long_question_is_worth_more_than_half_of_a_short_one(curve: Curve) -> None:
    """And more of the same question more than less of it; of nothing there is nothing."""
    assert curve.similarity(0.5, 2) < curve.similarity(0.5, 8)
    assert 0 == curve.similarity(0.0, 8) < curve.similarity(0.1, 8) < curve.similarity(0.9, 8) < 1


@given(st.sampled_from([*CURVES.values()]), st.floats(0.001, 1), st.integers(0, 60))
def test_a_likeness_can_be_read_back_from_its_similarity(
    curve: Curve, likeness: float, words: int
) -> None:
    """Runs of `eval` tell similarities, and curves are fitted to likenesses."""
    similarity = curve.similarity(likeness, words)
    assert 0 < similarity <= 1
    if similarity < 1 - 1e-9:
        assert curve.likeness_of(similarity, words) == pytest.approx(likeness, abs=1e-4)


def test_the_ends_can_be_read_back_too() -> None:
    """Whatever number stands in a file."""
    assert CURVES["he"].likeness_of(0.0, 3) == 0
    assert CURVES["he"].likeness_of(1.0, 3) == 1
