"""`hashtide doctor` on real servers: without problems, and with one real problem after the other."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)
from kafka.structs import OffsetAndMetadata, TopicPartition

import operations.doctor.examine as examine_module
from hashtide.elasticsearch.templates import packaged_templates
from hashtide.kafka import topics
from hashtide.kafka.clients import connect
from hashtide.settings import load
from operations.doctor import elasticsearch, kafka
from operations.doctor.checks import CheckRunner
from operations.doctor.examine import examine
from operations.doctor.findings import Finding
from stream_jobs.settings import StreamSettings
from tests.integration import secure
from tests.integration.pipeline import WITHIN_S, Pipeline
from tests.ports import free_ports

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


@pytest.fixture
def pipeline(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """The pipeline, whose servers answer: on a busy machine they may take their time."""
    monkeypatch.setattr(examine_module, "CheckRunner", partial(CheckRunner, limit_s=WITHIN_S))
    monkeypatch.setattr(kafka, "READ_S", WITHIN_S)
    monkeypatch.setattr(kafka, "ANSWER_MS", 60_000)
    monkeypatch.setattr(elasticsearch, "ANSWER_S", 60.0)
    return pipeline


@pytest.fixture
def untouched(environment: dict[str, str], tmp_path: Path) -> Pipeline:
    """For who asks other servers than the stack's, or none: nothing need be emptied."""
    return Pipeline(environment, tmp_path)


def look(pipeline: Pipeline, **changed: str) -> dict[str, list[Finding]]:
    """All findings by check."""
    found: dict[str, list[Finding]] = {}
    for finding in examine(pipeline.environment | {"HASHTIDE_METRICS_PORT": "0"} | changed):
        found.setdefault(finding.check, []).append(finding)
    return found


def wrong(found: dict[str, list[Finding]]) -> dict[str, list[str]]:
    """The findings with state wrong, by check."""
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


def test_after_setup_the_command_reports_no_problem(pipeline: Pipeline) -> None:
    reported = pipeline.json("doctor", "--json")
    assert reported["counts"]["wrong"] == 0
    states = {each["check"]: each["state"] for each in reported["checks"]}
    assert {check for check, state in states.items() if state != "ok"} == QUIET
    assert states.keys() >= OF_KAFKA | OF_ELASTICSEARCH | {"settings", "versions", "state folder", "metrics port"}
    lines = pipeline.hashtide("doctor").stdout.decode().splitlines()
    assert "ok           cluster health            green, 1 node" in lines
    assert lines[-1].startswith("0 wrong, ")


def test_a_missing_topic_and_one_with_other_settings(pipeline: Pipeline) -> None:
    with admin(pipeline) as client:
        client.delete_topics(["posts.dead"])
        changed = {"retention.ms": "86400000", "max.message.bytes": "1000"}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "posts.raw", configs=changed)], incremental=True)
        pipeline.until(lambda: "posts.dead" not in client.list_topics())
    found = look(pipeline)
    assert wrong(found) == {
        "topics": ["missing: posts.dead; workers do not start"],
        "topic settings": ["posts.raw: max.message.bytes is 1000, must be 4194304"],
    }
    (kept,) = [each for each in found["topic settings"] if each.state == "warning"]
    assert kept.says == "posts.raw: retention.ms is 1 d, the settings say 7 d"
    assert found["topics"][0].do == "hashtide setup"
    pipeline.hashtide("setup", "--alter-retention")  # the remedy that the finding states
    with admin(pipeline) as client:
        changed = {"max.message.bytes": "4194304"}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "posts.raw", configs=changed)], incremental=True)
    found = look(pipeline)
    assert [each.state for each in found["topics"] + found["topic settings"]] == ["ok", "ok"]


