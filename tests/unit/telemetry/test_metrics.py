"""Metrics: the names PazPaz has today, and labels that name nobody."""

from typing import get_args

from prometheus_client import REGISTRY

from service.ingestion.reconcile import Fault
from service.telemetry import metrics

CLOSED = {
    "language",
    "status",
    "model",
    "error_type",
    "token_type",
    "kind",
    "action",
    "reason",
    "stage",
    "entity",
    "outcome",
    "chore",
    "fault",
    "part",
    "provider",
    "operation",
    "circuit_breaker",
    "from_state",
    "to_state",
    "code",
    "rating",
}

CONTRACT = {
    "ai_agent_queries": ("language", "status"),
    "ai_agent_query_duration_seconds": ("language",),
    "ai_agent_embedding_duration_seconds": ("model",),
    "ai_agent_embedding_errors": ("error_type", "model"),
    "ai_agent_retrieval_duration_seconds": (),
    "ai_agent_sources_retrieved": (),
    "ai_agent_llm_duration_seconds": ("model",),
    "ai_agent_llm_errors": ("error_type", "model"),
    "ai_agent_llm_tokens": ("model", "token_type"),
    "ai_agent_rate_limit_hits": (),
    "ai_agent_citations_returned": (),
    "ai_retries": ("operation",),
    "ai_circuit_breaker_state_changes": ("circuit_breaker", "from_state", "to_state"),
}


def ours() -> dict[str, tuple[str, ...]]:
    found = [metric for metric in vars(metrics).values() if hasattr(metric, "_labelnames")]
    return {metric._name: tuple(metric._labelnames) for metric in found}


def test_no_label_can_name_a_person_or_a_practice():
    """A new label must come from a closed list, and be listed here."""
    labels = {label for names in ours().values() for label in names}
    assert labels <= CLOSED


def test_dashboards_of_today_keep_working():
    """Names and labels are those PazPaz's own code emits."""
    assert {name: ours().get(name) for name in CONTRACT} == CONTRACT


def test_query_times_are_measured_up_to_a_minute():
    """PazPaz's proxy cuts at 60 s, so the buckets reach it."""
    assert max(metrics.QUERY_BUCKETS) == 60
    assert "ai_agent_query_duration_seconds" in {m.name for m in REGISTRY.collect()}


def test_the_first_difference_can_be_alerted_on():
    """Each fault is shown as 0 from the start: an increase counts only in a series that is there."""
    faults = {
        (sample.labels["fault"], sample.name)
        for metric in metrics.RECONCILED.collect()
        for sample in metric.samples
    }
    total = "ai_reconcile_differences_total"
    assert faults >= {(fault, total) for fault in get_args(Fault)}
