"""Made-up practices: the same in each run, of the sizes that were asked for, and as clustered as they should be."""

import numpy as np

from service.demo.bench_search.questions import TIE, TOP, classes, named
from service.demo.bench_search.tenants import PART, Mix, World

WORLD = World.of(Mix(tenants=30, sizes=(700,)))


def test_a_part_is_the_same_whenever_it_is_made() -> None:
    """A filling that is cut off goes on with the very rows that are missing."""
    [tenant] = WORLD.designated()
    again = World.of(Mix(tenants=30, sizes=(700,)))

    first, second = WORLD.part(tenant, 1), again.part(tenant, 1)
    assert (first.halves == second.halves).all()
    assert (first.notes == second.notes).all()
    assert len(first) == 700 - PART


def test_practices_have_the_sizes_asked_for() -> None:
    """Log-normal ones beside those designated, numbered without a gap."""
    assert [tenant.size for tenant in WORLD.designated()] == [700]
    assert 100 < np.median([tenant.size for tenant in WORLD.others()]) < 700
    ends = [tenant.first + tenant.size for tenant in WORLD.tenants]
    assert [tenant.first for tenant in WORLD.tenants[1:]] == ends[:-1]
    assert WORLD.rows == ends[-1]


def test_vectors_lie_in_clusters() -> None:
    """Two of one topic are nearer than two of different topics; all are of length 1."""
    rows = WORLD.all_of(WORLD.designated()[0])
    wide = rows.halves.astype(np.float32)
    cosines = wide @ wide.T
    same = rows.topics[:, None] == rows.topics[None, :]
    np.fill_diagonal(same, False)
    assert np.allclose(np.linalg.norm(wide, axis=1), 1, atol=TIE)
    assert cosines[same].mean() > 0.65 > 0.45 > cosines[~same & (cosines < 0.999)].mean()


def test_a_narrowed_question_is_about_somebody() -> None:
    """At least one row is of its client and its days, and no other row is an answer."""
    [group] = [one for one in classes(WORLD, 10) if one.name == "700"]
    for whole, narrow in zip(group.questions, group.narrowed, strict=True):
        assert 0 < narrow.in_scope < whole.in_scope == 700
        best = np.argsort(-narrow.likeness)[: narrow.wanted(TOP)].tolist()
        assert narrow.recall(best, TOP) == 1.0
        outside = np.flatnonzero(np.isinf(narrow.likeness))[:TOP].tolist()
        assert narrow.recall(outside, TOP) == 0.0


def test_recall_is_the_share_that_was_found() -> None:
    """What is said twice counts once, and what is missing is missed."""
    question = classes(WORLD, 2)[0].questions[0]
    best = np.argsort(-question.likeness)[:TOP].tolist()
    assert question.recall(best, TOP) == 1.0
    assert question.recall(best[:4] * 2, TOP) == 0.4


def test_sizes_are_named_as_people_say_them() -> None:
    """1,000 is 1k."""
    assert [named(size) for size in (700, 1000, 2500, 10**6)] == ["700", "1k", "2.5k", "1M"]


def test_another_mix_has_another_fingerprint() -> None:
    """A kept database is used for what it was filled with only."""
    mix = Mix(tenants=30, sizes=(700,))
    assert mix.fingerprint("a") == Mix(tenants=30, sizes=[700]).fingerprint("a")
    others = [Mix(31, (700,)), Mix(30, (701,)), Mix(30, (700,), seed=6)]
    assert (
        len({mix.fingerprint("a"), mix.fingerprint("b"), *(o.fingerprint("a") for o in others)})
        == 5
    )
