"""What the stub's models think: words only, the same answer for the same question every time."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from service.language.sentences import sentences

MOST_CITED = 2
Vectors = Sequence[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Cited:
    """A stretch of the answer, in code points, and the documents it is said to come from."""

    start: int
    end: int
    text: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What a chat model answers; with the finish "error" it breaks down after the text, "refused" is filtered out."""

    text: str
    citations: Sequence[Cited] = ()
    thinking: str = ""
    finish: Literal["complete", "length", "error", "refused"] = "complete"
    step: int = 3
    """How many words an event of a stream brings, at most."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a chat request."""

    id: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat request of either format: the last thing the user said, the documents, and all the words it has."""

    question: str
    documents: Sequence[Document]
    words: int


Writer = Callable[[Asked], Written]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def embedded(texts: Sequence[str], dimension: int) -> Vectors:
    """Hashed bags of words, each of unit length; a text without words points along the first axis."""
    return [_vector(text, dimension) for text in texts]


def _vector(text: str, dimension: int) -> NDArray[np.float32]:
    hashes = [_hash(word) for word in words(text)] or [0]
    places = [number % dimension for number in hashes]
    signs = [-1.0 if number >> 63 else 1.0 for number in hashes]
    bag = np.bincount(places, weights=signs, minlength=dimension)
    length = float(np.linalg.norm(bag))
    if length == 0:  # every word met its opposite
        bag[0] = length = 1.0
    return (bag / length).astype("<f4")


def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())


def shares(query: str, documents: Sequence[str]) -> list[float]:
    """Of each document, the share of the query's words that stand in it."""
    wanted = set(words(query))
    return [len(wanted & set(words(text))) / max(1, len(wanted)) for text in documents]


def citing(*said: tuple[str, str]) -> Written:
    """An answer of quotes, each with the id of the document that it is cited from."""
    text, citations = "", []
    for quote, source in said:
        if text:
            text += " " if text[-1] in ".!?…" else "\n"
        citations.append(Cited(len(text), len(text) + len(quote), quote, (source,)))
        text += quote
    return Written(text, citations)


def answer_from_documents(asked: Asked) -> Written:
    """The first sentence of each of the first two documents that share a word with the question; else nothing."""
    wanted = set(words(asked.question))
    found = [one for one in asked.documents if not wanted or wanted & set(words(one.text))]
    return citing(*((_first_sentence(one.text), one.id) for one in found[:MOST_CITED]))


def quoting(most: int) -> Writer:
    """A writer of so many sentences of those documents, a word an event: about as a model writes."""

    def write(asked: Asked) -> Written:
        wanted = set(words(asked.question))
        said = [
            (one.text[start:end], one.id)
            for one in asked.documents
            if wanted & set(words(one.text))
            for start, end in sentences(one.text)
        ]
        return replace(citing(*said[:most]), step=1)

    return write


def _first_sentence(text: str) -> str:
    return next((text[start:end] for start, end in sentences(text)), "")


def invented(written: Written) -> Written:
    """An answer that no document says, with a document nobody sent and a stretch beyond its end."""
    text = "The moon is made of green cheese."
    cited = (
        Cited(0, len(text), text, ("no-such-document",)),
        Cited(len(text) + 10, len(text) + 50, "what was never said", ("p1",)),
    )
    return replace(written, text=text, citations=cited)


def pieces(text: str, step: int = 3) -> list[str]:
    """So many words each, at most; together they are the text."""
    return re.findall(rf"(?:\s*\S+){{1,{step}}}|\s+$", text)