def test_fewer_partitions_than_the_setting_says(pipeline: Pipeline) -> None:
    (found,) = look(pipeline, HASHTIDE_PARTITIONS="6")["topics"]
    assert (found.state, found.says) == (
        "warning",
        "posts.raw has 4 partitions, HASHTIDE_PARTITIONS is 6",
    )
    pipeline.environment["HASHTIDE_PARTITIONS"] = "6"
    pipeline.hashtide("setup", "--add-partitions")  # the remedy that the finding states
    (found,) = look(pipeline)["topics"]
    assert (found.state, found.says) == (
        "ok",
        "posts.raw (6), posts.dead (4) partitions, each with its leader",
    )


def put(client: Any, **changed: Any) -> dict[str, Any]:
    """Install our template of posts with some changes; returns it."""
    ours = packaged_templates()["hashtide-posts"]
    mappings = ours["template"]["mappings"]
    if "schema" in changed:
        mappings["_meta"] = {"schema": changed["schema"]}
    if "without" in changed:
        del mappings["properties"][changed["without"]]
    ours["version"] += changed.get("version", 0)
    client.indices.put_index_template(name="hashtide-posts", **ours)
    return ours


def test_templates_and_indices_of_older_and_newer_versions(pipeline: Pipeline) -> None:
    ours = packaged_templates()["hashtide-posts"]["version"]
    with pipeline.elasticsearch() as client:
        try:
            put(client, version=+1)
            newer = look(pipeline)
            put(client, version=+1, schema=99)
            client.indices.create(index="posts-2017.10.14")
            unknown = look(pipeline)
            client.indices.delete(index="posts-2017.10.14")
            put(client, version=-1, without="author")
            client.indices.create(index="posts-2017.10.15")
            older = look(pipeline)
            pipeline.hashtide("setup")  # the remedy that the finding states
            mended = look(pipeline)
        finally:
            client.indices.delete_index_template(name="hashtide-posts")
            put(client)
    assert wrong(newer) == {}
    assert [each.says for each in newer["index templates"]] == [
        "5; newer, but compatible with this version: hashtide-posts"
    ]
    assert wrong(unknown) == {
        "index templates": ["hashtide-posts has schema 99, ours is 2: workers of this version do not start"],
        "indices": ["schema newer than this version: posts-2017.10.14; workers of this version do not start"],
    }
    assert wrong(older) == {
        "index templates": [f"hashtide-posts has version {ours - 1}, ours is {ours}: workers do not start"],
        "indices": ["no author in posts-2017.10.15; workers of this version do not start"],
    }
    assert wrong(mended) == {}


def test_a_template_before_ours_and_blocks_on_indices(pipeline: Pipeline) -> None:
    with pipeline.elasticsearch() as client:
        client.indices.create(index="posts-2017.10.15")
        client.indices.put_settings(index="posts-2017.10.15", settings={"index.blocks.write": True})
        client.indices.put_index_template(name="stranger", index_patterns=["reply-*"], priority=900)
        try:
            found = look(pipeline)
        finally:
            client.indices.delete_index_template(name="stranger")
            client.indices.delete(index="posts-2017.10.15")
    assert wrong(found) == {
        "index templates": ["stranger (priority 900) takes precedence over hashtide-reply-volume (500)"],
        "indices": ["block write on posts-2017.10.15: somebody set it"],
    }


def test_a_disk_that_is_past_a_watermark(pipeline: Pipeline) -> None:
    mark = "cluster.routing.allocation.disk.watermark"
    full = {f"{mark}.low": "1b", f"{mark}.high": "1b", f"{mark}.flood_stage": "1b"}
    with pipeline.elasticsearch() as client:
        total = next(iter(client.nodes.stats(metric="fs").body["nodes"].values()))["fs"]["total"]["total_in_bytes"]
        low = full | {f"{mark}.low": f"{total}b"}  # no disk has this much free space
        try:
            client.cluster.put_settings(persistent=low)
            (found,) = look(pipeline)["disk"]
        finally:
            client.cluster.put_settings(persistent=dict.fromkeys(full))
    assert found.state == "warning"
    assert found.says.endswith("past the low watermark: it gets no new shards")


