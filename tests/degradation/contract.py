"""What a question gets while a part is away, how soon, and what an operator sees: the table of helm/operating.md."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from service.adapters.postgres.database import GOODBYE_SECONDS
from service.adapters.redis import TIMEOUT_SECONDS as REDIS_SECONDS
from service.chat.filter import ENTAIL_SHARE
from service.domain.usage import Lack
from service.retrieval.search import EMBED_SHARE, RERANK_SHARE
from service.settings import Settings

Part = Literal[
    "embedder", "reranker", "model", "entailment", "all models", "redis", "postgres", "monolith"
]
Fault = Literal["slow", "failing", "garbage", "half-open"]
"""Half-open: the connection stands, and nothing ever comes."""
FAULTS: tuple[Fault, ...] = ("slow", "failing", "garbage", "half-open")
RETRY_AFTER = 5
ASKS_OF_REDIS = 3
"""In a question: its allowance, its vector, and its vector kept."""
ASKS_OF_MONOLITH = 2
"""In a question: whether the login still lives, and the text of the notes."""


def _usual(setting: str) -> float:
    return float(Settings.model_fields[setting].default)


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that waits depend on, in seconds, as they are by default."""

    question: float = _usual("question_seconds")
    request_timeout: float = _usual("request_timeout_seconds")
    transaction: float = _usual("transaction_seconds")


@dataclass(frozen=True, slots=True)
class Metric:
    """A series; `{reason}` in its labels stands for the promise's reason of a fault."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def for_fault(self, reason: str) -> "Metric":
        return Metric(
            self.name, {key: one.format(reason=reason) for key, one in self.labels.items()}
        )

    @property
    def shown(self) -> str:
        labels = ", ".join(
            key if value == "{reason}" else f'{key}="{value}"' for key, value in self.labels.items()
        )
        return f"`{self.name}{{{labels}}}`" if labels else f"`{self.name}`"


@dataclass(frozen=True, slots=True)
class Promise:
    """What holds for a part, whichever way it fails."""

    gets: str
    longer: Callable[[Limits], float]
    """By how many seconds at most an answer comes later than it does when all is well."""
    metrics: tuple[Metric, ...]
    degraded: tuple[Lack, ...] = ()
    refused: bool = False
    """503 with Retry-After, and no answer."""
    reasons: tuple[str, ...] = ()
    """Of the metric, one a fault."""

    @property
    def answer_status(self) -> str | None:
        if self.refused:
            return None
        return "degraded" if self.degraded else "answered"

    def moved(self, fault: Fault) -> list[Metric]:
        reason = self.reasons[FAULTS.index(fault)] if self.reasons else ""
        return [metric.for_fault(reason) for metric in self.metrics]


def _lacks(part: Lack) -> Metric:
    return Metric("ai_agent_degraded_answers_total", {"part": part, "reason": "{reason}"})


def _refusal(code: str) -> tuple[Metric, ...]:
    return (Metric("ai_refusals_total", {"code": code}),)


def _embedder(limits: Limits) -> float:
    return EMBED_SHARE * limits.question


def _reranker(limits: Limits) -> float:
    return RERANK_SHARE * limits.question


def _entailment(limits: Limits) -> float:
    return ENTAIL_SHARE * limits.question


def _question(limits: Limits) -> float:
    return limits.question


OF_PROVIDER = ("timeout", "server_error", "garbage", "timeout")

CONTRACT: Mapping[Part, Promise] = {
    "embedder": Promise(
        gets="an answer; searched by words alone",
        longer=_embedder,
        metrics=(_lacks("embedder"),),
        degraded=("embedder",),
        reasons=OF_PROVIDER,
    ),
    "reranker": Promise(
        gets="an answer; the built-in reranker judges",
        longer=_reranker,
        metrics=(_lacks("reranker"),),
        degraded=("reranker",),
        reasons=OF_PROVIDER,
    ),
    "model": Promise(
        gets="what was verified so far, and quotes",
        longer=_question,
        metrics=(_lacks("model"),),
        degraded=("model",),
        reasons=OF_PROVIDER,
    ),
    "all models": Promise(
        gets="quotes, found by words alone",
        longer=_question,
        metrics=(_lacks("embedder"), _lacks("reranker"), _lacks("model")),
        degraded=("embedder", "reranker", "model"),
        reasons=OF_PROVIDER,
    ),
    "entailment": Promise(
        gets="an answer; rules alone judge, and what only a model could confirm is withheld",
        longer=_entailment,
        metrics=(_lacks("entailment"),),
        degraded=("entailment",),
        reasons=OF_PROVIDER,
    ),
    "redis": Promise(
        gets="an answer; allowances are counted in each process",
        longer=lambda _: ASKS_OF_REDIS * REDIS_SECONDS,
        metrics=(
            Metric("ai_agent_limiter_fallbacks_total"),
            Metric("ai_agent_query_vectors_total", {"outcome": "away"}),
        ),
    ),
    "postgres": Promise(
        gets="503, Retry-After: no row of the audit trail, no answer",
        longer=lambda limits: limits.transaction + GOODBYE_SECONDS,
        metrics=_refusal("store_away"),
        refused=True,
    ),
    "monolith": Promise(
        gets="503, Retry-After: no text is kept here",
        longer=lambda limits: ASKS_OF_MONOLITH * limits.request_timeout,
        metrics=_refusal("source_away"),
        refused=True,
    ),
}


CELLS: tuple[tuple[Part, Fault], ...] = tuple(
    (part, fault)
    for part in CONTRACT
    for fault in FAULTS
    # Together, as when the provider is down or unreachable; alone each of them meets the rest.
    if part != "all models" or fault in ("failing", "half-open")
)


def as_markdown() -> str:
    """The table of operating.md, with the waits by the default settings."""
    return "\n".join(_rows())


def _rows() -> Iterator[str]:
    yield "| away | a question gets | `degraded` | later by at most | what moves |"
    yield "|---|---|---|---|---|"
    for part, promise in CONTRACT.items():
        lacks = ", ".join(promise.degraded) or ("–" if promise.refused else "nothing")
        seconds = f"{promise.longer(Limits()):.2g} s"
        yield f"| {part} | {promise.gets} | {lacks} | {seconds} | {_shown(promise)} |"


def _shown(promise: Promise) -> str:
    """Where all parts of a kind move the same counter, it is named once."""
    if len({metric.name for metric in promise.metrics}) < len(promise.metrics):
        return "the three above"
    return ", ".join(metric.shown for metric in promise.metrics)
