"""Lag against a real Kafka: of a group that never committed, and of a topic whose first records were deleted."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from deploy.local.stack import Addresses
from hashtide.kafka.offsets import Offsets
from hashtide.settings import PipelineSettings


@pytest.fixture
def kafka(stack: Addresses) -> Iterator[Any]:
    with closing(KafkaAdminClient(bootstrap_servers=stack.kafka)) as admin:
        yield admin


@pytest.fixture
def topic(kafka: Any, stack: Addresses) -> Iterator[str]:
    """A topic of one partition with ten records."""
    name = f"lag-{uuid4().hex[:8]}"
    kafka.create_topics({name: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    with closing(KafkaProducer(bootstrap_servers=stack.kafka)) as producer:
        for number in range(10):
            producer.send(name, value=b"%d" % number, partition=0)
        producer.flush()
    yield name
    kafka.delete_topics([name])


def test_lag_without_commits_counts_from_earliest_offset(kafka: Any, topic: str, stack: Addresses) -> None:
    settings = PipelineSettings(kafka=stack.kafka, group=f"nobody-{uuid4().hex[:8]}")
    with Offsets(settings) as offsets:
        assert offsets.behind(topic) == 10
        assert offsets.behind(topic, {TopicPartition(topic, 0): 4}) == 4
        kafka.delete_records({TopicPartition(topic, 0): 7})
        assert offsets.begins(topic) == {TopicPartition(topic, 0): 7}
        assert offsets.behind(topic) == 3
        assert offsets.behind(topic, {TopicPartition(topic, 0): 4}) == 0
