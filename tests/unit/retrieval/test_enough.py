"""Whether what was found is enough."""

import pytest

from service.domain.answers import Question
from service.retrieval.enough import judge
from tests.fakes import a_passage

QUESTION = Question("כמה שעות היא ישנה?", "he")


@pytest.mark.parametrize(
    ("similarities", "kind", "reason"),
    [
        ((), "abstain", "nothing_found"),
        ((0.1, 0.29), "abstain", "weak_match"),
        ((0.32, 0.1), "partial", "weak_match"),
        ((0.4,), "answer", "fair_match"),
        ((0.1, 0.7), "answer", "good_match"),
    ],
)
def test_the_best_passage_decides(similarities, kind, reason):
    """One good passage is enough, and many weak ones are not."""
    passages = [a_passage("...", similarity=similarity) for similarity in similarities]
    decision = judge(QUESTION, passages)

    assert (decision.kind, decision.reasons) == (kind, (reason,))


def test_a_stricter_question_is_kept_to():
    """The caller's least similarity holds where it is higher."""
    strict = Question("שינה", "he", min_similarity=0.6)

    assert judge(strict, [a_passage("...", similarity=0.5)]).kind == "abstain"