def test_keys_that_are_cut_off(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("half")
    reported = look(pipeline, HASHTIDE_AUTHOR_KEY_FILE=str(tmp_path / "key"))
    assert wrong(reported) == {
        "author key": [
            f"HASHTIDE_AUTHOR_KEY_FILE='{tmp_path}/key': must hold at least 32 bytes; create one with: openssl rand "
            "-hex 32"
        ]
    }


def test_lag_dead_letters_and_workers(pipeline: Pipeline) -> None:
    lines = "".join(post(number) for number in range(40)) + "{\n"
    pipeline.hashtide("produce", "file", "-", stdin=lines.encode())
    found = look(pipeline)
    group = pipeline.settings.group
    assert wrong(found) == {"workers": [f"no worker in group {group}, and 40 records wait"]}
    assert [each.says for each in found["lag"]] == ["posts.raw: 40 records wait"]
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
        assert [each.says for each in found["workers"]] == [f"1 worker in group {group}, every partition is assigned"]
        assert [each.says for each in found["metrics port"]] == [
            f"a worker answers at 127.0.0.1:{port}, alive and ready"
        ]
        worker.terminate()
        assert worker.wait(timeout=120) == 0, pipeline.log()


def test_records_that_wait_for_long_are_reported_with_their_time(pipeline: Pipeline) -> None:
    pipeline.hashtide("produce", "file", "-", stdin=post(1).encode())
    later_ms = time.time_ns() // 1_000_000 + 600_000
    findings = examine(pipeline.environment | {"HASHTIDE_METRICS_PORT": "0"}, now_ms=lambda: later_ms)
    (lag,) = [each for each in findings if each.check == "lag"]
    assert lag.state == "warning"
    assert lag.says.endswith(": 1 records wait, the first for 10 min")


def test_without_servers_the_other_checks_are_not_run(untouched: Pipeline) -> None:
    kafka, elasticsearch = free_ports(2)
    found = look(
        untouched,
        HASHTIDE_KAFKA=f"127.0.0.1:{kafka},nobody.invalid:1",
        HASHTIDE_ELASTICSEARCH=f"http://127.0.0.1:{elasticsearch}",
        HASHTIDE_ELASTICSEARCH_FINGERPRINT="",
    )
    assert wrong(found) == {
        "kafka connection": [
            f"Kafka is unreachable: 127.0.0.1:{kafka}: connection refused; nobody.invalid:1: no such host"
        ],
        "elasticsearch connection": [
            f"no answer from Elasticsearch at http://127.0.0.1:{elasticsearch}: connection refused"
        ],
    }
    assert {each.says for check in OF_KAFKA for each in found[check]} == {"no Kafka"}
    assert {each.says for check in OF_ELASTICSEARCH for each in found[check]} == {"no Elasticsearch"}
    assert {each.state for check in OF_KAFKA | OF_ELASTICSEARCH for each in found[check]} == {"not checked"}


def test_servers_that_do_not_answer_take_only_one_timeout_each(untouched: Pipeline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections, and never answers
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        at = {"HASHTIDE_ELASTICSEARCH": f"http://{address}", "HASHTIDE_ELASTICSEARCH_FINGERPRINT": ""}
        found = look(untouched, HASHTIDE_KAFKA=address, **at)
    assert wrong(found) == {
        "kafka connection": [f"connected to {address}, but: no Kafka answer; it does not use TLS"],
        "elasticsearch connection": [
            f"no answer from Elasticsearch at http://{address}: ConnectionTimeout Connection timed out"
        ],
    }
    # One request to each timed out: no other was sent.
    assert {each.says for check in OF_KAFKA for each in found[check]} == {"no Kafka"}
    assert {each.says for check in OF_ELASTICSEARCH for each in found[check]} == {"no Elasticsearch"}


def test_a_wrong_setting_is_reported_and_the_checks_that_need_it_are_not_run(untouched: Pipeline) -> None:
    untouched.environment |= {"HASHTIDE_KAFKA": "nowhere", "HASHTIDE_LOG_LEVEL": "loud"}
    reported = json.loads(untouched.hashtide("doctor", "--json", status=1).stdout)
    assert reported["counts"]["wrong"] == 2
    assert {each["says"] for each in reported["checks"] if each["check"] in OF_KAFKA | OF_ELASTICSEARCH} == {
        "a setting is wrong"
    }


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secure.Kafka]:
    """A broker that requires a login, with our topics. The user of the token is mina, who may send posts."""
    with secure.kafka(tmp_path_factory.mktemp("secure")) as running:
        ours = load(StreamSettings, running.login("PLAIN"))
        topics.setup(ours)
        may = {
            ResourcePattern(ResourceType.TOPIC, "posts.raw"): ("WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"),
            ResourcePattern(ResourceType.TOPIC, "posts.dead"): ("WRITE", "DESCRIBE"),
            ResourcePattern(ResourceType.GROUP, "hashtide"): ("DESCRIBE",),
            ResourcePattern(ResourceType.CLUSTER, "kafka-cluster"): ("DESCRIBE",),
        }
        with closing(connect(KafkaConsumer, ours, group_id="hashtide")) as consumer:
            consumer.assign([TopicPartition("posts.raw", 0)])
            consumer.commit({TopicPartition("posts.raw", 0): OffsetAndMetadata(0, "", -1)})  # so that there is a group
        with closing(connect(KafkaAdminClient, ours)) as client:
            client.create_acls(
                [
                    ACL("User:mina", "*", ACLOperation[operation], ACLPermissionType.ALLOW, what)
                    for what, operations in may.items()
                    for operation in operations
                ]
            )
            # A resource without any ACL is open to everyone: this one is not.
            other = ResourcePattern(ResourceType.GROUP, "of-somebody-else")
            client.create_acls([ACL("User:nobody", "*", ACLOperation.READ, ACLPermissionType.ALLOW, other)])
        yield running


def test_the_privileges_of_a_login_and_those_that_it_lacks(pipeline: Pipeline, secure_kafka: secure.Kafka) -> None:
    of_hashtide, of_mina = secure_kafka.login("PLAIN"), secure_kafka.login("OAUTHBEARER")
    found = look(pipeline, **of_hashtide, HASHTIDE_GROUP="hashtide")
    assert wrong(found) == {}
    assert [each.says for each in found["kafka privileges"]] == ["enough for a producer, a worker, setup"]
    found = look(pipeline, **of_mina, HASHTIDE_GROUP="hashtide")
    assert wrong(found) == {}
    assert [each.says for each in found["kafka privileges"]] == [
        "enough for a producer; a worker lacks READ of posts.raw, READ of group; "
        "setup lacks CREATE of posts.raw, CREATE and DESCRIBE_CONFIGS of posts.dead"
    ]


def test_a_login_that_may_not_describe_the_group_can_still_check_the_topics(secure_kafka: secure.Kafka) -> None:
    mina = load(StreamSettings, secure_kafka.login("OAUTHBEARER") | {"HASHTIDE_GROUP": "of-somebody-else"})
    assert {name: topic.partitions for name, topic in topics.check(mina).items()} == {"posts.raw": 4, "posts.dead": 4}


def test_a_password_that_kafka_refuses_is_named_by_its_setting_and_not_printed(
    untouched: Pipeline, secure_kafka: secure.Kafka, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("nobody-sees")
    given = secure_kafka.login("PLAIN") | {"HASHTIDE_KAFKA_PASSWORD_FILE": str(tmp_path / "password")}
    found = look(untouched, **given)
    (says,) = wrong(found)["kafka connection"]
    assert "HASHTIDE_KAFKA_PASSWORD_FILE" in says
    assert "nobody-sees" not in str(found)
    assert {each.says for check in OF_KAFKA for each in found[check]} == {"no Kafka"}


@pytest.mark.parametrize("format_", ["text", "json"])
def test_nothing_but_findings_is_printed(untouched: Pipeline, format_: str) -> None:
    untouched.environment |= {"HASHTIDE_KAFKA": "127.0.0.1:1", "HASHTIDE_LOG_FORMAT": format_}
    assert untouched.hashtide("doctor", status=1).stderr == b""
