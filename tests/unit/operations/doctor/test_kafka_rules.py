"""The rules about Kafka: literal facts in, findings out."""

import re
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from ruamel.yaml import YAML

from hashtide.kafka.topics import CONFIGS, made_with, retention
from operations.doctor import kafka_rules
from operations.doctor.facts import Broker, KafkaCluster, Letters, PartitionProgress, TopicFacts, WorkerGroup
from operations.doctor.findings import Finding
from stream_jobs.settings import StreamSettings
from tests.paths import ROOT

RAW, ENRICHED, DEAD = NAMES = ("posts.raw", "posts.enriched", "posts.dead")
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
SETTINGS = StreamSettings(publish_enriched=True)
MADE, KEPT = made_with(SETTINGS), retention(SETTINGS)


def reported(findings: Sequence[Finding] | Finding) -> list[tuple[str, str]]:
    found = [findings] if isinstance(findings, Finding) else findings
    assert all(each.do for each in found if each.state in ("wrong", "warning")), "says what to do"
    return [(each.state, each.says) for each in found]


def topic(name: str, **changed: object) -> TopicFacts:
    well = TopicFacts(name, 4, 3, fewest_in_sync=3, configs={**MADE[name], "min.insync.replicas": "2"})
    return replace(well, **changed)


def all_topics(**changed: object) -> dict[str, TopicFacts]:
    """All three; `changed` is of posts.raw."""
    return {RAW: topic(RAW, **changed), ENRICHED: topic(ENRICHED), DEAD: topic(DEAD)}


def test_brokers() -> None:
    assert reported(kafka_rules.brokers(KafkaCluster("4.3", (Broker(1, "a:1"), Broker(2, "b:1"))))) == [
        ("ok", "2 brokers, Kafka 4.3")
    ]
    assert reported(kafka_rules.brokers(KafkaCluster("3.9", (Broker(1, "a:1", fenced=True),)))) == [
        ("warning", "the protocol version of Kafka is 3.9"),
        ("warning", "broker 1 at a:1 is fenced: it serves no clients"),
    ]


def test_all_topics_exist() -> None:
    assert reported(kafka_rules.topics(all_topics(), NAMES, 4)) == [
        ("ok", "posts.raw (4), posts.enriched (4), posts.dead (4) partitions, each with its leader")
    ]


def test_posts_enriched_is_missing_only_if_it_is_published() -> None:
    found = {RAW: topic(RAW), DEAD: topic(DEAD)}
    assert reported(kafka_rules.topics(found, [RAW, DEAD], 4)) == [
        ("ok", "posts.raw (4), posts.dead (4) partitions, each with its leader")
    ]
    assert reported(kafka_rules.topics(found, NAMES, 4)) == [
        ("wrong", "missing: posts.enriched; workers do not start"),
    ]


def test_more_partitions_than_the_setting_says_are_no_problem() -> None:
    ((state, says),) = reported(kafka_rules.topics(all_topics(), NAMES, 2))
    assert state == "ok"
    assert says.endswith("HASHTIDE_PARTITIONS is 2, and Kafka cannot remove partitions")


def test_fewer_partitions_than_the_setting_says_are_reported_with_the_command_that_adds_them() -> None:
    (found,) = kafka_rules.topics(all_topics(), NAMES, 8)
    assert (found.state, found.says, found.do) == (
        "warning",
        "posts.raw has 4 partitions, HASHTIDE_PARTITIONS is 8",
        "hashtide setup --add-partitions (docs/upgrades.md), or set it to 4",
    )


def test_missing_topics_are_one_line() -> None:
    (found,) = kafka_rules.topics({RAW: topic(RAW)}, NAMES, 4)
    assert (found.state, found.says) == ("wrong", "missing: posts.enriched, posts.dead; workers do not start")
    assert found.do == "hashtide setup"


def test_posts_enriched_may_have_another_number_of_partitions() -> None:
    found = all_topics() | {ENRICHED: topic(ENRICHED, partitions=2)}
    assert reported(kafka_rules.topics(found, NAMES, 4)) == [
        ("ok", "posts.raw (4), posts.enriched (2), posts.dead (4) partitions, each with its leader")
    ]


