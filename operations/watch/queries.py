"""The queries for a View: three requests, whose size does not depend on the time range.

First the time range of the counts, then the sums in it, then, if there is a spike, what drives it: each request needs
the answer before it. Answers are bounded here, whatever the data: steps by `periods`, bins by `spikes`, keys by TOP and
KEYS. Every number is a sum of `count` over all partitions. Needs only the privilege to read the indices.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from elasticsearch import AsyncElasticsearch

from hashtide.contract.names import HASHTAG_VOLUME, INGEST_GAPS, REPLY_VOLUME
from hashtide.elasticsearch.client import Where, connect_async
from hashtide.elasticsearch.session import WHOLE, ElasticsearchFailed
from operations.watch import model, spikes
from operations.watch.model import TOP, Extent, GapMark, Selection, Sum, Sums, View
from operations.watch.names import Dimension
from operations.watch.periods import Period, period
from operations.watch.spikes import BIN_MS, LOOK_BACK_MS, Bins, Driver, Spike
from stream_jobs.domain.windows import Status

KEYS: Final = 1_000
"""Keys per shard for a list of the largest: a hashtag is missed on a day that has a thousand larger ones."""
MOST_GAPS: Final = 50
MOST_NAMES: Final = 100

POSTS: Final[dict[str, Any]] = {"posts": {"sum": {"field": "count"}}}
REPLY: Final[dict[str, Any]] = {"term": {"kind": "reply"}}
FAMILIES: Final[dict[Dimension, str]] = {
    "language": REPLY_VOLUME,
    "region": REPLY_VOLUME,
    "kind": REPLY_VOLUME,
    "hashtag": HASHTAG_VOLUME,
}
_CHOSEN: Final = ("campaign", "platform")
DRIVING: Final[tuple[Dimension, ...]] = ("language", "region", "hashtag")

Answer = Mapping[str, Any]


ANSWER_S: Final = 10.0
"""Timeout of a request."""


def client(where: Where) -> AsyncElasticsearch:
    """A client without retries: page and terminal query again anyway."""
    return connect_async(where, ANSWER_S)


async def view(client: AsyncElasticsearch, selection: Selection, now_ms: int) -> View:
    """Query a view. Raises the client's TransportError and ApiError, and ElasticsearchFailed. Retries nothing."""
    extent = await _extent(client, selection)
    if extent.newest_ms is None or extent.oldest_ms is None:
        return View(selection, now_ms, extent, None)
    at = period(selection.span, extent.oldest_ms, extent.newest_ms, now_ms)
    sums = await _sums(client, selection, at, extent.oldest_ms, extent.newest_ms, now_ms)
    spike = spikes.newest_spike(sums.bins)
    drivers = await _drivers(client, selection, spike) if spike else {}
    return View(
        selection, now_ms, extent, model.view_data(selection, now_ms, extent.newest_ms, at, sums, spike, drivers)
    )


async def _extent(client: AsyncElasticsearch, selection: Selection) -> Extent:
    """Sorts, because Elasticsearch then skips most indices and documents; with max and min it skips none."""
    oldest, newest, names = await _search_all(
        client,
        *(
            (
                REPLY_VOLUME,
                {"query": _query(selection), "size": 1, "_source": ["@timestamp"], "sort": [{"@timestamp": order}]},
            )
            for order in ("asc", "desc")
        ),
        (REPLY_VOLUME, {"size": 0, "aggs": {f: {"terms": {"field": f, "size": MOST_NAMES}} for f in _CHOSEN} | POSTS}),
    )
    first, last = (
        answer["hits"]["hits"][0]["_source"]["@timestamp"] if answer["hits"]["hits"] else None
        for answer in (oldest, newest)
    )
    campaigns, platforms = (tuple(sorted(bucket["key"] for bucket in _buckets(names, field))) for field in _CHOSEN)
    return Extent(first, last, _posts(names.get("aggregations", {})), campaigns, platforms)


async def _sums(
    client: AsyncElasticsearch, selection: Selection, at: Period, oldest_ms: int, newest_ms: int, now_ms: int
) -> Sums:
    half_ms, end_ms = model.half_ms(at, oldest_ms, newest_ms), model.rate_end_ms(newest_ms, now_ms)
    query = _query(selection, at.from_ms, at.to_ms)
    of_posts: dict[str, Any] = {
        **POSTS,
        "steps": _over_time(at.step_ms),
        "status": {"terms": {"field": "status"}, "aggs": POSTS},
        **{by: _top(by, half_ms, at.step_ms if by == selection.by else None) for by in model.BYS},
    }
    of_bins = {**_over_time(BIN_MS, end_ms % BIN_MS), "aggs": {**POSTS, "replies": {"filter": REPLY, "aggs": POSTS}}}
    posts, tags, before, gaps = await _search_all(
        client,
        (REPLY_VOLUME, {"query": query, "size": 0, "track_total_hits": True, "aggs": of_posts}),
        (HASHTAG_VOLUME, {"query": query, "size": 0, "aggs": {"hashtag": _top("hashtag", half_ms, None)}}),
        (
            REPLY_VOLUME,
            {"query": _query(selection, end_ms - LOOK_BACK_MS, end_ms), "size": 0, "aggs": {"bins": of_bins}},
        ),
        (
            INGEST_GAPS,
            {
                "query": {
                    "bool": {"filter": [_range("event.start", lt=at.to_ms), _range("event.end", gte=at.from_ms)]}
                },
                "size": MOST_GAPS,
                "sort": [{"event.start": {"order": "desc", "unmapped_type": "date"}}],
                "track_total_hits": True,
            },
        ),
    )

    def bins(counts: dict[int, int]) -> Bins:
        return model.bins(counts, oldest_ms, end_ms - LOOK_BACK_MS, end_ms)

    tops: dict[Dimension, list[Sum]] = {by: [_sum(bucket) for bucket in _buckets(posts, by)] for by in model.BYS}
    tops["hashtag"] = [_sum(bucket) for bucket in _buckets(tags, "hashtag")]
    return Sums(
        documents=posts["hits"]["total"]["value"],
        posts=_posts(posts.get("aggregations", {})),
        steps={bucket["key"]: _posts(bucket) for bucket in _buckets(posts, "steps")},
        by_status={cast(Status, bucket["key"]): _posts(bucket) for bucket in _buckets(posts, "status")},
        tops=tops,
        bins=bins({bucket["key"]: _posts(bucket) for bucket in _buckets(before, "bins")}),
        replies=bins({bucket["key"]: _posts(bucket["replies"]) for bucket in _buckets(before, "bins")}),
        gaps=[_gap(hit["_source"]) for hit in gaps["hits"]["hits"]],
        gaps_in_all=gaps["hits"]["total"]["value"],
    )


