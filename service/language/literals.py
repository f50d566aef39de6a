"""What every match of a pattern must hold: a look for it is a hundred times cheaper than the pattern."""

import re
from collections.abc import Iterable, Sequence
from re import _constants, _parser  # type: ignore[attr-defined] # the only parser of its patterns that Python has
from typing import Any

MOST = 60  # Alternatives; more are not worth looking for.
LEAST = 2  # Letters of a literal that rules anything out.

Literals = frozenset[str]


def required(pattern: re.Pattern[str]) -> Literals | None:
    """Strings of which every match holds one at least; None where the pattern promises none.

    For patterns that tell small letters from capitals.
    """
    return _of_sequence(_parser.parse(pattern.pattern, pattern.flags))


def _of_sequence(items: Iterable[Any]) -> Literals | None:
    """The most telling of what the parts require, a run of plain letters among them."""
    found, run = list[Literals](), ""
    for kind, value in items:
        if kind is _constants.LITERAL:
            run += chr(value)
            continue
        found, run = _with_run(found, run), ""
        if (inner := _of_item(kind, value)) is not None:
            found.append(inner)
    return max(_with_run(found, run), key=_worth, default=None)


def _with_run(found: list[Literals], run: str) -> list[Literals]:
    return [*found, frozenset({run})] if len(run) >= LEAST else found


def _worth(literals: Literals) -> tuple[int, int]:
    return min(map(len, literals)), -len(literals)


def _of_item(kind: Any, value: Any) -> Literals | None:
    if kind is _constants.SUBPATTERN:
        return _of_sequence(value[-1])
    if kind is _constants.BRANCH:
        return _of_branches(value[1])
    if kind in {_constants.MAX_REPEAT, _constants.MIN_REPEAT} and value[0] > 0:
        return _of_sequence(value[2])
    return None


def _of_branches(branches: Sequence[Any]) -> Literals | None:
    each = [_of_sequence(branch) for branch in branches]
    if any(one is None for one in each):
        return None
    together = frozenset().union(*(one for one in each if one is not None))
    return together if len(together) <= MOST else None
