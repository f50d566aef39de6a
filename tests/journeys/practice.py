"""A practice of its own for each journey, in the running demo monolith."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from service.container import Container
from service.demo.notes import DemoAdmin
from service.demo.stage import Stage
from service.demo.therapist import Therapist, signed_in
from service.domain.identity import WorkspaceId
from service.domain.scope import ANYWHERE

PATIENCE_SECONDS = 20.0
A_QUESTION = 1.0
"""Seconds between two questions of one who waits for an answer: thirty an hour are allowed a practice."""


@dataclass(frozen=True, slots=True)
class Practice:
    """A workspace with one therapist signed in; notes are written through PazPaz's own API."""

    workspace: str
    user: str
    therapist: Therapist
    admin: DemoAdmin
    container: Container

    async def client(self, first_name: str = "אורה", last_name: str = "גל", **more: Any) -> str:
        made = await self.therapist.call(
            "POST", "/api/v1/clients", {"first_name": first_name, "last_name": last_name, **more}
        )
        made.raise_for_status()
        return str(made.json()["id"])

    async def note(self, client: str, *, finalize: bool = True, **fields: str) -> str:
        """A session's note, final unless told otherwise."""
        body = {"client_id": client, "session_date": "2026-10-01T09:00:00Z", **fields}
        made = await self.therapist.call("POST", "/api/v1/sessions", body)
        made.raise_for_status()
        session = str(made.json()["id"])
        if finalize:
            await self.do("POST", f"/api/v1/sessions/{session}/finalize")
        return session

    async def do(self, method: str, path: str, body: Any = None) -> httpx.Response:
        response = await self.therapist.call(method, path, body)
        response.raise_for_status()
        return response

    async def settled(self, *, patience: float = PATIENCE_SECONDS) -> None:
        """Waits until every event has travelled and every wanted look at this practice was taken."""
        await eventually(self._is_settled, patience=patience)

    async def _is_settled(self) -> bool:
        if await self.admin.pending():
            return False
        workspace = WorkspaceId(UUID(self.workspace))
        return (await self.container.store.coverage(workspace=workspace, within=ANYWHERE)).complete

    async def ask(self, query: str, **more: Any) -> dict[str, Any]:
        response = await self.therapist.ask(query, **more)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


async def eventually(
    holds: Callable[[], Awaitable[bool]],
    *,
    patience: float = PATIENCE_SECONDS,
    every: float = 0.1,
) -> None:
    """Asks every so many seconds until it holds; fails after a while."""
    deadline = time.monotonic() + patience
    while not await holds():
        assert time.monotonic() < deadline, "this did not come to hold in time"
        await asyncio.sleep(every)


@asynccontextmanager
async def a_colleague(stage: Stage, practice: Practice) -> AsyncIterator[Therapist]:
    """Another therapist of the same practice, signed in."""
    user = str(uuid4())
    person = {"id": user, "workspace_id": practice.workspace, "email": f"{user}@example.org"}
    await practice.admin.call("POST", "/import", {"users": [{**person, "display_name": "Other"}]})
    async with signed_in(stage.monolith_url, user, language="he") as therapist:
        yield therapist


@asynccontextmanager
async def open_practice(
    stage: Stage, container: Container, *, language: str = "he"
) -> AsyncIterator[Practice]:
    workspace, user = str(uuid4()), str(uuid4())
    person = {"id": user, "workspace_id": workspace, "email": f"{user}@example.org"}
    async with httpx.AsyncClient(base_url=stage.monolith_url, trust_env=False, timeout=30) as http:
        admin = DemoAdmin(http, stage.keys.admin_token)
        await admin.call(
            "POST",
            "/import",
            {
                "workspaces": [{"id": workspace, "name": "A practice"}],
                "users": [{**person, "display_name": "Therapist"}],
            },
        )
        async with signed_in(stage.monolith_url, user, language=language) as therapist:
            yield Practice(workspace, user, therapist, admin, container)
