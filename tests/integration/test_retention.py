"""Retention while workers run: posts, orders and readers that come after a day was dropped."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from hashtide.contract.messages import Recount
from hashtide.contract.names import REPLY_VOLUME
from hashtide.kafka.clients import connect
from operations.orders import send_orders
from operations.retention.enforce import FENCE
from stream_jobs.domain.windows import window_start_ms
from tests.integration.pipeline import Pipeline

OLD, NEW = "2009-05-05T20:00:30Z", "2017-10-15T20:00:30Z"
OLD_MS, NEW_MS = 1_241_553_630_000, 1_508_097_630_000


@pytest.fixture(autouse=True)
def no_fences(pipeline: Pipeline) -> Iterator[None]:
    """Lets the next tests create these days again."""
    yield
    with pipeline.elasticsearch() as client:
        client.options(ignore_status=404).indices.delete_index_template(name=f"{FENCE}-*")


def days_since(year: int) -> str:
    return str((datetime.now(UTC).date() - date(year, 1, 1)).days)


def send(pipeline: Pipeline, *posts: tuple[str, str]) -> None:
    lines = [json.dumps({"id": id_, "platform": "x", "text": "me too #metoo", "created_at": at}) for id_, at in posts]
    pipeline.hashtide("produce", "file", "-", stdin="\n".join(lines).encode())
    pipeline.settle()


def totals(pipeline: Pipeline) -> tuple[int, int]:
    """The counts of the old day and of the new one."""
    sums = Counter[int]()
    for (family, at_ms, *_), number in pipeline.sums().items():
        if family == REPLY_VOLUME:
            sums[at_ms] += number
    return sums[window_start_ms(OLD_MS)], sums[window_start_ms(NEW_MS)]


def indices(pipeline: Pipeline) -> set[str]:
    with pipeline.elasticsearch() as client:
        return set(client.indices.get(index="posts-*,reply-volume-*,hashtag-volume-*").body)


def order(pipeline: Pipeline, at_ms: int) -> None:
    """Order every partition to recount the window, and wait until this is done."""
    order = Recount(window_ms=window_start_ms(at_ms))
    ends = send_orders(pipeline.settings, [(number, order) for number in range(pipeline.settings.partitions)])
    assert {(at.topic, at.partition) for at in ends} == {("posts.raw", number) for number in range(4)}
    pipeline.settle()


def reasons(pipeline: Pipeline) -> list[str]:
    return sorted(letter.reason for letter in pipeline.dead_letters().values())


def test_counts_stay_after_their_ledger_is_dropped_and_nothing_changes_them(pipeline: Pipeline) -> None:
    retention = ("retention", f"--counts={days_since(2008)}d", f"--posts={days_since(2010)}d")
    with pipeline.worker():
        send(pipeline, ("1", OLD), ("2", OLD), ("3", OLD), ("4", NEW), ("5", NEW))
        assert totals(pipeline) == (3, 2)
        assert len(pipeline.ledger()) == 5  # refreshes: otherwise the numbers below may be 10 s old
        reported = pipeline.json(*retention, "--dry-run", "--json")
        assert "posts-2009.05.05" in indices(pipeline)
        done = pipeline.json(*retention, "--json")
        assert reported["dropped"] == done["dropped"]
        assert [(each["index"], each["documents"]) for each in done["dropped"]] == [("posts-2009.05.05", 3)]

        send(pipeline, ("1", OLD), ("6", OLD), ("7", NEW))  # a duplicate and a new post, too late
        assert totals(pipeline) == (3, 3)
        assert reasons(pipeline) == ["older-than-retention"] * 2

        pipeline.hashtide("dlq", "replay", "--reason=older-than-retention")  # each with an order to recount
        pipeline.settle()
        order(pipeline, OLD_MS)
        order(pipeline, NEW_MS)
        assert totals(pipeline) == (3, 3)
        assert "posts-2009.05.05" not in indices(pipeline)

        damage(pipeline)  # without a ledger, nothing can repair it
        verdict = pipeline.json("verify", "--repair", "--json")
        assert (verdict["posts"], verdict["windows_without_ledger"], verdict["differences"]) == (3, 1, [])
        assert verdict["days_without_ledger"] == ["2009.05.05"]
        assert b"1 windows of 2009.05.05 not verified: their ledger was dropped" in pipeline.hashtide("verify").stdout
        assert totals(pipeline) == (30, 3)

        with pipeline.elasticsearch() as client:
            client.indices.delete(index="posts-2017.10.15")  # by hand: it may be created again
        send(pipeline, ("8", NEW))
        assert "posts-2017.10.15" in indices(pipeline)
        order(pipeline, NEW_MS)
        verdict = pipeline.json("verify", "--repair", "--json")
        assert (verdict["windows_without_ledger"], verdict["differences"]) == (2, [])
        assert totals(pipeline) == (30, 4)


def damage(pipeline: Pipeline) -> None:
    """Multiply the old day's counts by ten."""
    with pipeline.elasticsearch() as client:
        for hit in client.search(index="reply-volume-2009.05.05", version=True)["hits"]["hits"]:
            client.index(
                index=hit["_index"],
                id=hit["_id"],
                version=hit["_version"],
                version_type="external_gte",
                document=hit["_source"] | {"count": 10 * hit["_source"]["count"]},
                refresh=True,
            )


