"""The alerts: each fires for what it is for, stays silent for what it is not, and asks for what there is."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.prometheus import tool
from tests.unit.monitoring.asking import HELM, RULES, RUNBOOKS, alerts, faults


@dataclass(frozen=True)
class Case:
    """Series in promtool's notation, a value a step, and what fires then.

    Each case has a namespace of its own beside all others, so that a label that was lost would show.
    """

    alert: str
    series: dict[str, str]
    at: int = 30
    fires: tuple[str, ...] = ("warning",)
    more: Mapping[str, str] = field(default_factory=dict)
    """Labels of the alert beside namespace and severity."""
    step: int = 1
    """Minutes between two values."""


def grows(a_minute: float, minutes: int = 60, start: float = 0) -> str:
    """A counter."""
    return f"{start}+{a_minute}x{minutes}"


def stays(value: float, minutes: int = 60) -> str:
    return f"{value}x{minutes}"


def failed(code: str = "source_away") -> str:
    return f'ai_agent_chats_failed_total{{code="{code}"}}'


ANSWERED = 'ai_agent_queries_total{language="en",status="answered"}'
REFUSED = 'ai_agent_queries_total{language="en",status="allowance_used"}'
ALL, QUICK = (
    "ai_agent_query_duration_seconds_count",
    'ai_agent_query_duration_seconds_bucket{le="10.0"}',
)
BLIND = "PazPazAiNoMetrics"
"""Fires where there is nothing, so its cases stand alone."""
NOW_AND_THEN = "0x20 1x100"
DAY = 24 * 6  # steps of ten minutes

CASES = {
    "fail: an outage": Case(
        "PazPazAiAnswersFail",
        {ANSWERED: grows(0), failed(): grows(2)},
        fires=("critical", "warning"),
    ),
    "fail: a tenth of them": Case(
        "PazPazAiAnswersFail",
        {ANSWERED: grows(9, 90), failed("internal"): grows(1, 90)},
        at=80,
        fires=("critical", "warning"),
    ),
    "fail: two in a hundred, for long": Case(
        "PazPazAiAnswersFail",
        {ANSWERED: grows(9.8, 3 * DAY), failed(): grows(0.2, 3 * DAY)},
        at=3 * 1440,
        step=10,
    ),
    "fail: three of a thousand": Case(
        "PazPazAiAnswersFail",
        {ANSWERED: grows(99.7, DAY), failed(): grows(0.3, DAY)},
        at=1440,
        step=10,
        fires=(),
    ),
    "fail: a twentieth, for an hour after five good ones": Case(
        "PazPazAiAnswersFail",
        {ANSWERED: grows(95, 80), failed(): "0x67 0+5x12"},
        at=400,
        step=5,
    ),
    "fail: one at night": Case(
        "PazPazAiAnswersFail", {ANSWERED: stays(7), failed(): NOW_AND_THEN}, fires=()
    ),
    "fail: refused by rule": Case(
        "PazPazAiAnswersFail", {ANSWERED: grows(1), REFUSED: grows(9), failed(): stays(0)}, fires=()
    ),
    "fail: over since half an hour": Case(
        "PazPazAiAnswersFail",
        {ANSWERED: grows(1, 90), failed(): "0+1x30 30x60"},
        at=75,
        fires=("warning",),
    ),
    "slow: nearly all": Case(
        "PazPazAiAnswersSlow",
        {ALL: grows(1), QUICK: grows(0.1)},
        at=40,
        fires=("critical", "warning"),
    ),
    "slow: a fifth, for long": Case(
        "PazPazAiAnswersSlow",
        {ALL: grows(1, DAY), QUICK: grows(0.8, DAY)},
        at=1440,
        step=10,
    ),
    "slow: one in fifty": Case(
        "PazPazAiAnswersSlow",
        {ALL: grows(1, DAY), QUICK: grows(0.98, DAY)},
        at=1440,
        step=10,
        fires=(),
    ),
    "slow: half of them, for an hour after five good ones": Case(
        "PazPazAiAnswersSlow",
        {ALL: grows(100, 80), QUICK: "0+100x68 6850+50x11"},
        at=400,
        step=5,
    ),
    "slow: three at night": Case(
        "PazPazAiAnswersSlow", {ALL: "0x20 3x100", QUICK: "0x120"}, fires=()
    ),
    "degraded": Case(
        "PazPazAiDegraded",
        {ANSWERED: grows(1), 'ai_agent_queries_total{status="degraded"}': grows(0.2)},
        at=50,
    ),
    "degraded: now and then": Case(
        "PazPazAiDegraded",
        {ANSWERED: grows(1), 'ai_agent_queries_total{status="degraded"}': grows(0.05)},
        at=50,
        fires=(),
    ),
    "breaker": Case(
        "PazPazAiBreakerOpen",
        {'ai_circuit_breaker_open{circuit_breaker="cohere.embed"}': stays(1)},
        more={"circuit_breaker": "cohere.embed"},
    ),
    "breaker: for a minute": Case(
        "PazPazAiBreakerOpen",
        {'ai_circuit_breaker_open{circuit_breaker="cohere.embed"}': "0x27 1 0x60"},
        fires=(),
    ),
    "budget": Case(
        "PazPazAiBudgetUsedUp", {"ai_agent_budget_exhausted_total": NOW_AND_THEN}, fires=("info",)
    ),
    "budget: never": Case(
        "PazPazAiBudgetUsedUp", {"ai_agent_budget_exhausted_total": stays(5)}, fires=()
    ),
    "redis": Case("PazPazAiRedisAway", {"ai_agent_limiter_fallbacks_total": grows(1)}),
    "redis: was away yesterday": Case(
        "PazPazAiRedisAway", {"ai_agent_limiter_fallbacks_total": stays(9)}, fires=()
    ),
    "lag": Case("PazPazAiIngestLag", {"ai_ingest_lag_seconds": stays(1000)}),
    "lag: ten minutes": Case("PazPazAiIngestLag", {"ai_ingest_lag_seconds": stays(600)}, fires=()),
    "dead letters": Case("PazPazAiDeadLetters", {"ai_ingest_dead_letters": stays(1)}),
    "dead letters: none": Case(
        "PazPazAiDeadLetters", {"ai_ingest_dead_letters": stays(0)}, fires=()
    ),
    "worker: hangs": Case(
        "PazPazAiWorkerGone",
        {
            'ai_worker_turned_timestamp_seconds{pod="worker"}': stays(300),
            'ai_worker_turned_timestamp_seconds{pod="api"}': stays(0),
        },
        fires=("critical",),
    ),
    "worker: gone, only the api is there": Case(
        "PazPazAiWorkerGone",
        {'ai_worker_turned_timestamp_seconds{pod="api"}': stays(0)},
        fires=("critical",),
    ),
    "worker: one of two": Case(
        "PazPazAiWorkerGone",
        {
            'ai_worker_turned_timestamp_seconds{pod="one"}': stays(300),
            'ai_worker_turned_timestamp_seconds{pod="two"}': "0+60x60",
            'ai_worker_turned_timestamp_seconds{pod="api"}': stays(0),
        },
        fires=(),
    ),
    "source": Case(
        "PazPazAiSourceAway", {'ai_ingest_errors_total{error_type="source_away"}': grows(1)}
    ),
    "source: another error": Case(
        "PazPazAiSourceAway",
        {
            'ai_ingest_errors_total{error_type="internal"}': grows(1),
            'ai_ingest_errors_total{error_type="source_away"}': stays(4),
        },
        fires=(),
    ),
    "events": Case(
        "PazPazAiEventsRefused", {'ai_ingest_events_refused_total{reason="signature"}': grows(1)}
    ),
    "events: malformed": Case(
        "PazPazAiEventsRefused",
        {
            'ai_ingest_events_refused_total{reason="malformed"}': grows(1),
            'ai_ingest_events_refused_total{reason="signature"}': NOW_AND_THEN,
        },
        fires=(),
    ),
    "feed": Case("PazPazAiFeedStale", {'ai_schedule_age_seconds{chore="feed"}': grows(60)}),
    "feed: another chore": Case(
        "PazPazAiFeedStale",
        {
            'ai_schedule_age_seconds{chore="feed"}': stays(61),
            'ai_schedule_age_seconds{chore="retention"}': stays(3600),
        },
        fires=(),
    ),
    "reconcile": Case(
        "PazPazAiNotReconciled", {'ai_schedule_age_seconds{chore="reconcile"}': stays(130_000)}
    ),
    "reconcile: yesterday": Case(
        "PazPazAiNotReconciled",
        {'ai_schedule_age_seconds{chore="reconcile"}': stays(90_000)},
        fires=(),
    ),
    "drift": Case(
        "PazPazAiDrift",
        {'ai_reconcile_differences_total{fault="missed"}': NOW_AND_THEN},
        fires=("info",),
    ),
    "drift: none": Case(
        "PazPazAiDrift", {'ai_reconcile_differences_total{fault="missed"}': stays(3)}, fires=()
    ),
    "chore": Case(
        "PazPazAiChoreFails",
        {'ai_schedule_failures_total{chore="receipts"}': grows(0.1, 120)},
        at=100,
        more={"chore": "receipts"},
    ),
    "chore: twice": Case(
        "PazPazAiChoreFails",
        {'ai_schedule_failures_total{chore="feed"}': "0x10 1x5 2x100"},
        fires=(),
    ),
    "no page": Case(BLIND, {"up": stays(0)}, fires=("critical",)),
    "no page: a worker's is there": Case(BLIND, {"ai_ingest_open_work": stays(0)}, fires=()),
    "database": Case(
        "PazPazAiDatabaseAway",
        {'ai_state_read_timestamp_seconds{pod="api"}': "0+60x10 600x60"},
        fires=("critical",),
    ),
    "database: one process reads it": Case(
        "PazPazAiDatabaseAway",
        {
            'ai_state_read_timestamp_seconds{pod="api"}': stays(0),
            'ai_state_read_timestamp_seconds{pod="worker"}': "0+60x60",
        },
        fires=(),
    ),
    "restoring": Case("PazPazAiRestoring", {"ai_restoring": stays(1)}, fires=("critical",)),
    "restoring: not": Case("PazPazAiRestoring", {"ai_restoring": stays(0)}, fires=()),
    "audit": Case(
        "PazPazAiAuditBroken", {"ai_audit_chains_broken": "0x29 1x60"}, fires=("critical",)
    ),
    "audit: whole": Case("PazPazAiAuditBroken", {"ai_audit_chains_broken": stays(0)}, fires=()),
    "forwarding": Case("PazPazAiAuditWaiting", {"ai_audit_waiting": stays(20_000)}, at=45),
    "forwarding: a busy morning": Case(
        "PazPazAiAuditWaiting", {"ai_audit_waiting": "20000x20 5x60"}, at=45, fires=()
    ),
    "refused rows": Case(
        "PazPazAiAuditRefused", {'ai_audit_forwarded_total{outcome="refused"}': "0x30 1x60"}, at=45
    ),
    "refused rows: all are taken": Case(
        "PazPazAiAuditRefused",
        {
            'ai_audit_forwarded_total{outcome="taken"}': grows(5),
            'ai_audit_forwarded_total{outcome="refused"}': stays(3),
        },
        fires=(),
    ),
    "no events": Case(
        "PazPazAiEventsMissing", {'ai_ingest_feed_events_total{outcome="new"}': grows(1)}, at=45
    ),
    "no events: some arrive": Case(
        "PazPazAiEventsMissing",
        {
            'ai_ingest_feed_events_total{outcome="new"}': grows(1),
            'ai_ingest_events_accepted_total{entity="sessions"}': grows(0.2),
        },
        at=45,
        fires=(),
    ),
    "no events: a quiet night": Case(
        "PazPazAiEventsMissing",
        {'ai_ingest_feed_events_total{outcome="new"}': stays(7)},
        at=45,
        fires=(),
    ),
    "key": Case("PazPazAiSigningKeyOld", {"ai_signing_key_age_seconds": stays(32_000_000)}),
    "key: half a year": Case(
        "PazPazAiSigningKeyOld", {"ai_signing_key_age_seconds": stays(16_000_000)}, fires=()
    ),
    "token keys": Case(
        "PazPazAiTokenKeysNotRead",
        {
            'ai_jwks_reads_total{outcome="failed",pod="api"}': grows(1),
            'ai_jwks_reads_total{outcome="read",pod="api"}': stays(4),
        },
        more={"pod": "api"},
    ),
    "token keys: read at last": Case(
        "PazPazAiTokenKeysNotRead",
        {
            'ai_jwks_reads_total{outcome="failed",pod="api"}': grows(1),
            'ai_jwks_reads_total{outcome="read",pod="api"}': grows(0.2),
        },
        fires=(),
    ),
    "certificate": Case("PazPazAiCertificateRefused", {"ai_certificates_refused_total": grows(1)}),
    "certificate: once, long ago": Case(
        "PazPazAiCertificateRefused", {"ai_certificates_refused_total": stays(1)}, fires=()
    ),
}


def as_promtool(cases: Mapping[str, Case], step: int) -> dict[str, object]:
    """A test of promtool's, each case in a namespace of its own; `ALERTS` is the series that alerts are kept as."""
    series = [
        {"series": _within(name, one), "values": values}
        for name, case in cases.items()
        for one, values in case.series.items()
    ]
    asked = [_expected(name, case) for name, case in cases.items()]
    return {"interval": f"{step}m", "input_series": series, "promql_expr_test": asked}


