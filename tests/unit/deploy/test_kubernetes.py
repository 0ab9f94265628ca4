"""Check deploy/kubernetes without a cluster."""

import base64
import copy
import re
import shlex
import subprocess
import textwrap
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from pydantic import ValidationError

from deploy.docker.accounts import ROLES, USERS
from deploy.kubernetes import generate
from deploy.local.lock import ELASTICSEARCH_VERSION
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch.client import connection
from hashtide.identity import load_keys
from hashtide.kafka.security import security
from hashtide.settings import described, load
from operations.settings import KINDS, OperationsSettings
from producers.settings import ProducerSettings
from stream_jobs.domain.campaign import unhashed_id
from stream_jobs.loading import load_campaigns
from tests.paths import ROOT
from tests.unit.deploy import compose, kubernetes
from tests.unit.deploy.kubernetes import FOLDER, Pod, Resource, named, selects

OLDEST, NEWEST = "1.30", "1.37"
"""Supported versions of Kubernetes, as in docs/kubernetes.md."""

KNOWN = {setting.name for kind in KINDS for setting in described(kind)}

CUSTOM = {
    "ScaledObject": "cloudcoil.models.keda.v1alpha1",
    "TriggerAuthentication": "cloudcoil.models.keda.v1alpha1",
    "PodMonitor": "cloudcoil.models.prometheus_operator.v1",
    "PrometheusRule": "cloudcoil.models.prometheus_operator.v1",
}
"""The modules with the models of the operators' resources, by kind."""

NOT_CHECKED = {"Kafka", "KafkaNodePool", "KafkaUser", "Elasticsearch", "Kibana"}
"""No package has their schemas: see docs/kubernetes.md."""

NOT_BY_US = {
    "hashtide-cluster-ca-cert": {"ca.crt"},  # Strimzi
    "hashtide-setup": {"password"},
    "hashtide-worker": {"password"},
    "hashtide-producer": {"password"},
    "hashtide-keda": {"password"},
    "hashtide-es-http-certs-public": {"ca.crt"},  # ECK
    "hashtide-x": {"token"},  # created by the user, see docs/kubernetes.md
    "hashtide-mastodon": {"tokens"},
}
"""Secrets created by others, and their keys."""

PRODUCERS = {"hashtide-jetstream", "hashtide-x", "hashtide-mastodon"}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Resource]:
    """All resources, as built by kustomize."""
    return kubernetes.build_everything(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def pods(everything: list[Resource]) -> dict[str, Pod]:
    """Our pods, by the name of their owner."""
    return {pod.owner["metadata"]["name"]: pod for pod in kubernetes.pods(everything)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Resource]:
    """The Secrets created by make-secrets."""
    return kubernetes.make_secrets(tmp_path_factory.mktemp("kubernetes") / "secrets")


def test_example_has_everything_except_producers_that_need_a_secret(everything: list[Resource]) -> None:
    def all_of(resources: list[Resource]) -> Counter[tuple[str, str]]:
        return Counter((each["kind"], each["metadata"]["name"]) for each in resources)

    example = kubernetes.build(FOLDER / "overlays/example")
    assert all_of(example) - all_of(everything) == Counter({("Namespace", "hashtide"): 1})
    assert all_of(everything) - all_of(example) == Counter(
        {("StatefulSet", "hashtide-x"): 1, ("StatefulSet", "hashtide-mastodon"): 1}
    )
    assert max(all_of(everything).values()) == 1
    assert {each["metadata"].get("namespace") for each in example if each["kind"] != "Namespace"} == {"hashtide"}


def test_every_file_is_listed_in_a_kustomization() -> None:
    named_files = {
        (file.parent / name).resolve()
        for file in [*FOLDER.rglob("kustomization.yaml"), ROOT / "deploy/campaigns/kustomization.yaml"]
        for part in ("resources", "components")
        for name in compose.loaded(file).get(part, ())
    }
    assert {path for path in named_files if not path.exists()} == set()
    loose = {path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"} - named_files
    assert loose == {FOLDER / "kube-prometheus-stack.yaml"}  # values for Helm


# Schemas of Kubernetes and the operators.


def problems(resource: Resource) -> list[str]:
    """The schema errors of a resource of Kubernetes, or of an operator that has models."""
    found = []
    if resource["kind"] in CUSTOM:
        model = getattr(import_module(CUSTOM[resource["kind"]]), resource["kind"])
        try:
            understood = model.model_validate(resource).model_dump(by_alias=True, exclude_unset=True, mode="json")
        except ValidationError as error:
            return [str(error)]
        return [] if understood == resource else [f"{resource['kind']} has fields that nobody knows"]
    for kubernetes_version in (OLDEST, NEWEST):
        try:
            kubernetes_validate.validate(resource, kubernetes_version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{kubernetes_version}: {error.message}")
    return found


def test_resources_match_their_schemas(everything: list[Resource]) -> None:
    checked = [each for each in everything if each["kind"] not in NOT_CHECKED]
    assert {each["kind"] for each in checked} >= set(CUSTOM) | {"Deployment", "StatefulSet", "Job", "NetworkPolicy"}
    assert {each["metadata"]["name"]: problems(each) for each in checked if problems(each)} == {}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ("spec", "template", "spec", "terminationGracePeriod")),
        ("NetworkPolicy", ("spec", "podSelektor")),
        ("CronJob", ("spec", "timezone")),
        ("ScaledObject", ("spec", "maxReplicas")),
        ("TriggerAuthentication", ("spec", "secretTargetRefs")),
        ("PodMonitor", ("spec", "podMetricsEndpoint")),
        ("PrometheusRule", ("spec", "group")),
    ],
)
def test_schema_check_finds_misspelt_field(everything: list[Resource], kind: str, path: tuple[str, ...]) -> None:
    wrong = copy.deepcopy(next(each for each in everything if each["kind"] == kind))
    at = wrong
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = 1
    assert problems(wrong) != []