def test_one_of_the_workers_drops_old_days_and_readers_work_without_them(pipeline: Pipeline) -> None:
    with pipeline.elasticsearch() as client:
        for family in ("posts", "reply-volume", "hashtag-volume"):
            client.index(index=f"{family}-2009.05.05", document={"@timestamp": OLD_MS}, refresh=True)
    on = {
        "HASHTIDE_RETENTION": "true",
        "HASHTIDE_RETENTION_COUNTS_DAYS": days_since(2010),
        "HASHTIDE_RETENTION_POSTS_DAYS": days_since(2010),
    }
    with ExitStack() as workers:
        workers.enter_context(pipeline.worker(**on))
        workers.enter_context(pipeline.worker(**on))
        pipeline.until(lambda: not indices(pipeline))
        send(pipeline, ("1", OLD))
        assert pipeline.json("counts", "--interval=1d", "--json") == {"total": 0, "rows": []}
        assert reasons(pipeline) == ["older-than-retention"]
    assert pipeline.says("retention dropped posts-2009.05.05: 1 documents") == 1
    assert pipeline.json("verify", "--json")["posts"] == 0
    assert b"No posts are counted yet" in pipeline.hashtide("watch", "--terminal", "--once").stdout


def test_topics_with_another_retention_are_reported_and_altered_on_request(pipeline: Pipeline) -> None:
    admin: Any = connect(KafkaAdminClient, pipeline.settings)
    longer = {"retention.ms": str(30 * 86_400_000)}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "posts.dead", longer)], incremental=True)
    assert b"posts.dead: retention.ms is 30 d, the settings say 7 d" in pipeline.hashtide("setup").stdout
    pipeline.environment["HASHTIDE_RETENTION_RAW_DAYS"] = "2"
    reported = {
        (each["topic"], each["config"], each["is_ms"], each["wanted_ms"])
        for each in pipeline.json("setup", "--json")["retention_differs"]
    }
    assert reported == {
        ("posts.dead", "retention.ms", 2_592_000_000, 604_800_000),
        ("posts.raw", "retention.ms", 604_800_000, 172_800_000),
    }
    assert len(pipeline.json("setup", "--alter-retention", "--json")["retention_altered"]) == 2
    assert pipeline.json("setup", "--json")["retention_differs"] == []
    kept = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "posts.dead")])["topic"]["posts.dead"]
    admin.close()
    assert {name: kept[name]["value"] for name in ("retention.ms", "segment.ms", "cleanup.policy")} == {
        "retention.ms": "604800000",
        "segment.ms": "86400000",
        "cleanup.policy": "compact,delete",  # other settings stay
    }
