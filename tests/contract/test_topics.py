"""Topics on a real Kafka: those that an older version of Hashtide used are refused."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata

from deploy.local.stack import Addresses
from hashtide.kafka import topics
from hashtide.kafka.topics import TopicsUnready
from hashtide.settings import PipelineSettings

NAMES = ("posts.raw", "posts.enriched", "posts.dead")


@pytest.fixture
def kafka(stack: Addresses) -> Iterator[Any]:
    """A client, and a Kafka without our topics, before the test and after it."""
    with closing(KafkaAdminClient(bootstrap_servers=stack.kafka)) as admin:
        remove(admin)
        yield admin
        remove(admin)


def remove(kafka: Any) -> None:
    """Remove our topics; returns when they are gone."""
    if there := sorted(set(kafka.list_topics()) & set(NAMES)):
        kafka.delete_topics(there)
    deadline = time.monotonic() + 60
    while set(kafka.list_topics()) & set(NAMES):
        assert time.monotonic() < deadline, "the topics still exist"
        time.sleep(0.1)


@pytest.fixture
def settings(stack: Addresses) -> PipelineSettings:
    """Settings with a group that no other test has. posts.enriched is published, so that `setup` creates it."""
    return PipelineSettings(kafka=stack.kafka, group=f"older-{uuid4().hex[:8]}", publish_enriched=True)


def commit(settings: PipelineSettings, topic: str) -> None:
    """Commit an offset of a topic, as a worker that reads it."""
    at = TopicPartition(topic, 1)
    with closing(KafkaConsumer(bootstrap_servers=settings.kafka, group_id=settings.group)) as consumer:
        consumer.assign([at])
        consumer.commit({at: OffsetAndMetadata(0, "", -1)})


def test_a_group_that_has_read_posts_enriched_is_refused_by_workers_and_setup(
    kafka: Any, settings: PipelineSettings
) -> None:
    assert topics.setup(settings) == ["posts.raw", "posts.enriched", "posts.dead"]
    commit(settings, "posts.raw")
    commit(settings, "posts.enriched")
    refused = (
        f"the group {settings.group} has read posts.enriched: an older version of Hashtide ran here, and this one "
        "cannot continue from it. Stop its workers, delete the topics posts.raw, posts.enriched and posts.dead "
        "(kafka-topics --delete --topic NAME) and the group (kafka-consumer-groups --delete --group "
        f"{settings.group}), run `hashtide setup`, and send the posts again (docs/upgrades.md)"
    )
    for use in (topics.check, topics.setup):
        with pytest.raises(TopicsUnready) as caught:
            use(settings)
        assert str(caught.value) == refused

    remove(kafka)  # the remedy that the message states
    kafka.delete_groups([settings.group])
    assert topics.setup(settings) == ["posts.raw", "posts.enriched", "posts.dead"]
    assert set(topics.check(settings)) == set(NAMES)


@pytest.mark.parametrize("committed", [True, False], ids=["of posts.raw", "of no topic"])
def test_a_group_with_offsets_of_posts_raw_or_of_no_topic_is_not_refused(
    kafka: Any, settings: PipelineSettings, committed: bool
) -> None:
    topics.setup(settings)
    if committed:
        commit(settings, "posts.raw")
    assert set(topics.check(settings)) == set(NAMES)


def test_posts_enriched_is_created_and_required_only_if_it_is_published(kafka: Any, stack: Addresses) -> None:
    group = f"none-{uuid4().hex[:8]}"
    unpublished = PipelineSettings(kafka=stack.kafka, group=group)
    published = PipelineSettings(kafka=stack.kafka, group=group, publish_enriched=True)
    assert topics.setup(unpublished) == ["posts.raw", "posts.dead"]
    assert list(topics.check(unpublished)) == ["posts.raw", "posts.dead"]
    with pytest.raises(TopicsUnready, match=r"^no topic posts\.enriched in Kafka at .*: run `hashtide setup` first$"):
        topics.check(published)
    assert topics.setup(published) == ["posts.enriched"]
