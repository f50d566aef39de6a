"""The OpenAI wire format as self-hosted servers speak it, with the reranking that these added."""

import re
from collections.abc import Iterator
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
from service.demo.provider_stub.writing import Asked, Document, Written, pieces, words

DIMENSION = 1024
FINISH = {
    "complete": "stop",
    "length": "length",
    "error": "error",
    "refused": "content_filter",
}
DOCUMENT = re.compile(
    r"^\[(?P<id>[^\]\s]+)\][ \t]+(?:\[[^\]\n]*\]\n)?(?P<text>[^\[]+)", re.MULTILINE
)
HEADING = re.compile(r"^\[[^\]\n]*\]$", re.MULTILINE)
FAILED = Refused(500, "the generation failed")


class OpenAI:
    """Keeps Format."""

    def embed(self, body: Body, models: Models) -> Reply:
        name = models.known(body.get("model"))
        given = body.get("input")
        texts = strings([given] if isinstance(given, str) else given, "input")
        vectors = models.vectors(texts, size(body.get("dimensions"), usual=DIMENSION))
        encoded = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": place,
                "embedding": in_base64(vector) if encoded else vector.tolist(),
            }
            for place, vector in enumerate(vectors)
        ]
        read = sum(len(words(text)) for text in texts)
        usage = {"prompt_tokens": read, "total_tokens": read}
        return Reply.of({"object": "list", "data": data, "model": name, "usage": usage})

    def rerank(self, body: Body, models: Models) -> Reply:
        name = models.known(body.get("model"))
        query = str(body.get("query", ""))
        documents = [_text(one) for one in body.get("documents") or []]
        results = models.ranked(query, strings(documents, "documents"), body.get("top_n"))
        read = sum(len(words(text)) for text in [query, *documents])
        usage = {"prompt_tokens": read, "total_tokens": read}
        return Reply.of({"id": _id("rerank"), "model": name, "usage": usage, "results": results})

    def chat(self, body: Body, models: Models) -> Answer:
        name = models.known(body.get("model"))
        asked = _asked(body)
        completion = _Completion(name, models.write(asked), asked)
        if not body.get("stream"):
            return completion.whole()
        counted = bool((body.get("stream_options") or {}).get("include_usage"))
        return EventStream([*completion.frames(counted=counted)])

    def entail(self, body: Body, models: Models) -> Reply:
        name, asked = models.known(body.get("model")), to_judge(body)
        said = Asked(asked.statement, (), asked.words)
        return _Completion(name, models.judged(asked), said).whole()

    def models(self, name: str, models: Models) -> Reply:
        names = [one for one in models.names if one not in models.unknown]
        data = [{"id": one, "object": "model", "created": 0, "owned_by": "stub"} for one in names]
        return Reply.of({"object": "list", "data": data})

    def refusal(self, refused: Refused) -> Reply:
        return Reply.of(_error(refused), refused.status)


class _Completion:
    """An answer as one object, or as the chunks that build it up; citations stand in its text as `[id]`."""

    def __init__(self, name: str, written: Written, asked: Asked) -> None:
        self._name, self._written, self._id = name, written, _id("chatcmpl")
        self._text = _marked(written)
        wrote = len(words(f"{self._text} {written.thinking}"))
        self._usage = {
            "prompt_tokens": asked.words,
            "completion_tokens": wrote,
            "total_tokens": asked.words + wrote,
        }

    def whole(self) -> Reply:
        if self._written.finish == "error":
            raise FAILED
        message = {"role": "assistant", "content": self._text}
        if self._written.thinking:
            message["reasoning_content"] = self._written.thinking
        choice = {"index": 0, "message": message, "finish_reason": FINISH[self._written.finish]}
        object_ = self._object("chat.completion", choices=[choice])
        return Reply.of(object_ | {"usage": self._usage})

    def frames(self, *, counted: bool) -> Iterator[Frame]:
        """With `counted` every chunk has a usage, which is null but in the last one; that one has no choices."""
        usage: dict[str, Any] = {"usage": None} if counted else {}
        for delta in self._deltas():
            yield Frame.of(self._chunk(delta) | usage, text=delta.get("content", ""))
        if self._written.finish == "error":
            yield Frame.of(_error(FAILED), closing=True)
        else:
            yield Frame.of(self._chunk({}, FINISH[self._written.finish]) | usage, closing=True)
            if counted:
                last = self._object("chat.completion.chunk", choices=[])
                yield Frame.of(last | {"usage": self._usage}, closing=True)
        yield DONE

    def _deltas(self) -> Iterator[dict[str, str]]:
        yield {"role": "assistant", "content": ""}
        for part in pieces(self._written.thinking):
            yield {"reasoning_content": part}
        for part in pieces(self._text, self._written.step):
            yield {"content": part}

    def _chunk(self, delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._object("chat.completion.chunk", choices=[choice])

    def _object(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": 0, "model": self._name, **fields}


def _marked(written: Written) -> str:
    """The text with the ids of its sources behind each cited stretch, as a prompt asks a model for."""
    text = written.text
    for cited in sorted(written.citations, key=lambda one: one.end, reverse=True):
        marks = "".join(f" [{name}]" for name in cited.sources)
        text = text[: cited.end] + marks + text[cited.end :]
    return text


def _asked(body: Body) -> Asked:
    """The documents of the last user message are `[id] text`, up to the next bracket; the rest of it is the question.

    A text may have a heading in brackets of its own, and so may the question.
    """
    messages = body.get("messages") or []
    if not messages:
        raise Refused(400, "invalid request: messages are missing")
    last = [said(message) for message in messages if message.get("role") == "user"][-1:]
    prompt = "".join(last)
    documents = [Document(one["id"], one["text"].strip()) for one in DOCUMENT.finditer(prompt)]
    question = HEADING.sub("", DOCUMENT.sub("", prompt)).strip()
    read = sum(len(words(said(message))) for message in messages)
    return Asked(question, documents, read)


def _text(document: Any) -> Any:
    return document.get("text") if isinstance(document, dict) else document


def _error(refused: Refused) -> dict[str, Any]:
    kind = "server_error" if refused.status >= 500 else "invalid_request_error"
    error = {"message": refused.message, "type": kind, "param": None, "code": refused.status}
    return {"error": error}


def _id(kind: str) -> str:
    return f"{kind}-{uuid4().hex}"
