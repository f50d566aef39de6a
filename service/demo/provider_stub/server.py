"""The stub as a server: calls come in, are kept, are struck by faults, and are answered in their format."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from service.demo.provider_stub.cohere import Cohere
from service.demo.provider_stub.faults import Fault, Faults, Operation
from service.demo.provider_stub.formats import Format, Models, Refused
from service.demo.provider_stub.journal import Journal
from service.demo.provider_stub.judging import Judge, by_containment, judging_in
from service.demo.provider_stub.openai import OpenAI
from service.demo.provider_stub.wire import (
    Answer,
    Connection,
    EventStream,
    Left,
    Reply,
    Request,
)
from service.demo.provider_stub.writing import Asked, Writer, Written, answer_from_documents

KEY = "stub-key"
NAMES = ("stub-embed", "stub-rerank", "stub-chat")
COHERE, OPENAI = Cohere(), OpenAI()
ROUTES: Mapping[tuple[str, str], tuple[Format, Operation]] = {
    ("POST", "/v2/embed"): (COHERE, "embed"),
    ("POST", "/v2/rerank"): (COHERE, "rerank"),
    ("POST", "/v2/chat"): (COHERE, "chat"),
    ("POST", "/v1/embeddings"): (OPENAI, "embed"),
    ("POST", "/v1/rerank"): (OPENAI, "rerank"),
    ("POST", "/v1/chat/completions"): (OPENAI, "chat"),
    ("GET", "/v1/models"): (OPENAI, "models"),
}
ONE_MODEL = "/v1/models/"


@dataclass(slots=True, eq=False)
class Call:
    """A request that came in whole; `hung_up` once the client left before the answer was out."""

    path: str
    operation: Operation
    connection: int
    headers: Mapping[str, str] = field(repr=False)
    json: Any = field(repr=False)
    hung_up: bool = False
    _over: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def over(self) -> None:
        """Returns once nothing more happens to it: it was answered, struck down or left."""
        await self._over.wait()


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that an answer takes; those of a streamed chat are spread over its events."""

    chat: float = 0.0
    embed: float = 0.0
    rerank: float = 0.0
    entail: float = 0.0

    def over(self, answer: Answer, operation: Operation) -> Answer:
        seconds: float = getattr(self, operation, 0.0)
        if isinstance(answer, EventStream):
            return replace(answer, seconds=seconds)
        if isinstance(answer, Reply) and answer.status == 200:
            return replace(answer, after=seconds)
        return answer


@dataclass(slots=True, eq=False)
class Stub:
    """A running stub: what it was asked, what it says next, and what goes wrong."""

    key: str | None = KEY
    pace: Pace = field(default_factory=Pace)
    names: Sequence[str] = NAMES
    unknown: set[str] = field(default_factory=set)
    keeps_calls: bool = True
    journal: Journal | None = None
    writer: Writer = answer_from_documents
    judge: Judge = by_containment
    takes_forms: bool = True
    """Whether an answer may be asked for in a form, as JSON by a schema."""
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    fault: Faults = field(default_factory=Faults)
    _scripted: deque[Written] = field(default_factory=deque, init=False)
    _came: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _connections: int = field(default=0, init=False)
    _broken: list[Exception] = field(default_factory=list, init=False)

    def script(self, *answers: Written | str) -> None:
        """What the next chats answer, one each; a text stands for an answer without citations."""
        self._scripted += [Written(one) if isinstance(one, str) else one for one in answers]

    async def called(self, count: int = 1) -> Sequence[Call]:
        """The calls, once there are so many."""
        while len(self.calls) < count:
            self._came.clear()
            await self._came.wait()
        return self.calls

    async def serve(self, connection: Connection) -> None:
        """Answers one request after the other, until either side ends the connection."""
        self._connections += 1
        number = self._connections
        try:
            with suppress(Left):
                if await self._accepted(connection):
                    while await self._exchange(connection, number):
                        pass
        except (
            Exception
        ) as exc:  # what is wrong with the stub or a test's writer must fail the test
            self._broken.append(exc)
        finally:
            await connection.close()

    def check(self) -> None:
        """Raises what broke inside the stub, if anything did."""
        if self._broken:
            raise self._broken[0]

    async def _accepted(self, connection: Connection) -> bool:
        """Whether the connection lives on: a fault of connections replaces all that could be said on it."""
        nothing = Reply()
        answer = self.fault.next("connection").answer(nothing)
        return answer is nothing or not await connection.unless_left(answer.send(connection))

    async def _exchange(self, connection: Connection, number: int) -> bool:
        request = await connection.request()
        body = _json(request.body)
        format_, operation = _route(request, body)
        call = Call(request.path, operation, number, request.headers, body)
        self._keep(call)
        try:
            answer = self._answer(request, call, format_, self.fault.next(operation))
            call.hung_up = not await connection.unless_left(answer.send(connection))
        finally:
            call._over.set()
        if self.journal is not None and not call.hung_up:
            self.journal.write(request.body, operation, answer, connection.moments)
        return not call.hung_up and connection.next_cycle()

    def _keep(self, call: Call) -> None:
        if self.keeps_calls:
            self.calls.append(call)
            self._came.set()

    def _answer(self, request: Request, call: Call, format_: Format, fault: Fault) -> Answer:
        try:
            self._admit(request)
            answer = self._said(request, call, format_, fault)
        except Refused as refused:
            answer = format_.refusal(refused)
        return fault.answer(self.pace.over(answer, call.operation))

    def _admit(self, request: Request) -> None:
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, "invalid api token")
        if (request.method, request.path) not in ROUTES and not _one_model(request):
            raise Refused(404, "no such endpoint")

    def _said(self, request: Request, call: Call, format_: Format, fault: Fault) -> Answer:
        models = Models(
            fault,
            self._write,
            self.names,
            frozenset(self.unknown),
            judge=self.judge,
            takes_forms=self.takes_forms,
        )
        if call.operation == "models":
            return format_.models(unquote(request.path.partition(ONE_MODEL)[2]), models)
        if not isinstance(call.json, dict):
            raise Refused(400, "invalid request: the body is no JSON object")
        said: Callable[[Any, Models], Answer] = getattr(format_, call.operation)
        return said(call.json, models)

    def _write(self, asked: Asked) -> Written:
        return self._scripted.popleft() if self._scripted else self.writer(asked)


def _route(request: Request, body: Any) -> tuple[Format, Operation]:
    """A path that nobody knows is refused in Cohere's format; what asks for a verdict comes as a chat."""
    format_, operation = ROUTES.get((request.method, request.path), (COHERE, "models"))
    judges = operation == "chat" and judging_in(body) is not None
    return format_, "entail" if judges else operation


def _one_model(request: Request) -> bool:
    return request.method == "GET" and request.path.startswith(ONE_MODEL)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


@asynccontextmanager
async def provider_stub(
    *,
    port: int = 0,
    key: str | None = KEY,
    pace: Pace | None = None,
    names: Sequence[str] = NAMES,
    unknown: Collection[str] = (),
    keeps_calls: bool = True,
    journal: Journal | None = None,
) -> AsyncIterator[Stub]:
    """A stub on a loopback port, in the running event loop; at its end it raises what broke inside it, as Misused.

    `unknown` are names of models that do not exist, `names` those a list shows; without a `key` all are let in.
    """
    stub = Stub(key, pace or Pace(), names, {*unknown}, keeps_calls, journal)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(stub.serve(Connection(reader, writer)))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    stub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield stub
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
    stub.check()
