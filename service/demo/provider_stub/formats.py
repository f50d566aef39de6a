"""What both wire formats share: a request's body, the models behind it, and a request that is refused."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from service.demo.provider_stub.faults import NOTHING, Fault
from service.demo.provider_stub.judging import (
    Judge,
    Judging,
    by_containment,
    in_form,
    judging_in,
)
from service.demo.provider_stub.wire import Answer, Reply
from service.demo.provider_stub.writing import (
    Asked,
    Vectors,
    Writer,
    Written,
    answer_from_documents,
    embedded,
    shares,
)

Body = Mapping[str, Any]


class Refused(Exception):
    """A request that a provider answers with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one call, with the fault that strikes it; `names` are those that a list of models shows."""

    fault: Fault = NOTHING
    writer: Writer = answer_from_documents
    names: Sequence[str] = ()
    unknown: frozenset[str] = field(default_factory=frozenset)
    judge: Judge = by_containment
    takes_forms: bool = True

    def vectors(self, texts: Sequence[str], dimension: int) -> Vectors:
        return self.fault.vectors(embedded(texts, dimension))

    def ranked(self, query: str, documents: Sequence[str], top: int | None) -> list[dict[str, Any]]:
        """Places and scores, best first."""
        scores = self.fault.scores(shares(query, documents))
        results = [{"index": place, "relevance_score": one} for place, one in enumerate(scores)]
        return sorted(results, key=lambda one: -one["relevance_score"])[:top]

    def write(self, asked: Asked) -> Written:
        return self.fault.written(self.writer(asked))

    def judged(self, asked: Judging) -> Written:
        """Raises Refused where the server takes no form for an answer."""
        if asked.in_json and not self.takes_forms:
            raise Refused(400, "invalid request: response_format is not supported")
        return Written(in_form(self.fault.verdict(self.judge(asked)), asked))

    def known(self, name: object) -> str:
        """The name of a model; raises Refused with 404 for an unknown one."""
        if not isinstance(name, str) or not name:
            raise Refused(400, "invalid request: model is missing")
        if name in self.unknown:
            raise Refused(404, f"model '{name}' does not exist")
        return name


class Format(Protocol):
    """One provider's way to say things over HTTP. Every method but `refusal` raises Refused."""

    def embed(self, body: Body, models: Models) -> Reply: ...

    def rerank(self, body: Body, models: Models) -> Reply: ...

    def chat(self, body: Body, models: Models) -> Answer: ...

    def entail(self, body: Body, models: Models) -> Reply: ...

    def models(self, name: str, models: Models) -> Reply: ...

    def refusal(self, refused: Refused) -> Reply: ...


def strings(value: object, name: str) -> list[str]:
    """A list of texts that is not empty; raises Refused."""
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise Refused(400, f"invalid request: {name} must be a list of strings")
    return value


def size(value: object, *, usual: int) -> int:
    """A dimension; raises Refused for one that is no positive number."""
    if value is None:
        return usual
    if not isinstance(value, int) or value < 1:
        raise Refused(400, "invalid request: not a dimension")
    return value


def said(message: Body) -> str:
    """The text of a message, whose content is a string or a list of blocks."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content)


def in_base64(vector: NDArray[np.float32]) -> str:
    """Little-endian float32."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def to_judge(body: Body) -> Judging:
    """Of a request that was taken for one."""
    asked = judging_in(body)
    if asked is None:
        raise Refused(400, "invalid request: no statement")
    return asked
