"""BM25 over bags, built at once or following changes."""

import math
import tracemalloc
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.identity import ClientId
from service.domain.notes import Bag, Entity, NoteRef
from service.domain.scope import ANYWHERE, Period, Within
from service.ports.index import IndexDelta
from service.retrieval import postings as module
from service.retrieval import segments
from service.retrieval.postings import IDF_POWER, K1, B, Postings, Turning
from tests.fakes import WORKSPACE

# Two that share the half that is sorted first, the two ends, and some others.
FEATURES = [0, 1, 2**63, 2**64 - 1, 5 << 32, (5 << 32) + 1, 6 << 48, 7 << 55, 2**40, 2**50]
CLIENTS = [ClientId(UUID(int=id)) for id in (11, 12, 2**64 + 11)]
# Ids that share a half with another's, and a session with the id of a client.
IDS = [UUID(int=id) for id in (1, 2, 11, 2**64 + 1, 2**64 + 2, 2**127, 2**128 - 1)]
DAYS = [date(2026, 1, 1), date(2026, 3, 1), date(2026, 3, 2)]

counts = st.dictionaries(
    st.sampled_from(FEATURES), st.sampled_from([1, 2, 3, 255, 256, 70_000, 2**32 - 1]), min_size=1
)


@st.composite
def some_bags(draw: st.DrawFn) -> Bag:
    client = draw(st.sampled_from(CLIENTS))
    of_client = draw(st.booleans())
    entity: Entity = "clients" if of_client else "sessions"
    id = client if of_client else draw(st.sampled_from(IDS))
    return a_bag(
        draw(counts),
        ref=NoteRef(WORKSPACE, entity, id),
        client=client,
        day=None if of_client else draw(st.sampled_from(DAYS)),
    )


def a_bag(
    counts: Mapping[int, int],
    *,
    ref: NoteRef | None = None,
    client: ClientId = CLIENTS[0],
    day: date | None = None,
    id: int = 1,
) -> Bag:
    ref = ref or NoteRef(WORKSPACE, "sessions", UUID(int=id))
    ordered = sorted(counts)
    return Bag(ref, client, day, ordered, [counts[feature] for feature in ordered])


scopes = st.builds(
    Within,
    clients=st.none() | st.frozensets(st.sampled_from(CLIENTS)),
    period=st.none()
    | st.builds(
        Period, st.none() | st.sampled_from(DAYS[:2]), st.none() | st.sampled_from(DAYS[1:])
    ),
    sessions=st.none() | st.frozensets(st.sampled_from([*IDS, UUID(int=99)])),
)
questions = st.dictionaries(st.sampled_from([*FEATURES, 3]), st.sampled_from([0.5, 1.0, 2.0]))


Found = list[tuple[NoteRef, ClientId, float]]


def found(
    postings: Postings, asked: Mapping[int, float], within: Within, limit: int = 100
) -> Found:
    scores = postings.scores(asked, within)
    rows, notes = postings.best(scores, limit), postings.notes
    refs = notes.refs(rows, WORKSPACE)
    return list(zip(refs, notes.clients_of(rows), scores[rows].tolist(), strict=True))


def plain(bags: Sequence[Bag], asked: Mapping[int, float], within: Within) -> Found:
    """The same in dictionaries and loops."""
    held = [dict(zip(bag.features, bag.counts, strict=True)) for bag in bags]
    mean = sum(sum(one.values()) for one in held) / len(held) if held else 1

    def score(one: dict[int, int]) -> float:
        norm = K1 * (1 - B + B * sum(one.values()) / mean)
        return math.fsum(
            weight * idf(feature) * one[feature] * (K1 + 1) / (one[feature] + norm)
            for feature, weight in asked.items()
            if feature in one
        )

    def idf(feature: int) -> float:
        having = sum(feature in one for one in held)
        return math.log1p((len(held) - having + 0.5) / (having + 0.5)) ** IDF_POWER

    scored = [(bag.ref, bag.client, score(one)) for bag, one in zip(bags, held, strict=True)]
    days = {bag.ref: bag.day for bag in bags}
    return [one for one in scored if one[2] > 0 and within.holds(one[0], one[1], days[one[0]])]


