"""Practices again and again under other ids, so that many ask and none asks too much at once."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from service.demo.notes import Practice, Row

IDS = frozenset({"id", "workspace_id", "client_id", "session_id"})


def many(practice: Practice, count: int) -> Practice:
    """All of its workspaces `count` times; the first are themselves."""
    copies = [practice, *(_copy(practice, number) for number in range(1, count))]
    return Practice(
        workspaces=[row for one in copies for row in one.workspaces],
        users=[row for one in copies for row in one.users],
        clients=[row for one in copies for row in one.clients],
        sessions=[row for one in copies for row in one.sessions],
    )


def id_in(number: int, id: str) -> str:
    """What an id is called in that copy."""
    return str(uuid5(UUID(id), str(number))) if number else id


def _copy(practice: Practice, number: int) -> Practice:
    return Practice(
        workspaces=_renamed(practice.workspaces, number),
        users=[
            {**row, "email": f"{number}.{row['email']}"} for row in _renamed(practice.users, number)
        ],
        clients=_renamed(practice.clients, number),
        sessions=_renamed(practice.sessions, number),
    )


def _renamed(rows: Sequence[Row], number: int) -> list[Row]:
    return [
        {name: id_in(number, value) if name in IDS else value for name, value in row.items()}
        for row in rows
    ]
