"""What a query of Prometheus asks for, and what the service shows: names, labels, how processes are added up."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.telemetry import metrics

HELM = Path(__file__).parents[3] / "helm"
RULES = HELM / "rules" / "pazpaz-ai.yaml"
RUNBOOKS = HELM / "runbooks"
DASHBOARDS = HELM / "dashboards"

AROUND = {"namespace", "pod", "job", "instance"}
"""Labels that whoever scrapes adds."""
OF_THE_DATABASE = {
    "ai_ingest_open_work",
    "ai_ingest_background_work",
    "ai_ingest_dead_letters",
    "ai_ingest_lag_seconds",
    "ai_schedule_age_seconds",
    "ai_audit_waiting",
    "ai_audit_open_chats",
    "ai_audit_oldest_open_chat_seconds",
    "ai_restoring",
}
"""Every process shows the same: summed, they would count once for each."""

_SELECTOR = re.compile(r"\b(ai_[a-z0-9_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring) \(([^)]*)\)")


def shown() -> Mapping[str, frozenset[str]]:
    """Each series that a page can show, with its labels."""
    series: dict[str, frozenset[str]] = {}
    for metric in vars(metrics).values():
        if not hasattr(metric, "_labelnames"):
            continue
        labels = frozenset(metric._labelnames)
        for end in {"counter": ["_total"], "gauge": [""]}.get(metric._type, ["_sum", "_count"]):
            series[metric._name + end] = labels
        if metric._type == "histogram":
            series[metric._name + "_bucket"] = labels | {"le"}
    return series


def buckets(name: str) -> set[str]:
    """The bounds of a histogram's buckets, as its page writes them."""
    found = next(
        one for one in vars(metrics).values() if getattr(one, "_name", "") + "_bucket" == name
    )
    return {str(bound) for bound in found._upper_bounds}


@dataclass(frozen=True)
class Selector:
    """One series that is asked for, and what stands before it in the query."""

    name: str
    matchers: Mapping[str, str]
    before: str


def selectors(query: str) -> Iterator[Selector]:
    for found in _SELECTOR.finditer(_without_records(query)):
        matchers = {label: value for label, _, value in _MATCHER.findall(found[2] or "")}
        yield Selector(found[1], matchers, found.string[: found.start()])


def _without_records(query: str) -> str:
    return re.sub(r"\bnamespace:[\w:]+", "0", query)


def faults(query: str) -> list[str]:
    """What is wrong with a query: names and labels that nobody shows, and sums that count a thing twice."""
    known, asked = shown(), list(selectors(query))
    wrong = [f"{one.name}: no such metric" for one in asked if one.name not in known]
    there = [one for one in asked if one.name in known]
    labels = AROUND.union(*(known[one.name] for one in there))
    grouped = {name.strip() for found in _GROUPING.findall(query) for name in found.split(",")}
    wrong += [f"{name}: no such label here" for name in sorted(grouped - labels)]
    return wrong + [fault for one in there for fault in _faults(one, known[one.name])]


def _faults(one: Selector, labels: frozenset[str]) -> Iterator[str]:
    for name in one.matchers.keys() - labels - AROUND:
        yield f"{one.name}: has no label {name}"
    if "le" in one.matchers and one.matchers["le"] not in buckets(one.name):
        yield f"{one.name}: has no bucket {one.matchers['le']}"
    if one.name.endswith(("_total", "_bucket", "_sum", "_count")):
        if not one.before.endswith(("rate(", "increase(")):
            yield f"{one.name}: a counter is only worth its growth"
    elif one.name in OF_THE_DATABASE and not re.search(
        r"(max( by \([^)]*\))? ?\(|absent\()$", one.before
    ):
        yield f"{one.name}: the same on every page, so only the highest counts"


def alerts() -> Mapping[str, list[str]]:
    """Each alert by name, with the severities it has."""
    found: dict[str, list[str]] = {}
    for block in RULES.read_text().split("- alert: ")[1:]:
        severity = re.search(r"severity: (\w+)", block)
        assert severity, f"{block.splitlines()[0]} has no severity"
        found.setdefault(block.splitlines()[0], []).append(severity[1])
    return found


def panels(name: str) -> list[dict[str, Any]]:
    """What a dashboard draws; rows are headings."""
    drawn = json.loads((DASHBOARDS / f"{name}.json").read_text())["panels"]
    return [panel for panel in drawn if panel["type"] != "row"]


def queries(panel: Mapping[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]
