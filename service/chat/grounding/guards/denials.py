"""Denials: what a claim denies is denied in the evidence too, or said there by its contrary."""

from collections.abc import Sequence

from service.chat.grounding.evidence import Source
from service.language.amounts import Amount
from service.language.polarity import denials, is_denial
from service.language.statements import Part, Statement
from service.language.terms import opposite


def denials_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it denies something, and nothing is denied in the evidence or said there by its contrary."""
    said = [word.text for word in part.whole.words]
    clauses = {part.whole.clauses[at] for at in denials(said)} & set(part.clauses)
    return bool(clauses) and not any(
        source.turns or _is_contrary(part, clauses, source) for source in evidence
    )


def _is_contrary(part: Part, clauses: set[int], source: Source) -> bool:
    against = {opposite(one) for u in part.units if u.clause in clauses for one in u.concepts}
    return not source.meant.isdisjoint(one for one in against if one is not None)


def amounts_are_denied(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it denies an amount that the evidence only affirms: "was not 17"."""
    told = [(source.said, one) for source in evidence for one in source.said.amounts]
    for amount in part.amounts:
        same = [_is_turned(said, one) for said, one in told if amount.is_said_by(one)]
        if same and not any(same) and not amount.is_aside and _is_denied(part.whole, amount):
            return True
    return False


def _is_denied(said: Statement, amount: Amount) -> bool:
    """Whether a denial stands before an amount in its clause."""
    place = next(at for at, word in enumerate(said.words) if word.end > amount.start)
    before = (at for at in range(place) if is_denial(said.words[at].text))
    return any(said.clauses[at] == said.clauses[place] for at in before)


def _is_turned(said: Statement, amount: Amount) -> bool:
    """Whether anything of its clause is denied or not said for sure."""
    clause = said.clause_at(amount.start)
    turned = any(unit.polarity != 1 and unit.clause == clause for unit in said.units)
    return turned or _is_denied(said, amount)
