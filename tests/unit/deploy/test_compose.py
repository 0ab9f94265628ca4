"""Check docker-compose.yml without Docker."""

import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest

from deploy.local.lock import ELASTICSEARCH_VERSION, KAFKA_VERSION
from hashtide.elasticsearch.client import connection
from hashtide.identity import load_keys
from hashtide.settings import described, load
from operations.settings import KINDS, OperationsSettings
from producers.settings import ProducerSettings
from stream_jobs.domain.campaign import unhashed_id
from stream_jobs.loading import load_campaigns
from tests.conftest import needs
from tests.paths import ROOT
from tests.unit.deploy import compose
from tests.unit.deploy.compose import FILE, SECRETS, Service

FILES = compose.read()
SERVICES: dict[str, Service] = FILES["services"]
OURS = compose.ours(SERVICES)
ONCE = {"accounts", "setup", "dashboards", "retention"}

TALKS_TO_ELASTICSEARCH = {"accounts", "setup", "dashboards", "worker", "retention", "watch"}


def validated(path: Path) -> subprocess.CompletedProcess[str]:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(check, capture_output=True, text=True)


def test_is_valid_by_compose_specification(tmp_path: Path) -> None:
    assert validated(FILE).returncode == 0, validated(FILE).stdout
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(FILE.read_text().replace("mem_limit:", "memory_limit:", 1))
    assert validated(broken).returncode == 1


def test_services() -> None:
    assert set(SERVICES) == ONCE | {"kafka", "elasticsearch", "kibana", "prometheus", "alertmanager"} | {
        "producer",
        "worker",
        "watch",
    }


def test_variables_are_few_and_have_defaults() -> None:
    text = re.sub(r"\$\$", "", FILE.read_text())
    assert set(re.findall(r"\$\{(?!\w+_IMAGE:-)[^}\s]*\}?|\$[^{]\S*", text)) == {
        "${SECRETS_OWNER:-1000}",
        "${PARTITIONS:-4}",
    }
    assert set(re.findall(r"\$\{(\w+_IMAGE):-[^}]+\}", text)) == {
        f"{name}_IMAGE" for name in ("KAFKA", "ELASTICSEARCH", "KIBANA", "PROMETHEUS", "ALERTMANAGER", "PYTHON")
    }


@pytest.mark.parametrize("name", sorted(OURS.keys() - {"accounts"}))
def test_every_command_line_is_valid(name: str) -> None:
    assert "entrypoint" not in OURS[name]
    compose.parse(OURS[name]["command"])


def test_command_line_check_refuses_invalid_ones() -> None:
    for words in (["worker", "--metric-port", "1"], ["works"], ["worker", "--metrics-port", "99999"], ["dlq", "lost"]):
        with pytest.raises(click.UsageError):
            compose.parse(words)


def test_accounts_module_exists() -> None:
    assert OURS["accounts"]["entrypoint"] == ["python", "-m", "deploy.docker.accounts", SECRETS]
    assert (ROOT / "deploy/docker/accounts.py").is_file()


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_of_our_services_is_a_setting(name: str) -> None:
    known = {setting.name for kind in KINDS for setting in described(kind)}
    assert set(OURS[name].get("environment", {})) <= known


@pytest.mark.parametrize("name", sorted(OURS))
def test_settings_of_our_services_load(name: str, made: Path) -> None:
    """All that is checked before connecting to a server: types, files, logins, certificates, campaigns."""
    places = {target: made / secret for target, secret in compose.secrets(OURS[name]).items()}
    places |= {bind.target: bind.source for bind in compose.binds({name: OURS[name]})}
    environment = {k: str(places.get(v, v)) for k, v in OURS[name]["environment"].items()}
    assert not any(value.startswith(("/run", "/etc")) for value in environment.values())

    settings = load(OperationsSettings, environment)
    if name in TALKS_TO_ELASTICSEARCH:
        at = connection(settings)
        user = {"accounts": "elastic", "dashboards": "hashtide_setup"}.get(name, f"hashtide_{name}")
        assert (at.url, at.user, len(at.password)) == ("https://elasticsearch:9200", user, 48)
    if name in ("worker", "producer"):
        load(ProducerSettings, environment)
        assert len(load_keys(settings).author) == 64
        assert [campaign.name for campaign in load_campaigns(settings, unhashed_id).all] == ["metoo"]
        assert settings.metrics_host == "0.0.0.0"
    if name not in ("watch", "accounts", "retention"):
        assert settings.kafka == "kafka:9092"


def test_every_mounted_file_exists() -> None:
    found = {bind.service: bind.source for bind in compose.binds(SERVICES)}
    assert set(found) == {"worker", "producer", "prometheus", "alertmanager"}
    assert [bind for bind in compose.binds(SERVICES) if not bind.source.exists()] == []


