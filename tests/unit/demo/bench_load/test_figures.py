"""Percentiles, and whether memory grew."""

import pytest

from service.demo.bench_load.asking import Heard, Query
from service.demo.bench_load.figures import Window, growth, growths, percentiles, trend
from service.demo.bench_load.watch import Sample

HOUR = [(float(at), 100.0) for at in range(0, 3600, 5)]


def heard(outcome: str, *, first: float | None = None, whole: float = 1.0) -> Heard:
    query = Query({}, "events", "first", "w", None)
    return Heard(query, began=5, ended=5 + whole, outcome=outcome, first_event=first)


def test_percentiles_of_a_hundred_are_what_they_say() -> None:
    """Of 1 to 101 the 50th, 95th and 99th part is that number and one; of nothing there is none."""
    values = [float(number) for number in range(1, 102)]
    assert percentiles(values) == {"p50": 51, "p95": 96, "p99": 100}
    assert percentiles([]) == {}


def test_only_answers_have_a_time_to_the_end() -> None:
    """Whoever was refused at once must not make answers look quick; every outcome is counted."""
    window = Window()
    for one in (
        heard("answered", first=0.2, whole=2),
        heard("503 busy", whole=0.01),
        heard("left"),
    ):
        window.add(one)
    assert window.whole == [2]
    assert window.first_event == [0.2]
    assert window.figures()["outcomes"] == {"answered": 1, "503 busy": 1, "left": 1}


def test_what_stays_the_same_does_not_grow() -> None:
    """Neither by the trend nor in percent."""
    found = growth(HOUR, window=60)
    assert found is not None
    assert (found.slope, found.percent) == (0, 0)


def test_a_steady_leak_is_told_an_hour() -> None:
    """Twelve megabytes an hour on a hundred, of which a minute is warming up."""
    found = growth([(at, mb + at * 12 / 3600) for at, mb in HOUR], window=60)
    assert found is not None
    assert found.slope == pytest.approx(12)
    assert found.percent == pytest.approx(11.4, abs=0.5)


def test_warming_up_and_a_lonely_peak_are_no_leak() -> None:
    """Fifty megabytes in the first minute, and for one look in the second half."""
    points = [(at, mb - 50 if at < 60 else mb) for at, mb in HOUR]
    points[-100] = (points[-100][0], 500.0)
    found = growth(points, window=60)
    assert found is not None
    assert (found.warm, found.last, found.slope) == (100, 100, 0)


def test_four_minutes_are_needed() -> None:
    """Less says nothing of growth."""
    assert growth(HOUR[:40], window=60) is None
    assert growth([], window=60) is None
    assert trend([(0, 1)]) == 0


def test_every_process_and_the_database_are_told() -> None:
    """Each by its own series."""
    samples = [Sample(at, {"api": mb, "worker": 2 * mb + at}, 10 + at, 3) for at, mb in HOUR]
    told = growths(samples, window=60)
    assert {name: round(one.slope) for name, one in told.items()} == {
        "api": 0,
        "worker": 3600,
        "database": 3600,
    }
    assert growths([], window=60) == {}
