"""Fits the curves of the local reranker's similarity to a judged run, and says how well they will do elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.domain.answers import Language
from service.evaluation.abstention import is_right
from service.evaluation.gold import ALL, HARD
from service.evaluation.metrics import Summary, ndcg, summary
from service.evaluation.score import Scored
from service.language.asking import telling
from service.language.curves import CURVES, FEWEST, Curve
from service.language.text import tokens

STEPS = 50  # Newton's method is done in ten or never.
SHARES = tuple(step / 20 for step in range(4, 15))
RIDGE = 0.02  # In questions: keeps the two slopes apart where a fold has few.

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A language's curve, with the loss (natural logarithm, a question) of what it says: of the very questions it was
    fitted to, and of each workspace by a curve fitted to the others.
    """

    curve: Curve
    questions: int
    loss: float
    loss_elsewhere: float | None
    """None where there is but one workspace."""


def fit_curves(run: Iterable[Scored]) -> Mapping[Language, Fitted]:
    """By language, to how often the right session is among the passages; of what nothing answers it never is.

    The run's likenesses are read from its similarities through the curves in force.
    """
    by_language: dict[Language, list[Scored]] = {}
    for one in run:
        by_language.setdefault(one.gold.language, []).append(one)
    return {language: _fitted(mine) for language, mine in sorted(by_language.items())}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How well sessions are found in workspaces that had no say in the constants of the order."""

    language: Language
    slice: str
    plain: Summary
    elsewhere: Summary


def cross_validated(run: Iterable[Scored]) -> list[Elsewhere]:
    """Each workspace ordered anew, with curves fitted to the others and the first stage's share that is best there."""
    answerable, everything = [], list(run)
    for place in sorted({one.gold.place for one in everything}):
        others = [one for one in everything if one.gold.place != place]
        if others:
            order = _best_order(others)
            here = [one for one in everything if one.gold.place == place and one.gold.answerable]
            answerable += [(one, order.rank(one)) for one in here]
    return [
        one
        for language in sorted({one.gold.language for one, _ in answerable})
        for name in (ALL, HARD)
        if (one := _beside(language, name, answerable))
    ]


@dataclass(frozen=True, slots=True)
class _Order:
    """A way to order what a run found."""

    curves: Mapping[Language, Curve]
    share: float

    def rank(self, one: Scored) -> int:
        """Of the relevant session, from 1; 0 where it is not among those found."""
        sessions = one.outcome.session_ids
        if one.gold.relevant[0] not in sessions:
            return 0
        worths = [self._worth(one, first, best) for first, best in one.outcome.parts]
        mine = worths[sessions.index(one.gold.relevant[0])]
        return 1 + sum(worth > mine for worth in worths)

    def _worth(self, one: Scored, first: float, best: float) -> float:
        likeness, words = _likeness(one, best)
        language = one.gold.asked.question.language
        curve = self.curves.get(language, CURVES[language])
        return self.share * first + (1 - self.share) * curve.similarity(likeness, words)


def _best_order(run: Sequence[Scored]) -> _Order:
    """Both languages count the same, whichever has more questions."""
    fitted = {language: one.curve for language, one in fit_curves(run).items()}
    orders = [_Order(fitted, share) for share in SHARES]
    return max(orders, key=lambda order: _mean_ndcg(order, run))


def _mean_ndcg(order: _Order, run: Sequence[Scored]) -> float:
    by_language: dict[str, list[int]] = {}
    for one in run:
        if one.gold.answerable:
            by_language.setdefault(one.gold.language, []).append(order.rank(one))
    return float(np.mean([ndcg(ranks).mean() for ranks in by_language.values()] or [0.0]))


def _beside(
    language: Language, name: str, ranked: Sequence[tuple[Scored, int]]
) -> Elsewhere | None:
    mine = [
        (one.rank, rank)
        for one, rank in ranked
        if one.gold.language == language and name in one.gold.slices()
    ]
    plain, elsewhere = summary([rank for rank, _ in mine]), summary([rank for _, rank in mine])
    return Elsewhere(language, name, plain, elsewhere) if plain and elsewhere else None


def _fitted(mine: Sequence[Scored]) -> Fitted:
    rows, right = _columns(mine)
    places = np.array([one.gold.place for one in mine])
    weights = _logistic(rows, right)
    return Fitted(
        Curve(*(round(float(weight), 2) for weight in weights)),
        len(mine),
        _loss(rows, right, weights),
        _loss_elsewhere(rows, right, places),
    )


def _loss_elsewhere(rows: Floats, right: Floats, places: NDArray[np.str_]) -> float | None:
    losses = []
    for place in np.unique(places):
        away, here = places != place, places == place
        if away.any():
            weights = _logistic(rows[away], right[away])
            losses.append(_loss(rows[here], right[here], weights) * int(here.sum()))
    return sum(losses) / len(places) if losses else None


def _columns(mine: Sequence[Scored]) -> tuple[Floats, Floats]:
    """What a curve is over, a row a question, and whether its passages hold the answer."""
    rows = [_row(one) for one in mine]
    return np.array(rows), np.array([float(is_right(one)) for one in mine])


def _row(one: Scored) -> tuple[float, float, float]:
    likeness, words = _likeness(one, one.outcome.confidence)
    return likeness, likeness * float(np.log1p(max(FEWEST, words))), 1.0


def _likeness(one: Scored, similarity: float) -> tuple[float, int]:
    """What the curve in force made this similarity of, and how many telling words the question has."""
    question = one.gold.asked.question
    words = len(telling(tokens(question.text)))
    return CURVES[question.language].likeness_of(similarity, words), words


def _logistic(rows: Floats, right: Floats) -> Floats:
    """Maximum likelihood by Newton's method, the slopes held back a little."""
    weights = np.zeros(rows.shape[1])
    ridge = np.diag([RIDGE, RIDGE, 0.0])
    for _ in range(STEPS):
        said = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (said - right) + ridge @ weights
        bend = (rows * (said * (1 - said))[:, None]).T @ rows + ridge
        step = np.linalg.solve(bend + 1e-9 * np.eye(len(bend)), slope)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _loss(rows: Floats, right: Floats, weights: Floats) -> float:
    said = np.clip(1 / (1 + np.exp(-rows @ weights)), 1e-12, 1 - 1e-12)
    return float(-np.mean(right * np.log(said) + (1 - right) * np.log(1 - said)))