def test_servers_have_the_tested_versions(everything: list[Resource]) -> None:
    for kind in ("Elasticsearch", "Kibana"):
        assert named(everything, kind)["hashtide"]["spec"]["version"] == ELASTICSEARCH_VERSION
    assert {each["apiVersion"] for each in everything if each["kind"].startswith("Kafka")} == {"kafka.strimzi.io/v1"}


# Generated files.


def test_alert_rules_match_prometheus_files(everything: list[Resource]) -> None:
    groups = [
        group
        for file in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
        for group in compose.loaded(file)["groups"]
    ]
    built = named(everything, "PrometheusRule")["hashtide"]["spec"]["groups"]
    assert built == groups
    assert "{{ $labels.source }}" in str(built)


def test_generated_files_are_up_to_date() -> None:
    assert generate.RULES.read_text() == generate.rules(), "run `make kubernetes`"
    assert generate.ROLES_SECRET.read_text() == generate.roles(), "run `make kubernetes`"


def test_roles_match_docker(everything: list[Resource]) -> None:
    text = named(everything, "Secret")["hashtide-elasticsearch-roles"]["stringData"]["roles.yml"]
    assert compose.parsed(text) == ROLES


def test_campaigns_match_the_folder(everything: list[Resource]) -> None:
    (campaigns,) = [name for name in named(everything, "ConfigMap") if name.startswith("hashtide-campaigns-")]
    files = {path.name: path.read_text() for path in (ROOT / "deploy/campaigns").glob("*.toml")}
    assert named(everything, "ConfigMap")[campaigns]["data"] == files


# Privileges of our pods.


def test_pods(pods: dict[str, Pod]) -> None:
    assert set(pods) == PRODUCERS | {"hashtide-setup", "hashtide-worker", "hashtide-watch", "hashtide-retention"}
    assert {pod.component for pod in pods.values()} == {"setup", "worker", "watch", "retention", "producer"}


def test_every_pod_meets_restricted_standard(pods: dict[str, Pod]) -> None:
    """Kubernetes' Pod Security Standards, "Restricted", plus a read-only root and no token."""
    for pod in pods.values():
        security = pod.spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 1000)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod.container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod.spec)
        assert {kind for volume in pod.spec["volumes"] for kind in set(volume) - {"name"}} <= {
            "configMap",
            "emptyDir",
            "projected",
        }
        assert pod.spec["automountServiceAccountToken"] is False
        assert pod.spec["serviceAccountName"] == "hashtide"
        assert {"memory"} == set(pod.container["resources"]["limits"])
        assert {"cpu", "memory"} == set(pod.container["resources"]["requests"])


