"""Every set of values makes manifests that Kubernetes takes."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import kubernetes_validate
import pytest
import typer
import yaml

from service import cli
from service.commands.serving import server_config
from tests.helm.chart import HELM, REQUIRED, SETS, Chart, Rendered

OLDEST, NEWEST = "1.29.0", "1.37.0"
"""The Kubernetes that Chart.yaml asks for, and the newest whose schemas we have."""
# What Kubernetes itself has no schema for, and the parts that an operator's own schema demands.
OPERATORS = {
    "monitoring.coreos.com/v1 PodMonitor": {"selector", "podMetricsEndpoints"},
    "monitoring.coreos.com/v1 PrometheusRule": {"groups"},
    "external-secrets.io/v1 ExternalSecret": {"secretStoreRef", "target", "dataFrom"},
}


def _kind(manifest):
    return f"{manifest['apiVersion']} {manifest['kind']}"


@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
def test_kubernetes_takes_every_manifest(rendered: Rendered, kubernetes):
    """Each is valid by the schema of its kind, with no field that the schema does not know."""
    for one in rendered.manifests:
        if _kind(one) not in OPERATORS:
            kubernetes_validate.validate(one, kubernetes, strict=True)


def test_the_oldest_kubernetes_is_the_one_asked_for():
    """What Helm refuses to install on is what the schemas were not asked about."""
    asked_for = yaml.safe_load((HELM / "Chart.yaml").read_text())["kubeVersion"]
    assert asked_for == f">={OLDEST}-0"


def test_operators_take_theirs(rendered: Rendered):
    """What an operator reads has the parts that it demands, and none is empty."""
    for one in rendered.manifests:
        if _kind(one) in OPERATORS:
            assert all(one["spec"].get(part) for part in OPERATORS[_kind(one)])


def test_a_broken_manifest_is_noticed(chart: Chart):
    """The schemas are really asked: a Deployment without its selector, or with a field of its own, is none."""
    api = chart.render(REQUIRED).named("Deployment", "pazpaz-ai")
    unselective = {name: value for name, value in api["spec"].items() if name != "selector"}
    for broken in (unselective, {**api["spec"], "replica": 2}):
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**api, "spec": broken}, NEWEST, strict=True)


def test_no_two_things_have_one_name(rendered: Rendered):
    """Nothing overwrites something else of the release, and names fit where Kubernetes makes labels of them."""
    names = [(_kind(one), one["metadata"]["name"]) for one in rendered.manifests]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)


def test_long_release_names_fit(chart: Chart):
    """The longest name that Helm allows still makes names that Kubernetes allows."""
    for one in chart.render(
        *SETS["everything"], {"fullnameOverride": ""}, release="r" * 53
    ).manifests:
        assert len(one["metadata"]["name"]) <= 63


def test_selectors_meet_pods(rendered: Rendered):
    """Every Deployment, Service, budget and monitor selects pods that there are."""
    pods = [pod["metadata"]["labels"] for _, pod in rendered.pods()]
    for one in rendered.of("Deployment", "Service", "PodDisruptionBudget", "PodMonitor"):
        selector = one["spec"]["selector"]
        wanted = selector.get("matchLabels", selector)
        assert any(wanted.items() <= labels.items() for labels in pods), one["metadata"]["name"]


def test_everything_is_switched_on(chart: Chart):
    """The fullest set leaves no template out, so that none is untested."""
    full = chart.render(*SETS["everything"])
    assert full.empty == []
    kinds = {one["kind"] for one in full.manifests}
    assert kinds >= {
        "Deployment", "Service", "ServiceAccount", "Job", "Pod", "HorizontalPodAutoscaler", "PodDisruptionBudget",
        "NetworkPolicy", "Ingress", "ExternalSecret", "PodMonitor", "PrometheusRule",
    }  # fmt: skip


def test_replicas_are_left_to_the_autoscaler(chart: Chart):
    """An upgrade would undo what it decided; without one, the values say how many."""
    for name in ("pazpaz-ai", "pazpaz-ai-worker"):
        assert "replicas" not in chart.render(*SETS["ha"]).named("Deployment", name)["spec"]
        assert chart.render(REQUIRED).named("Deployment", name)["spec"]["replicas"]


def test_workers_are_added_by_the_age_of_open_work(chart: Chart):
    """An external metric stands beside processor time, with the name that the service gives it."""
    scaler = chart.render(*SETS["everything"]).named("HorizontalPodAutoscaler", "assistant-worker")
    cpu, lag = scaler["spec"]["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    assert lag["external"]["metric"]["name"] == "ai_ingest_lag_seconds"
    assert lag["external"]["target"] == {"type": "Value", "value": "90"}


def test_the_service_takes_what_the_chart_tells_it(rendered: Rendered, settings_of):
    """A start with the variables of a pod is not refused, and each port is the one that the pod declares."""
    for one, pod in rendered.pods():
        (container,) = pod["spec"]["containers"]
        if container.get("args") in (["serve"], ["worker"]):
            settings = settings_of(container)
            told = {settings.port, settings.internal_port, settings.worker_port}
            assert {port["containerPort"] for port in container["ports"]} <= told, one["metadata"][
                "name"
            ]


def test_postgres_is_checked_by_whoever_speaks_to_it(chart: Chart):
    """The certificates for `verify-full` are in each pod that has a login, at the path that it is told."""
    full = chart.render(*SETS["everything"])
    told = {}
    for one, pod in full.pods():
        (container,) = pod["spec"]["containers"]
        env = {each["name"]: each.get("value") for each in container.get("env", [])}
        if path := env.get("PGSSLROOTCERT"):
            told[one["metadata"]["name"]] = path
            folder, _, name = path.rpartition("/")
            (mount,) = (each for each in container["volumeMounts"] if each["mountPath"] == folder)
            (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == mount["name"])
            assert {"key": name, "path": name} in volume["secret"]["items"]
    assert told.keys() == {
        "assistant", "assistant-worker", "assistant-migrate", "assistant-backfill-1",
    }  # fmt: skip
    assert "PGSSLROOTCERT" not in str(chart.render(REQUIRED).manifests)


@pytest.mark.parametrize("seconds", [5, 45, 52.5, 58])
@pytest.mark.parametrize("drain", [None, 0, 12.5])
def test_a_stream_is_drained_before_it_is_killed(chart: Chart, settings_of, seconds, drain):
    """After SIGTERM and the drain a question has all its seconds, and Kubernetes waits longer than the server does."""
    config = {"QUESTION_SECONDS": seconds} | ({} if drain is None else {"DRAIN_SECONDS": drain})
    api = chart.render(REQUIRED, {"config": config}).named("Deployment", "pazpaz-ai")
    pod = api["spec"]["template"]["spec"]
    settings = settings_of(pod["containers"][0])
    waits = settings.drain_seconds + server_config(None, settings).timeout_graceful_shutdown
    assert waits > seconds
    assert pod["terminationGracePeriodSeconds"] >= waits + 5


def test_a_pod_outlives_connections_to_it(chart: Chart, settings_of):
    """Endpoints are a second or two late, and what PazPaz's client keeps idle is given up before the ports close."""
    api = chart.render(REQUIRED).named("Deployment", "pazpaz-ai")
    (container,) = api["spec"]["template"]["spec"]["containers"]
    assert settings_of(container).drain_seconds >= httpx.Limits().keepalive_expiry + 2
    assert (
        "lifecycle" not in container
    )  # a pause before SIGTERM, in which no connection would be given up


