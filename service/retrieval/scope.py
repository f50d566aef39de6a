"""Turns what a question names, its client and its time, into what is searched."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from service.domain.answers import Question
from service.domain.identity import ClientId, WorkspaceId
from service.domain.scope import IndexedSession, Period, Place, Within
from service.ports.index import ChunkStore
from service.retrieval.people import Named


async def scope_of(
    question: Question, named: Named, *, workspace: WorkspaceId, store: ChunkStore
) -> Within:
    """The client given, or those surely named; a period as it is; a place in the course as the sessions at it now.

    The course is each client's own: "the last session" of a practice is not whoever came last, but each one's last.
    """
    within = Within.client(question.client)
    if question.client is None and named.sure:
        within = Within(named.sure)
    match question.when:
        case Period():
            return replace(within, period=question.when)
        case Place():
            course = await store.sessions(workspace=workspace, within=within)
            chosen = (one for each in _by_client(course) for one in at(question.when, each))
            return replace(within, sessions=frozenset(one.id for one in chosen))
    return within


def _by_client(course: Sequence[IndexedSession]) -> Collection[Sequence[IndexedSession]]:
    theirs: dict[ClientId, list[IndexedSession]] = {}
    for session in course:
        theirs.setdefault(session.client, []).append(session)
    return theirs.values()


def at(place: Place, course: Sequence[IndexedSession]) -> Sequence[IndexedSession]:
    """The sessions of a course (oldest first) that have the place; with them those of the day it is cut at, because
    their order within a day is not known.
    """
    if place.among is not None:
        course = [one for one in course if place.among.holds(one.day)]
    ordered = course if place.end == "oldest" else course[::-1]
    chosen = ordered[place.skip : place.skip + place.count]
    days = {one.day for one in chosen}
    return [one for one in course if one.day in days]
