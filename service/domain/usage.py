"""What models did for somebody: what their providers bill, and which of them were away."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from service.errors import ModelFailure

Part = Literal["embedder", "reranker", "model", "entailment"]
"""A model by what an answer lacks without it: nearness of meaning, its judgement of the texts, its own words, a second
look at whether notes say what an answer says."""
Lack = Part | Literal["budget"]
MICROS = 1_000_000
"""Micro-dollars in a dollar: what money is counted in, in whole numbers."""
MOST_DOLLARS = 1_000_000
"""That a price or a budget may be set to."""


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
    """One question's or one batch's, gathered on the way: a failure tells it too."""

    by_model: dict[str, Usage] = field(default_factory=dict)
    away: dict[Part, ModelFailure] = field(default_factory=dict)
    """Parts that something else stood in for, and why."""
    owed: set[Part] = field(default_factory=set)
    """Parts that may be billed though nobody was told how much: whoever asked left, or waited no longer."""

    def add(self, model: str, usage: Usage) -> None:
        self.by_model[model] = self.by_model.get(model, Usage()) + usage

    def lacked(self, part: Part, why: ModelFailure) -> None:
        """The first reason stands."""
        self.away.setdefault(part, why)


def lacking(meter: Meter) -> tuple[Lack, ...]:
    """What an answer lacks; where the budget is used up, that is the one reason for all."""
    if "no_budget" in meter.away.values():
        return ("budget",)
    return tuple(part for part in get_args(Part) if part in meter.away)