def test_migrations_come_first(chart: Chart):
    """The Job waits for its way to the database and for its Secret, and everything else waits for the Job."""
    full = chart.render(*SETS["everything"])
    hooks = [
        one for one in full.manifests if "helm.sh/hook" in one["metadata"].get("annotations", {})
    ]
    before = [
        one
        for one in hooks
        if one["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    ]
    before.sort(key=lambda one: int(one["metadata"]["annotations"]["helm.sh/hook-weight"]))
    assert [one["kind"] for one in before] == [
        "ExternalSecret",
        "ExternalSecret",
        "NetworkPolicy",
        "Job",
    ]


def test_the_notes_say_where_it_is(chart: Chart):
    """Who installed it reads both addresses, and is warned of pods that are open to all."""
    notes = chart.render(REQUIRED).notes
    assert "http://pazpaz-ai.practice.svc:8810\n" in notes
    assert "http://pazpaz-ai.practice.svc:8811\n" in notes
    assert "WARNING" not in notes
    assert "WARNING" in chart.render(REQUIRED, {"networkPolicy": {"enabled": False}}).notes


def test_the_command_line_knows_every_command(chart: Chart):
    """What pods are told to run is what the image can do, options and all."""
    commands = typer.main.get_command(cli.app).commands
    told = [pod["spec"]["containers"][0] for _, pod in chart.render(*SETS["everything"]).pods()]
    args = [one["args"] for one in told if "command" not in one]
    assert sorted(one[0] for one in args) == ["backfill", "migrate", "serve", "worker"]
    for name, *options in args:
        commands[name].make_context(name, options)


@pytest.mark.parametrize(("ready", "code"), [(200, 0), (503, 1)])
async def test_a_release_is_tested_for_readiness(chart: Chart, ready, code):
    """`helm test` asks the Service for life and readiness, and fails where a pod is not ready."""
    asked: list[str] = []
    (pod,) = chart.render(REQUIRED).of("Pod")
    script, *told = pod["spec"]["containers"][0]["args"]
    async with answering({"/healthz": 200, "/readyz": ready}, asked) as address:
        urls = [f"http://{address}{urlsplit(one).path}" for one in told]
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, *urls, stdout=DEVNULL, stderr=DEVNULL
        )
        assert await done.wait() == code
    assert asked == ["/healthz", "/readyz"]
    assert {urlsplit(one).hostname for one in told} == {"pazpaz-ai.practice.svc"}
    assert [urlsplit(one).port for one in told] == [8810, 8811]


@asynccontextmanager
async def answering(pages: Mapping[str, int], asked: list[str]) -> AsyncIterator[str]:
    """A server with these pages and statuses; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        asked.append(path)
        writer.write(f"HTTP/1.1 {pages[path]} It\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
