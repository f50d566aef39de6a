"""Who may reach whom: what the policies of a release open, all of it."""

from ipaddress import ip_address, ip_network

import pytest

from tests.helm.chart import REQUIRED, SETS, Chart, Manifest, Refused, Rendered

PAZPAZ = "kubernetes.io/metadata.name=pazpaz app=backend"
POSTGRES = "10.20.0.7/32"
REDIS = "app=redis"
DNS = "kubernetes.io/metadata.name=kube-system k8s-app=kube-dns"
MONITORING = "kubernetes.io/metadata.name=monitoring"
HOME = "app.kubernetes.io/name=pazpaz-ai app.kubernetes.io/instance=pazpaz-ai app.kubernetes.io/component="
NAMES = {(DNS, "UDP", 53), (DNS, "TCP", 53)}
STORES = {(POSTGRES, "TCP", 5432), (REDIS, "TCP", 6379), (PAZPAZ, "TCP", 8000)}
COHERE = {"config": {"MODEL_PROVIDER": "cohere"}}


def applying(rendered: Rendered, labels: dict[str, str]) -> list[Manifest]:
    """The policies that select a pod."""
    policies = rendered.of("NetworkPolicy")
    return [
        one
        for one in policies
        if one["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    ]


def opened(rendered: Rendered, component: str, direction: str) -> set[tuple[str, str, int]]:
    """Every (peer, protocol, port) that a component's pods may be reached by (ingress) or reach (egress)."""
    side = {"ingress": "from", "egress": "to"}[direction]
    return {
        (described(peer), port["protocol"], port["port"])
        for policy in applying(rendered, labels_of(rendered, component))
        for rule in policy["spec"].get(direction, [])
        for peer in rule[side]
        for port in rule["ports"]
    }


def labels_of(rendered: Rendered, component: str) -> dict[str, str]:
    name = "app.kubernetes.io/component"
    (labels,) = (
        pod["metadata"]["labels"]
        for _, pod in rendered.pods()
        if pod["metadata"]["labels"][name] == component
    )
    return labels


def described(peer: Manifest) -> str:
    """A peer in one line: its address, or the labels that it must have."""
    if "ipBlock" in peer:
        return peer["ipBlock"]["cidr"]
    labels = [
        peer.get(one, {}).get("matchLabels", {}) for one in ("namespaceSelector", "podSelector")
    ]
    return " ".join(f"{key}={value}" for one in labels for key, value in one.items())


def test_every_pod_is_closed_both_ways(rendered: Rendered):
    """Each pod, jobs and tests among them, is selected by a policy that opens nothing, and by one of its own."""
    for one, pod in rendered.pods():
        applied = applying(rendered, pod["metadata"]["labels"])
        assert all(policy["spec"]["policyTypes"] == ["Ingress", "Egress"] for policy in applied)
        closing = [
            policy for policy in applied if not policy["spec"].keys() & {"ingress", "egress"}
        ]
        assert closing, one["metadata"]["name"]
        assert len(applied) == 2, one["metadata"]["name"]


def test_no_rule_is_open_to_all(rendered: Rendered):
    """Every rule names its peers and its ports: one without opens everything."""
    for policy in rendered.of("NetworkPolicy"):
        for side, direction in (("from", "ingress"), ("to", "egress")):
            for rule in policy["spec"].get(direction, []):
                assert rule[side]
                assert rule["ports"]
                assert all(peer and {} not in peer.values() for peer in rule[side])


def test_the_api_is_reached_by_pazpaz_and_by_monitoring(chart: Chart):
    """PazPaz asks and posts events; Prometheus, and a release's own test, read the internal port."""
    assert opened(chart.render(REQUIRED), "api", "ingress") == {
        (PAZPAZ, "TCP", 8810),
        (PAZPAZ, "TCP", 8811),
        (MONITORING, "TCP", 8811),
        (HOME + "test", "TCP", 8810),
        (HOME + "test", "TCP", 8811),
    }


def test_the_worker_is_reached_by_monitoring_alone(chart: Chart):
    """It serves nothing but its metrics."""
    assert opened(chart.render(REQUIRED), "worker", "ingress") == {(MONITORING, "TCP", 8812)}


def test_nobody_reads_metrics_where_none_is_named(chart: Chart):
    """Without peers for monitoring the worker is reached by nobody."""
    closed = chart.render(REQUIRED, {"networkPolicy": {"monitoring": {"peers": []}}})
    assert opened(closed, "worker", "ingress") == set()
    assert MONITORING not in {peer for peer, _, _ in opened(closed, "api", "ingress")}


def test_jobs_are_reached_by_nobody(chart: Chart):
    """A migration, a backfill and a test only go out."""
    full = chart.render(*SETS["everything"])
    assert [opened(full, one, "ingress") for one in ("migrate", "backfill", "test")] == [set()] * 3


def test_an_ingress_reaches_questions_only(chart: Chart):
    """The controller may come in at the port of the API, and the Ingress shows nothing else of it."""
    full = chart.render(*SETS["everything"])
    controller = "kubernetes.io/metadata.name=ingress-nginx"
    assert {port for peer, _, port in opened(full, "api", "ingress") if peer == controller} == {
        8810
    }
    (ingress,) = full.of("Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/api/"]
    assert rule["host"] in ingress["spec"]["tls"][0]["hosts"]


@pytest.mark.parametrize("component", ["api", "worker"])
def test_with_local_models_nothing_leaves_the_house(chart: Chart, component):
    """Names, the two stores and PazPaz, and no way out."""
    assert opened(chart.render(REQUIRED), component, "egress") == NAMES | STORES


def test_a_migration_reaches_its_database_alone(chart: Chart):
    """It gets the login that owns the tables, and no way to take anything elsewhere."""
    assert opened(chart.render(REQUIRED, COHERE), "migrate", "egress") == NAMES | {
        (POSTGRES, "TCP", 5432)
    }


def test_a_release_test_reaches_the_api_alone(chart: Chart):
    """Both ports of the Service, and the names to find it by."""
    api = {(HOME + "api", "TCP", 8810), (HOME + "api", "TCP", 8811)}
    assert opened(chart.render(REQUIRED), "test", "egress") == NAMES | api


@pytest.mark.parametrize(
    "config",
    [
        {"MODEL_PROVIDER": "cohere"},
        {"EMBEDDING_MODEL": "cohere/embed-v4.0/1024"},
        {"OPENAI_BASE_URL": "https://models.example"},
        {"JWKS_URL": "https://pazpaz.example/jwks", "TOKEN_ISSUER": "pazpaz"},
    ],
)
def test_a_provider_is_reached_outside_alone(chart: Chart, config):
    """443 is open to the world, and no private address, nor the cloud's metadata service, is part of the world."""
    outside = chart.render(REQUIRED, {"config": config})
    for component in ("api", "worker"):
        world = opened(outside, component, "egress") - NAMES - STORES
        assert world == {("0.0.0.0/0", "TCP", 443), ("::/0", "TCP", 443)}
    assert admitted(outside, "104.18.0.1")
    assert admitted(outside, "2606:4700::1")
    for private in (
        "10.0.0.1",
        "172.31.255.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "127.0.0.1",
        "fd00::1",
        "fe80::1",
        "::1",
    ):
        assert not admitted(outside, private), private


def admitted(rendered: Rendered, address: str) -> bool:
    """Whether an api's pod may open a connection to port 443 of an address."""
    where = ip_address(address)
    blocks = [
        peer["ipBlock"]
        for policy in applying(rendered, labels_of(rendered, "api"))
        for rule in policy["spec"].get("egress", [])
        if {"protocol": "TCP", "port": 443} in rule["ports"]
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    return any(
        where in ip_network(block["cidr"])
        and not any(where in ip_network(one) for one in block.get("except", []))
        for block in blocks
    )


def test_a_gateway_is_the_only_way_out_where_there_is_one(chart: Chart):
    """With peers for the provider, the world is closed."""
    gateway = {"peers": [{"podSelector": {"matchLabels": {"app": "gateway"}}}], "ports": [3128]}
    closed = chart.render(REQUIRED, COHERE, {"networkPolicy": {"provider": gateway}})
    assert opened(closed, "api", "egress") == NAMES | STORES | {("app=gateway", "TCP", 3128)}


def test_the_token_keys_are_reached_where_they_are(chart: Chart):
    """Peers of their own take the world away, and stand beside those of a gateway."""
    config = {"config": {"JWKS_URL": "https://pazpaz.example/jwks", "TOKEN_ISSUER": "pazpaz"}}
    jwks = {"peers": [{"podSelector": {"matchLabels": {"app": "sign-in"}}}], "ports": [8443]}
    alone = chart.render(REQUIRED, config, {"networkPolicy": {"jwks": jwks}})
    assert opened(alone, "api", "egress") == NAMES | STORES | {("app=sign-in", "TCP", 8443)}
    gateway = {"peers": [{"podSelector": {"matchLabels": {"app": "gateway"}}}], "ports": [3128]}
    both = chart.render(
        REQUIRED, COHERE, config, {"networkPolicy": {"jwks": jwks, "provider": gateway}}
    )
    assert opened(both, "api", "egress") == NAMES | STORES | {
        ("app=sign-in", "TCP", 8443),
        ("app=gateway", "TCP", 3128),
    }


def test_further_ways_out_are_added(chart: Chart):
    """A collector of traces is reached by what does the work, and by nothing else."""
    full = chart.render(*SETS["everything"])
    collector = ("app=collector", "TCP", 4317)
    assert all(collector in opened(full, one, "egress") for one in ("api", "worker", "backfill"))
    assert not any(collector in opened(full, one, "egress") for one in ("migrate", "test"))


def test_one_port_for_all_is_possible(chart: Chart):
    """Without an internal port, events, metrics and readiness are asked for at the only one."""
    one = chart.render(REQUIRED, {"service": {"internalPort": 0}})
    assert {port for _, _, port in opened(one, "api", "ingress")} == {8810}
    (service,) = one.of("Service")
    assert [port["name"] for port in service["spec"]["ports"]] == ["http"]


def test_policies_can_be_left_to_another_tool(chart: Chart):
    """Switched off, none is made, and no peer must be named."""
    without = {
        "enabled": False,
        "pazpaz": {"peers": []},
        "postgres": {"peers": []},
        "redis": {"peers": []},
    }
    assert not chart.render(REQUIRED, {"networkPolicy": without}).of("NetworkPolicy")


def test_a_peer_that_is_everybody_is_refused(chart: Chart):
    """An empty peer, or one with a word that NetworkPolicies do not have, is a mistake."""
    for peer in ({}, {"cidr": "10.0.0.0/8"}):
        with pytest.raises(Refused, match=r"networkPolicy\.redis\.peers"):
            chart.render(REQUIRED, {"networkPolicy": {"redis": {"peers": [peer]}}})
