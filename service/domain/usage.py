"""What models counted while they worked for somebody, as their providers bill it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written, and searches (a rerank call over up to 100 texts is one). Zero for a local model."""

    input_tokens: int = 0
    output_tokens: int = 0
    searches: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.searches + other.searches,
        )


@dataclass(slots=True)
class Meter:
    """The usage of one question or one batch of notes, by model, gathered on the way: a failure tells it too."""

    by_model: dict[str, Usage] = field(default_factory=dict)

    def add(self, model: str, usage: Usage) -> None:
        self.by_model[model] = self.by_model.get(model, Usage()) + usage