def test_partitions_without_a_leader_and_replicas_that_are_behind() -> None:
    found = all_topics(leaderless=(3,), out_of_sync=(1, 3)) | {DEAD: topic(DEAD, out_of_sync=tuple(range(12)))}
    assert reported(kafka_rules.topics(found, NAMES, 4)) == [
        ("wrong", "posts.raw: no leader for partition 3: it cannot be read or written"),
        (
            "warning",
            "posts.dead: replicas are behind or offline in partition 0, 1, 2, 3, 4, 5, 6, 7 and 4 more",
        ),
    ]


def in_sync(needed: int) -> dict[str, str]:
    return {**MADE[RAW], "min.insync.replicas": str(needed)}


@pytest.mark.parametrize(
    ("changed", "brokers", "said"),
    [
        ({}, 3, ("ok", "3 replicas on 3 brokers")),
        (
            {"configs": in_sync(4)},
            3,
            ("wrong", "posts.raw: min.insync.replicas is 4 of 3 replicas: nothing can be written"),
        ),
        (
            {"fewest_in_sync": 1},
            3,
            ("wrong", "posts.raw: 1 replicas are in sync, and min.insync.replicas is 2"),
        ),
        (
            {"configs": in_sync(3)},
            3,
            ("warning", "posts.raw: min.insync.replicas is 3 of 3: nothing can be written if one broker stops"),
        ),
        (
            {"configs": in_sync(1)},
            3,
            ("warning", "posts.raw: min.insync.replicas is 1: records are acknowledged when only one broker has them"),
        ),
        (
            {"replicas": 1, "fewest_in_sync": 1, "configs": in_sync(1)},
            3,
            ("warning", "posts.raw: 1 replica, and there are 3 brokers"),
        ),
    ],
)
def test_replication(changed: dict[str, object], brokers: int, said: tuple[str, str]) -> None:
    assert reported(kafka_rules.replication(all_topics(**changed), brokers)) == [said]


def test_one_broker_can_have_no_replicas() -> None:
    alone = {name: topic(name, replicas=1, fewest_in_sync=1, configs=in_sync(1)) for name in NAMES}
    assert reported(kafka_rules.replication(alone, 1)) == [
        ("ok", "one broker: if its disk fails, its records are lost. Use three in production")
    ]


def configs(**changed: dict[str, str]) -> list[Finding]:
    """The findings if a topic has other settings. A topic is named by the word after `posts.`"""
    found = all_topics() | {f"posts.{name}": topic(f"posts.{name}", configs=is_) for name, is_ in changed.items()}
    return kafka_rules.configs(found, CONFIGS, KEPT)


def test_settings_of_topics() -> None:
    assert reported(configs()) == [("ok", "as `hashtide setup` creates them")]
    changed = MADE[RAW] | {"message.timestamp.type": "CreateTime", "max.message.bytes": "1048588"}
    assert reported(configs(raw=changed)) == [
        ("wrong", "posts.raw: message.timestamp.type is CreateTime, must be LogAppendTime"),
        ("wrong", "posts.raw: max.message.bytes is 1048588, must be 4194304"),
    ]


@pytest.mark.parametrize(
    ("name", "option", "is_ms", "says", "do"),
    [
        (
            "raw",
            "retention.ms",
            "86400000",
            "posts.raw: retention.ms is 1 d, the settings say 7 d",
            "hashtide setup --alter-retention, or change HASHTIDE_RETENTION_RAW_DAYS",
        ),
        (
            "enriched",
            "retention.ms",
            "-1",
            "posts.enriched: retention.ms is for ever, the settings say 7 d",
            "hashtide setup --alter-retention, or change HASHTIDE_RETENTION_ENRICHED_DAYS: Kafka deletes older "
            "records at once",
        ),
        (
            "dead",
            "segment.ms",
            "604800000",
            "posts.dead: segment.ms is 7 d, the settings say 1 d",
            "hashtide setup --alter-retention: Kafka deletes older records at once",
        ),
    ],
)
def test_topics_with_another_retention(name: str, option: str, is_ms: str, says: str, do: str) -> None:
    assert configs(**{name: MADE[f"posts.{name}"] | {option: is_ms}}) == [
        Finding("topic settings", "warning", says, do)
    ]


def test_a_topic_that_accepts_larger_messages_is_only_a_warning() -> None:
    assert reported(configs(raw={**MADE[RAW], "max.message.bytes": "9999999"})) == [
        ("warning", "posts.raw: max.message.bytes is 9999999, setup creates it with 4194304")
    ]


def test_the_order_of_policies_does_not_matter() -> None:
    assert reported(configs(dead={**MADE[DEAD], "cleanup.policy": "delete,compact"})) == [
        ("ok", "as `hashtide setup` creates them")
    ]


