"""The dashboards: each query asks for what there is, everything that is measured is shown, and nothing overlaps."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from tests.unit.monitoring.asking import DASHBOARDS, HELM, faults, panels, queries, selectors, shown

NAMES = [path.stem for path in sorted(DASHBOARDS.glob("*.json"))]


def read(name: str) -> dict[str, Any]:
    return json.loads((DASHBOARDS / f"{name}.json").read_text())


def test_the_chart_carries_each_of_them():
    """A file that the template does not name would reach nobody."""
    template = (HELM / "templates" / "dashboards.yaml").read_text()
    listed = re.search(r"range \$name := list ([^}]*?) }}", template)
    assert listed
    assert sorted(re.findall(r'"(\w+)"', listed[1])) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_its_queries_ask_for_what_there_is(name):
    """Names, labels and buckets exist, what every process shows counts once, and the chosen namespaces confine it."""
    asked = [query for panel in panels(name) for query in queries(panel)]
    assert [fault for query in asked for fault in faults(query)] == []
    assert all(
        one.matchers.get("namespace") == "$namespace" for query in asked for one in selectors(query)
    )


def test_everything_that_is_measured_is_shown():
    """A metric that no dashboard has is looked at by nobody."""
    ends = re.compile(r"_(total|bucket|sum|count)$")
    asked = {
        ends.sub("", one.name)
        for name in NAMES
        for panel in panels(name)
        for query in queries(panel)
        for one in selectors(query)
    }
    assert {ends.sub("", name) for name in shown()} - asked == set()


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_read(name):
    """Each panel has a title and a unit, takes the chosen data source, and lies on no other."""
    drawn = panels(name)
    assert len({panel["title"] for panel in drawn}) == len(drawn)
    assert {panel["datasource"]["uid"] for panel in drawn} == {"${datasource}"}
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in drawn)
    squares = [squares_of(panel) for panel in read(name)["panels"]]
    assert all(one.isdisjoint(other) for one, other in combinations(squares, 2))
    assert {x for one in squares for x, _ in one} == set(range(24))


def squares_of(panel: dict[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    across = range(place["x"], place["x"] + place["w"])
    return {(x, y) for x in across for y in range(place["y"], place["y"] + place["h"])}


def test_each_is_found_by_itself():
    """Grafana tells dashboards apart by uid and by title."""
    assert (
        len({read(name)["uid"] for name in NAMES})
        == len({read(name)["title"] for name in NAMES})
        == 4
    )


FAULTY = {
    "ai_agent_querys_total": "no such metric",
    'sum(rate(ai_agent_queries_total{outcome="x"}[5m]))': "has no label outcome",
    "sum by (reason) (rate(ai_agent_queries_total[5m]))": "no such label here",
    "sum(ai_agent_queries_total)": "only worth its growth",
    "sum(ai_ingest_open_work)": "only the highest counts",
    'sum(rate(ai_agent_query_duration_seconds_bucket{le="10"}[5m]))': "has no bucket 10",
}


@pytest.mark.parametrize("query", FAULTY)
def test_a_faulty_query_would_be_found_out(query):
    """The tests of rules, runbooks and dashboards have teeth."""
    assert FAULTY[query] in " ".join(faults(query))
