"""Practices at work: whatever changes a note in PazPaz, drawn from a seed, through its own API and its admin."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import httpx

from service.demo.notes import DemoAdmin
from service.demo.stage import Stage
from service.demo.therapist import Therapist
from service.domain.notes import PROFILE_FIELDS, SOAP_FIELDS
from service.errors import BadSettings

CLIENTS = 4
SAID = (
    "החלה לרוץ שוב ביום שלישי כאב גב תחתון מינון העבודה אמא שינה דאגה נשימה תרגול בית ספר"
    " slept badly after the move; breathing exercises helped, knee pain returned on stairs"
)
WORDS = SAID.split(" ")
WEIGHTS = {
    "create": 20,
    "edit": 25,
    "draft": 15,
    "finalize": 14,
    "unfinalize": 5,
    "delete": 5,
    "restore": 4,
    "purge": 3,
    "edit_client": 4,
    "archive": 2,
    "unarchive": 4,
    "suspension": 1,
    "poison": 0.4,
}


@dataclass
class Note:
    """What the therapist believes of a note; the verdict reads PazPaz's database instead."""

    id: str
    client: str
    state: Literal["draft", "active", "deleted"] = "draft"
    was: Literal["draft", "active"] = "draft"


@dataclass
class Practice:
    """One workspace, whose therapist does one thing after another."""

    chance: random.Random
    therapist: Therapist
    admin: DemoAdmin
    workspace: str
    user: str
    clients: dict[str, bool] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    async def furnish(self) -> None:
        person = {"id": self.user, "workspace_id": self.workspace, "email": "t@example.org"}
        body = {
            "workspaces": [{"id": self.workspace, "name": "A practice"}],
            "users": [{**person, "display_name": "Therapist"}],
        }
        await self.admin.call("POST", "/import", body)
        for number in range(CLIENTS):
            name = {"first_name": "Client", "last_name": str(number)}
            made = await self._call("POST", "/api/v1/clients", {**name, "notes": self._text()})
            self.clients[made.json()["id"]] = True

    async def act(self) -> None:
        """One thing that can be done now."""
        name = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        deed: Callable[[], Awaitable[bool]] = getattr(self, f"_{name}")
        if await deed():
            self.done[name] += 1

    def _text(self) -> str:
        """Of one sentence mostly; one in ten is long enough for several chunks."""
        words = self.chance.randint(150, 400) if self.chance.random() < 0.1 else 12
        return " ".join(self.chance.choices(WORDS, k=words)) + "."

    def _fields(self) -> dict[str, str]:
        names = self.chance.sample(SOAP_FIELDS, self.chance.randint(1, 2))
        return {name: self._text() for name in names}

    def _one(self, *states: str) -> Note | None:
        fitting = [note for note in self.notes if note.state in states]
        return self.chance.choice(fitting) if fitting else None

    async def _create(self) -> bool:
        client = self.chance.choice(list(self.clients))
        body = {"client_id": client, "session_date": "2026-10-01T09:00:00Z", **self._fields()}
        made = await self._call("POST", "/api/v1/sessions", body)
        self.notes.append(Note(made.json()["id"], client))
        return True

    async def _edit(self) -> bool:
        """A text is emptied now and then."""
        change: dict[str, Any] = self._fields()
        if self.chance.random() < 0.1:
            change[self.chance.choice(SOAP_FIELDS)] = None
        return await self._on("draft", "active", method="PUT", body=change) is not None

    async def _draft(self) -> bool:
        body = self._fields()
        return (
            await self._on("draft", "active", method="PATCH", path="/draft", body=body) is not None
        )

    async def _finalize(self) -> bool:
        return self._is_now("active", await self._on("draft", path="/finalize"))

    async def _unfinalize(self) -> bool:
        return self._is_now("draft", await self._on("active", path="/unfinalize"))

    async def _delete(self) -> bool:
        note = await self._on("draft", "active", method="DELETE")
        if note is not None and note.state != "deleted":
            note.was, note.state = note.state, "deleted"
        return note is not None

    async def _restore(self) -> bool:
        note = await self._on("deleted", path="/restore")
        return self._is_now(note.was if note else "draft", note)

    async def _purge(self) -> bool:
        note = await self._on("deleted", method="DELETE", path="/permanent")
        if note is not None:
            self.notes.remove(note)
        return note is not None

    def _is_now(self, state: Literal["draft", "active"], note: Note | None) -> bool:
        if note is not None:
            note.state = state
        return note is not None

    async def _on(
        self, *states: str, method: str = "POST", path: str = "", body: Any = None
    ) -> Note | None:
        """Does it to some note in one of these states; None when there was none, or PazPaz refused."""
        note = self._one(*states)
        if note is None:
            return None
        said = await self._call(method, f"/api/v1/sessions/{note.id}{path}", body)
        return note if said.is_success else None

    async def _edit_client(self) -> bool:
        client = self.chance.choice(list(self.clients))
        return await self._change_client(
            client, **{self.chance.choice(PROFILE_FIELDS): self._text()}
        )

    async def _archive(self) -> bool:
        return await self._set_active(now=True, then=False)

    async def _unarchive(self) -> bool:
        return await self._set_active(now=False, then=True)

    async def _set_active(self, *, now: bool, then: bool) -> bool:
        fitting = [client for client, active in self.clients.items() if active == now]
        if not fitting:
            return False
        client = self.chance.choice(fitting)
        self.clients[client] = then
        return await self._change_client(client, is_active=then)

    async def _change_client(self, client: str, **change: Any) -> bool:
        return (await self._call("PUT", f"/api/v1/clients/{client}", change)).is_success

    async def _suspension(self) -> bool:
        """Nobody can sign in meanwhile, but PazPaz itself may still change a note."""
        await self._status("suspended")
        note = self._one("draft", "active")
        if note is not None:
            row = {"session_id": note.id, "workspace_id": self.workspace, "client_id": note.client}
            date = {"session_date": "2026-10-02T09:00:00Z", "plan": self._text()}
            await self._pull("POST", "/import", {"sessions": [{**row, **date}]})
            note.state = "draft"  # as imported rows are
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        await self._status("active")
        return True

    async def leave(self) -> None:
        """The practice ends suspended: nothing of it may stay searchable."""
        await self._status("suspended")

    async def _status(self, status: str) -> None:
        await self._pull("POST", f"/workspaces/{self.workspace}/status", {"status": status})

    async def spoil_one(self) -> None:
        """However few things happened, one note is poison."""
        while not await self._poison():
            await self.act()
        self.done["poison"] += 1

    async def _poison(self) -> bool:
        """A final note that nobody can decrypt any more."""
        note = self._one("active")
        if note is None:
            return False
        body = {"undecryptable": True}
        await self._pull("POST", f"/sessions/{note.id}/undecryptable", body)
        self.notes.remove(note)  # and nobody touches it again
        return True

    async def _call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Until PazPaz is there and knows us; what it refuses for good, a try did whose answer was lost."""
        while True:
            try:
                said = await self.therapist.call(method, path, body)
                if said.status_code in (401, 403):
                    login = {"user_id": self.user}
                    await self.therapist.http.post("/api/v1/auth/demo-login", json=login)
                elif said.status_code < 500:
                    return said
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)

    async def _pull(self, method: str, lever: str, body: Any) -> None:
        """A lever, until it moves."""
        while True:
            try:
                await self.admin.call(method, lever, body)
            except (httpx.HTTPError, BadSettings):
                await asyncio.sleep(0.1)
            else:
                return


@asynccontextmanager
async def open_practice(stage: Stage, chance: random.Random) -> AsyncIterator[Practice]:
    async with (
        httpx.AsyncClient(base_url=stage.monolith_url, trust_env=False, timeout=5) as http,
        httpx.AsyncClient(base_url=stage.monolith_url, trust_env=False, timeout=5) as levers,
    ):
        practice = Practice(
            chance=chance,
            therapist=Therapist(http),
            admin=DemoAdmin(levers, stage.keys.admin_token),
            workspace=str(UUID(int=chance.getrandbits(128), version=4)),
            user=str(UUID(int=chance.getrandbits(128), version=4)),
        )
        await practice.furnish()
        yield practice