def distinct(bags: Iterable[Bag]) -> list[Bag]:
    return list({bag.ref: bag for bag in bags}.values())


def turn_around(bags: Sequence[Bag], *, epoch: int) -> Postings:
    turning = Turning()
    for first in range(0, len(bags), module.STEP):
        turning.add(bags[first : first + module.STEP])
    return turning.done(epoch)


@pytest.fixture(params=[(1000, 2**20), (2, 3)], ids=["at once", "in small steps"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    step, at_once = request.param
    monkeypatch.setattr(module, "STEP", step)
    monkeypatch.setattr(segments, "AT_ONCE", at_once)


@pytest.mark.usefixtures("steps")
def test_it_scores_as_plain_bm25_does() -> None:
    """Whatever the features, counts, scope and question, and in however many steps it was built."""

    @settings(max_examples=100, deadline=None)
    @given(st.lists(some_bags()), questions, scopes)
    def check(bags: list[Bag], asked: dict[int, float], within: Within) -> None:
        bags = distinct(bags)
        told = found(turn_around(bags, epoch=1), asked, within)
        wanted = {ref: (client, score) for ref, client, score in plain(bags, asked, within)}
        assert {ref for ref, _, _ in told} == set(wanted)
        for ref, client, score in told:
            assert client == wanted[ref][0]
            assert score == pytest.approx(wanted[ref][1], rel=1e-6)
        assert [score for _, _, score in told] == sorted((s for _, _, s in told), reverse=True)

    check()


@given(st.lists(some_bags()), scopes)
@settings(max_examples=100, deadline=None)
def test_a_scope_holds_what_it_says(bags: list[Bag], within: Within) -> None:
    """The mask over columns is `Within.holds` of each note."""
    bags = distinct(bags)
    held = turn_around(bags, epoch=1).held_by(within).tolist()
    assert held == [within.holds(bag.ref, bag.client, bag.day) for bag in bags]


class Workspace:
    """Bags as a store has them, and postings that follow it."""

    def __init__(self, bags: Iterable[Bag]) -> None:
        self.bags = {bag.ref: bag for bag in bags}
        self.following = turn_around(list(self.bags.values()), epoch=1)

    def change(self, put: Sequence[Bag], gone: Sequence[NoteRef]) -> None:
        """In one delta; a profile that is named takes all of its client's notes along."""
        for ref in gone:
            self.bags.pop(ref, None)
            if ref.entity == "clients":
                theirs = [bag.ref for bag in self.bags.values() if bag.client == ref.id]
                for one in theirs:
                    del self.bags[one]
        self.bags |= {bag.ref: bag for bag in put}
        notes = frozenset([*gone, *(bag.ref for bag in put)])
        clients = frozenset(ClientId(ref.id) for ref in notes if ref.entity == "clients")
        touched = [b for b in self.bags.values() if b.ref in notes or b.client in clients]
        epoch = self.following.epoch + 1
        self.following = self.following.after(IndexDelta(epoch, notes, clients, touched))


places = st.sampled_from(
    [
        *(NoteRef(WORKSPACE, "sessions", id) for id in IDS),
        *(NoteRef(WORKSPACE, "clients", client) for client in CLIENTS),
    ]
)
changes = st.lists(
    st.tuples(st.lists(some_bags(), max_size=3), st.lists(places, max_size=2)), max_size=8
)


@given(
    st.lists(some_bags(), max_size=12),
    changes,
    questions,
    scopes,
    st.sampled_from([(10, 4), (1, 4), (1, 1)]),
)
@settings(max_examples=200, deadline=None)
def test_what_followed_changes_is_what_is_built_anew(
    bags: list[Bag],
    changes: list[tuple[list[Bag], list[NoteRef]]],
    asked: dict[int, float],
    within: Within,
    when: tuple[int, int],
) -> None:
    """Notes, order and scores to the last bit, after puts, edits, deletions, archives and erasures, merged or not."""
    beside, tier = when
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BESIDE", beside)
        patch.setattr(module, "TIER", tier)
        workspace = Workspace(bags)
        for put, gone in changes:
            workspace.change(distinct(put), gone)
            held = workspace.following
            anew = turn_around(list(workspace.bags.values()), epoch=held.epoch)
            assert held.size == anew.size == len(workspace.bags)
            assert found(held, asked, within) == found(anew, asked, within)
            assert found(held, asked, within, 2) == found(anew, asked, within)[:2]
            for feature in FEATURES:
                assert held.frequency(feature) == anew.frequency(feature)
                one = held.sessions_having(feature, within)
                assert one == anew.sessions_having(feature, within)
            assert having(held, within) == having(anew, within)


def having(postings: Postings, within: Within) -> dict[NoteRef, int]:
    words = [[{FEATURES[0]}, {FEATURES[1], FEATURES[2]}], [{FEATURES[3]}]]
    rows = np.flatnonzero(postings.held_by(within))
    refs = postings.notes.refs(rows, WORKSPACE)
    return dict(zip(refs, postings.having(words)[rows].tolist(), strict=True))


def test_equal_notes_come_by_their_ids() -> None:
    """The same in every process, in whatever order their rows were read and changed."""
    bags = [a_bag({7: 1}, id=id) for id in (3, 1, 2)]
    there = turn_around(bags, epoch=1)
    back = turn_around(bags[::-1], epoch=1)
    ids = [[ref.id.int for ref, _, _ in found(p, {7: 1.0}, ANYWHERE)] for p in (there, back)]
    assert ids == [[1, 2, 3]] * 2
    assert [ref.id.int for ref, _, _ in found(there, {7: 1.0}, ANYWHERE, 2)] == [1, 2]


def test_a_change_leaves_the_large_segment_as_it_is() -> None:
    """It stands beside it until there are many; then there is one again, and nothing that is gone."""
    bags = [a_bag({feature: 1 for feature in range(20)}, id=id) for id in range(1, 101)]
    workspace = Workspace(bags)
    base = workspace.following.segments[0]

    workspace.change([a_bag({1: 5}, id=1)], [])
    assert workspace.following.segments[0] is base
    assert len(workspace.following.segments) == 2
    for id in range(2, 20):
        workspace.change([], [NoteRef(WORKSPACE, "sessions", UUID(int=id))])
    assert workspace.following.segments[0] is not base
    assert workspace.following.size == 100 - 18
    assert len(workspace.following.notes) < 100


def test_many_changes_stand_in_few_segments() -> None:
    """A question looks into each."""
    workspace = Workspace(a_bag({f: 1 for f in range(60)}, id=id) for id in range(1, 401))
    seen = set()
    for id in range(1, 38):
        workspace.change([a_bag({f: 2 for f in range(60)}, id=id)], [])
        seen.add(len(workspace.following.segments))
    assert max(seen) <= 5


def test_a_workspace_may_have_more_notes_than_two_bytes_count() -> None:
    """Rows beyond 65,536 are told apart."""
    bags = [a_bag({id: 1, 2**40: 1}, id=id) for id in range(1, 66_001)]
    postings = turn_around(bags, epoch=1)
    assert postings.frequency(2**40) == 66_000
    assert [ref.id.int for ref, _, _ in found(postings, {65_999: 1.0}, ANYWHERE)] == [65_999]


def test_it_tells_what_it_occupies() -> None:
    """The bound on memory goes by it."""
    tracemalloc.start()
    bags = [a_bag({feature * id: 1 for feature in range(1, 300)}, id=id) for id in range(1, 301)]
    before = tracemalloc.get_traced_memory()[0]
    postings = turn_around(bags, epoch=1)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert postings.nbytes == pytest.approx(taken, rel=0.1)


def test_nothing_can_be_searched() -> None:
    """A workspace that just began, and one whose last note is gone."""
    workspace = Workspace([a_bag({7: 1})])
    workspace.change([], [NoteRef(WORKSPACE, "sessions", UUID(int=1))])
    for postings in (turn_around([], epoch=1), workspace.following):
        assert found(postings, {7: 1.0}, ANYWHERE) == []
        assert (postings.size, postings.frequency(7)) == (0, 0)
        assert postings.having([[{7}]]).tolist() == []
