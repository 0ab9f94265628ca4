"""`hashtide verify`: the count documents held against the ledger, hour by hour, and mended where they differ."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from hashtide.contract.names import HASHTAG_VOLUME, POSTS, POSTS_ENRICHED, REPLY_VOLUME
from hashtide.elasticsearch.client import Where, connection
from hashtide.elasticsearch.session import WHOLE, session
from hashtide.errors import HashtideError
from hashtide.kafka import topics
from hashtide.kafka.clients import connect
from hashtide.kafka.offsets import Offsets
from hashtide.times import HOUR_MS
from operations.terminal import ProgressCallback
from operations.workers import wait_until_handled
from stream_jobs.domain.windows import WINDOW_MS, day
from stream_jobs.enriched import Recount, encode
from stream_jobs.recount import Difference, tally
from stream_jobs.settings import StreamSettings
from stream_jobs.store.elasticsearch import Elasticsearch

LOOK_AGAIN_AFTER_S = 3.0
NO_WORKER_S = 30.0
SENT_S = 60.0
HOURS_AT_ONCE = 5_000


class NotMended(HashtideError):
    """Nobody carries out the orders to count again. The message says what to do."""


class VerifyResult(msgspec.Struct, frozen=True):
    """What was found; of a repair, what is left after it."""

    posts: int
    """In the ledger, those among them that were deleted included."""
    deleted: int
    windows_without_ledger: int
    """Counted, but with nothing to hold them against: their part of the ledger was dropped."""
    days_without_ledger: list[str]
    """The days that these are of, `2017.10.15`."""
    mended: int
    differences: list[Difference]


def verify(
    settings: StreamSettings, from_: datetime | None, to: datetime | None, repair: bool, show: ProgressCallback
) -> VerifyResult:
    """Hold the windows that start in [from_, to) against the ledger.

    A difference counts where it is still the same a little later: a batch in hand is in the ledger before it is in the
    counts. To repair, the workers are ordered through posts.enriched to count the windows again, for they alone write
    counts; this waits for them. Blocks. Raises KafkaUnreachable, TopicsUnready, ElasticsearchUnreachable,
    ElasticsearchFailed, NotMended.
    """
    found = _differences(settings, _hours(connection(settings), from_, to), show)
    if not repair or not found.differences:
        return found
    topic = topics.check(settings)[POSTS_ENRICHED].id
    windows = {(each.partition, each.window_ms) for each in found.differences if each.mendable and each.topic == topic}
    if not windows:
        return found
    _order(settings, windows)
    left = _differences(settings, _windows(found.differences), lambda done, of: None).differences
    mended = set(map(_place, found.differences)) - set(map(_place, left))
    return msgspec.structs.replace(found, differences=left, mended=len(mended))


def _differences(
    settings: StreamSettings, stretches: Sequence[tuple[int, int]], show: ProgressCallback
) -> VerifyResult:
    """What differs at two looks, with the same count at both."""
    found = asyncio.run(_look(settings, stretches, show))
    if not found.differences:
        return found
    time.sleep(LOOK_AGAIN_AFTER_S)
    again = asyncio.run(_look(settings, _windows(found.differences), lambda done, of: None))
    still = {(_place(each), each.counted) for each in found.differences}
    lasting = [each for each in again.differences if (_place(each), each.counted) in still]
    return msgspec.structs.replace(found, differences=lasting)


async def _look(settings: StreamSettings, stretches: Sequence[tuple[int, int]], show: ProgressCallback) -> VerifyResult:
    posts = deleted = without = 0
    days: dict[str, None] = {}
    differences: list[Difference] = []
    async with Elasticsearch(connection(settings), settings.bulk_bytes) as store:
        for done, (from_ms, to_ms) in enumerate(stretches):
            show(done, len(stretches))
            result = await tally(store, from_ms, to_ms)
            posts, deleted = posts + result.posts, deleted + result.emptied
            without += len(unverified := result.unverified())
            days |= dict.fromkeys(map(day, sorted(unverified)))
            differences += result.differences()
    show(len(stretches), len(stretches))
    return VerifyResult(posts, deleted, without, list(days), 0, differences)


def _place(difference: Difference) -> tuple[str, int, int, str]:
    return difference.topic, difference.partition, difference.window_ms, difference.id


def _windows(differences: Iterable[Difference]) -> list[tuple[int, int]]:
    return [(start_ms, start_ms + WINDOW_MS) for start_ms in sorted({each.window_ms for each in differences})]


def _hours(where: Where, from_: datetime | None, to: datetime | None) -> list[tuple[int, int]]:
    """The parts of [from_, to) in which anything lies, none longer than an hour, as whole windows."""
    from_ms = 0 if from_ is None else -(-int(from_.timestamp() * 1000) // WINDOW_MS) * WINDOW_MS
    to_ms = (1 << 62) if to is None else -(-int(to.timestamp() * 1000) // WINDOW_MS) * WINDOW_MS
    starts: list[int] = []
    with session(where) as client:
        pattern = f"{POSTS}-*,{REPLY_VOLUME}-*,{HASHTAG_VOLUME}-*"
        client.indices.refresh(index=pattern)
        after: dict[str, Any] = {}
        while True:
            by_hour = {"hour": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}}}
            hours = {"composite": {"size": HOURS_AT_ONCE, "sources": [by_hour]} | after}
            found = client.search(index=pattern, size=0, aggs={"hours": hours}, **WHOLE)
            answer = found.get("aggregations", {}).get("hours")
            if not answer or not answer["buckets"]:
                break
            starts += [bucket["key"]["hour"] for bucket in answer["buckets"]]
            after = {"after": answer["after_key"]}
    parts = [(max(from_ms, start), min(to_ms, start + HOUR_MS)) for start in starts]
    return [(start, end) for start, end in parts if start < end]


def _order(settings: StreamSettings, windows: Iterable[tuple[int, int]]) -> None:
    """Have the workers count windows of partitions again; back when they have."""
    producer: Any = connect(KafkaProducer, settings, acks="all", enable_idempotence=True)
    try:
        sent = [
            producer.send(POSTS_ENRICHED, value=encode(Recount(window_ms=window_ms)), partition=partition)
            for partition, window_ms in sorted(windows)
        ]
        records = [future.get(timeout=SENT_S) for future in sent]
    except KafkaError as error:
        raise NotMended(f"Kafka did not take the orders to count again: {error!r}") from error
    finally:
        producer.close()
    ends = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
    with Offsets(settings) as offsets:
        if wait_until_handled(offsets, POSTS_ENRICHED, ends, patience_s=NO_WORKER_S):
            raise NotMended(
                f"the workers of group {settings.group} do not move on, {offsets.members()} are there: "
                "the orders to count again wait in posts.enriched, and are carried out once a worker runs"
            )
