"""`hashtide doctor` on the real servers: well, and broken for real in one way after the other."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from deploy.local.ports import free_ports
from producers.kafka_clients import connect
from stream_jobs.doctor.examine import examine
from stream_jobs.doctor.findings import Finding
from stream_jobs.sinks.indices import templates
from tests.integration.pipeline import Pipeline

OF_KAFKA = {
    "kafka brokers",
    "topics",
    "replication",
    "topic settings",
    "workers",
    "lag",
    "dead letters",
    "kafka clock",
    "kafka privileges",
}
OF_ELASTICSEARCH = {
    "elasticsearch version",
    "cluster health",
    "index templates",
    "indices",
    "disk",
    "elasticsearch clock",
    "elasticsearch privileges",
}
QUIET = {"author key", "campaigns", "workers", "kafka clock"}
"""Nothing was sent and nobody works yet, in the beginning."""


def look(pipeline: Pipeline, **changed: str) -> dict[str, list[Finding]]:
    """All findings, by check."""
    found: dict[str, list[Finding]] = {}
    for finding in examine(pipeline.environment | {"HASHTIDE_METRICS_PORT": "0"} | changed):
        found.setdefault(finding.check, []).append(finding)
    return found


def wrong(found: dict[str, list[Finding]]) -> dict[str, list[str]]:
    """What is wrong, by check."""
    all_ = {check: [each.says for each in findings if each.state == "wrong"] for check, findings in found.items()}
    return {check: says for check, says in all_.items() if says}


def post(number: int) -> str:
    post = {"id": str(number), "text": "me too #MeToo", "created_at": time.time_ns() // 1_000_000, "platform": "x"}
    return json.dumps(post) + "\n"


@contextlib.contextmanager
def admin(pipeline: Pipeline) -> Iterator[Any]:
    client: Any = connect(KafkaAdminClient, pipeline.settings)
    yield client
    client.close()


def test_all_is_well_after_setup_and_the_command_says_so(pipeline: Pipeline) -> None:
    told = pipeline.json("doctor", "--json")
    assert told["counts"]["wrong"] == 0
    states = {each["check"]: each["state"] for each in told["checks"]}
    assert {check for check, state in states.items() if state != "ok"} == QUIET
    assert states.keys() >= OF_KAFKA | OF_ELASTICSEARCH | {"settings", "versions", "state folder", "metrics port"}
    lines = pipeline.hashtide("doctor").stdout.decode().splitlines()
    assert "ok           cluster health            green, 1 node" in lines
    assert lines[-1].startswith("0 wrong, ")


def test_a_topic_is_missing_and_another_is_configured_otherwise(pipeline: Pipeline) -> None:
    with admin(pipeline) as client:
        client.delete_topics(["posts.dead"])
        changed = {"retention.ms": "60000", "max.message.bytes": "1000"}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "posts.raw", configs=changed)])
        pipeline.until(lambda: "posts.dead" not in client.list_topics())
    found = look(pipeline)
    assert wrong(found) == {
        "topics": ["missing: posts.dead; no worker starts"],
        "topic settings": ["posts.raw: max.message.bytes is 1000, must be 4194304"],
    }
    assert "posts.raw: retention.ms is 60000, setup makes it 604800000" in [
        each.says for each in found["topic settings"]
    ]
    assert found["topics"][0].do == "hashtide setup"


def test_templates_indices_and_their_blocks(pipeline: Pipeline) -> None:
    ours = templates()["hashtide-posts"]
    older = ours["template"] | {"mappings": ours["template"]["mappings"] | {"_meta": {"schema": 0}}}
    with pipeline.elasticsearch() as client:
        client.indices.put_index_template(name="hashtide-posts", **ours | {"version": 999, "template": older})
        client.indices.create(index="posts-2017.10.15")
        client.indices.put_settings(index="posts-2017.10.15", settings={"index.blocks.write": True})
        client.indices.put_index_template(name="stranger", index_patterns=["reply-*"], priority=900)
        try:
            found = look(pipeline)
        finally:
            client.indices.delete_index_template(name="stranger")
            client.indices.delete(index="posts-2017.10.15")
            client.indices.put_index_template(name="hashtide-posts", **ours)
    assert wrong(found) == {
        "index templates": [
            f"hashtide-posts is of version 999, ours is {ours['version']}: no worker of ours starts",
            "stranger (priority 900) comes before hashtide-reply-volume (500)",
        ],
        "indices": ["block write on posts-2017.10.15: somebody set it"],
    }
    schema = ours["template"]["mappings"]["_meta"]["schema"]
    assert f"of an older template than ours (schema below {schema}): posts-2017.10.15" in [
        each.says for each in found["indices"]
    ]


def test_lag_dead_letters_and_workers(pipeline: Pipeline) -> None:
    lines = "".join(post(number) for number in range(40)) + "{\n"
    pipeline.hashtide("produce", "file", "-", stdin=lines.encode())
    found = look(pipeline)
    group = pipeline.settings.group
    assert wrong(found) == {"workers": [f"no worker in group {group}, and 40 records wait"]}
    assert [each.says for each in found["lag"]] == ["posts.raw: 40 records, posts.enriched: 0 records wait"]
    (letters,) = found["dead letters"]
    assert letters.state == "warning"
    assert letters.says.startswith("up to 1; the newest came ")
    assert letters.says.endswith(" s ago: not-json")
    assert [each.state for each in found["kafka clock"]] == ["ok"]
    (port,) = free_ports(1)
    with pipeline.process("worker", f"--metrics-port={port}") as worker:
        pipeline.settle(40)
        found = look(pipeline, HASHTIDE_METRICS_PORT=str(port))
        assert wrong(found) == {}
        assert [each.says for each in found["workers"]] == [f"1 worker in group {group}, every partition is somebody's"]
        assert [each.says for each in found["metrics port"]] == [
            f"a worker answers at 127.0.0.1:{port}, alive and ready"
        ]
        worker.terminate()
        assert worker.wait(timeout=30) == 0, pipeline.log()


def test_what_waits_for_long_is_told_with_how_long(pipeline: Pipeline) -> None:
    pipeline.hashtide("produce", "file", "-", stdin=post(1).encode())
    later_ms = time.time_ns() // 1_000_000 + 600_000
    findings = examine(pipeline.environment | {"HASHTIDE_METRICS_PORT": "0"}, now_ms=lambda: later_ms)
    (lag,) = [each for each in findings if each.check == "lag"]
    assert lag.state == "warning"
    assert lag.says.endswith(": 1 records wait, the first for 10 min")


def test_nobody_at_either_address_leaves_the_rest_unchecked(pipeline: Pipeline) -> None:
    kafka, elasticsearch = free_ports(2)
    found = look(
        pipeline,
        HASHTIDE_KAFKA=f"127.0.0.1:{kafka},nobody.invalid:1",
        HASHTIDE_ELASTICSEARCH=f"http://127.0.0.1:{elasticsearch}",
        HASHTIDE_ELASTICSEARCH_FINGERPRINT="",
    )
    assert wrong(found) == {
        "kafka connection": [
            f"nobody listens at 127.0.0.1:{kafka}: connection refused; nobody.invalid:1: no such host"
        ],
        "elasticsearch connection": [
            f"no answer from Elasticsearch at http://127.0.0.1:{elasticsearch}: connection refused"
        ],
    }
    assert {each.says for check in OF_KAFKA for each in found[check]} == {"no Kafka"}
    assert {each.says for check in OF_ELASTICSEARCH for each in found[check]} == {"no Elasticsearch"}
    assert {each.state for check in OF_KAFKA | OF_ELASTICSEARCH for each in found[check]} == {"not checked"}


def test_servers_that_are_silent_keep_nobody_waiting_for_long(pipeline: Pipeline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        at = {"HASHTIDE_ELASTICSEARCH": f"http://{address}", "HASHTIDE_ELASTICSEARCH_FINGERPRINT": ""}
        found = look(pipeline, HASHTIDE_KAFKA=address, **at)
        assert time.monotonic() - started < 30
    assert wrong(found) == {
        "kafka connection": [f"somebody listens at {address}, but: no answer as of Kafka; it speaks no TLS"],
        "elasticsearch connection": [
            f"no answer from Elasticsearch at http://{address}: ConnectionTimeout Connection timed out"
        ],
    }


def test_a_setting_that_is_wrong_is_told_with_all_that_it_keeps_from_being_checked(pipeline: Pipeline) -> None:
    pipeline.environment |= {"HASHTIDE_KAFKA": "nowhere", "HASHTIDE_LOG_LEVEL": "loud"}
    told = json.loads(pipeline.hashtide("doctor", "--json", status=1).stdout)
    assert told["counts"]["wrong"] == 2
    assert {each["says"] for each in told["checks"] if each["check"] in OF_KAFKA | OF_ELASTICSEARCH} == {
        "a setting is wrong"
    }


@pytest.mark.parametrize("format_", ["text", "json"])
def test_nothing_but_findings_is_printed(pipeline: Pipeline, format_: str) -> None:
    pipeline.environment |= {"HASHTIDE_KAFKA": "127.0.0.1:1", "HASHTIDE_LOG_FORMAT": format_}
    assert pipeline.hashtide("doctor", status=1).stderr == b""
