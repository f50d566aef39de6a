"""What the stub says when it is asked whether sources support a statement: one word, by the words that they share."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.demo.provider_stub.writing import words

STATEMENT = "[statement]\n"
_SOURCE = re.compile(r"^\[s\d+\] \[[^\]\n]*\]\n(?P<text>[^\[]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Judging:
    """A chat request that asks for a verdict."""

    statement: str
    sources: Sequence[str]
    words: int
    in_json: bool
    """Whether it asks for the answer in a form."""


Judge = Callable[[Judging], str]


def judging_in(body: Any) -> Judging | None:
    """What a request of either format wants judged; None where it is another chat."""
    if not isinstance(body, dict) or body.get("stream"):
        return None
    said = [one.get("content") for one in body.get("messages") or [] if isinstance(one, dict)]
    prompt = said[-1] if said and isinstance(said[-1], str) else ""
    sources, marked, statement = prompt.rpartition(STATEMENT)
    if not marked:
        return None
    texts = [one["text"].strip() for one in _SOURCE.finditer(sources)]
    count = sum(len(words(text)) for text in said if isinstance(text, str))
    return Judging(statement.strip(), texts, count, in_json="response_format" in body)


def by_containment(asked: Judging) -> str:
    """Supported where the sources together have every word of the statement."""
    held = {word for text in asked.sources for word in words(text)}
    return "supported" if set(words(asked.statement)) <= held else "not_stated"


def in_form(verdict: str, asked: Judging) -> str:
    return json.dumps({"verdict": verdict}) if asked.in_json else verdict
