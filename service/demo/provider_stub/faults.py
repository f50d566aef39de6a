"""What can go wrong with a provider, one class each: `stub.fault["embed"] = Status(429, retry_after=7, calls=2)`."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from itertools import repeat
from typing import ClassVar, Literal

import numpy as np

from service.demo.provider_stub.wire import Answer, EventStream, Frame, Reply, Rst, Silence
from service.demo.provider_stub.writing import Vectors, Written, invented

Operation = Literal["embed", "rerank", "chat", "entail", "models"]
Place = Operation | Literal["connection"]
CALLS: frozenset[Place] = frozenset({"embed", "rerank", "chat", "entail", "models"})
CHAT: frozenset[Place] = frozenset({"chat"})


class Misused(Exception):
    """A fault was set where it cannot strike, so that a test would pass without it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Nothing goes wrong. A fault strikes the next `calls` calls, or all of them until it is healed."""

    _: KW_ONLY
    calls: int | None = None
    places: ClassVar[frozenset[Place]] = CALLS

    def vectors(self, vectors: Vectors) -> Vectors:
        return vectors

    def scores(self, scores: Sequence[float]) -> Sequence[float]:
        return scores

    def written(self, written: Written) -> Written:
        return written

    def verdict(self, verdict: str) -> str:
        return verdict

    def answer(self, answer: Answer) -> Answer:
        return answer


NOTHING = Fault()


class Faults:
    """The faults that are set, by operation; one of "connection" strikes when a connection is accepted."""

    def __init__(self) -> None:
        self._coming: dict[Place, Iterator[Fault]] = {}

    def __setitem__(self, place: Place, fault: Fault) -> None:
        """From the next call on; raises Misused where such a fault has no effect."""
        if place not in fault.places:
            raise Misused(f"{type(fault).__name__} strikes only {', '.join(sorted(fault.places))}")
        self._coming[place] = repeat(fault) if fault.calls is None else repeat(fault, fault.calls)

    def __delitem__(self, place: Place) -> None:
        self._coming.pop(place, None)

    def heal(self) -> None:
        """No call is struck any more."""
        self._coming.clear()

    def next(self, place: Place) -> Fault:
        """What strikes this call; each one asked for is used up."""
        return next(self._coming.get(place, iter(())), NOTHING)


# The connection


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """The answer begins so many seconds later."""

    seconds: float

    def answer(self, answer: Answer) -> Answer:
        if not isinstance(answer, Reply | EventStream):
            raise Misused("only an answer can be slow")
        return replace(answer, after=answer.after + self.seconds)


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """The request is taken, and no answer comes; a client that leaves is noticed."""

    places: ClassVar = CALLS | {"connection"}

    def answer(self, answer: Answer) -> Answer:
        return Silence()


@dataclass(frozen=True, slots=True)
class HalfOpen(Fault):
    """The connection is dead without FIN: nothing is read or sent any more, and nobody notices that the client left."""

    places: ClassVar = CALLS | {"connection"}

    def answer(self, answer: Answer) -> Answer:
        return Silence(deaf=True)


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """RST instead of an answer."""

    places: ClassVar = CALLS | {"connection"}

    def answer(self, answer: Answer) -> Answer:
        return Rst()


@dataclass(frozen=True, slots=True)
class HalfBody(Fault):
    """Half of the bytes that content-length promises, then FIN."""

    def answer(self, answer: Answer) -> Answer:
        if not isinstance(answer, Reply):
            raise Misused("a stream has no content-length; Cut ends one early")
        return replace(answer, sent=len(answer.body) // 2)


# The answer as a whole


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """A status with a body, and how long to wait in the headers, if given."""

    status: int
    body: str = '{"id": "00000000-0000-0000-0000-000000000000", "message": "injected fault"}'
    retry_after: float | str | None = None
    retry_after_ms: int | None = None

    def answer(self, answer: Answer) -> Answer:
        waits = {"retry-after": self.retry_after, "retry-after-ms": self.retry_after_ms}
        headers = {name: str(value) for name, value in waits.items() if value is not None}
        return Reply(self.body.encode(), self.status, headers=headers)


@dataclass(frozen=True, slots=True)
class Html(Fault):
    """200 with a page, as a proxy on the way serves it."""

    body: str = "<html><body>Please log in to continue.</body></html>"

    def answer(self, answer: Answer) -> Answer:
        return Reply(self.body.encode(), media_type="text/html")


@dataclass(frozen=True, slots=True)
class Empty(Fault):
    """200 without a body."""

    def answer(self, answer: Answer) -> Answer:
        return Reply()


@dataclass(frozen=True, slots=True)
class BadJson(Fault):
    """200 whose body breaks off inside the JSON, though its length is right."""

    def answer(self, answer: Answer) -> Answer:
        return Reply(b'{"id": "1", "results": [{"index": 0, ')


@dataclass(frozen=True, slots=True)
class MissingFields(Fault):
    """200 with an empty object."""

    def answer(self, answer: Answer) -> Answer:
        return Reply.of({})


# What a model says


@dataclass(frozen=True, slots=True)
class WrongCount(Fault):
    """One vector or one score too few."""

    places: ClassVar = frozenset({"embed", "rerank"})

    def vectors(self, vectors: Vectors) -> Vectors:
        return vectors[:-1]

    def scores(self, scores: Sequence[float]) -> Sequence[float]:
        return scores[:-1]


@dataclass(frozen=True, slots=True)
class WrongDimension(Fault):
    """Vectors of half the length."""

    places: ClassVar = frozenset({"embed"})

    def vectors(self, vectors: Vectors) -> Vectors:
        return [vector[: len(vector) // 2] for vector in vectors]


@dataclass(frozen=True, slots=True)
class NotFinite(Fault):
    """A number that is none: NaN begins each vector and is the first score."""

    places: ClassVar = frozenset({"embed", "rerank"})

    def vectors(self, vectors: Vectors) -> Vectors:
        return [np.append(np.float32("nan"), vector[1:]) for vector in vectors]

    def scores(self, scores: Sequence[float]) -> Sequence[float]:
        return [float("nan"), *scores[1:]]


@dataclass(frozen=True, slots=True)
class GarbageText(Fault):
    """An invented answer that cites a document nobody sent, and a stretch beyond its own end."""

    places: ClassVar = CHAT

    def written(self, written: Written) -> Written:
        return invented(written)


@dataclass(frozen=True, slots=True)
class FinishError(Fault):
    """The generation breaks down after the text, and the end of the answer says so."""

    places: ClassVar = CHAT

    def written(self, written: Written) -> Written:
        return replace(written, finish="error")


@dataclass(frozen=True, slots=True)
class NoVerdict(Fault):
    """A judge that gives an opinion in place of a verdict."""

    places: ClassVar = frozenset({"entail"})

    def verdict(self, verdict: str) -> str:
        return f"I would say {verdict}, more or less."


@dataclass(frozen=True, slots=True)
class Refusal(Fault):
    """The model will not answer: it says so in `words`, citing nothing; without any, its filter ends the answer."""

    words: str = ""
    places: ClassVar = CHAT

    def written(self, written: Written) -> Written:
        finish: Literal["complete", "refused"] = "complete" if self.words else "refused"
        return replace(written, text=self.words, citations=(), finish=finish)


# Streams


@dataclass(frozen=True, slots=True)
class _OfStream(Fault):
    places: ClassVar = CHAT

    def answer(self, answer: Answer) -> Answer:
        if not isinstance(answer, EventStream):
            raise Misused(f"{type(self).__name__} strikes only a streamed answer")
        return self.stream(answer)

    def stream(self, stream: EventStream) -> Answer:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Cut(_OfStream):
    """FIN after so many events, in the middle of the chunked body."""

    events: int

    def stream(self, stream: EventStream) -> Answer:
        return replace(stream, frames=stream.frames[: self.events], ending="cut")


@dataclass(frozen=True, slots=True)
class Stall(_OfStream):
    """Nothing more after so many events; the connection stays open."""

    events: int

    def stream(self, stream: EventStream) -> Answer:
        return replace(stream, frames=stream.frames[: self.events], ending="stall")


@dataclass(frozen=True, slots=True)
class NoEnd(_OfStream):
    """The body ends cleanly, but no event says that the answer is over."""

    def stream(self, stream: EventStream) -> Answer:
        return replace(stream, frames=[one for one in stream.frames if not one.closing])


@dataclass(frozen=True, slots=True)
class BadEvent(_OfStream):
    """After so many events one whose data is no JSON; `text` stands in it, to be looked for in logs."""

    text: str
    events: int = 2

    def stream(self, stream: EventStream) -> Answer:
        bad = Frame(f'{{"type": "content-delta", "text": "{self.text}')
        frames = [*stream.frames[: self.events], bad, *stream.frames[self.events :]]
        return replace(stream, frames=frames)


@dataclass(frozen=True, slots=True)
class NotSse(_OfStream):
    """200 with JSON where a stream was asked for."""

    def stream(self, stream: EventStream) -> Answer:
        return Reply.of({"message": "streaming is switched off"})
