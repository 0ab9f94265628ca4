"""The Kafka settings of docker-compose.yml, applied to a real Kafka of the same version."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from deploy.local import kafka
from deploy.local.server import Server
from hashtide.kafka import topics
from hashtide.settings import load
from stream_jobs.settings import StreamSettings
from tests.unit.deploy import compose


def named(environment: dict[str, str]) -> dict[str, str]:
    """The settings by Kafka's names, as the image's entry point translates them (Kafka's documentation, "Docker")."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }


def test_kafka_starts_with_the_settings_and_applies_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = compose.read()["services"]["kafka"]["environment"]
    wanted = named(environment)

    def properties(controller_port: int, listeners: Mapping[str, str]) -> str:
        port = listeners["advertised.listeners"].rpartition(":")[2]
        here = wanted | {"log.dirs": kafka.DATA}
        text = "".join(f"{name}={value}\n" for name, value in here.items())
        for there, on_this_machine in (
            ("//:9092", f"//127.0.0.1:{port}"),
            ("//kafka:9092", f"//127.0.0.1:{port}"),
            ("localhost:9093", f"127.0.0.1:{controller_port}"),
        ):
            assert there in text
            text = text.replace(there, on_this_machine)
        return text

    monkeypatch.setattr(kafka, "properties", properties)
    monkeypatch.setattr(kafka, "CLUSTER_ID", environment["CLUSTER_ID"])
    server = Server(kafka.KIND, tmp_path / "kafka", short_lived=True)
    try:
        server.start()
        server.wait()
        settings = load(StreamSettings, {"HASHTIDE_KAFKA": str(server.address)})
        assert topics.setup(settings) == ["posts.raw", "posts.dead"]
        with closing(KafkaAdminClient(bootstrap_servers=settings.kafka)) as admin:
            assert admin.describe_cluster()["cluster_id"] == environment["CLUSTER_ID"]
            resource = ConfigResource(ConfigResourceType.BROKER, wanted["node.id"])
            found: Any = admin.describe_configs([resource], config_filter="all")
    finally:
        server.kill()
    (configs,) = [by_name for kind in found.values() for by_name in kind.values()]
    moved = {"log.dirs", "listeners", "advertised.listeners", "controller.quorum.voters"}
    assert {name: configs[name]["value"] for name in wanted if name not in moved} == {
        name: value for name, value in wanted.items() if name not in moved
    }
    assert moved <= set(configs)
