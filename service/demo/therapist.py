"""A therapist's browser without the browser: signs in, edits notes and asks, through the real proxy."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

CHAT = "/api/v1/ai/agent/chat"
HISTORY = "/api/v1/ai/agent/history"
TIMEOUT_SECONDS = 60.0  # PazPaz's own limit for this call
# A second before the stand-in's server closes an idle connection, or what is sent in that moment is lost.
IDLE = httpx.Limits(keepalive_expiry=4)
NOBODY_TRUSTED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""PazPaz is on loopback, without TLS: to read the well-known certificates takes 32 ms of every therapist."""


@dataclass(frozen=True, slots=True)
class Therapist:
    """A signed-in session: cookies, and the CSRF header that PazPaz wants beside them."""

    http: httpx.AsyncClient

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"X-CSRF-Token": self.http.cookies.get("csrf_token") or ""}
        return await self.http.request(method, path, json=body, headers=headers)

    async def ask(self, query: str, **more: Any) -> httpx.Response:
        return await self.call("POST", CHAT, {"query": query, **more})

    async def note(self, session: str) -> dict[str, Any]:
        response = await self.call("GET", f"/api/v1/sessions/{session}")
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found

    async def edit(self, session: str, **fields: Any) -> None:
        (await self.call("PUT", f"/api/v1/sessions/{session}", fields)).raise_for_status()


@asynccontextmanager
async def signed_in(
    monolith_url: str, user: str, *, language: str = "he"
) -> AsyncIterator[Therapist]:
    """Raises httpx.HTTPStatusError when the sign-in is refused."""
    async with httpx.AsyncClient(
        base_url=monolith_url,
        trust_env=False,
        verify=NOBODY_TRUSTED,
        timeout=TIMEOUT_SECONDS,
        limits=IDLE,
        headers={"Accept-Language": language},
    ) as http:
        response = await http.post("/api/v1/auth/demo-login", json={"user_id": user})
        response.raise_for_status()
        yield Therapist(http)