def test_service_links_are_off_to_avoid_wrong_settings(pods: dict[str, Pod]) -> None:
    """Kubernetes' "Accessing the Service": hashtide-watch would be HASHTIDE_WATCH_PORT=tcp://..., a setting."""
    assert "HASHTIDE_WATCH_PORT" in KNOWN
    assert {pod.spec["enableServiceLinks"] for pod in pods.values()} == {False}


def test_service_account_has_no_rights(everything: list[Resource]) -> None:
    assert named(everything, "ServiceAccount")["hashtide"]["automountServiceAccountToken"] is False
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} & {each["kind"] for each in everything}


def test_image_matches_docker_compose(pods: dict[str, Pod]) -> None:
    assert {pod.container["image"] for pod in pods.values()} == {
        service["image"] for service in compose.ours(compose.read()["services"]).values()
    }


def test_example_uses_image_from_a_registry() -> None:
    images = {pod.container["image"] for pod in kubernetes.pods(kubernetes.build(FOLDER / "overlays/example"))}
    assert images == {"registry.example.org/hashtide:0.1.0"}


# Command lines, settings and secrets.


@pytest.mark.parametrize(
    "name", sorted(PRODUCERS | {"hashtide-setup", "hashtide-worker", "hashtide-watch", "hashtide-retention"})
)
def test_every_command_line_is_valid(pods: dict[str, Pod], name: str) -> None:
    words = pods[name].container["args"]
    compose.parse(words)
    assert "command" not in pods[name].container


def test_every_variable_is_a_setting(everything: list[Resource], pods: dict[str, Pod]) -> None:
    variables = {name for pod in pods.values() for name in kubernetes.environment(pod, everything)}
    assert variables - KNOWN == set()
    assert len(variables) >= 10


def test_settings_of_our_pods_load(
    everything: list[Resource], pods: dict[str, Pod], made: dict[str, Resource], tmp_path: Path
) -> None:
    """All that is checked before connecting to a server: types, files, logins, campaigns."""
    for name, pod in pods.items():
        variables = kubernetes.environment(pod, everything)
        for place, (secret, key) in kubernetes.secret_files(pod).items():
            file = tmp_path / name / Path(place).name
            file.parent.mkdir(exist_ok=True)
            text = base64.b64decode(made[secret]["data"][key]) if secret in made else _stand_in(key)
            file.write_bytes(text)
            variables = {k: str(file) if v == place else v for k, v in variables.items()}
        variables = {
            k: v.replace("/etc/hashtide/campaigns", str(ROOT / "deploy/campaigns")) for k, v in variables.items()
        }
        assert not any(value.startswith(("/run", "/etc")) for value in variables.values()), name

        settings = load(OperationsSettings, variables)
        if "HASHTIDE_ELASTICSEARCH" in variables:
            at = connection(settings)
            user = "hashtide_" + pod.component
            assert (at.url, at.user, len(at.password)) == ("https://hashtide-es-http:9200", user, 48)
        if "HASHTIDE_KAFKA" in variables:
            safe = security(settings)
            assert (settings.kafka, repr(safe)) == (
                "hashtide-kafka-bootstrap:9093",
                "Security(SASL_SSL, SCRAM-SHA-512)",
            )
            assert safe.user == f"hashtide-{pod.component}"
        if pod.component in ("worker", "producer"):
            load(ProducerSettings, variables)
            assert len(load_keys(settings).author) == 64
            assert [campaign.name for campaign in load_campaigns(settings, unhashed_id).all] == ["metoo"]
            assert settings.metrics_host == kubernetes.POD_IP


def _stand_in(key: str) -> bytes:
    """A stand-in for an operator's value. Elasticsearch's client reads the certificate."""
    certificate = Path(import_module("certifi").where()).read_bytes()
    return certificate if key == "ca.crt" else b"made-by-an-operator"


