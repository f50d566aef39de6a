"""What Prometheus and Grafana are given is what the tests of alerts and dashboards judged."""

import json

import yaml

from tests.helm.chart import HELM, REQUIRED, Chart
from tests.unit.monitoring.asking import DASHBOARDS, RULES

WATCHED = {"alerts": {"enabled": True}, "dashboards": {"enabled": True}}
BOOKS = "https://git.example.org/pazpaz-ai/helm/runbooks"


def test_the_rules_are_those_that_promtool_tried(chart: Chart):
    """No template changes an expression, a wait, a label or a word."""
    deployed = chart.render(REQUIRED, WATCHED).named("PrometheusRule", "pazpaz-ai")
    assert deployed["spec"] == yaml.safe_load(RULES.read_text())


def test_the_runbooks_address_is_put_before_their_names(chart: Chart):
    """With or without a slash at its end; what stands there is a page of this chart."""
    for address in (BOOKS, BOOKS + "/"):
        watched = chart.render(REQUIRED, WATCHED, {"alerts": {"runbooks": address}})
        groups = watched.named("PrometheusRule", "pazpaz-ai")["spec"]["groups"]
        alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
        assert alerts
        for one in alerts:
            folder, _, page = one["annotations"]["runbook_url"].rpartition("/")
            assert folder == BOOKS
            assert (HELM / "runbooks" / page).exists()


def test_the_dashboards_arrive_whole(chart: Chart):
    """One ConfigMap each, for the label that the sidecar looks for; the JSON is the file's."""
    maps = chart.render(REQUIRED, WATCHED).of("ConfigMap")
    arrived = [(name, json.loads(text)) for one in maps for name, text in one["data"].items()]
    files = sorted(DASHBOARDS.glob("*.json"))
    assert sorted(arrived, key=str) == [
        (f"pazpaz-ai-{path.name}", json.loads(path.read_text())) for path in files
    ]
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in maps)
