"""Notes and clients change meanwhile, through PazPaz's own API, and the ledger is told of each change."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from service.demo.bench_load.ledger import Client, Span, Text, Version
from service.demo.bench_load.practices import People, Practice
from service.demo.bench_load.watch import Lags
from service.demo.stage import OPERATOR_TOKEN
from service.demo.therapist import Therapist
from service.domain.notes import SOAP_FIELDS

SESSIONS, CLIENTS = "/api/v1/sessions", "/api/v1/clients"
FEW = 3
"""A practice with fewer clients erases and archives none of them."""
WEIGHTS = {
    "create": 20,
    "edit": 30,
    "autosave": 14,
    "finalize": 16,
    "delete": 8,
    "purge": 5,
    "profile": 4,
    "archive": 1,
    "return": 2,
    "erase": 1,
    "arrive": 2,
}
"""How often each is tried; what cannot be done at the moment is not done."""


@dataclass
class Changes:
    """One practice, one change after the other: so no two are ever under way on the same text."""

    people: People
    practice: Practice
    therapist: Therapist
    service: httpx.AsyncClient
    """For erasures, which an operator asks of the service itself."""
    lags: Lags
    done: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    bin: list[tuple[Client, Text]] = field(default_factory=list)
    archived: list[Client] = field(default_factory=list)

    async def act(self) -> bool:
        """One thing, if it can be done now; whether it was."""
        [name] = self.practice.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        deed: Callable[[], Awaitable[bool]] = getattr(self, f"_{name}")
        if not await deed():
            return False
        self.done[name] += 1
        return True

    async def _create(self) -> bool:
        client = self._client()
        fields = self.practice.authors[client.id].fields()
        body = {"client_id": client.id, "session_date": "2026-10-01T09:00:00Z", **fields}
        sent = time.monotonic()
        made = await self._call("POST", SESSIONS, body)
        if made is None:
            return False
        row = made.json()
        text = Text(("sessions", row["id"]), [Version(1, fields, False, Span(sent))])
        self.people.ledger.add_text(client, text)
        self._wanted(client, text, row)
        return True

    async def _edit(self) -> bool:
        """One field says something else."""
        if (found := self._note()) is None:
            return False
        client, text = found
        return await self._written(client, text, "PUT", "", text.now.is_final)

    async def _autosave(self) -> bool:
        if (found := self._note(final=False)) is None:
            return False
        return await self._written(*found, "PATCH", "/draft", False)

    async def _written(
        self, client: Client, text: Text, method: str, path: str, is_final: bool
    ) -> bool:
        change = {
            self.practice.chance.choice(SOAP_FIELDS): self.practice.authors[client.id].text(2)
        }
        fields = {**text.now.fields, **change}
        return await self._change(client, text, method, path, change, fields, is_final)

    async def _finalize(self) -> bool:
        if (found := self._note(final=False)) is None:
            return False
        client, text = found
        fields = text.now.fields
        return await self._change(client, text, "POST", "/finalize", None, fields, True)

    async def _change(
        self,
        client: Client,
        text: Text,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        fields: Mapping[str, str],
        is_final: bool,
    ) -> bool:
        number = (text.now.number or 0) + 1
        text.sent(Version(number, fields, is_final, Span(time.monotonic())))
        said = await self._call(method, f"{SESSIONS}/{text.place[1]}{path}", body)
        return self._has(client, text, said)

    def _has(self, client: Client, text: Text, said: httpx.Response | None) -> bool:
        """Whether PazPaz said that it has what was sent."""
        if said is None:
            text.is_unsure = True
            return False
        text.answered(time.monotonic())
        self._wanted(client, text, said.json())
        return True

    async def _delete(self) -> bool:
        """Into the bin."""
        if (found := self._note()) is None:
            return False
        client, text = found
        if await self._call("DELETE", f"{SESSIONS}/{text.place[1]}") is None:
            text.is_unsure = True
            return False
        text.gone(time.monotonic())
        self.lags.want_gone(client, text.place)
        self.bin.append(found)
        return True

    async def _purge(self) -> bool:
        """Out of the bin, for good."""
        if not self.bin:
            return False
        _, text = self.bin.pop(0)
        return await self._call("DELETE", f"{SESSIONS}/{text.place[1]}/permanent") is not None

    async def _profile(self) -> bool:
        client = self._client()
        text = client.texts["clients", client.id]
        change = {"notes": self.practice.authors[client.id].text(2)}
        fields = {**text.now.fields, **change}
        text.sent(Version(None, fields, True, Span(time.monotonic())))
        return self._has(client, text, await self._call("PUT", f"{CLIENTS}/{client.id}", change))

    async def _archive(self) -> bool:
        """Nobody asks about this client from now on, and nothing of theirs is told."""
        if len(self.practice.clients) <= FEW:
            return False
        client = self._client()
        del self.practice.clients[client.id]
        said = await self._call("PUT", f"{CLIENTS}/{client.id}", {"is_active": False})
        if said is None:
            return False
        client.spans[-1].until = time.monotonic()
        self.lags.drop(client)
        self._wanted(client, client.texts["clients", client.id], said.json())
        self.archived.append(client)
        return True

    async def _return(self) -> bool:
        if not self.archived:
            return False
        client = self.archived.pop(0)
        client.spans.append(Span(time.monotonic()))
        said = await self._call("PUT", f"{CLIENTS}/{client.id}", {"is_active": True})
        if said is None:
            return False
        self._wanted(client, client.texts["clients", client.id], said.json())
        self.practice.clients[client.id] = client
        return True

    async def _erase(self) -> bool:
        """By an operator: PazPaz itself removes no client for good."""
        if len(self.practice.clients) <= FEW:
            return False
        client = self._client()
        del self.practice.clients[client.id]
        self.lags.drop(client)
        asked = {"workspace_id": client.workspace, "entity": "clients", "id": client.id}
        if await self._erasure(asked) is None:
            return False
        client.spans[-1].until = time.monotonic()
        self.lags.want_gone(client, ("clients", client.id))
        return True

    async def _arrive(self) -> bool:
        """A new client, and a first note."""
        made_up, author = self.people.new_client(self.practice)
        first, last = made_up.name.split()
        profile = {"notes": author.text(1), "medical_history": author.text(1)}
        sent = time.monotonic()
        made = await self._call(
            "POST",
            CLIENTS,
            {"first_name": first, "last_name": last, "consent_status": True, **profile},
        )
        if made is None:
            return False
        made_up.id = made.json()["id"]
        made_up.spans = [Span(sent)]
        text = Text(("clients", made_up.id), [Version(None, profile, True, Span(sent))])
        made_up.texts[text.place] = text
        self.people.admit(self.practice, made_up, author)
        self._wanted(made_up, text, made.json())
        return True

    def _client(self) -> Client:
        return self.practice.chance.choice(list(self.practice.clients.values()))

    def _note(self, *, final: bool | None = None) -> tuple[Client, Text] | None:
        """One of any client that is there; a draft, or final, where that is asked for."""
        fitting = [
            (client, text)
            for client in self.practice.clients.values()
            for text in client.texts.values()
            if text.place[0] == "sessions"
            and text.may_change
            and final in (None, text.now.is_final)
        ]
        return self.practice.chance.choice(fitting) if fitting else None

    def _wanted(self, client: Client, text: Text, row: Mapping[str, Any]) -> None:
        self.lags.want(client, text.place, datetime.fromisoformat(row["updated_at"]))

    async def _call(self, method: str, path: str, body: Any = None) -> httpx.Response | None:
        """None where PazPaz did not do it; why is counted."""
        try:
            said = await self.therapist.call(method, path, body)
        except httpx.HTTPError as exc:
            self.errors[f"{method} {type(exc).__name__}"] += 1
            return None
        if said.is_error:
            self.errors[f"{method} {said.status_code}"] += 1
            return None
        return said

    async def _erasure(self, asked: Mapping[str, str]) -> httpx.Response | None:
        headers = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
        try:
            said = await self.service.post("/internal/v1/erasures", json=asked, headers=headers)
        except httpx.HTTPError as exc:
            self.errors[f"erasure {type(exc).__name__}"] += 1
            return None
        if said.is_error:
            self.errors[f"erasure {said.status_code}"] += 1
            return None
        return said
