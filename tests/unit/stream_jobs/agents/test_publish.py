"""What is published to posts.enriched, and that its JSON Schema describes it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hashtide.contract.messages import Gap, PostDelete
from stream_jobs.agents.count import CountAgent, CountOptions
from stream_jobs.agents.events import EnrichedBatch, Event
from stream_jobs.agents.publish import (
    Published,
    PublishedDeletion,
    PublishedEdit,
    PublishedPost,
    publish_by,
    schema,
)
from stream_jobs.settings import StreamSettings
from tests.fakes.kafka import Graveyard
from tests.fakes.labels import LABELS
from tests.unit.stream_jobs.agents.counting import KEY, NOW_MS, TOPIC_ID, Counting, post

SCHEMA = Path(__file__).parents[4] / "docs" / "posts.enriched.schema.json"
POST = PublishedPost(
    platform="x",
    post_id="1",
    created_at_ms=1_508_097_630_000,
    kind="reply",
    answers_root=False,
    campaigns=("metoo",),
    why=(),
    hashtags=("metoo",),
    language="en",
    language_source="platform",
    region="ZZ",
    origin="live",
)


class Topic:
    """posts.enriched: partition, key and value of each record, in order."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes | None, Any]] = []

    async def send(self, topic: str, partition: int, records: Sequence[tuple[bytes | None, bytes]]) -> None:
        assert topic == "posts.enriched"
        self.records += [(partition, key, json.loads(value)) for key, value in records]


async def published(*messages: Published, partition: int = 0) -> list[tuple[int, bytes | None, Any]]:
    topic = Topic()
    await publish_by(topic.send, 4)(partition, messages)
    return topic.records


async def test_values_are_json_under_the_key_of_posts_raw_in_the_partition_of_the_same_number() -> None:
    messages: list[Published] = [
        POST,
        PublishedEdit(platform="x", post_id="1", edited_at_ms=1_508_097_700_000),
        PublishedDeletion(platform="mastodon", post_id="9", deleted_at_ms=1_508_100_000_000),
        PublishedDeletion(platform="x", post_id="1"),
    ]
    assert await published(*messages, partition=3) == [
        (
            3,
            b"x:1",
            {
                "type": "post",
                "platform": "x",
                "post_id": "1",
                "created_at_ms": 1_508_097_630_000,
                "kind": "reply",
                "answers_root": False,
                "campaigns": ["metoo"],
                "why": [],
                "hashtags": ["metoo"],
                "language": "en",
                "language_source": "platform",
                "region": "ZZ",
                "origin": "live",
            },
        ),
        (3, b"x:1", {"type": "edit", "platform": "x", "post_id": "1", "edited_at_ms": 1_508_097_700_000}),
        (
            3,
            b"mastodon:9",
            {"type": "delete", "platform": "mastodon", "post_id": "9", "deleted_at_ms": 1_508_100_000_000},
        ),
        (3, b"x:1", {"type": "delete", "platform": "x", "post_id": "1"}),
    ]


async def test_fewer_partitions_than_posts_raw_share_its_posts() -> None:
    assert [partition for partition, *_ in await published(POST, partition=6)] == [2]


async def test_nothing_to_publish_sends_nothing() -> None:
    async def send(topic: str, partition: int, records: Sequence[tuple[bytes | None, bytes]]) -> None:
        raise AssertionError(topic)

    await publish_by(send, 4)(0, [])


async def test_each_post_edit_and_deletion_is_published_once_and_copies_and_gaps_are_not() -> None:
    counting = Counting()
    await counting.handle(
        0,
        post("1", campaigns=("metoo",), hashtags=("metoo",)),
        post("1"),
        post("1", edited_at_ms=1_508_097_700_000),
        Gap(source="x", from_ms=1_000, to_ms=2_000, reason="stalled"),
        PostDelete(platform="x", post_id="1", deleted_at_ms=1_508_100_000_000),
        partition=2,
    )
    assert counting.published == [
        (2, POST),
        (2, PublishedEdit(platform="x", post_id="1", edited_at_ms=1_508_097_700_000)),
        (2, PublishedDeletion(platform="x", post_id="1", deleted_at_ms=1_508_100_000_000)),
    ]


async def test_a_post_read_again_is_published_as_it_was_counted() -> None:
    """After a crash, with other campaigns and another detector: the ledger entry says what was counted."""
    counting = Counting()
    await counting.handle(0, post("1", campaigns=("metoo",), hashtags=("metoo",)))
    await counting.handle(0, post("1", campaigns=("harbour",), hashtags=("harbour",), language="fr"), generation=2)
    assert counting.published == [(0, POST), (0, POST)]


async def test_a_post_that_is_refused_is_not_published() -> None:
    counting = Counting()
    counting.store.refusal = lambda index, source: "read-only" if source.get("language") == "fr" else ""
    await counting.handle(0, post("1", language="fr"), post("2"))
    assert [message.post_id for _, message in counting.published] == ["2"]
    assert len(counting.dead.letters) == 1


def test_publishing_is_off_by_default() -> None:
    assert StreamSettings().publish_enriched is False


async def test_a_worker_that_does_not_publish_counts_the_same() -> None:
    async def no_order(partition: int, orders: object) -> None:
        raise AssertionError(orders)

    counting = Counting()
    agent = CountAgent(
        counting.store,
        Graveyard(),
        no_order,
        CountOptions(topic_id=TOPIC_ID, key=KEY, cached_counts=10, grace_ms=900_000),
        labels=LABELS,
        clock_ms=lambda: NOW_MS,
    )
    await agent.handle(EnrichedBatch(0, 1, [Event(0, post("1")), Event(1, post("1", edited_at_ms=5))], []))
    assert counting.counts == {"15 20:00 en": 1}


def test_the_schema_in_docs_is_that_of_the_code() -> None:
    assert SCHEMA.read_bytes() == schema()


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ({"type": "edit", "platform": "x", "post_id": "1", "edited_at_ms": 5}, True),
        ({"type": "delete", "platform": "x", "post_id": "1"}, True),
        ({"type": "edit", "platform": "x", "post_id": "1"}, False),
        ({"type": "edit", "platform": "x", "post_id": 1, "edited_at_ms": 5}, False),
        ({"type": "poll", "platform": "x", "post_id": "1"}, False),
    ],
)
def test_the_schema_accepts_only_valid_values(value: dict[str, object], valid: bool) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert validator.is_valid(value) is valid


async def test_every_published_value_fits_the_schema() -> None:
    counting = Counting()
    await counting.handle(
        0,
        post("1", campaigns=("metoo",), hashtags=("metoo",), author="5d41402a", region="FR", region_source="place"),
        post("1", edited_at_ms=1_508_097_700_000),
        PostDelete(platform="x", post_id="1"),
        PostDelete(platform="x", post_id="2", deleted_at_ms=1_508_100_000_000),
    )
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    values = [value for _, _, value in await published(*[message for _, message in counting.published])]
    assert [value["type"] for value in values] == ["post", "edit", "delete", "delete"]
    for value in values:
        validator.validate(value)