def test_every_secret_has_a_creator(pods: dict[str, Pod], made: dict[str, Resource]) -> None:
    there = NOT_BY_US | {name: set(secret["data"]) for name, secret in made.items()}
    for pod in pods.values():
        for secret, key in kubernetes.secret_files(pod).values():
            assert key in there[secret], secret
    used = {secret for pod in pods.values() for secret, _ in kubernetes.secret_files(pod).values()}
    assert set(made) - used == set()
    text = (ROOT / "docs/kubernetes.md").read_text()
    for name, key in (("hashtide-x", "token"), ("hashtide-mastodon", "tokens")):
        assert re.search(rf"kubectl create secret generic {name} .*--from-file={key}=", text)


def test_mounted_secrets_are_exactly_the_used_ones(everything: list[Resource], pods: dict[str, Pod]) -> None:
    for pod in pods.values():
        variables = kubernetes.environment(pod, everything)
        files = {v for k, v in variables.items() if k.endswith("_FILE")}
        assert files == set(kubernetes.secret_files(pod)), pod.owner["metadata"]["name"]
        assert {"name": "secrets", "mountPath": kubernetes.MOUNTED, "readOnly": True} in pod.container["volumeMounts"]


def test_no_secret_is_in_a_variable(everything: list[Resource], pods: dict[str, Pod]) -> None:
    for pod in pods.values():
        assert not [
            name for name in kubernetes.environment(pod, everything) if re.search("TOKEN$|PASSWORD$|KEY$", name)
        ]
        assert not [each for each in pod.container["env"] if "secretKeyRef" in each.get("valueFrom", {})]
    assert set(named(everything, "Secret")) == {"hashtide-elasticsearch-roles"}


def test_mounts_match_volumes(pods: dict[str, Pod]) -> None:
    for pod in pods.values():
        claims = {each["metadata"]["name"] for each in pod.owner["spec"].get("volumeClaimTemplates", ())}
        volumes = {volume["name"] for volume in pod.spec["volumes"]} | claims
        mounts = {mount["name"]: mount["mountPath"] for mount in pod.container["volumeMounts"]}
        assert set(mounts) == volumes
        assert mounts["state"] == "/var/lib/hashtide"  # HASHTIDE_STATE_DIR of the image
        assert claims == ({"state"} if pod.component == "producer" else set())


def test_users_match_kafka_and_elasticsearch(
    everything: list[Resource], pods: dict[str, Pod], made: dict[str, Resource]
) -> None:
    variables = [kubernetes.environment(pod, everything) for pod in pods.values()]
    in_kafka = {each["HASHTIDE_KAFKA_USER"] for each in variables if "HASHTIDE_KAFKA_USER" in each}
    assert in_kafka | {"hashtide-keda"} == set(named(everything, "KafkaUser"))

    decoded = [{k: base64.b64decode(v).decode() for k, v in secret["data"].items()} for secret in made.values()]
    users = {each["username"]: each["roles"].split(",") for each in decoded if "username" in each}
    in_elasticsearch = {
        each["HASHTIDE_ELASTICSEARCH_USER"] for each in variables if "HASHTIDE_ELASTICSEARCH_USER" in each
    }
    assert set(users) == in_elasticsearch
    assert users == USERS
    realm = {each["secretName"] for each in named(everything, "Elasticsearch")["hashtide"]["spec"]["auth"]["fileRealm"]}
    assert realm == {name for name in made if name.endswith("-elasticsearch")}


# Consistency.


def test_selectors_match_intended_pods(everything: list[Resource], pods: dict[str, Pod]) -> None:
    def selected(selector: dict[str, Any]) -> set[str]:
        return {name for name, pod in pods.items() if selects(selector, pod.labels)}

    for name, pod in pods.items():
        if pod.owner["kind"] in ("Deployment", "StatefulSet"):
            assert selected(pod.owner["spec"]["selector"]) == {name}
    for each in pods["hashtide-worker"].spec["topologySpreadConstraints"]:
        assert selected(each["labelSelector"]) == {"hashtide-worker"}
    assert selected(named(everything, "PodDisruptionBudget")["hashtide-worker"]["spec"]["selector"]) == {
        "hashtide-worker"
    }
    assert selected({"matchLabels": named(everything, "Service")["hashtide-watch"]["spec"]["selector"]}) == {
        "hashtide-watch"
    }
    monitors = named(everything, "PodMonitor")
    assert selected(monitors["hashtide-worker"]["spec"]["selector"]) == {"hashtide-worker"}
    assert selected(monitors["hashtide-producer"]["spec"]["selector"]) == PRODUCERS


