"""A scope as a mask over columns is the same scope."""

from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest

from service.domain.identity import ClientId
from service.domain.notes import NoteRef
from service.domain.scope import Period, Within
from service.vectors.note_keys import FEW, NoteKeys, days_of, halves_of
from tests.fakes import WORKSPACE

CLIENTS = [ClientId(UUID(int=one)) for one in range(1, 6)]
DAYS = [date(2026, 1, 1) + timedelta(days) for days in range(40)]
IDS = [UUID(int=one << 64 | one % 7) for one in range(1, 41)]
"""Many share the lesser half."""
NOTES = [
    (NoteRef(WORKSPACE, "sessions", id), CLIENTS[at % 5], DAYS[at]) for at, id in enumerate(IDS)
]
NOTES += [(NoteRef(WORKSPACE, "clients", client), client, None) for client in CLIENTS]
NOTES += [(NoteRef(WORKSPACE, "clients", id), CLIENTS[0], None) for id in IDS[:3]]


@pytest.fixture(scope="module")
def keys() -> NoteKeys:
    high, low = halves_of(ref for ref, _, _ in NOTES)
    return NoteKeys(
        high=high,
        low=low,
        session=np.array([ref.entity == "sessions" for ref, _, _ in NOTES]),
        client=np.array([CLIENTS.index(client) for _, client, _ in NOTES], np.int32),
        day=days_of(day for _, _, day in NOTES),
        clients={client: number for number, client in enumerate(CLIENTS)},
    )


STRANGER = ClientId(UUID(int=99))
SOME = [frozenset(IDS[:count]) | {UUID(int=8)} for count in (0, 1, FEW - 1, FEW, 30)]


@pytest.mark.parametrize(
    "within",
    [
        Within(),
        *[Within(sessions=ids) for ids in [frozenset[UUID](), *SOME]],
        *[Within(clients=frozenset({*CLIENTS[:count], STRANGER})) for count in range(4)],
        Within(period=Period(DAYS[3], DAYS[9])),
        Within(period=Period(None, DAYS[9])),
        Within(period=Period(DAYS[9], None)),
        Within(clients=frozenset(CLIENTS[:2]), period=Period(DAYS[3], None), sessions=SOME[-1]),
    ],
)
def test_a_mask_holds_what_the_scope_holds(keys: NoteKeys, within: Within) -> None:
    """Whatever the scope asks for, and however many ids it names; a session is no profile of the same id."""
    rows = np.flatnonzero(keys.inside(within))
    held = [(ref, client) for ref, client, day in NOTES if within.holds(ref, client, day)]
    assert list(zip(keys.refs(rows, WORKSPACE), keys.clients_of(rows), strict=True)) == held


@pytest.mark.parametrize("count", [0, 1, FEW, FEW + 1, len(NOTES)])
@pytest.mark.parametrize("clients", [(), CLIENTS[:1], CLIENTS[1:3], [STRANGER]])
def test_what_is_touched_is_known_by_whole_ids(
    keys: NoteKeys, count: int, clients: list[ClientId]
) -> None:
    """These notes and all of these clients', and nothing of an id that shares a half with theirs."""
    touched = {ref for ref, _, _ in NOTES[::-1][:count]}
    rows = np.flatnonzero(keys.touched_by(touched, clients))
    wanted = [ref for ref, client, _ in NOTES if ref in touched or client in clients]
    assert keys.refs(rows, WORKSPACE) == wanted
