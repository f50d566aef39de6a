"""Judged questions and what a search did with them, as the tests of measurements need them."""

from uuid import UUID

from service.evaluation.asker import ARMS, Outcome
from service.evaluation.gold import Gold, gold_in
from service.evaluation.score import Scored
from tests.fakes import WORKSPACE

RIGHT, WRONG, BAD = (UUID(int=number) for number in (101, 102, 103))


def a_gold(**more: object) -> Gold:
    """A question that RIGHT answers; with `answerable=False` none does."""
    relevant = [] if more.pop("answerable", True) is False else [str(RIGHT)]
    row = {
        "qid": "q1",
        "workspace_id": str(WORKSPACE),
        "query": "panic at night",
        "language": "en",
        "kind": "fact",
        "source": "own",
        "workspace": "one",
        "relevant_session_ids": relevant,
    }
    return gold_in(row | more)


def scored(*found: UUID, arms: dict[str, tuple[UUID, ...]] | None = None, **more: object) -> Scored:
    """What came back, best first; the first is the passage. Other arms than those given found the same."""
    outcome = {
        "abstained": bool(more.pop("abstained", False)),
        "confidence": float(str(more.pop("confidence", 0.5))),
    }
    parts = more.pop("parts", ())
    gold = a_gold(**more)
    return Scored(
        gold,
        Outcome(
            gold.qid,
            found,
            passage_session_ids=found[:1],
            arms={name: found for name in ARMS} | (arms or {}),
            parts=parts,  # type: ignore[arg-type]
            **outcome,  # type: ignore[arg-type]
        ),
    )