def _within(namespace: str, series: str) -> str:
    bare, _, labels = series.rstrip("}").partition("{")
    return f'{bare}{{namespace="{namespace}"{"," if labels else ""}{labels}}}'


def _expected(namespace: str, case: Case) -> dict[str, object]:
    all_of_it = {"alertname": case.alert, "alertstate": "firing"}
    if case.alert != BLIND:
        all_of_it["namespace"] = namespace
    fires = [{**all_of_it, **case.more, "severity": one} for one in case.fires]
    samples = [{"labels": _alerts(labels), "value": 1} for labels in fires]
    return {"expr": _alerts(all_of_it), "eval_time": f"{case.at}m", "exp_samples": samples}


def _alerts(labels: Mapping[str, str]) -> str:
    return "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' own judge of rules."""
    return tool("promtool")


def test_the_rules_are_rules(promtool):
    """Prometheus takes the file, templates of its annotations included."""
    subprocess.run([promtool, "check", "rules", RULES], check=True, capture_output=True)


def test_each_alert_fires_for_what_it_is_for(promtool, tmp_path: Path):
    """And for nothing else: it is silent where the trouble is another's, is small, or is over."""
    files = [_file(tmp_path, step) for step in {case.step for case in CASES.values()}]
    told = subprocess.run([promtool, "test", "rules", *files], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def _file(folder: Path, step: int) -> Path:
    """The cases of a step: over days, rules are not looked at every minute, or it would take one."""
    path = folder / f"{step}.json"
    cases = {name: case for name, case in CASES.items() if case.step == step}
    alone = [{name: case} for name, case in cases.items() if case.alert == BLIND]
    together = {name: case for name, case in cases.items() if case.alert != BLIND}
    tests = [as_promtool(one, step) for one in [together, *alone]]
    rules = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{step}m",
        "group_eval_order": re.findall(r"- name: (\S+)", RULES.read_text()),
    }
    path.write_text(json.dumps({**rules, "tests": tests}))
    return path


