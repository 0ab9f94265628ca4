"""`hashtide counts`: sums from Elasticsearch."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec

from hashtide.contract.names import HASHTAG_VOLUME, REPLY_VOLUME
from hashtide.elasticsearch.client import Where
from hashtide.elasticsearch.session import WHOLE, session
from hashtide.times import iso

By = Literal["language", "region", "hashtag", "kind", "platform"]
Interval = Literal["1m", "5m", "1h", "1d"]

PAGE = 5_000


class CountRow(msgspec.Struct, frozen=True):
    """One sum. `key` is None without `by`, `start` is None without `interval`."""

    key: str | None
    start: str | None
    """The interval's start, ISO 8601, UTC."""
    count: int


class Counts(msgspec.Struct, frozen=True):
    """Rows and their total: posts, or with by="hashtag" uses (a post counts once for each of its hashtags)."""

    total: int
    rows: list[CountRow]


def counts(
    where: Where,
    *,
    campaign: str | None = None,
    by: By | None = None,
    interval: Interval | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
) -> Counts:
    """Sums over the windows that start in [from_, to), of one campaign or of all posts; fresh to the last bulk.

    Rows are ordered by start, then by count, largest first. Blocks. Raises the same as
    hashtide.elasticsearch.session.
    """
    family = HASHTAG_VOLUME if by == "hashtag" else REPLY_VOLUME
    with session(where) as client:
        client.indices.refresh(index=f"{family}-*")
        rows = [
            CountRow(bucket["key"].get("by"), _start(bucket["key"]), int(bucket["posts"]["value"]))
            for bucket in _buckets(client, f"{family}-*", _query(campaign, from_, to), _sources(by, interval))
        ]
    rows.sort(key=lambda row: (row.start or "", -row.count, row.key or ""))
    return Counts(sum(row.count for row in rows), rows)


def _query(campaign: str | None, from_: datetime | None, to: datetime | None) -> dict[str, Any]:
    filters: list[dict[str, Any]] = []
    if campaign is not None:
        filters.append({"term": {"campaign": campaign}})
    bounds = {name: moment.isoformat() for name, moment in (("gte", from_), ("lt", to)) if moment is not None}
    if bounds:
        filters.append({"range": {"@timestamp": bounds}})
    return {"bool": {"filter": filters}}


def _sources(by: By | None, interval: Interval | None) -> list[dict[str, Any]]:
    sources: list[dict[str, Any]] = []
    if interval is not None:
        sources.append({"start": {"date_histogram": {"field": "@timestamp", "fixed_interval": interval}}})
    if by is not None:
        sources.append({"by": {"terms": {"field": by}}})
    return sources


def _buckets(client: Any, index: str, query: dict[str, Any], sources: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All buckets, page by page: a composite aggregation is complete, unlike a terms aggregation."""
    sum_ = {"posts": {"sum": {"field": "count"}}}
    if not sources:
        answer = client.search(index=index, query=query, size=0, aggs=sum_, **WHOLE)
        yield {"key": {}, "posts": answer.get("aggregations", {}).get("posts", {"value": 0})}
        return
    after: dict[str, Any] = {}
    while True:
        composite = {"size": PAGE, "sources": sources} | ({"after": after} if after else {})
        rows = {"composite": composite, "aggs": sum_}
        answer = client.search(index=index, query=query, size=0, aggs={"rows": rows}, **WHOLE)
        page = answer.get("aggregations", {}).get("rows", {})
        yield from page.get("buckets", [])
        if "after_key" not in page:
            return
        after = page["after_key"]


def _start(key: dict[str, Any]) -> str | None:
    return iso(key["start"]) if "start" in key else None
