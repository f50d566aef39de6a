"""What no pod of this chart may be, whatever the values."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.settings import MigrationSettings, Settings
from tests.helm.chart import HELM, REQUIRED, SETS, VALUES, Chart, Refused, Rendered, merge


def containers(rendered: Rendered):
    for one, pod in rendered.pods():
        assert not pod["spec"].get("initContainers")
        for container in pod["spec"]["containers"]:
            yield f"{one['kind']} {one['metadata']['name']}", container


def test_no_pod_is_privileged(rendered: Rendered):
    """Each meets the `restricted` Pod Security Standard, and can write nowhere but to its volumes."""
    for name, container in containers(rendered):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
    for one, pod in rendered.pods():
        spec = pod["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert not [volume for volume in spec.get("volumes", []) if "hostPath" in volume], one[
            "metadata"
        ]["name"]


def test_no_pod_is_root(rendered: Rendered):
    """The image's own user, and the default system call filter."""
    for one, pod in rendered.pods():
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True, one["metadata"]["name"]
        assert context["runAsUser"] >= 10000
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_no_pod_may_speak_to_kubernetes(rendered: Rendered):
    """None gets a token, by its own word and by its account's."""
    for _, pod in rendered.pods():
        assert pod["spec"]["automountServiceAccountToken"] is False
    assert all(
        one["automountServiceAccountToken"] is False for one in rendered.of("ServiceAccount")
    )
    assert not rendered.of("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def test_every_container_has_its_limits(rendered: Rendered):
    """Memory is bounded and asked for, processor time is asked for; temporary files are bounded as well."""
    for name, container in containers(rendered):
        assert container["resources"]["limits"]["memory"], name
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}, name
    for _, pod in rendered.pods():
        for volume in pod["spec"].get("volumes", []):
            assert volume.get("emptyDir", {"sizeLimit": "none is used"})["sizeLimit"]


def test_limits_stay_when_values_change_them(chart: Chart):
    """Values that take the bound on memory away are refused."""
    for part in ("api", "worker", "migrate", "backfill"):
        with pytest.raises(Refused, match=r'"memory" is a required property'):
            chart.render(REQUIRED, {part: {"resources": {"limits": {"memory": None}}}})


def test_every_server_has_its_probes(rendered: Rendered):
    """Kubernetes learns of each when it is up, whether to send it anything, and whether to start it anew."""
    for one in rendered.of("Deployment"):
        for container in one["spec"]["template"]["spec"]["containers"]:
            assert container.keys() >= {"startupProbe", "readinessProbe", "livenessProbe"}
            ports = {port["name"] for port in container["ports"]}
            probes = [
                value["httpGet"]["port"]
                for key, value in container.items()
                if key.endswith("Probe")
            ]
            assert set(probes) <= ports


def test_every_job_ends(rendered: Rendered):
    """A Job or test that hangs is given up, or goes on where it was; none is started for ever."""
    for one in rendered.of("Job", "Pod"):
        assert "activeDeadlineSeconds" in one["spec"] or one["spec"]["backoffLimit"] < 10


def test_images_are_of_one_version(rendered: Rendered):
    """All run the same image, by a tag that is a version or by digest."""
    images = {container["image"] for _, container in containers(rendered)}
    assert len(images) == 1
    assert re.search(r"(:[0-9]+\.[0-9]+\.[0-9]+|@sha256:[0-9a-f]{64})$", images.pop())


def test_latest_is_refused(chart: Chart):
    """A tag that moves would let two pods of one release run two versions."""
    with pytest.raises(Refused, match=r"image\.tag"):
        chart.render(REQUIRED, {"image": {"tag": "latest"}})


SECRETS = {
    name.upper()
    for settings in (Settings, MigrationSettings)
    for name, field in settings.model_fields.items()
    if "SecretStr" in str(field.annotation) or field.annotation is SecretStr
}


def test_secrets_are_read_from_the_secret(rendered: Rendered):
    """No secret setting stands in a manifest; each is given only to those who need it."""
    assert {"DATABASE_URL", "SECRET_KEY", "OPERATOR_TOKEN", "MIGRATION_DATABASE_URL"} <= SECRETS
    for name, container in containers(rendered):
        for variable in container.get("env", []):
            if variable["name"] in SECRETS:
                assert "value" not in variable, name
                assert variable["valueFrom"]["secretKeyRef"]["name"] == "pazpaz-ai"
    assert not rendered.of("Secret")


def test_each_login_goes_to_its_own_part(rendered: Rendered):
    """The login that owns the tables reaches the migration alone; workers' and the api's are two."""
    entries = {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: {
            variable["valueFrom"]["secretKeyRef"]["key"]
            for variable in pod["spec"]["containers"][0].get("env", [])
            if "valueFrom" in variable
        }
        for one, pod in rendered.pods()
    }
    assert entries["migrate"] == {"MIGRATION_DATABASE_URL"}
    assert entries["test"] == set()
    for part, own, other in (
        ("api", "DATABASE_URL", "WORKER_DATABASE_URL"),
        ("worker", "WORKER_DATABASE_URL", "DATABASE_URL"),
    ):
        assert own in entries[part]
        assert not {other, "MIGRATION_DATABASE_URL"} & entries[part]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_cannot_be_written_into_values(chart: Chart, name):
    """The schema has no place for one, so none ends in a repository of values or in Helm's record of releases."""
    with pytest.raises(Refused, match=name):
        chart.render(REQUIRED, {"config": {name: "anything"}})