def test_secrets_match_make_secrets(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == set(FILES["secrets"]) | {"ca.key"}
    for name, secret in FILES["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    assert {s for service in SERVICES.values() for s in compose.secrets(service).values()} == set(FILES["secrets"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_referenced_secret_is_mounted(name: str) -> None:
    text = str(SERVICES[name])
    assert set(re.findall(rf"{SECRETS}/[\w.]+", text)) <= set(compose.secrets(SERVICES[name]))


def test_file_contains_no_secret() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"(?i)pass|secret|token|(?<!author_)key|credential|certificate", name):
                assert re.fullmatch(rf"{SECRETS}/[\w.]+|certs/[\w.]+", value), name
    # Nothing that looks random: hex or base64 of 16 bytes or more. Kafka's cluster id is not a secret.
    text = FILE.read_text().replace("SGFzaHRpZGVJbkRvY2tlcg", "")
    assert [word for word in re.findall(r"[A-Za-z0-9+]{22,}", text) if re.search(r"\d", word)] == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_has_restricted_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices", "container_name"} & set(service)
    assert service.get("read_only", False) is (name != "elasticsearch")
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] >= 256
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert service["restart"] == ("on-failure:5" if name in ONCE else "unless-stopped")


def test_services_with_secrets_run_as_their_owner() -> None:
    reading = {name for name, service in SERVICES.items() if compose.secrets(service)} - {"alertmanager"}
    assert {name for name, service in SERVICES.items() if service.get("user") == "1000:0"} == reading


def test_ports_are_published_on_loopback_only() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        "kibana": ["127.0.0.1:5601:5601"],
        "watch": ["127.0.0.1:9465:9465"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "alertmanager": ["127.0.0.1:9093:9093"],
    }


def test_data_services_have_no_external_network() -> None:
    assert FILES["networks"] == {"inside": {"internal": True}, "outside": {}}
    out = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert out == {"producer", "kibana", "watch", "prometheus", "alertmanager"}
    assert all("inside" in service["networks"] for service in SERVICES.values())


def test_images_are_pinned_to_the_tested_versions() -> None:
    images = {name: service["image"] for name, service in SERVICES.items() if name not in OURS}
    assert images == {
        "kafka": f"apache/kafka:{KAFKA_VERSION}",
        "elasticsearch": f"elasticsearch:{ELASTICSEARCH_VERSION}",
        "kibana": f"kibana:{ELASTICSEARCH_VERSION}",
        "prometheus": "prom/prometheus:v3.15.0",
        "alertmanager": "prom/alertmanager:v0.34.1",
    }
    assert {service["image"] for service in OURS.values()} == {f"hashtide:{version('hashtide')}"}
    assert all((ROOT / service["build"]["dockerfile"]).is_file() for service in OURS.values())


def test_start_order() -> None:
    order = {
        name: {other: how["condition"].removeprefix("service_") for other, how in service["depends_on"].items()}
        for name, service in SERVICES.items()
        if "depends_on" in service
    }
    assert order == {
        "accounts": {"elasticsearch": "healthy"},
        "setup": {"kafka": "healthy", "accounts": "completed_successfully"},
        "worker": {"setup": "completed_successfully"},
        "producer": {"setup": "completed_successfully"},
        "retention": {"setup": "completed_successfully"},
        "watch": {"setup": "completed_successfully"},
        "kibana": {"accounts": "completed_successfully"},
        "dashboards": {"setup": "completed_successfully", "kibana": "healthy"},
    }


def test_retention_runs_only_with_its_profile() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "retention": ["retention"]
    }
    assert not any("HASHTIDE_RETENTION" in service.get("environment", {}) for service in SERVICES.values())
    assert SERVICES["retention"]["command"] == ["retention", "--counts", "400d", "--posts", "30d"]


def test_long_running_services_have_health_checks() -> None:
    assert {name for name, service in SERVICES.items() if service.get("healthcheck") == {"disable": True}} == ONCE
    checked = {name for name, service in SERVICES.items() if "test" in service.get("healthcheck", {})}
    assert checked | {"worker"} == set(SERVICES) - ONCE  # the worker uses the image's
    assert SERVICES["worker"]["command"] == ["worker", "--metrics-port", "9464"]


@pytest.mark.parametrize(("name", "program"), [("prometheus", "promtool"), ("alertmanager", "amtool")])
def test_health_check_command_is_valid_for_its_program(name: str, program: str) -> None:
    kind, word, *words = SERVICES[name]["healthcheck"]["test"]
    assert (kind, word) == ("CMD", program)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([needs(program), *words], capture_output=True, text=True)

    nobody = [re.sub(r"localhost:\d+", "127.0.0.1:1", each) for each in words]
    assert run(*words, "--help").returncode == 0
    assert run(*nobody).returncode == 1
    assert "refused" in run(*nobody).stdout + run(*nobody).stderr


