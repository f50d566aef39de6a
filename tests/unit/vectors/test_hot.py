"""Snapshots of a workspace's vectors: what they cost, and that none changes under whoever reads it."""

import tracemalloc
from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest

from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import NoteRef
from service.domain.scope import ANYWHERE, Within
from service.vectors import DIMENSION
from service.vectors.codes import Query
from service.vectors.hot import FETCHED_BYTES, RESIDENT_BYTES, SPARE_LEAST, HotVectors
from service.vectors.rows import ChunkRows, placed

WORKSPACE = WorkspaceId(UUID(int=1))
FIELDS = ("subjective", "objective", "assessment", "plan")


def vectors(count, seed=0):
    drawn = np.random.default_rng(seed).standard_normal((count, DIMENSION), np.float32)
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float16)


def rows(halves, *, first=0, clients=5):
    """A note for every four vectors, `first` and on."""
    return ChunkRows(
        placed(
            (
                NoteRef(WORKSPACE, "sessions", UUID(int=(first + i // 4) << 70 | 5)),
                ClientId(UUID(int=(first + i // 4) % clients)),
                date(2026, 1, 1) + timedelta(i % 300),
                FIELDS[i % 4],
                0,
            )
            for i in range(len(halves))
        ),
        halves,
    )


def ref(note):
    return NoteRef(WORKSPACE, "sessions", UUID(int=note << 70 | 5))


def hot(halves, *, resident=True):
    return HotVectors.of(rows(halves), workspace=WORKSPACE, model="m", epoch=1, resident=resident)


def nearest(held, half, *, limit=5, within=ANYWHERE):
    return [(hit.ref, hit.field) for hit in held.search(Query.of(half), within=within, limit=limit)]


@pytest.mark.parametrize(("resident", "most"), [(True, RESIDENT_BYTES), (False, FETCHED_BYTES)])
def test_it_costs_no_more_than_it_says(resident, most):
    """All that is allocated, with notes of four chunks, is what it says, and within what is promised."""
    loaded = rows(vectors(10_000), clients=50)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    held = HotVectors.of(loaded, workspace=WORKSPACE, model="m", epoch=1, resident=resident)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken / 10_000 <= most
    assert held.nbytes == pytest.approx(taken, rel=0.01)


def test_an_older_snapshot_stays_as_it_was():
    """Later ones append behind what it sees, or move away."""
    halves, fresh = vectors(100), vectors(200, seed=1)
    first = hot(halves)
    kept = [nearest(first, half) for half in (halves[7], fresh[0])]
    held = first
    for number in range(50):
        part = rows(fresh[4 * number : 4 * number + 4], first=100 + number)
        gone = [ref(number % 25)]
        held = held.followed_by(part, epoch=2 + number, notes=gone, clients=())
        assert nearest(held, fresh[4 * number])[0] == (ref(100 + number), FIELDS[0])
        assert ref(number % 25) not in {one for one, _ in nearest(held, halves[7], limit=300)}
        assert [nearest(first, half) for half in (halves[7], fresh[0])] == kept
    assert held.living == 200


def test_two_that_follow_the_same_do_not_meet():
    """Where somebody appended behind a snapshot already, another delta goes to arrays of its own."""
    first, fresh = hot(vectors(100)), vectors(8, seed=1)
    one, other = (
        first.followed_by(rows(fresh[at : at + 4], first=100), epoch=2, notes=(), clients=())
        for at in (0, 4)
    )
    for held, half in ((one, fresh[0]), (other, fresh[4]), (one, fresh[0])):
        [hit] = held.search(Query.of(half), within=ANYWHERE, limit=1)
        assert hit.similarity == pytest.approx(1, abs=1e-3)


def test_the_dead_do_not_pile_up():
    """A workspace that is edited for ever stays as large as it is."""
    held = first = hot(vectors(400))
    for number in range(400):
        part = rows(vectors(4, seed=number), first=number % 100)
        held = held.followed_by(part, epoch=2, notes=[ref(number % 100)], clients=())
    assert held.living == 400
    assert held.nbytes < 1.4 * first.nbytes
    assert held.scanned <= 1.25 * 400 + 2 * SPARE_LEAST


def test_a_scope_is_never_short():
    """Whether it is little, and gathered, or most of the workspace, and masked."""
    held = hot(vectors(1000))
    for count in (1, 4):
        within = Within(frozenset(ClientId(UUID(int=one)) for one in range(count)))
        found = held.search(Query.of(vectors(1, seed=9)[0]), within=within, limit=150)
        assert len(found) == 150
        assert {hit.client for hit in found} == within.clients
