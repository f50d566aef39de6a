"""The two that are asked, the service and the bare one: how a question is put to each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from string import ascii_lowercase
from typing import Any, ClassVar, Protocol

import httpx

from service.demo.bench_chat import bare
from service.demo.bench_chat.asking import Form, Prepared, accepting
from service.demo.bench_chat.practices import id_in
from service.demo.processes import Child
from service.demo.stage import Stage
from service.demo.therapist import CHAT

MARK = "qz[a-z]{6}"
LOGIN = "/api/v1/auth/demo-login"
Recorded = Mapping[str, Any]
"""What the bare service knows of a question, and `query` and `client` as the service is asked."""


def marks() -> Iterator[str]:
    """Words of no language, each once: with one in it, a question is known to no cache and found in the journal."""
    return (f"qz{''.join(letters)}" for letters in product(ascii_lowercase, repeat=6))


@dataclass(frozen=True, slots=True)
class Seat:
    """A therapist who asks: of which copy of a practice, and the places of its recorded questions."""

    user: str
    copy: int
    questions: Sequence[int]


class Side(Protocol):
    """One of the two."""

    @property
    def child(self) -> Child:
        """The process that serves."""

    @property
    def holds_words(self) -> bool:
        """Whether words are told once their sentence is over, not one by one."""

    async def prepare(self, seat: Seat, question: int, form: Form) -> Prepared: ...


@dataclass(frozen=True, slots=True)
class Service:
    """Asked as PazPaz's proxy asks it."""

    http: httpx.AsyncClient
    stage: Stage
    recorded: Sequence[Recorded]
    marks: Iterator[str] = field(default_factory=marks)
    holds_words: ClassVar[bool] = True

    @property
    def child(self) -> Child:
        return self.stage.children["api"]

    async def prepare(self, seat: Seat, question: int, form: Form) -> Prepared:
        """Under a login of its own, which the service must ask PazPaz about: nobody asks again within 15 s."""
        mark, known = next(self.marks), self.recorded[question]
        client = id_in(seat.copy, known["client"]) if known["client"] else None
        return await self.ask(f"{known['query']} {mark}", mark, seat.user, client, form)

    async def ask(
        self, query: str, mark: str, user: str, client: str | None, form: Form
    ) -> Prepared:
        body = {"query": query} | ({"client_id": client} if client else {})
        headers = {"authorization": f"Bearer {await self._token(user)}", **accepting(form)}
        url = self.stage.service_url + CHAT
        return Prepared(mark, self.http.build_request("POST", url, json=body, headers=headers))

    async def _token(self, user: str) -> str:
        response = await self.http.post(self.stage.monolith_url + LOGIN, json={"user_id": user})
        return response.raise_for_status().cookies["access_token"]


@dataclass(frozen=True, slots=True)
class Bare:
    """Asked by the place of a question."""

    http: httpx.AsyncClient
    child: Child
    url: str
    marks: Iterator[str]
    holds_words: ClassVar[bool] = False

    async def prepare(self, seat: Seat, question: int, form: Form) -> Prepared:
        mark = next(self.marks)
        body, headers = {"question": question, "mark": mark}, accepting(form)
        url = self.url + bare.PATH
        return Prepared(mark, self.http.build_request("POST", url, json=body, headers=headers))
