"""Elasticsearch and Kafka go away, refuse, lose and are slow."""

from tests.chaos import servers
from tests.chaos.trial import Trial


def test_elasticsearch_killed_and_read_only_under_load(trial: Trial) -> None:
    ways: list[servers.Away] = ["kill", "block of indices", "block of the cluster"] * 2
    trial.draw.shuffle(ways)
    servers.elasticsearch_goes_away(trial, *ways)


def test_elasticsearch_on_bad_days(trial: Trial) -> None:
    servers.elasticsearch_has_bad_days(trial, messages=8_000, share=0.2, silences=3)


def test_kafka_stopped_and_killed_under_load(trial: Trial) -> None:
    servers.kafka_restarts(trial, "stop", "kill", "stop", crowd=2)
