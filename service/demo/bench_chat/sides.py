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
        return await self.ask(self.body(seat, known, mark), mark, seat.user, form)

    def body(self, seat: Seat, known: Recorded, mark: str) -> Mapping[str, str]:
        """A recorded question as this seat asks it."""
        asked = {"query": f"{known['query']} {mark}"}
        return asked | ({"client_id": id_in(seat.copy, known["client"])} if known["client"] else {})

    async def ask(self, body: Mapping[str, str], mark: str, user: str, form: Form) -> Prepared:
        token = (await self.login(user))["access_token"]
        headers = {"authorization": f"Bearer {token}", **accepting(form)}
        url = self.stage.service_url + CHAT
        return Prepared(mark, self.http.build_request("POST", url, json=body, headers=headers))

    async def login(self, user: str) -> Mapping[str, str]:
        """The cookies of a new login."""
        response = await self.http.post(self.stage.monolith_url + LOGIN, json={"user_id": user})
        return dict(response.raise_for_status().cookies)


@dataclass(frozen=True, slots=True)
class ByPazPaz:
    """The service as a browser asks it: with a login's cookies, through PazPaz's proxy in a process of its own."""

    service: Service
    holds_words: ClassVar[bool] = True

    @property
    def child(self) -> Child:
        return self.service.child

    async def prepare(self, seat: Seat, question: int, form: Form) -> Prepared:
        """Under a login of its own, as `Service` asks."""
        service = self.service
        mark, known = next(service.marks), service.recorded[question]
        body = service.body(seat, known, mark)
        logged_in = await service.login(seat.user)
        cookies = "; ".join(f"{name}={value}" for name, value in logged_in.items())
        headers = {"x-csrf-token": logged_in.get("csrf_token", ""), **accepting(form)}
        url = service.stage.monolith_url + CHAT
        request = service.http.build_request("POST", url, json=body, headers=headers)
        request.headers["cookie"] = cookies  # not those of whoever logged in last
        return Prepared(mark, request)


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
