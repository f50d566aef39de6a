"""Guards: each compares one kind of fact in a claim with the evidence for it, and objects where they differ."""

from collections.abc import Callable, Sequence

from service.chat.grounding.evidence import Source
from service.chat.grounding.guards.amounts import amounts_differ
from service.chat.grounding.guards.bounds import bounds_differ
from service.chat.grounding.guards.days import days_differ
from service.chat.grounding.guards.denials import amounts_are_denied, denials_differ
from service.chat.grounding.guards.poles import polarity
from service.chat.grounding.guards.sides import sides_differ
from service.chat.grounding.guards.spans import spans_differ
from service.chat.grounding.guards.subjects import subjects_differ
from service.chat.grounding.guards.times import times_differ
from service.domain.answers import WithheldReason
from service.language.statements import Part

Guard = Callable[[Part, Sequence[Source]], bool]
_GUARDS: tuple[tuple[Guard, WithheldReason], ...] = (
    (days_differ, "date_differs"),
    (amounts_differ, "number_differs"),
    (bounds_differ, "number_differs"),
    (spans_differ, "number_differs"),
    (sides_differ, "side_differs"),
    (subjects_differ, "subject_differs"),
    (times_differ, "time_differs"),
    (denials_differ, "negation_differs"),
    (amounts_are_denied, "negation_differs"),
)


def objection(part: Part, evidence: Sequence[Source]) -> WithheldReason | None:
    """The first reason why the evidence does not bear out the facts of a claim."""
    return next((reason for guard, reason in _GUARDS if guard(part, evidence)), None) or polarity(
        part, evidence
    )