async def _drivers(
    client: AsyncElasticsearch, selection: Selection, spike: Spike
) -> dict[Dimension, tuple[Driver, ...]]:
    query = _query(selection, spike.before_from_ms, spike.to_ms)
    during = {"filter": _range("@timestamp", gte=spike.from_ms), "aggs": POSTS}
    answers = await _search_all(
        client,
        *(
            (
                FAMILIES[dimension],
                {
                    "query": query,
                    "size": 0,
                    "aggs": {dimension: _largest(dimension, KEYS, "during>posts", {**POSTS, "during": during})},
                },
            )
            for dimension in DRIVING
        ),
    )
    return {
        dimension: spikes.drivers(
            spike,
            {b["key"]: (_posts(b) - _posts(b["during"]), _posts(b["during"])) for b in _buckets(answer, dimension)},
        )
        for dimension, answer in zip(DRIVING, answers, strict=True)
    }


async def _search_all(client: AsyncElasticsearch, *searches: tuple[str, dict[str, Any]]) -> list[Answer]:
    """Run all searches in one request, never with partial results. A family without an index has an empty answer."""
    lines: list[dict[str, Any]] = []
    for family, body in searches:
        index = family if family == INGEST_GAPS else f"{family}-*"
        lines += [{"index": index, "ignore_unavailable": True, **WHOLE}, {"track_total_hits": False, **body}]
    answers: list[Answer] = (await client.msearch(searches=lines)).body["responses"]
    for answer in answers:
        if "error" in answer:
            raise ElasticsearchFailed(f"Elasticsearch refused a search: {answer['error'].get('type')}")
    return answers


def _query(selection: Selection, from_ms: int | None = None, to_ms: int | None = None) -> dict[str, Any]:
    filters = [{"term": {name: value}} for name in _CHOSEN if (value := getattr(selection, name)) is not None]
    if from_ms is not None:
        filters.append(_range("@timestamp", gte=from_ms, lt=to_ms))
    return {"bool": {"filter": filters}}


def _range(field: str, **bounds: int | None) -> dict[str, Any]:
    return {"range": {field: {name: bound for name, bound in bounds.items() if bound is not None}}}


def _over_time(step_ms: int, offset_ms: int = 0) -> dict[str, Any]:
    histogram = {
        "field": "@timestamp",
        "fixed_interval": f"{step_ms}ms",
        "offset": f"{offset_ms}ms",
        "min_doc_count": 1,
    }
    return {"date_histogram": histogram, "aggs": POSTS}


def _top(dimension: Dimension, half_ms: int, step_ms: int | None) -> dict[str, Any]:
    recent = {"filter": _range("@timestamp", gte=half_ms), "aggs": POSTS}
    steps = {} if step_ms is None else {"steps": _over_time(step_ms)}
    return _largest(dimension, TOP, "posts", {**POSTS, "recent": recent, **steps})


def _largest(dimension: Dimension, size: int, order: str, aggs: dict[str, Any]) -> dict[str, Any]:
    terms = {"field": dimension, "size": size, "shard_size": KEYS, "order": [{order: "desc"}, {"_key": "asc"}]}
    return {"terms": terms, "aggs": aggs}


def _buckets(answer: Answer, name: str) -> list[dict[str, Any]]:
    buckets: list[dict[str, Any]] = answer.get("aggregations", {}).get(name, {}).get("buckets", [])
    return buckets


def _posts(bucket: Mapping[str, Any]) -> int:
    return int(bucket.get("posts", {}).get("value", 0))


def _sum(bucket: dict[str, Any]) -> Sum:
    steps = {step["key"]: _posts(step) for step in bucket.get("steps", {}).get("buckets", [])}
    return Sum(bucket["key"], _posts(bucket), _posts(bucket["recent"]), steps)


def _gap(source: dict[str, Any]) -> GapMark:
    event = source["event"]
    return GapMark(event["start"], event["end"], source["source"], event["reason"], source["estimated_posts"])