def test_ports(everything: list[Resource], pods: dict[str, Pod]) -> None:
    ports = {
        name: {port["name"]: port["containerPort"] for port in pod.container.get("ports", ())}
        for name, pod in pods.items()
    }
    for name, pod in pods.items():
        words, variables = pod.container["args"], kubernetes.environment(pod, everything)
        if pod.component in ("worker", "producer"):
            assert ports[name] == {"metrics": int(words[words.index("--metrics-port") + 1])}
        else:
            assert ports[name] == ({"page": int(variables["HASHTIDE_WATCH_PORT"])} if name == "hashtide-watch" else {})
        probes = [pod.container[key] for key in pod.container if key.endswith("Probe")]
        assert {probe["httpGet"]["port"] for probe in probes} == set(ports[name])
    (service,) = named(everything, "Service")["hashtide-watch"]["spec"]["ports"]
    assert service["targetPort"] in ports["hashtide-watch"]
    for monitor in named(everything, "PodMonitor").values():
        assert [each["port"] for each in monitor["spec"]["podMetricsEndpoints"]] == ["metrics"]


def test_probes_use_existing_paths(pods: dict[str, Pod]) -> None:
    def paths(name: str) -> dict[str, str]:
        return {key: probe["httpGet"]["path"] for key, probe in pods[name].container.items() if key.endswith("Probe")}

    assert paths("hashtide-worker") == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    for name in PRODUCERS:
        assert paths(name) == {"startupProbe": "/metrics", "livenessProbe": "/metrics"}
    liveness = pods["hashtide-worker"].container["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] == 600


def test_scraped_jobs_match_alert_rules(everything: list[Resource]) -> None:
    rules = str(named(everything, "PrometheusRule")["hashtide"])
    for name, monitor in named(everything, "PodMonitor").items():
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert {"action": "replace", "targetLabel": "job", "replacement": name} in endpoint["relabelings"]
        assert f'up{{job="{name}"}}' in rules


def test_termination_grace_periods_match_docker(pods: dict[str, Pod]) -> None:
    services = compose.read()["services"]
    for name, service in (("hashtide-worker", "worker"), *((name, "producer") for name in sorted(PRODUCERS))):
        assert f"{pods[name].spec['terminationGracePeriodSeconds']}s" == services[service]["stop_grace_period"]


def test_each_source_has_one_pod_and_keeps_its_positions(pods: dict[str, Pod]) -> None:
    for name in PRODUCERS:
        owner = pods[name].owner
        assert (owner["kind"], owner["spec"]["replicas"]) == ("StatefulSet", 1)
        assert owner["spec"]["persistentVolumeClaimRetentionPolicy"] == {
            "whenDeleted": "Retain",
            "whenScaled": "Retain",
        }


def test_workers_scale_to_number_of_partitions(everything: list[Resource], pods: dict[str, Pod]) -> None:
    scaled = named(everything, "ScaledObject")["hashtide-worker"]["spec"]
    setup = kubernetes.environment(pods["hashtide-setup"], everything)
    assert scaled["maxReplicaCount"] == int(setup["HASHTIDE_PARTITIONS"])
    assert scaled["scaleTargetRef"] == {"name": "hashtide-worker"}
    assert "replicas" not in pods["hashtide-worker"].owner["spec"]
    kafka = kubernetes.environment(pods["hashtide-worker"], everything)
    (trigger,) = scaled["triggers"]
    reported = trigger["metadata"]
    assert reported["topic"] == POSTS_RAW == "posts.raw"
    assert reported["consumerGroup"] == OperationsSettings().group == "hashtide"
    assert reported["bootstrapServers"] == kafka["HASHTIDE_KAFKA"]
    assert trigger["authenticationRef"]["name"] in named(everything, "TriggerAuthentication")
    authentication = named(everything, "TriggerAuthentication")["hashtide-kafka"]["spec"]
    for reference in authentication["configMapTargetRef"]:
        config = named(everything, "ConfigMap")[reference["name"]]
        assert config["data"][reference["key"]] in named(everything, "KafkaUser")
    for reference in authentication["secretTargetRef"]:
        assert reference["key"] in NOT_BY_US[reference["name"]]


def test_topic_replication_equals_number_of_brokers(everything: list[Resource], pods: dict[str, Pod]) -> None:
    setup = kubernetes.environment(pods["hashtide-setup"], everything)
    assert int(setup["HASHTIDE_REPLICATION"]) == named(everything, "KafkaNodePool")["brokers"]["spec"]["replicas"] == 3
    config = named(everything, "Kafka")["hashtide"]["spec"]["kafka"]["config"]
    assert config["min.insync.replicas"] == 2
    assert config["auto.create.topics.enable"] is False


def test_workers_use_the_kafka_listener(everything: list[Resource], pods: dict[str, Pod]) -> None:
    (listener,) = named(everything, "Kafka")["hashtide"]["spec"]["kafka"]["listeners"]
    reported = kubernetes.environment(pods["hashtide-worker"], everything)
    assert reported["HASHTIDE_KAFKA"].endswith(f":{listener['port']}")
    assert (listener["tls"], listener["authentication"]) == (True, {"type": "scram-sha-512"})
    assert reported["HASHTIDE_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert reported["HASHTIDE_KAFKA_SASL_MECHANISM"] == "SCRAM-SHA-512"


def rights(everything: list[Resource], user: str) -> dict[str, set[str]]:
    """A Kafka user's operations, by resource."""
    spec = named(everything, "KafkaUser")[user]["spec"]
    return {acl["resource"]["name"]: set(acl["operations"]) for acl in spec["authorization"]["acls"]}


def test_kafka_users_have_least_privileges(everything: list[Resource]) -> None:
    look = {"Describe", "DescribeConfigs"}
    assert rights(everything, "hashtide-setup") == {
        "posts.": look | {"Create", "Alter", "AlterConfigs"},
        "hashtide": {"Describe"},
    }
    assert rights(everything, "hashtide-worker") == {
        "posts.raw": look | {"Read", "Write"},
        "posts.enriched": look | {"Write"},
        "posts.dead": look | {"Read", "Write"},
        "hashtide": {"Describe", "Read"},
    }
    assert rights(everything, "hashtide-producer") == {
        "posts.raw": {"Describe", "Write"},
        "posts.dead": {"Describe", "Write"},
    }
    assert rights(everything, "hashtide-keda") == {"posts.raw": {"Describe"}, "hashtide": {"Describe"}}


# Network policies.


def test_pods_reach_exactly_the_servers_in_their_settings(everything: list[Resource], pods: dict[str, Pod]) -> None:
    policies = {name: each["spec"] for name, each in named(everything, "NetworkPolicy").items()}

    def held(policy: str) -> set[str]:
        return {name for name, pod in pods.items() if selects(policies[policy]["podSelector"], pod.labels)}

    assert policies["hashtide-nothing"]["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(policies["hashtide-nothing"])
    assert held("hashtide-nothing") == held("hashtide-to-dns") == set(pods)
    for server, setting in (("kafka", "HASHTIDE_KAFKA"), ("elasticsearch", "HASHTIDE_ELASTICSEARCH")):
        reported = {name for name, pod in pods.items() if setting in kubernetes.environment(pod, everything)}
        assert held(f"hashtide-to-{server}") == reported
        (rule,) = policies[f"hashtide-to-{server}"]["egress"]
        address = kubernetes.environment(pods[sorted(reported)[0]], everything)[setting]
        assert address.endswith(f":{rule['ports'][0]['port']}")
    assert held("hashtide-to-platforms") == PRODUCERS
    assert held("hashtide-metrics") == PRODUCERS | {"hashtide-worker"}
    (metrics,) = policies["hashtide-metrics"]["ingress"]
    assert metrics["ports"] == [{"protocol": "TCP", "port": "metrics"}]
    assert metrics["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert {name for name, spec in policies.items() if "ingress" in spec} == {"hashtide-metrics"}


def test_egress_to_platforms_excludes_private_networks(everything: list[Resource]) -> None:
    (rule,) = named(everything, "NetworkPolicy")["hashtide-to-platforms"]["spec"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]
    blocks = {each["ipBlock"]["cidr"]: set(each["ipBlock"]["except"]) for each in rule["to"]}
    assert set(blocks) == {"0.0.0.0/0", "::/0"}
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= blocks["0.0.0.0/0"]


# make-secrets.


def test_secrets_are_long_random_and_created_once(tmp_path: Path) -> None:
    first, again = (kubernetes.make_secrets(tmp_path / "secrets") for _ in range(2))
    assert first == again
    values = [
        base64.b64decode(secret["data"].get("password", secret["data"].get("author_key", "")))
        for secret in first.values()
    ]
    assert sorted(map(len, values)) == [48, 48, 48, 48, 64]
    assert len(set(values)) == 5
    assert all(re.fullmatch(rb"[0-9a-f]+", value) for value in values)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}


# The documentation.


def test_documented_paths_and_commands_exist() -> None:
    text = (ROOT / "docs/kubernetes.md").read_text()
    paths = set(re.findall(r"(?<![\w/])deploy/[\w./-]+\w", text))
    assert len(paths) >= 6
    assert {path for path in paths if not (ROOT / path).exists()} == {
        "deploy/kubernetes/overlays/mine",
        "deploy/hashtide-worker",  # kubectl's notation for a Deployment
    }
    assert f"Kubernetes {OLDEST}" in text
    for words in re.findall(r"-- hashtide ([^#\n|`]*)", text):
        compose.parse(shlex.split(words))


def test_documented_alertmanager_paths_match_the_operator() -> None:
    """prometheus-operator.dev, AlertmanagerSpec: `configSecret` and `secrets`."""
    text = (ROOT / "docs/kubernetes.md").read_text()
    command = re.search(r"^(sed .*) >alertmanager.yaml$", text, re.MULTILINE)
    assert command is not None
    done = subprocess.run(shlex.split(command[1]), cwd=ROOT, check=True, capture_output=True, text=True)
    config = compose.parsed(done.stdout)
    values = compose.loaded(FOLDER / "kube-prometheus-stack.yaml")["alertmanager"]["alertmanagerSpec"]
    assert config["templates"] == ["/etc/alertmanager/config/*.tmpl"]
    (secret,) = values["secrets"]
    named_files = set(re.findall(r"_file: (\S+)", done.stdout))
    created = re.search(rf"^kubectl create secret generic {secret} (.*)$", text, re.MULTILINE)
    assert created is not None
    keys = set(re.findall(r"--from-file=([\w-]+)", created[1]))
    assert {f"/etc/alertmanager/secrets/{secret}/{key}" for key in keys} == named_files
    assert f"kubectl create secret generic {values['configSecret']} " in text


def test_documented_policy_selects_the_page(pods: dict[str, Pod]) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/kubernetes.md").read_text(), re.DOTALL)
    (policy,) = [compose.parsed(textwrap.dedent(block)) for block in blocks if "NetworkPolicy" in block]
    assert problems(policy) == []
    assert {n for n, pod in pods.items() if selects(policy["spec"]["podSelector"], pod.labels)} == {"hashtide-watch"}


def test_documented_merge_for_own_servers_works(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/kubernetes.md").read_text(), re.DOTALL)
    (merged,) = [block for block in blocks if "behavior: merge" in block]
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{kubernetes.there(tmp_path, 'base')}]\n{merged}")
    built = kubernetes.build(tmp_path)
    (worker,) = [pod for pod in kubernetes.pods(built) if pod.component == "worker"]
    reported = kubernetes.environment(worker, built)
    assert reported["HASHTIDE_KAFKA"] == "kafka-1.example.org:9093,kafka-2.example.org:9093"
    assert reported["HASHTIDE_ELASTICSEARCH"] == "https://elasticsearch.example.org:9200"
    assert reported["HASHTIDE_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
