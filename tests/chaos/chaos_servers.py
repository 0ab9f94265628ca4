"""Elasticsearch and Kafka go away, refuse, lose and are slow."""

from tests.chaos import servers
from tests.chaos.trial import Trial


def test_elasticsearch_killed_under_load(trial: Trial) -> None:
    servers.elasticsearch_is_killed(trial, times=3)


def test_elasticsearch_on_bad_days(trial: Trial) -> None:
    servers.elasticsearch_has_bad_days(trial, messages=8_000, share=0.2, silences=3)


def test_read_only_indices_and_a_read_only_cluster(trial: Trial) -> None:
    servers.indices_are_read_only(trial, "index", "cluster", "index")


def test_kafka_stopped_and_killed_under_load(trial: Trial) -> None:
    servers.kafka_restarts(trial, "stop", "kill", "stop")