def volumes(service: Service) -> list[Any]:
    return [v.split(":")[0] for v in service.get("volumes", ()) if isinstance(v, str) and not v.startswith(".")]


def test_persistent_data_is_in_volumes() -> None:
    used = {name: volumes(service) for name, service in SERVICES.items() if volumes(service)}
    assert used == {name: [name] for name in FILES["volumes"]}
    assert set(used) == {"kafka", "elasticsearch", "kibana", "producer", "prometheus", "alertmanager"}


def test_writable_paths_outside_volumes() -> None:
    """The paths that each image needs; without `exec`, Kafka cannot load its libraries from /tmp."""
    assert {name: service["tmpfs"] for name, service in SERVICES.items() if "tmpfs" in service} == {
        "kafka": ["/tmp:exec", "/opt/kafka/config", "/opt/kafka/logs"],
        "kibana": ["/tmp", "/usr/share/kibana/logs", "/usr/share/kibana/plugins"],
        "producer": ["/tmp"],
    } | {name: ["/tmp", "/var/lib/hashtide"] for name in OURS if name != "producer"}


def test_workers_can_be_scaled() -> None:
    """Workers share nothing: no container name, published port or volume; each has its own state folder."""
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["worker"])
    assert volumes(SERVICES["worker"]) == []
    assert "/var/lib/hashtide" in SERVICES["worker"]["tmpfs"]


def test_prometheus_accepts_its_configuration_and_the_shipped_rules(tmp_path: Path) -> None:
    promtool, mounts = needs("promtool"), {bind.target: bind.source for bind in compose.binds(SERVICES)}
    text = mounts["/etc/prometheus/prometheus.yml"].read_text()
    assert text.count("/etc/prometheus/rules/*.yml") == 1
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("/etc/prometheus/rules", str(mounts["/etc/prometheus/rules"])))
    done = subprocess.run([promtool, "check", "config", str(config)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"SUCCESS: [1-9]\d* rules found", done.stdout)


def test_prometheus_scrapes_workers_and_producers() -> None:
    config = compose.loaded(ROOT / "deploy/docker/prometheus.yml")
    found = {job["job_name"]: job["dns_sd_configs"][0] for job in config["scrape_configs"]}
    assert SERVICES["producer"]["networks"]["inside"] == {"aliases": ["producers"]}
    for name, found_by in (("worker", "worker"), ("producer", "producers")):
        reported = found.pop(f"hashtide-{name}")
        assert (reported["names"], reported["type"]) == ([found_by], "A")
        assert str(reported["port"]) == SERVICES[name]["command"][-1]
    assert found == {}
    assert config["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]


def test_alertmanager_accepts_its_configuration() -> None:
    """Its secrets are mounted where it looks for them: in the folder of its configuration."""
    amtool, mounts = needs("amtool"), {bind.target: bind.source for bind in compose.binds(SERVICES)}
    config = mounts["/etc/alertmanager/alertmanager.yml"]
    named = set(re.findall(r"_file: (\S+)", config.read_text()))
    assert {f"/etc/alertmanager/{name}" for name in named} == set(compose.secrets(SERVICES["alertmanager"]))
    assert SERVICES["alertmanager"]["working_dir"] == "/etc/alertmanager"
    assert mounts["/etc/alertmanager/templates"] == config.parent / "templates"
    done = subprocess.run([amtool, "check-config", str(config)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_documented_override_for_x_is_valid() -> None:
    block = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/docker.md").read_text(), re.DOTALL)
    assert block is not None
    override = compose.parsed(block[1])
    producer = override["services"]["producer"]
    compose.parse(producer["command"])
    settings = load(ProducerSettings, producer["environment"])
    assert str(settings.x_bearer_token_file) == f"{SECRETS}/{producer['secrets'][0]}"
    assert override["secrets"] == {"x_token": {"file": "./secrets/x_token"}}
    assert producer["command"][-1] == SERVICES["producer"]["command"][-1]


def test_documented_command_lines_are_valid() -> None:
    text = (ROOT / "docs/docker.md").read_text()
    lines = re.findall(r"docker compose run --rm (?:--no-deps )?(\w+) ([^#\n]*)", text)
    assert len(lines) >= 4
    for service, words in lines:
        assert service in OURS
        compose.parse(shlex.split(words))
    for service in re.findall(r"docker compose (?:logs|restart|stop|up) (?:--\w+ )*([a-z]+)\b", text):
        assert service in SERVICES