def test_draining_a_node_is_never_blocked(rendered: Rendered):
    """A budget lets one pod go, be it the only one; an unhealthy pod holds nobody up."""
    budgets = rendered.of("PodDisruptionBudget")
    assert len(budgets) == 2
    for one in budgets:
        assert one["spec"]["maxUnavailable"] == 1
        assert "minAvailable" not in one["spec"]
        assert one["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_high_availability_survives_a_node(chart: Chart):
    """Three pods of the api and two workers at least, on as many nodes."""
    ha = chart.render(*SETS["ha"])
    for name, least in (("pazpaz-ai", 3), ("pazpaz-ai-worker", 2)):
        assert ha.named("HorizontalPodAutoscaler", name)["spec"]["minReplicas"] == least
        spread = ha.named("Deployment", name)["spec"]["template"]["spec"][
            "topologySpreadConstraints"
        ]
        strict = [
            one["topologyKey"] for one in spread if one["whenUnsatisfiable"] == "DoNotSchedule"
        ]
        assert strict == ["kubernetes.io/hostname"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("image.repository", "image.repository: name the image"),
        ("secret.name", "secret.name: name the Secret"),
        ("secret.signingKeys", "secret.signingKeys: name the Secret"),
        ("config.MONOLITH_URL", "config.MONOLITH_URL: say where"),
        ("networkPolicy.pazpaz.peers", "networkPolicy.pazpaz.peers: say"),
        ("networkPolicy.postgres.peers", "networkPolicy.postgres.peers: say"),
        ("networkPolicy.redis.peers", "networkPolicy.redis.peers: say"),
    ],
)
def test_a_missing_value_is_named(chart: Chart, path, said):
    """Without one of the values that have no default nothing is made, and the message says what is missing."""
    with pytest.raises(Refused, match=re.escape(said)):
        chart.render(REQUIRED, nested(path, None))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ingress": {"enabled": True, "host": "ai.example"}}, "ingress.tlsSecret"),
        ({"ingress": {"enabled": True}, "service": {"internalPort": 0}}, "service.internalPort"),
        (
            {"ingress": {"enabled": True, "host": "ai.example", "tlsSecret": "ai-tls"}},
            "networkPolicy.ingressController.peers",
        ),
        ({"secret": {"hs256": False}}, "no token mode"),
        (
            {
                "secret": {"jwks": "jwks.json"},
                "config": {"JWKS_URL": "https://pazpaz.example/jwks"},
            },
            "two sets of PazPaz's token keys",
        ),
        (
            {"externalSecret": {"enabled": True, "entry": "a", "signingKeysEntry": "b"}},
            "externalSecret.store.name",
        ),
        (
            {"api": {"autoscaling": {"enabled": True, "minReplicas": 9}}},
            "api.autoscaling: maxReplicas",
        ),
        ({"config": {"OPENAI_BASE_URL": "http://vllm:8000"}}, "networkPolicy.provider.peers"),
        (
            {
                "config": {"JWKS_URL": "https://pazpaz.example/jwks", "TOKEN_ISSUER": "pazpaz"},
                "networkPolicy": {"provider": {"peers": [{"ipBlock": {"cidr": "10.9.0.7/32"}}]}},
            },
            "networkPolicy.jwks.peers",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(chart: Chart, values, said):
    """Values that would make something unsafe or useless are refused by name."""
    with pytest.raises(Refused, match=re.escape(said)):
        chart.render(REQUIRED, values)


@pytest.mark.parametrize(
    "path",
    [
        "config.NO_SUCH_SETTING",
        "api.replica",
        "networkpolicy",
        "networkPolicy.postgres.peer",
        "worker.autoscaling.max",
    ],
)
def test_an_unknown_name_is_refused(chart: Chart, path):
    """A word that is misspelt would be ignored in silence."""
    with pytest.raises(Refused, match=path.rsplit(".", 1)[-1]):
        chart.render(REQUIRED, nested(path, 1))


def nested(path: str, value: object) -> dict:
    """{"a": {"b": value}} of "a.b"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def test_values_merge_as_helm_merges_them():
    """Maps by key, lists whole, and null takes away."""
    merged = merge(
        {"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": None}, {"a": {"e": 2}}
    )
    assert merged == {"a": {"b": 1, "c": [3], "e": 2}}


def test_every_set_of_values_is_tried():
    """A file of values that no test renders would rot."""
    tried = {one for values in SETS.values() for one in values if isinstance(one, Path)}
    assert tried == {*HELM.glob("values-*.yaml"), *VALUES.glob("*.yaml")}
