"""What a run is worth: its figures by language and slice, its arms beside the whole, and beside another run."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from uuid import UUID

from service.domain.identity import ClientId, WorkspaceId
from service.evaluation.asker import ARMS, WHOLE, Outcome
from service.evaluation.gold import ALL, HARD, Gold
from service.evaluation.metrics import (
    Difference,
    Summary,
    difference,
    ndcg,
    summary,
)

LEAST = 20  # Questions of a slice that has a line of its own: below, an interval is wider than any change.
TELLING = 150  # Questions of a slice in which no arm may be better than the whole.

SORTS = (ALL, HARD, "kind", "source", "workspace")

Slice = tuple[str, str]
"""A language and a name."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A judged question with what search did."""

    gold: Gold
    outcome: Outcome

    @property
    def rank(self) -> int:
        return self.gold.rank_in(self.outcome.session_ids)

    def rank_by(self, arm: str) -> int:
        return self.rank if arm == WHOLE else self.gold.rank_in(self.outcome.arms[arm])


@dataclass(frozen=True, slots=True)
class Row:
    """A slice of the score; those that nothing answers have no figures, only a share of abstentions."""

    language: str
    name: str
    questions: int
    figures: Summary | None
    abstained: float


@dataclass(frozen=True, slots=True)
class ArmsRow:
    """A slice of an ablation: nDCG@10 by arm, and the arms that beat the whole beyond chance where it is telling."""

    language: str
    name: str
    questions: int
    ndcg: Mapping[str, float]
    stronger: Sequence[str]


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A slice of a comparison of two runs."""

    language: str
    name: str
    change: Difference


@dataclass(frozen=True, slots=True)
class Faults:
    """What must never come back, by the questions it came back for."""

    forbidden: Sequence[str]
    """A session that must not be returned."""
    foreign: Sequence[str]
    """A session of another workspace, or one that nobody knows."""
    astray: Sequence[str]
    """A session of another client than the one asked about."""

    def __bool__(self) -> bool:
        return bool(self.forbidden or self.foreign or self.astray)


Owners = Mapping[UUID, tuple[WorkspaceId, ClientId]]
"""Whose each session is."""


def score(run: Iterable[Scored]) -> list[Row]:
    """By language: all, hard, then kinds, sources and workspaces, the large ones first; then what nothing answers."""
    run = list(run)
    answerable = _sliced(one for one in run if one.gold.answerable)
    return [_row(place, mine) for place, mine in [*answerable, *_refused(run)]]


def ablation(run: Iterable[Scored]) -> list[ArmsRow]:
    """Of all, of the hard ones, and of the kinds that are large enough to tell."""
    return [
        _arms_row(place, mine)
        for place, mine in _sliced(one for one in run if one.gold.answerable)
        if place[1] in {ALL, HARD} or (place[1].startswith("kind ") and len(mine) >= TELLING)
    ]


def changes(before: Mapping[str, Outcome], run: Iterable[Scored]) -> list[ChangeRow]:
    """Of the answerable questions that both runs asked."""
    both = [one for one in run if one.gold.answerable and one.gold.qid in before]
    return [
        ChangeRow(*place, change)
        for place, mine in _sliced(both)
        if (
            change := difference([_before(one, before) for one in mine], [one.rank for one in mine])
        )
    ]


def faults(run: Iterable[Scored], owners: Owners) -> Faults:
    """By `owners`, which must come from elsewhere than the index that is judged."""
    run = list(run)
    return Faults(
        forbidden=[one.gold.qid for one in run if one.gold.forbidden & set(_returned(one))],
        foreign=[one.gold.qid for one in run if _has_foreign(one, owners)],
        astray=[one.gold.qid for one in run if _has_astray(one, owners)],
    )


def _row(place: Slice, mine: Sequence[Scored]) -> Row:
    answerable = mine[0].gold.answerable
    figures = summary([one.rank for one in mine]) if answerable else None
    return Row(*place, len(mine), figures, fmean(one.outcome.abstained for one in mine))


def _arms_row(place: Slice, mine: Sequence[Scored]) -> ArmsRow:
    ranks = {arm: [one.rank_by(arm) for one in mine] for arm in (*ARMS, WHOLE)}
    telling = len(mine) >= TELLING
    return ArmsRow(
        *place,
        questions=len(mine),
        ndcg={arm: float(ndcg(found).mean()) for arm, found in ranks.items()},
        stronger=[arm for arm in ARMS if telling and _is_stronger(ranks[arm], ranks[WHOLE])],
    )


def _is_stronger(arm: Sequence[int], whole: Sequence[int]) -> bool:
    gain = difference(whole, arm)
    return gain is not None and gain.mean.low > 0


def _before(one: Scored, before: Mapping[str, Outcome]) -> int:
    return one.gold.rank_in(before[one.gold.qid].session_ids)


def _sliced(run: Iterable[Scored]) -> list[tuple[Slice, list[Scored]]]:
    slices: dict[Slice, list[Scored]] = defaultdict(list)
    for one in run:
        for name in one.gold.slices():
            slices[one.gold.language, name].append(one)
    telling = [entry for entry in slices.items() if not _is_all_again(entry, slices)]
    return sorted(telling, key=_in_order)


def _is_all_again(
    entry: tuple[Slice, Sequence[Scored]], slices: Mapping[Slice, Sequence[Scored]]
) -> bool:
    """The only kind or source of its language, say: the same line under another name."""
    (language, name), mine = entry
    return name != ALL and len(mine) == len(slices[language, ALL])


def _in_order(entry: tuple[Slice, Sequence[Scored]]) -> tuple[str, int, int, str]:
    (language, name), mine = entry
    return language, SORTS.index(name.split()[0]), -len(mine), name


def _refused(run: Iterable[Scored]) -> list[tuple[Slice, list[Scored]]]:
    slices: dict[Slice, list[Scored]] = defaultdict(list)
    for one in run:
        if not one.gold.answerable:
            slices[one.gold.language, one.gold.refusal].append(one)
    return sorted(slices.items())


def _returned(one: Scored) -> tuple[UUID, ...]:
    """Whatever the run names, the arms' too."""
    arms = (session for found in one.outcome.arms.values() for session in found)
    return (*one.outcome.session_ids, *one.outcome.passage_session_ids, *arms)


def _has_foreign(one: Scored, owners: Owners) -> bool:
    mine = one.gold.asked.workspace
    return any(id not in owners or owners[id][0] != mine for id in _returned(one))


def _has_astray(one: Scored, owners: Owners) -> bool:
    client = one.gold.asked.question.client
    known = (owners[id][1] for id in _returned(one) if id in owners)
    return client is not None and any(owner != client for owner in known)