def test_settings_that_this_login_may_not_read() -> None:
    hidden = {name: topic(name, configs={}) for name in NAMES}
    assert reported(kafka_rules.configs(hidden, CONFIGS, KEPT)) == [
        ("not checked", "unknown: this login lacks DESCRIBE_CONFIGS")
    ]
    assert reported(kafka_rules.configs({}, CONFIGS, KEPT)) == [("not checked", "no topics")]


ALL_FOUR = frozenset(range(4))
STABLE = WorkerGroup("hashtide", "Stable", 2, {RAW: ALL_FOUR})
HANDLED = {RAW: topic(RAW)}


def test_every_partition_has_a_worker() -> None:
    assert reported(kafka_rules.group(STABLE, HANDLED, 10)) == [
        ("ok", "2 workers in group hashtide, every partition is assigned")
    ]
    assert reported(kafka_rules.group(replace(STABLE, members=5), HANDLED, 0)) == [
        ("ok", "5 workers in group hashtide, every partition is assigned; 1 idle")
    ]


def test_no_worker_is_wrong_if_records_wait() -> None:
    none = WorkerGroup("hashtide", "Empty", 0)
    assert reported(kafka_rules.group(none, HANDLED, 0)) == [("warning", "no worker in group hashtide")]
    assert reported(kafka_rules.group(none, HANDLED, 1200)) == [
        ("wrong", "no worker in group hashtide, and 1,200 records wait")
    ]


def test_partitions_without_a_worker() -> None:
    found = replace(STABLE, assigned={RAW: frozenset({0, 3})})
    (finding,) = kafka_rules.group(found, HANDLED, 0)
    assert (finding.state, finding.says, finding.do) == (
        "wrong",
        "posts.raw: partition 1, 2 is not assigned: its records are not counted",
        "restart the workers; check that no other program uses HASHTIDE_GROUP=hashtide",
    )


def test_a_rebalance_is_a_warning() -> None:
    found = replace(STABLE, state="PreparingRebalance", assigned={})
    assert reported(kafka_rules.group(found, HANDLED, 0)) == [
        ("warning", "group hashtide is rebalancing (PreparingRebalance)")
    ]


WEEK = {RAW: 7 * 24 * HOUR_MS}


def test_a_short_lag_is_ok() -> None:
    found = [
        PartitionProgress(RAW, 0, 0, 100, committed=100),
        PartitionProgress(RAW, 1, 0, 100, committed=60, waiting_since_ms=NOW_MS - 1_000),
    ]
    assert reported(kafka_rules.lag(found, NOW_MS, WEEK)) == [("ok", "posts.raw: 40 records wait")]


def test_a_lag_of_minutes_is_reported_for_each_partition() -> None:
    found = [
        PartitionProgress(RAW, 0, 50, 100, waiting_since_ms=NOW_MS - 120_000),
        PartitionProgress(RAW, 1, 0, 9_000, committed=1_000, waiting_since_ms=NOW_MS - 2 * HOUR_MS),
        PartitionProgress(RAW, 2, 0, 9_000, committed=1_000),  # since when could not be read
    ]
    assert reported(kafka_rules.lag(found, NOW_MS, WEEK)) == [
        ("warning", "posts.raw partition 0: 50 records wait, the first for 2 min"),
        ("warning", "posts.raw partition 1: 8,000 records wait, the first for 2.0 h"),
    ]


def test_records_that_retention_deletes_soon_or_has_deleted_are_wrong() -> None:
    found = [
        PartitionProgress(RAW, 0, 0, 100, committed=10, waiting_since_ms=NOW_MS - 85 * HOUR_MS),
        PartitionProgress(RAW, 1, 40, 100, committed=10, waiting_since_ms=NOW_MS - 1_000),
    ]
    assert reported(kafka_rules.lag(found, NOW_MS, WEEK)) == [
        ("wrong", "posts.raw partition 0: 90 records wait, the first for 85.0 h"),
        ("wrong", "posts.raw partition 1: 30 records were deleted by retention before they were counted"),
    ]


def test_a_topic_without_retention_loses_no_records() -> None:
    found = [PartitionProgress(RAW, 0, 0, 100, committed=10, waiting_since_ms=NOW_MS - 85 * HOUR_MS)]
    assert [state for state, _ in reported(kafka_rules.lag(found, NOW_MS, {RAW: -1}))] == ["warning"]


