"""What a question is confined to."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from service.domain.answers import Question
from service.domain.identity import ClientId
from service.domain.scope import IndexedSession, Period, Place, Within
from service.retrieval.people import NOBODY, Named
from service.retrieval.scope import at, scope_of
from tests.fakes import CLIENT, WORKSPACE

OTHER = ClientId(UUID(int=12))
DAY = date(2026, 3, 1)


def course(*days: int, client: ClientId = CLIENT, first: int = 1) -> list[IndexedSession]:
    """Sessions numbered from `first`, so many days after the first of March."""
    return [
        IndexedSession(UUID(int=number), client, DAY + timedelta(days=after), is_draft=False)
        for number, after in enumerate(days, first)
    ]


class Courses:
    """The part of ChunkStore that a place in a course is looked up in."""

    def __init__(self, *sessions: IndexedSession) -> None:
        self.all = sessions

    async def sessions(self, *, workspace, within: Within):
        assert workspace == WORKSPACE
        return [one for one in self.all if within.clients is None or one.client in within.clients]


async def scope(question: Question, named: Named = NOBODY, *sessions: IndexedSession) -> Within:
    return await scope_of(question, named, workspace=WORKSPACE, store=Courses(*sessions))


def asked(client: ClientId | None = None, **more: object) -> Question:
    return Question("how was her sleep?", "en", client, **more)  # type: ignore[arg-type]


PLACES = {
    "the last": (Place("newest"), {4}),
    "the last two": (Place("newest", 2), {3, 4}),
    "the one before the last": (Place("newest", 1, skip=1), {3}),
    "the first": (Place("oldest"), {1}),
    "the third": (Place("oldest", 1, skip=2), {3}),
    "the first nine": (Place("oldest", 9), {1, 2, 3, 4}),
    "the ninth": (Place("oldest", 1, skip=8), set()),
    "the one before a day": (Place("newest", among=Period(last=DAY + timedelta(days=13))), {2}),
    "the one after a day": (Place("oldest", among=Period(first=DAY + timedelta(days=8))), {3}),
    "the one before all": (Place("newest", among=Period(last=DAY - timedelta(days=1))), set()),
}


@pytest.mark.parametrize(("place", "expected"), PLACES.values(), ids=PLACES)
def test_a_place_is_counted_from_its_end(place: Place, expected: set[int]) -> None:
    """A place that the course does not have is nothing, and not the nearest one."""
    assert {one.id.int for one in at(place, course(0, 7, 14, 21))} == expected


def test_sessions_of_one_day_go_together() -> None:
    """Their order within it is not known, so the last session may be either."""
    assert {one.id.int for one in at(Place("newest"), course(0, 7, 7))} == {2, 3}


async def test_a_given_client_stands_whoever_is_named() -> None:
    """A question about Dana that names Yossi stays with Dana."""
    assert await scope(asked(CLIENT), Named(frozenset({OTHER}))) == Within.client(CLIENT)


async def test_only_who_is_surely_named_confines() -> None:
    """Who may be named is looked at beside all others."""
    assert await scope(asked(), Named(frozenset({CLIENT}), frozenset({OTHER}))) == Within.client(
        CLIENT
    )
    assert await scope(asked(), Named(maybe=frozenset({OTHER}))) == Within()


async def test_a_period_is_a_filter_as_it_is() -> None:
    """With the client's or without."""
    period = Period(first=DAY)
    assert await scope(asked(CLIENT, when=period)) == Within(frozenset({CLIENT}), period)
    assert await scope(asked(when=period)) == Within(period=period)


async def test_the_last_session_is_each_clients_own() -> None:
    """Of a client who is named it is theirs, of a whole practice everybody's last."""
    sessions = (*course(0, 7), *course(3, 30, client=OTHER, first=11))
    last = asked(when=Place("newest"))

    everybody = await scope(last, NOBODY, *sessions)
    hers = await scope(last, Named(frozenset({CLIENT})), *sessions)

    assert everybody.sessions == {UUID(int=2), UUID(int=12)}
    assert (hers.clients, hers.sessions) == ({CLIENT}, {UUID(int=2)})
    assert (await scope(last)).sessions == frozenset()
