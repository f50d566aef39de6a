"""The parts of a claim, each of which says enough to be looked for by itself."""

from service.language.statements import Part


def grouped(whole: Part, least: int) -> list[Part]:
    """Its clauses, each joined to the one before it until it says so many things of which one is known well.

    A clause with nothing of its own belongs to the one before it: "extensions (10 reps every 2 hours)".
    """
    groups: list[list[int]] = []
    for clause in whole.clauses:
        own = whole.whole.part([clause])
        if groups and not (_is_enough(whole.whole.part(groups[-1]), least) and own.telling):
            groups[-1].append(clause)
        else:
            groups.append([clause])
    if len(groups) > 1 and not _is_enough(whole.whole.part(groups[-1]), least):
        last = groups.pop()
        groups[-1] += last
    return [whole.whole.part(group) for group in groups]


def _is_enough(part: Part, least: int) -> bool:
    counts = bool(part.telling) and bool(part.amounts)
    return part.substance >= least + (0 if part.is_full else 1) and (part.is_full or counts)
