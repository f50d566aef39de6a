"""What may be told of an answer before it is whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.domain.answers import Citation
from service.domain.risk import Risk


@dataclass(frozen=True, slots=True)
class Step:
    """The answering has come to this node of the graph."""

    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """The next line of the answer, as it will stand there: lines put together in order are its text.

    `text` begins with the line break that parts it from the line before, and holds its markers.
    """

    text: str
    start: int
    """Where it begins in the answer, in code points."""
    citations: Sequence[Citation] = ()


@dataclass(frozen=True, slots=True)
class Pin:
    """A sentence that speaks of danger, told before the first line."""

    risk: Risk


Progress = Step | Pin | Line
Tell = Callable[[Progress], None]