def test_each_alert_is_tried_both_ways():
    """One that never fires, or always does, would be found out."""
    fired = {(case.alert, severity) for case in CASES.values() for severity in case.fires}
    assert fired == {(name, one) for name, severities in alerts().items() for one in severities}
    assert {case.alert for case in CASES.values() if not case.fires} == set(alerts())


def test_rules_ask_for_what_there_is():
    """A misspelled name or label would never fire; what every process shows counts once."""
    queries = expressions()
    assert len(queries) > 30
    assert [fault for query in queries for fault in faults(query)] == []


def expressions() -> list[str]:
    """Of the rules' file, each on one line."""
    found = re.findall(r"expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)", RULES.read_text())
    return [" ".join(block.split()) or line.partition(" # ")[0] for block, line in found]


def test_each_alert_says_how_bad_it_is_and_where_to_read_on():
    """Severity, one line, and the path of its own runbook."""
    for block in RULES.read_text().split("- alert: ")[1:]:
        name = block.splitlines()[0]
        assert re.search(r"severity: (critical|warning|info)\b", block)
        assert re.search(r'summary: "[^"]+"', block)
        assert f"runbook_url: helm/runbooks/{name}.md\n" in block
        assert (RUNBOOKS / f"{name}.md").exists()


def test_the_chart_deploys_the_file_that_is_tested():
    """The template reads it as it is; only the address of the runbooks is put before their names."""
    template = (HELM / "templates" / "alerts.yaml").read_text()
    assert '.Files.Get "rules/pazpaz-ai.yaml"' in template
    assert "expr:" not in template
