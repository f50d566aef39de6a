"""Whether what was found is enough."""

from dataclasses import replace

import pytest

from service.domain.answers import Question
from service.domain.scope import Within
from service.language.curves import LOCAL_RERANKER
from service.retrieval.enough import judge
from service.retrieval.search import Found
from tests.fakes import CLIENT, a_passage

QUESTION = Question("כמה שעות היא ישנה?", "he")


def found(*similarities: float, judged_by: str = LOCAL_RERANKER) -> Found:
    passages = [a_passage("...", similarity=similarity) for similarity in similarities]
    return Found(tuple(passages), (), judged_by)


@pytest.mark.parametrize(
    ("similarities", "kind", "reason"),
    [
        ((), "abstain", "nothing_found"),
        ((0.1, 0.5), "abstain", "weak_match"),
        ((0.6, 0.1), "partial", "weak_match"),
        ((0.7,), "answer", "fair_match"),
        ((0.1, 0.9), "answer", "good_match"),
    ],
)
def test_the_best_passage_decides(similarities, kind, reason):
    """One good passage is enough, and many weak ones are not."""
    decision = judge(QUESTION, found(*similarities))

    assert (decision.kind, decision.reasons) == (kind, (reason,))


def test_a_stricter_question_is_kept_to():
    """The caller's least similarity holds where it is higher."""
    strict = Question("שינה", "he", min_similarity=0.9)

    assert judge(strict, found(0.89)).kind == "abstain"


def test_a_provider_has_a_scale_of_its_own():
    """What a reranker nobody measured calls 0.4 is not what the local one does."""
    assert judge(QUESTION, found(0.4)).kind == "abstain"
    assert judge(QUESTION, found(0.4, judged_by="elsewhere")).kind == "answer"


def test_a_question_about_a_client_is_answered_sooner():
    """With a warning: it is seldom off the subject, and says whose words it quotes."""
    weak = found(0.5)
    assert judge(QUESTION, weak).kind == "abstain"
    assert judge(QUESTION, replace(weak, within=Within.client(CLIENT))).kind == "partial"
