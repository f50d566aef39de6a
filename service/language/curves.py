"""What a likeness is worth: how often an answer from a text so like the question is from the right session."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.answers import Language

LOCAL_RERANKER = "local-lexical-2"
FEWEST = 2
"""Telling words: one alone ("lisinopril?") counts as two, for it is said or it is not; the practice has too few of them
to tell, and the curve of English would answer none."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A logistic curve over the likeness x and x ln(1 + n), n being the telling words of the question: half of a long
    question is better evidence than half of a short one.
    """

    likeness: float
    mass: float
    base: float

    def similarity(self, likeness: float, words: int) -> float:
        """0..1, growing with the likeness; of nothing nothing."""
        if likeness <= 0:
            return 0.0
        return 1 / (1 + math.exp(-(self._slope(words) * likeness + self.base)))

    def likeness_of(self, similarity: float, words: int) -> float:
        """The likeness that has this similarity."""
        if similarity <= 0:
            return 0.0
        odds = math.log(similarity / (1 - similarity)) if similarity < 1 else math.inf
        return min(1.0, max(0.0, (odds - self.base) / self._slope(words)))

    def _slope(self, words: int) -> float:
        return self.likeness + self.mass * math.log1p(max(FEWEST, words))


# As `pazpaz-agent eval curves` fits them: see there for what to, and for the error left.
CURVES: Mapping[Language, Curve] = {
    "he": Curve(2.70, 3.06, -1.84),
    "en": Curve(-5.19, 8.83, -2.46),
}
