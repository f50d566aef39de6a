"""Curves fitted to judged runs."""

import random

import pytest

from service.evaluation.fitting import cross_validated, fit_curves
from service.evaluation.tables import elsewhere_lines, fitted_lines
from service.language.curves import CURVES, Curve
from tests.unit.evaluation.judged import RIGHT, WRONG, scored

TRUE = Curve(3.0, 2.0, -2.0)
QUESTIONS = ("sleep", "sleep nightmares", "sleep nightmares divorce mortgage headaches")


def a_run(size: int = 4000, *, places: tuple[str, ...] = ("one", "two")):
    """Questions whose answers are there as often as TRUE says."""
    chance = random.Random(5)  # noqa: S311 - no secret is made of it
    for number in range(size):
        query = chance.choice(QUESTIONS)
        words, likeness = len(query.split()), chance.random()
        is_right = chance.random() < TRUE.similarity(likeness, words)
        yield scored(
            RIGHT if is_right else WRONG,
            confidence=CURVES["en"].similarity(likeness, words),
            query=query,
            workspace=places[number % len(places)],
        )


def test_the_curve_behind_a_run_is_found() -> None:
    """Up to what 4,000 questions can tell, whatever curve the run was made with."""
    fitted = fit_curves(a_run())["en"]

    for likeness in (0.2, 0.5, 0.8):
        for words in (1, 5):
            true = TRUE.similarity(likeness, words)
            assert fitted.curve.similarity(likeness, words) == pytest.approx(true, abs=0.05)
    assert fitted.questions == 4000
    assert fitted.loss_elsewhere == pytest.approx(fitted.loss, abs=0.01)


def test_one_workspace_tells_nothing_of_others() -> None:
    """And a run in which all is right still has a curve."""
    fitted = fit_curves(a_run(50, places=("one",)))["en"]
    assert fitted.loss_elsewhere is None
    assert list(fitted_lines({"en": fitted}))[1].split()[-1] == "-"

    sure = fit_curves([scored(RIGHT, confidence=0.9)] * 20)["en"]
    assert sure.curve.similarity(0.9, 3) > 0.9


def test_a_workspace_is_ordered_by_what_the_others_taught() -> None:
    """Where the first stage is right in one and wrong in the other, each is ordered worse without its own word."""
    first_is_right, first_is_wrong = ((0.9, 0.2), (0.2, 0.6)), ((0.2, 0.6), (0.9, 0.2))
    run = [
        scored(RIGHT, WRONG, workspace=place, parts=parts)
        for place, parts in (("one", first_is_right), ("two", first_is_wrong))
        for _ in range(30)
    ]
    [all_of_them] = cross_validated(run)

    assert (all_of_them.language, all_of_them.slice) == ("en", "all")
    assert all_of_them.plain.ndcg.mean == 1.0
    assert all_of_them.elsewhere.ndcg.mean < 1.0
    assert len(list(elsewhere_lines([all_of_them]))) == 2


def test_one_workspace_has_no_others() -> None:
    """Nothing is validated then."""
    assert cross_validated([scored(RIGHT, parts=((0.5, 0.5),))]) == []
