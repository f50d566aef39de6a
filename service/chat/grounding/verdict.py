"""What is to be said of a claim beside its evidence: that it is stated, likely, or why it is neither."""

import re
from collections.abc import Sequence

from service.chat.grounding.evidence import Source, unsaid
from service.chat.grounding.guards import objection
from service.chat.grounding.guards.amounts import is_aged, is_dosed, is_rated
from service.chat.grounding.guards.directions import told_by_measure, told_by_numbers
from service.domain.answers import WithheldReason
from service.language.causes import reason_at
from service.language.statements import Part, Unit
from service.language.subjects import is_person
from service.language.terms import kind

# Of a claim's words, by what they weigh, that its evidence must say. Fitted on tests/data/grounding_dev.jsonl.
STATED, LIKELY = 0.6, 0.3
MOST_UNKNOWN = 0  # Words that no list has and the note does not say: one passed twice the mutants, for 4 % of truth.
_LITTLE = 0.5  # Beside a word that no list has, 0.7: what says little by itself weighs less.
_LEAST_PLACE = 3
_LEADS_UP = re.compile(r":|,?\s*[\"“”„״]")
_HARD_KINDS: dict[str, WithheldReason] = {
    "drug": "name_differs",
    "person": "subject_differs",
    "body": "unsupported",
    "daytime": "unsupported",
    "colour": "unsupported",
    "feeling": "unsupported",
    "frequency": "number_differs",
    "direction": "direction_differs",
    "severity": "unsupported",
}


def verdict(part: Part, evidence: Sequence[Source]) -> str:
    """`stated`, `likely`, or the reason why the evidence does not bear out a part."""
    if reason := objection(part, evidence):
        return reason
    left = left_unsaid(part, evidence)
    total = sum(unit.weight for unit in part.telling)
    worth = 1 - sum(unit.weight for unit in left) / total if total else 0.0
    if reason := _missing(left):
        return reason
    if _is_reason(part, left):
        return "unsupported"
    if any(is_dosed(unit, part) or is_aged(unit, part) for unit in left):
        return "name_differs"
    unknown = sum(not unit.concepts for unit in left)
    is_known = not any(unit.weight == 1 or _is_whereto(unit, part) for unit in left)
    is_known = is_known and unknown <= MOST_UNKNOWN
    if not _tells(part, left):
        return "unsupported"
    if worth >= STATED and is_known:
        return "stated"
    return "likely" if worth >= STATED or len(left) == 1 else "unsupported"


def left_unsaid(part: Part, evidence: Sequence[Source]) -> list[Unit]:
    """What no word of the evidence says, and no amount of it either."""
    return [
        unit
        for unit in unsaid(part, evidence)
        if not told_by_numbers(unit, part)
        and not told_by_measure(unit, part, evidence)
        and not is_rated(unit, part, evidence)
        and not _is_counted(unit, part)
    ]


def _is_counted(unit: Unit, part: Part) -> bool:
    """Whether it is part of an amount, which a guard has found: "every other day"."""
    start, end = part.whole.words[unit.start].start, part.whole.words[unit.end - 1].end
    return any(one.start <= start and end <= one.end for one in part.amounts if not one.is_aside)


def _missing(left: Sequence[Unit]) -> WithheldReason | None:
    """Why something that every wording would say may not be left unsaid by the note."""
    for unit in left:
        if unit.weight < 1:
            continue
        kinds = [kind(one) for one in unit.concepts]
        if kinds and all(one in _HARD_KINDS for one in kinds):
            return _HARD_KINDS[kinds[0]]
    return None


def _is_reason(part: Part, left: Sequence[Unit]) -> bool:
    """Whether one of these is what a claim gives as a reason: that is never a word which may be added."""
    said, begins = part.whole, reason_at(part.whole.text)
    return begins is not None and any(
        said.words[unit.start].start >= begins for unit in left if unit.weight > _LITTLE
    )


def _is_whereto(unit: Unit, part: Part) -> bool:
    """Whether a word that no list has stands behind "in", "to" or "from", written into it: it may be any place."""
    word = part.whole.words[unit.start].text
    return not unit.concepts and word[0] in "בלמ" and len(word) > _LEAST_PLACE


def _tells(part: Part, left: Sequence[Unit]) -> bool:
    """Whether the evidence says more than whom it is about, where the claim does."""
    telling = [unit for unit in part.telling if not is_person(unit)]
    if telling and all(unit in left for unit in telling):
        return False
    alone = {unit.clause for unit in left} - {
        unit.clause for unit in part.telling if unit not in left
    }
    return not any(_is_all_of_clause(clause, part) for clause in alone)


def _is_all_of_clause(clause: int, part: Part) -> bool:
    """Whether its words are all that a clause tells: "and then vanished"; a list or a quote may still follow."""
    own = part.whole.part([clause])
    end = part.whole.text.find(own.text) + len(own.text)
    leads_up = _LEADS_UP.match(part.whole.text, end)
    return not (own.amounts or own.days or leads_up)
