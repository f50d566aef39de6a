"""Cohere's v2 wire format."""

import math
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from service.demo.provider_stub.formats import (
    Body,
    Models,
    Refused,
    in_base64,
    said,
    size,
    strings,
    to_judge,
)
from service.demo.provider_stub.wire import DONE, Answer, EventStream, Frame, Reply
from service.demo.provider_stub.writing import Asked, Cited, Document, Written, pieces, words

MOST_TEXTS = 96
DIMENSION = 1536
DOCUMENTS_A_SEARCH = 100
FINISH = {
    "complete": "COMPLETE",
    "length": "MAX_TOKENS",
    "error": "ERROR",
    "refused": "ERROR_TOXIC",
}


class Cohere:
    """Keeps Format."""

    def embed(self, body: Body, models: Models) -> Reply:
        models.known(body.get("model"))
        texts = strings(body.get("texts"), "texts")
        if len(texts) > MOST_TEXTS:
            raise Refused(400, f"invalid request: at most {MOST_TEXTS} texts a call")
        if not body.get("input_type"):
            raise Refused(400, "invalid request: input_type is missing")
        vectors = models.vectors(texts, size(body.get("output_dimension"), usual=DIMENSION))
        forms = {"float": lambda one: one.tolist(), "base64": in_base64}
        return Reply.of(
            {
                "id": str(uuid4()),
                "embeddings": {
                    kind: [forms[kind](vector) for vector in vectors]
                    for kind in _kinds(body, known=forms)
                },
                "texts": texts,
                "meta": _meta(input_tokens=sum(len(words(text)) for text in texts)),
                "response_type": "embeddings_by_type",
            }
        )

    def rerank(self, body: Body, models: Models) -> Reply:
        models.known(body.get("model"))
        documents = strings(body.get("documents"), "documents")
        results = models.ranked(str(body.get("query", "")), documents, body.get("top_n"))
        units = math.ceil(len(documents) / DOCUMENTS_A_SEARCH)
        return Reply.of({"id": str(uuid4()), "results": results, "meta": _meta(search_units=units)})

    def chat(self, body: Body, models: Models) -> Answer:
        models.known(body.get("model"))
        asked = _asked(body)
        written = models.write(asked)
        message = _Message(written, asked, thinks=_thinks(body), mode=_mode(body))
        if body.get("stream"):
            return EventStream([*message.frames()])
        return Reply.of(message.whole())

    def entail(self, body: Body, models: Models) -> Reply:
        models.known(body.get("model"))
        if body.get("response_format") and body.get("documents"):
            raise Refused(400, "invalid request: documents take no response_format")
        asked = to_judge(body)
        said = Asked(asked.statement, (), asked.words)
        return Reply.of(_Message(models.judged(asked), said, thinks=False, mode="OFF").whole())

    def models(self, name: str, models: Models) -> Reply:
        models.known(name)
        kinds = [kind for kind in ("embed", "rerank") if kind in name] or ["chat"]
        return Reply.of(
            {
                "name": name,
                "is_deprecated": False,
                "endpoints": kinds,
                "finetuned": False,
                "context_length": 128_000,
                "default_endpoints": [],
                "features": [],
            }
        )

    def refusal(self, refused: Refused) -> Reply:
        return Reply.of({"id": str(uuid4()), "message": refused.message}, refused.status)


