"""`hashtide forget`: empty a person's posts in the ledger, on their request (GDPR, article 17).

First wait until the workers have handled all records that Kafka had at the beginning, so that none of them adds a post
afterwards. Then search the ledger, and order the workers to empty what was found, as for a deletion by the platform.
The id of an empty document stays, so that no replay adds the post again.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from hashtide.clock import wall_clock_ms
from hashtide.contract.messages import EmptyEntry, PostDelete
from hashtide.contract.names import POSTS, POSTS_RAW, REPLY_VOLUME
from hashtide.elasticsearch import responses
from hashtide.elasticsearch.client import Where, connection
from hashtide.elasticsearch.session import WHOLE, session
from hashtide.elasticsearch.values import Found
from hashtide.errors import HashtideError
from hashtide.identity import Keys, Pseudonyms, hash_author, load_keys
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from operations.orders import send_orders
from operations.terminal import ProgressCallback
from operations.workers import wait_until_handled
from stream_jobs.documents.ledger import Ledger, ledger_position
from stream_jobs.settings import StreamSettings
from stream_jobs.store.elasticsearch import Elasticsearch
from stream_jobs.store.emptying import empty_entries

NO_WORKER_S: Final = 30.0
"""How long to wait for workers that make no progress, in seconds."""
INCARNATIONS: Final = 1_000
"""Incarnations of posts.raw that are searched, at most."""
AT_ONCE: Final = 5_000
"""Documents that are emptied at a time."""


class NotEmptied(HashtideError):
    """The workers handled the orders, but documents are not empty."""


class Named(NamedTuple):
    """An author or a post, by the id that its platform gave it."""

    platform: str
    id: str


class ForgetResult(msgspec.Struct, frozen=True):
    """What was found and done. If all messages are handled and it was no dry run: found = emptied + empty_already."""

    dry_run: bool
    found: int
    """Documents of the ledger. An author's empty documents are not found: they no longer name the author."""
    emptied: int
    empty_already: int
    on_their_way: int
    """Messages that no worker has handled: posts, which may be from this person, or our orders."""
    kept_until_ms: dict[str, int | None]
    """For each topic, until when it may keep what was sent so far, in milliseconds since the epoch; None: for ever."""
    authors: list[str] = []
    """Of a dry run: the authors' hashes in the ledger, under every key, to search the ledger with."""


def forget(
    settings: StreamSettings, authors: Iterable[Named], posts: Iterable[Named], *, dry_run: bool, show: ProgressCallback
) -> ForgetResult:
    """Empty these authors' posts and these posts in the ledger; with `dry_run`, only search.

    Blocks, and waits for the workers as long as they make progress. Idempotent. Raises WrongSetting, KafkaUnreachable,
    TopicsUnready, OrdersNotSent, NotEmptied, ElasticsearchUnreachable, LoginRefused, ElasticsearchFailed.
    """
    keys, at = load_keys(settings), connection(settings)
    topic_id = topics.check(settings)[POSTS_RAW].id
    kept_ms = topics.kept_ms(settings)
    with Offsets(settings) as offsets:
        patience_s = 0.0 if dry_run else NO_WORKER_S
        left = wait_until_handled(offsets, POSTS_RAW, offsets.ends(POSTS_RAW), patience_s=patience_s, show=show)
        hashes = hashes_of(keys, authors)
        ids = ids_of(keys, posts, {topic_id, *_incarnations(at)})
        before = _look(at, hashes, ids)
        after = before
        while not dry_run and after.full:
            orders = asyncio.run(_empty(settings, at, topic_id, after.full))
            if orders:
                ends = send_orders(settings, orders)
                left = wait_until_handled(offsets, POSTS_RAW, ends, patience_s=NO_WORKER_S, show=show)
            full, after = len(after.full), _look(at, hashes, ids)
            if left or len(after.full) >= full:  # no worker handles the orders, or they change nothing
                break
    now_ms = wall_clock_ms()
    until = {topic: None if kept is None else now_ms + kept for topic, kept in kept_ms.items()}
    emptied = before.number - before.empty - (after.number - after.empty)
    if not dry_run and not left and after.full:
        raise NotEmptied(f"{len(after.full):,} documents could not be emptied: read the workers' logs")
    return ForgetResult(dry_run, before.number, max(0, emptied), before.empty, left, until, hashes if dry_run else [])


def hashes_of(keys: Keys, authors: Iterable[Named]) -> list[str]:
    """The authors' hashes under every known key."""
    return [hash_author(key, *author) for author in authors for key in (keys.author, *keys.old)]


def ids_of(keys: Keys, posts: Iterable[Named], incarnations: Iterable[str]) -> list[str]:
    """Ids of the posts' ledger documents, in every incarnation of the topic. Also under unhashed addresses: early
    versions stored those."""
    names = Pseudonyms(keys)
    return [
        Ledger(keys.ledger, incarnation).id(PostDelete(platform=post.platform, post_id=name))
        for incarnation in sorted(incarnations)
        for post in posts
        for name in sorted({post.id, names.post(*post)})
    ]


class _Seen(NamedTuple):
    """Ledger documents of the authors and posts."""

    number: int
    """All documents found."""
    empty: int
    full: list[Found]
    """Documents that are not empty: AT_ONCE of them at most."""


def _look(at: Where, authors: list[str], posts: list[str]) -> _Seen:
    either = {"bool": {"should": [{"terms": {"author": authors}}, {"ids": {"values": posts}}]}}
    full = {"bool": {"filter": either, "must_not": {"exists": {"field": "deleted_at"}}}}
    with session(at) as client:
        client.indices.refresh(index=f"{POSTS}-*")
        number = client.search(index=f"{POSTS}-*", query=either, size=0, track_total_hits=True, **WHOLE)
        found = client.search(
            index=f"{POSTS}-*",
            query=full,
            size=AT_ONCE,
            track_total_hits=True,
            version=True,
            seq_no_primary_term=True,
            **WHOLE,
        )
    total, not_empty = number["hits"]["total"]["value"], found["hits"]["total"]["value"]
    return _Seen(total, total - not_empty, [responses.hit(hit) for hit in found["hits"]["hits"]])


async def _empty(
    settings: StreamSettings, at: Where, topic_id: str, entries: list[Found]
) -> list[tuple[int, EmptyEntry]]:
    """Empty entries of earlier incarnations of the topic here: no worker uses them any more. Returns orders to empty
    the others, each with its partition."""
    now_ms = wall_clock_ms()
    old = [entry for entry in entries if ledger_position(entry.source).topic != topic_id]
    async with Elasticsearch(at, settings.bulk_bytes) as store:
        await empty_entries(store, old, dict.fromkeys((entry.ref.id for entry in old), now_ms))
    return [
        (place.partition, EmptyEntry(index=entry.ref.index, id=entry.ref.id, deleted_at_ms=now_ms))
        for entry in entries
        if (place := ledger_position(entry.source)).topic == topic_id
    ]


def _incarnations(at: Where) -> list[str]:
    """UUIDs of all incarnations of the topic that have counts: ids of ledger documents are made from them."""
    with session(at) as client:
        client.indices.refresh(index=f"{REPLY_VOLUME}-*")
        aggs: dict[str, Any] = {"topics": {"terms": {"field": "kafka.topic", "size": INCARNATIONS}}}
        answer = client.search(index=f"{REPLY_VOLUME}-*", size=0, aggs=aggs, **WHOLE)
    return [bucket["key"] for bucket in answer.get("aggregations", {}).get("topics", {}).get("buckets", ())]
