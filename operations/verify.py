"""`hashtide verify`: compare the count documents with the ledger, hour by hour, and have wrong counts repaired."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from hashtide.contract.messages import Recount
from hashtide.contract.names import HASHTAG_VOLUME, POSTS, POSTS_RAW, REPLY_VOLUME
from hashtide.elasticsearch.client import Where, connection
from hashtide.elasticsearch.session import WHOLE, session
from hashtide.errors import HashtideError
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from hashtide.times import HOUR_MS
from operations.orders import send_orders
from operations.terminal import ProgressCallback
from operations.workers import wait_until_handled
from stream_jobs.domain.windows import WINDOW_MS, day
from stream_jobs.recount import Difference, tally
from stream_jobs.settings import StreamSettings
from stream_jobs.store.elasticsearch import Elasticsearch

LOOK_AGAIN_AFTER_S = 3.0
"""Time between the two comparisons, in seconds."""
NO_WORKER_S = 30.0
"""How long to wait for workers that make no progress, in seconds."""
HOURS_AT_ONCE = 5_000
"""Hours in one answer of Elasticsearch."""


class NotMended(HashtideError):
    """No worker handles the orders to recount. The message says what to do."""


class VerifyResult(msgspec.Struct, frozen=True):
    """What was found, or what is left after a repair."""

    posts: int
    """Posts in the ledger, including deleted ones."""
    deleted: int
    windows_without_ledger: int
    """Windows that can't be verified: retention dropped their part of the ledger."""
    days_without_ledger: list[str]
    """The days of these windows, such as `2017.10.15`."""
    mended: int
    """Counts that were repaired."""
    differences: list[Difference]


def verify(
    settings: StreamSettings, from_: datetime | None, to: datetime | None, repair: bool, show: ProgressCallback
) -> VerifyResult:
    """Compare the windows that start in [from_, to) with the ledger.

    A worker writes a batch to the ledger before it writes the counts, so only a difference that is the same
    LOOK_AGAIN_AFTER_S seconds later is reported. With `repair`, orders the workers to recount the windows, and waits
    for them: only workers write counts. Calls `show` with the number of hours verified and the total. Blocks. Raises
    KafkaUnreachable, TopicsUnready, OrdersNotSent, NotMended, ElasticsearchUnreachable, ElasticsearchFailed.
    """
    found = _differences(settings, _hours(connection(settings), from_, to), show)
    if not repair or not found.differences:
        return found
    topic = topics.check(settings)[POSTS_RAW].id
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
    """Differences that two comparisons found, with the same count in both."""
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
    """The hours in [from_, to) that have documents, as ranges in milliseconds, cut to whole windows."""
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
    """Order the workers to recount windows, given as (partition, window in ms); returns when they have. Blocks. Raises
    OrdersNotSent, NotMended."""
    orders = [(partition, Recount(window_ms=window_ms)) for partition, window_ms in sorted(windows)]
    ends = send_orders(settings, orders)
    with Offsets(settings) as offsets:
        if wait_until_handled(offsets, POSTS_RAW, ends, patience_s=NO_WORKER_S):
            raise NotMended(
                f"the workers of group {settings.group} make no progress (it has {offsets.members()}): the orders to "
                f"recount wait in {POSTS_RAW} until a worker handles them. Start a worker, or read the workers' logs"
            )
