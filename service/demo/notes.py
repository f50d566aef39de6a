"""Notes from files into the demo monolith, in the shape of `tests/data`."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx

from service.commands.progress import Tick
from service.container import Container
from service.errors import BadSettings

Row = dict[str, Any]
BATCH = 100
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Practice:
    """Rows of every kind, as the demo monolith imports them."""

    workspaces: Sequence[Row]
    users: Sequence[Row]
    clients: Sequence[Row]
    sessions: Sequence[Row]

    @property
    def size(self) -> int:
        return len(self.workspaces) + len(self.users) + len(self.clients) + len(self.sessions)


def read_rows(path: Path) -> list[Row]:
    """The objects of a JSON Lines file; raises BadSettings naming the file and the line."""
    return [_row(line, path, number) for number, line in enumerate(read_lines(path), 1)]


def read_lines(path: Path) -> list[str]:
    """The lines of a file that are not blank; raises BadSettings."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise BadSettings(f"{path}: cannot be read ({exc.strerror})") from None
    except UnicodeDecodeError:
        raise BadSettings(f"{path}: is not UTF-8") from None
    # Not splitlines(): text in JSON may hold U+2028, which is no end of a line here.
    return [line for line in text.split("\n") if line.strip()]


def _row(line: str, path: Path, number: int) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise BadSettings(f"{path}: line {number} is not a JSON object")
    return row


def read_practice(folder: Path) -> Practice:
    """Sessions, and clients, users and workspaces where the folder has them; made up where it does not."""
    sessions = read_rows(folder / "sessions.jsonl")
    for number, row in enumerate(sessions, 1):
        if not {"workspace_id", "client_id", "session_id", "session_date"} <= row.keys():
            raise BadSettings(f"{folder / 'sessions.jsonl'}: line {number} lacks an id or a date")
    clients = _optional(folder / "clients.jsonl") or _made_up_clients(sessions)
    people = _optional(folder / "people.jsonl") or _made_up_people(sessions)
    return Practice(
        workspaces=[{"id": row["workspace_id"], "name": row["practice"]} for row in people],
        users=[_user(row) for row in people],
        clients=clients,
        sessions=sessions,
    )


def _optional(path: Path) -> list[Row]:
    return read_rows(path) if path.exists() else []


def _user(row: Row) -> Row:
    return {
        "id": row["user_id"],
        "workspace_id": row["workspace_id"],
        "email": row["email"],
        "display_name": row["display_name"],
    }


def _made_up_people(sessions: Sequence[Row]) -> list[Row]:
    workspaces = dict.fromkeys(row["workspace_id"] for row in sessions)
    return [
        {
            "workspace_id": workspace,
            "practice": f"Practice {number}",
            "user_id": user_of(workspace),
            "email": f"therapist{number}@example.org",
            "display_name": f"Therapist {number}",
        }
        for number, workspace in enumerate(workspaces, 1)
    ]


def user_of(workspace: str) -> str:
    """The made-up therapist of a workspace."""
    return str(uuid5(NAMESPACE_URL, f"pazpaz-ai:therapist:{workspace}"))


def _made_up_clients(sessions: Sequence[Row]) -> list[Row]:
    owners = {row["client_id"]: row["workspace_id"] for row in sessions}
    return [
        {
            "client_id": client,
            "workspace_id": workspace,
            "first_name": "Client",
            "last_name": str(number),
            "is_active": True,
            "consent_status": True,
        }
        for number, (client, workspace) in enumerate(owners.items(), 1)
    ]


@dataclass(frozen=True, slots=True)
class DemoAdmin:
    """The demo monolith's levers."""

    http: httpx.AsyncClient
    token: str

    async def call(self, method: str, path: str, body: Row | None = None) -> Row:
        """Raises BadSettings for any refusal: a lever of ours was pulled wrongly."""
        response = await self.http.request(
            method, f"/demo-admin{path}", json=body, headers={"X-Demo-Admin": self.token}
        )
        if response.is_error:
            raise BadSettings(f"the demo monolith refused {path} with {response.status_code}")
        answer: Row = response.json()
        return answer

    async def put(self, practice: Practice, tick: Tick) -> None:
        """Imports everything; again, it brings the rows back to this state."""
        done = 0
        for batch in _batches(practice):
            await self.call("POST", "/import", batch)
            done += sum(len(rows) for rows in batch.values())
            tick(done)

    async def pending(self) -> int:
        return int((await self.call("GET", "/outbox"))["pending"])


def _batches(practice: Practice) -> Iterator[dict[str, Sequence[Row]]]:
    for name in ("workspaces", "users", "clients", "sessions"):
        rows = getattr(practice, name)
        for start in range(0, len(rows), BATCH):
            yield {name: rows[start : start + BATCH]}


async def until_searchable(admin: DemoAdmin, container: Container, total: int, tick: Tick) -> None:
    """Waits until every event was delivered and every wanted look was taken."""
    while True:
        # The outbox first: an event that leaves it is in the work table before it is marked delivered.
        waiting = await admin.pending() + (await container.queue.depth()).waiting
        tick(max(0, total - waiting))
        if waiting == 0:
            return
        await asyncio.sleep(POLL_SECONDS)