class _Message:
    """An answer as one object, or as the events that build it up."""

    def __init__(self, written: Written, asked: Asked, *, thinks: bool, mode: str) -> None:
        self._written, self._mode = written, mode
        self._thinking = written.thinking if thinks else ""
        self._place = 1 if self._thinking else 0  # of the text, among the blocks
        self._cited = [] if mode in {"OFF", "DISABLED"} else [*written.citations]
        self._documents = {one.id: dict(one.data) for one in asked.documents}
        self._usage = _usage(asked.words, len(words(written.text + " " + self._thinking)))

    def whole(self) -> dict[str, Any]:
        thought = {"type": "thinking", "thinking": self._thinking}
        text = {"type": "text", "text": self._written.text}
        message = {"role": "assistant", "content": [thought, text] if self._thinking else [text]}
        if self._cited:
            message["citations"] = [self._citation(one) for one in self._cited]
        return {"id": str(uuid4()), "message": message, **self._end()}

    def frames(self) -> Iterator[Frame]:
        message = {"role": "assistant", "content": [], "tool_plan": ""}
        empty: dict[str, Any] = {"tool_calls": [], "citations": []}
        yield _event("message-start", id=str(uuid4()), delta={"message": message | empty})
        if self._thinking:
            yield from self._block(0, "thinking", [*self._thoughts()])
        yield from self._block(self._place, "text", [*self._text()])
        end = {"type": "message-end", "delta": self._end()}
        yield Frame.of(end, event="message-end", closing=True)
        yield DONE

    def _block(self, index: int, kind: str, inside: list[Frame]) -> Iterator[Frame]:
        started = {"message": {"content": {"type": kind, kind: ""}}}
        yield _event("content-start", index=index, delta=started)
        yield from inside
        yield _event("content-end", index=index)

    def _thoughts(self) -> Iterator[Frame]:
        for part in pieces(self._thinking):
            yield _delta(0, thinking=part)

    def _text(self) -> Iterator[Frame]:
        """The text, and each citation as soon as its stretch is said; in the accurate mode all of them at the end."""
        waiting = sorted(enumerate(self._cited), key=lambda one: one[1].end)
        said = 0
        for part in pieces(self._written.text, self._written.step):
            yield _delta(self._place, text=part)
            said += len(part)
            while waiting and waiting[0][1].end <= said and self._mode != "ACCURATE":
                yield from self._citing(*waiting.pop(0))
        for one in waiting:
            yield from self._citing(*one)

    def _citing(self, index: int, cited: Cited) -> Iterator[Frame]:
        said = {"message": {"citations": self._citation(cited)}}
        yield _event("citation-start", index=index, delta=said)
        yield _event("citation-end", index=index)

    def _citation(self, cited: Cited) -> dict[str, Any]:
        return {
            "start": cited.start,
            "end": cited.end,
            "text": cited.text,
            "sources": [self._source(name) for name in cited.sources],
            "type": "TEXT_CONTENT",
            "content_index": self._place,
        }

    def _source(self, name: str) -> dict[str, Any]:
        document = {"id": name, **self._documents.get(name, {})}
        return {"type": "document", "id": name, "document": document}

    def _end(self) -> dict[str, Any]:
        finish = {"finish_reason": FINISH[self._written.finish], "usage": self._usage}
        broken = self._written.finish == "error"
        return finish | ({"error": "the generation failed"} if broken else {})


def _event(kind: str, **fields: Any) -> Frame:
    return Frame.of({"type": kind, **fields}, event=kind)


def _delta(index: int, **content: str) -> Frame:
    said = {"type": "content-delta", "index": index, "delta": {"message": {"content": content}}}
    return Frame.of(said, event="content-delta", text=content.get("text", ""))


def _asked(body: Body) -> Asked:
    messages = body.get("messages") or []
    if not messages:
        raise Refused(400, "invalid request: messages are missing")
    documents = [_document(*one) for one in enumerate(body.get("documents") or [])]
    if len({one.id for one in documents}) < len(documents):
        raise Refused(400, "invalid request: two documents have one id")
    read = [said(message) for message in messages] + [one.text for one in documents]
    asks = [said(message) for message in messages if message.get("role") == "user"]
    return Asked(asks[-1] if asks else "", documents, sum(len(words(text)) for text in read))


def _document(place: int, given: Any) -> Document:
    if isinstance(given, str):
        return Document(f"doc:{place}", given, {"text": given})
    data = given.get("data") or {}
    text = data.get("text") or " ".join(str(value) for value in data.values())
    return Document(given.get("id") or f"doc:{place}", text, data)


def _kinds(body: Body, *, known: Mapping[str, object]) -> list[str]:
    kinds = body.get("embedding_types") or ["float"]
    if not set(kinds) <= known.keys():
        raise Refused(400, "invalid request: this stub embeds as float and base64 only")
    return list(kinds)


def _thinks(body: Body) -> bool:
    return (body.get("thinking") or {}).get("type") != "disabled"


def _mode(body: Body) -> str:
    return str((body.get("citation_options") or {}).get("mode") or "FAST").upper()


def _meta(**units: int) -> dict[str, Any]:
    return {"api_version": {"version": "2"}, "billed_units": units}


def _usage(read: int, wrote: int) -> dict[str, Any]:
    tokens = {"input_tokens": read, "output_tokens": wrote}
    return {"billed_units": tokens, "tokens": tokens, "cached_tokens": 0}
