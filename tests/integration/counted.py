"""Counts put straight into Elasticsearch, as a worker would write them."""

import itertools
from collections.abc import Iterable

import msgspec
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from hashtide.contract.messages import Gap
from hashtide.elasticsearch import templates
from hashtide.elasticsearch.values import Document
from stream_jobs.documents.counts import Count, count_document
from stream_jobs.documents.keys import CountKey, HashtagKey, ReplyKey
from stream_jobs.documents.signs import gap_document
from stream_jobs.domain.windows import Status
from stream_jobs.enriched import Kind

FAMILIES = "reply-volume-*,hashtag-volume-*,ingest-gaps"
_lives = itertools.count()


def posts(
    window_ms: int,
    count: int,
    *,
    language: str = "en",
    region: str = "US",
    kind: Kind = "reply",
    platform: str = "x",
    campaigns: tuple[str, ...] = ("metoo",),
    status: Status = "final",
    partition: int = 0,
) -> Document:
    """A document of reply volume."""
    key = ReplyKey("reply-volume", window_ms, campaigns, platform, kind, True, language, region, "live")
    return _document(key, count, status, partition)


def tag(
    window_ms: int,
    count: int,
    hashtag: str,
    *,
    platform: str = "x",
    campaigns: tuple[str, ...] = ("metoo",),
    partition: int = 0,
) -> Document:
    """A document of hashtag volume."""
    return _document(
        HashtagKey("hashtag-volume", window_ms, campaigns, platform, "live", hashtag), count, "final", partition
    )


def gap(from_ms: int, to_ms: int, source: str = "mastodon:example.social", lost: int | None = None) -> Document:
    """A document of ingest-gaps."""
    return gap_document(Gap(source=source, from_ms=from_ms, to_ms=to_ms, reason="disconnected", estimated_posts=lost))


def put(url: str, documents: Iterable[Document]) -> None:
    """Write them; they can be searched when this is back."""
    with Elasticsearch(url) as client:
        actions = [
            {"_index": each.ref.index, "_id": each.ref.id, "_source": msgspec.json.decode(each.body)}
            for each in documents
        ]
        bulk(client, actions, refresh=True)


def empty(url: str) -> None:
    """Remove all counts and gaps, and put the index templates."""
    templates.setup(url)
    with Elasticsearch(url) as client:
        if there := list(client.indices.get(index=FAMILIES, ignore_unavailable=True).body):
            client.indices.delete(index=there)


def _document(key: CountKey, count: int, status: Status, partition: int) -> Document:
    # A life of the topic for each: the same key twice makes two documents, as it does in two partitions.
    return count_document(key, f"life-{next(_lives)}", partition, Count(count, 1, status))
