"""What a threshold answers and refuses, and what a similarity is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.abstention import (
    LEAST_IN_BAND,
    calibration_gap,
    curves,
    reliability,
)
from service.evaluation.tables import curve_lines, reliability_lines
from tests.unit.evaluation.judged import RIGHT, WRONG, scored


def a_run():
    """Four that something answers, one of them wrongly found, and two that nothing does."""
    return [
        scored(RIGHT, confidence=0.9),
        scored(RIGHT, confidence=0.7),
        scored(WRONG, RIGHT, confidence=0.5),
        scored(RIGHT, confidence=0.3, abstained=True),
        scored(WRONG, confidence=0.6, answerable=False, kind="absent"),
        scored(WRONG, confidence=0.2, answerable=False, kind="absent", abstained=True),
    ]


def test_a_curve_by_hand():
    """At 0.5 three of four are answered, one of them wrongly, and one of two is refused that should be."""
    [curve] = curves(a_run())
    points = {point.threshold: point for point in curve.points}
    assert (points[0.5].coverage, points[0.5].risk) == (0.75, pytest.approx(1 / 3))
    assert points[0.5].refused == {"absent": 0.5}
    assert (points[0.2].coverage, points[0.2].refused) == (1.0, {"absent": 0.0})
    assert (points[0.9].coverage, points[0.9].risk, points[0.9].refused) == (0.25, 0, {"absent": 1})


def test_the_decision_in_force_is_the_runs_own():
    """Whatever it was made by."""
    [curve] = curves(a_run())
    assert (curve.in_force.threshold, curve.in_force.coverage) == (None, 0.75)
    assert curve.in_force.refused == {"absent": 0.5}


def test_a_coverage_is_met_by_the_highest_threshold_that_has_it():
    """Where none has, the lowest is told."""
    [curve] = curves(a_run())
    assert curve.at(0.75).threshold == 0.5
    assert curve.at(0.7).threshold == 0.5
    assert curve.at(1.1).threshold == 0.2
    heading, *lines = curve_lines(curve, [0.75])
    assert heading.split() == ["en", "(4)", "threshold", "answered", "wrong", "absent", "(2)"]
    assert [line.split() for line in lines] == [
        ["0.500", "0.750", "0.333", "0.500"],
        ["in", "force", "-", "0.750", "0.333", "0.500"],
    ]


def test_a_language_without_an_answerable_question_has_no_curve():
    """There is nothing to cover."""
    assert curves([scored(language="he", answerable=False)]) == []


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_a_higher_threshold_answers_less_and_refuses_more(rows):
    """Of both sorts of questions."""
    run = [
        scored(RIGHT if right else WRONG, confidence=confidence, answerable=answerable)
        for confidence, right, answerable in rows
    ]
    for curve in curves(run):
        coverages = [point.coverage for point in curve.points]
        assert coverages == sorted(coverages, reverse=True)
        for kind in curve.unanswerable:
            refused = [point.refused[kind] for point in curve.points]
            assert refused == sorted(refused)


def test_a_similarity_is_judged_by_language():
    """A band holds its lower end, and what nothing answers as never right; one that holds nothing is left out."""
    run = [
        scored(RIGHT, confidence=0.5),
        scored(WRONG, confidence=0.55),
        scored(RIGHT, confidence=1.0, language="he"),
        scored(WRONG, confidence=0.1, answerable=False),
    ]
    bands = reliability(run)
    assert [(band.low, band.high) for band in bands] == [(0.0, 0.2), (0.5, 0.6), (0.8, 1.0)]
    assert bands[0].cells["en"].right == 0
    assert (bands[1].cells["en"].questions, bands[1].cells["en"].right) == (2, 0.5)
    assert bands[1].cells["he"].right is None
    assert list(reliability_lines(bands, None))[2].split() == ["0.50-0.60", "2", "0.500", "0", "-"]


def test_the_gap_between_languages_is_of_bands_that_have_enough_of_both():
    """Half of the English and all of the Hebrew are right: they differ by a half."""
    english = [scored(RIGHT, confidence=0.5), scored(WRONG, confidence=0.5)] * LEAST_IN_BAND
    hebrew = [scored(RIGHT, confidence=0.5, language="he")] * LEAST_IN_BAND
    assert calibration_gap(reliability(english + hebrew)) == pytest.approx(0.5)
    assert calibration_gap(reliability(english + hebrew[1:])) is None
    assert calibration_gap(reliability(english)) is None