def test_dead_letters() -> None:
    assert reported(kafka_rules.letters(Letters(0), NOW_MS)) == [("ok", "none")]
    assert reported(kafka_rules.letters(Letters(3), NOW_MS)) == [("ok", "none among the newest records")]
    assert reported(kafka_rules.letters(Letters(1_200, "not-json", NOW_MS - 30_000), NOW_MS)) == [
        ("warning", "up to 1,200; the newest came 30 s ago: not-json")
    ]


EVERYTHING = frozenset({"READ", "WRITE", "CREATE", "DESCRIBE", "DESCRIBE_CONFIGS"})


def allowed(raw: str, enriched: str, dead: str) -> dict[str, TopicFacts]:
    reported = (raw, enriched, dead)
    return {name: topic(name, operations=frozenset(words.split())) for name, words in zip(NAMES, reported, strict=True)}


def test_a_login_with_all_privileges() -> None:
    found = {name: topic(name, operations=EVERYTHING) for name in NAMES}
    assert reported(
        kafka_rules.privileges(KafkaCluster("4.3", (), EVERYTHING), found, replace(STABLE, operations=EVERYTHING))
    ) == [("ok", "enough for a producer, a worker, setup")]


def test_a_login_is_described_by_the_roles_it_has_privileges_for() -> None:
    found = allowed("WRITE DESCRIBE", "DESCRIBE", "WRITE DESCRIBE")
    group = replace(STABLE, operations=frozenset())
    ((state, says),) = reported(kafka_rules.privileges(KafkaCluster("4.3", (), frozenset({"CREATE"})), found, group))
    assert state == "ok"
    assert says == (
        "enough for a producer; a worker lacks READ of posts.raw, WRITE of posts.enriched, READ of group; "
        "setup lacks DESCRIBE_CONFIGS of posts.raw, DESCRIBE_CONFIGS of posts.enriched, DESCRIBE_CONFIGS "
        "of posts.dead"
    )


MANIFEST = ROOT / "deploy" / "kubernetes" / "servers" / "kafka-users.yaml"
JOBS = {"hashtide-producer": "a producer", "hashtide-setup": "setup", "hashtide-worker": "a worker"}


@pytest.mark.parametrize("user", JOBS)
def test_the_users_that_we_deploy_have_the_privileges_of_their_role_and_no_more(user: str) -> None:
    (manifest,) = [each for each in YAML(typ="safe").load_all(MANIFEST) if each["metadata"]["name"] == user]

    def operations(type_: str, name: str) -> frozenset[str]:
        """In the terms of Kafka's protocol."""
        return frozenset(
            re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).upper()
            for acl in manifest["spec"]["authorization"]["acls"]
            if acl["resource"]["type"] == type_ and name.startswith(acl["resource"]["name"])
            for operation in acl["operations"]
        )

    found = {name: topic(name, operations=operations("topic", name)) for name in NAMES}
    group = replace(STABLE, operations=operations("group", "hashtide"))
    ((state, says),) = reported(kafka_rules.privileges(KafkaCluster("4.3", (), frozenset()), found, group))
    able = {"hashtide-worker": "a producer, a worker"}.get(user, JOBS[user])  # its canary sends posts, too
    assert state == "ok"
    assert says.partition(";")[0] == f"enough for {able}"


def test_a_login_without_enough_privileges_for_any_role() -> None:
    found = allowed("DESCRIBE", "DESCRIBE", "DESCRIBE")
    group = replace(STABLE, operations=frozenset({"READ", "DESCRIBE"}))
    ((state, says),) = reported(kafka_rules.privileges(KafkaCluster("4.3", (), frozenset()), found, group))
    assert state == "wrong"
    assert says == (
        "a producer lacks WRITE of posts.raw, WRITE of posts.dead; a worker lacks READ and WRITE of posts.raw, WRITE "
        "of posts.enriched, WRITE of posts.dead; setup lacks CREATE and DESCRIBE_CONFIGS of posts.raw, CREATE and "
        "DESCRIBE_CONFIGS of posts.enriched, CREATE and DESCRIBE_CONFIGS of posts.dead"
    )


def test_privileges_that_kafka_does_not_report() -> None:
    found = {name: topic(name) for name in NAMES}
    assert reported(kafka_rules.privileges(KafkaCluster("4.3", ()), found, None)) == [
        ("not checked", "Kafka does not report the privileges of this login")
    ]
