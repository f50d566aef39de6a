"""What a bench says of its figures."""

import pytest

from service.demo.bench_search.figures import Ratio
from service.demo.bench_search.ways import Cell, quantile


@pytest.mark.parametrize(
    ("value", "at_most", "met"), [(1.5, True, True), (1.6, True, False), (1.4, False, False)]
)
def test_a_ratio_says_whether_its_bar_was_met(value: float, at_most: bool, met: bool) -> None:
    """On the bar is met; a miss is written in capitals."""
    ratio = Ratio("so much", value, 1.5, at_most=at_most)
    assert ratio.is_met is met
    assert ("MISSED" in ratio.line()) is not met
    assert ratio.figures()["met"] is met


def test_the_epochs_time_is_taken_off_each_answer() -> None:
    """Not off the quantile: a slow answer with a slow epoch is no slow search."""
    cell = Cell(wall=[0.010, 0.002], apart=[0.009, 0.001])
    assert cell.net_at(0.95) == pytest.approx(1.0)
    assert cell.at(0.5) == pytest.approx(quantile([0.010, 0.002], 0.5)) == pytest.approx(6.0)
