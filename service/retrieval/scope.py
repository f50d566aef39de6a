"""Turns what a question names, its client and its time, into what is searched."""

from collections.abc import Sequence
from dataclasses import replace

from service.domain.answers import Question
from service.domain.identity import WorkspaceId
from service.domain.scope import IndexedSession, Period, Place, Within
from service.ports import ChunkStore


async def scope_of(question: Question, *, workspace: WorkspaceId, store: ChunkStore) -> Within:
    """A client and a period as they are; a place in the course as the sessions that have it now."""
    within = Within.client(question.client)
    match question.when:
        case Period():
            return replace(within, period=question.when)
        case Place():
            course = await store.sessions(workspace=workspace, within=within)
            return replace(within, sessions=frozenset(one.id for one in at(question.when, course)))
    return within


def at(place: Place, course: Sequence[IndexedSession]) -> Sequence[IndexedSession]:
    """The sessions of a course (oldest first) that have the place; with them those of the day it is cut at, because
    their order within a day is not known.
    """
    ordered = course if place.end == "oldest" else course[::-1]
    chosen = ordered[place.skip : place.skip + place.count]
    days = {one.day for one in chosen}
    return [one for one in course if one.day in days]
