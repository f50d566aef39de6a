"""What each answer took, a line of JSON each: marks and durations, and no word that was asked or said."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from service.demo.provider_stub.faults import Operation
from service.demo.provider_stub.wire import Answer, EventStream, Frame
from service.language.sentences import sentences


@dataclass(frozen=True, slots=True)
class Journal:
    """Lines for the requests in which `mark` finds something; what it finds names the line."""

    out: TextIO
    mark: re.Pattern[bytes]

    def write(
        self, body: bytes, operation: Operation, answer: Answer, moments: Sequence[float]
    ) -> None:
        """Of an answer that went out whole; `moments` are its connection's."""
        found = self.mark.search(body)
        if found is None or len(moments) < 2:  # struck down before a byte was out
            return
        began, *sent = moments
        line: dict[str, Any] = {"mark": found[0].decode(), "operation": operation}
        line["seconds"] = sent[-1] - began
        if isinstance(answer, EventStream) and answer.frames:
            first, sentence = landmarks(answer.frames)
            _head, *frames = sent
            line |= {"first": frames[first] - began, "sentence": frames[sentence] - began}
        self.out.write(f"{json.dumps(line)}\n")


def landmarks(frames: Sequence[Frame]) -> tuple[int, int]:
    """Which frame brings the first words, and which one shows that the first sentence is over: the next has begun.

    Where no other frame does, the one that says that the answer is over.
    """
    end = next((place for place, frame in enumerate(frames) if frame.closing), len(frames) - 1)
    first, text = end, ""
    for place, frame in enumerate(frames):
        if frame.text and not text:
            first = place
        text += frame.text
        if frame.text and len(sentences(text)) > 1:
            return first, place
    return first, end


@contextmanager
def journal_in(path: Path | None, mark: str) -> Iterator[Journal | None]:
    """A journal whose lines are in the file as soon as they are written; none without a path."""
    if path is None:
        yield None
        return
    with path.open("a", encoding="utf-8", buffering=1) as out:
        yield Journal(out, re.compile(mark.encode()))
