"""`hashtide forget`: what is known of a person's posts is taken out of the ledger, on their request (GDPR, article 17).

The order is what makes it whole: first the workers catch up with all that Kafka held when it began, so that nothing of
it is entered any more; then documents are searched for, and emptied as by a platform's deletion. An empty document
still knows the post, so that nothing that is replayed brings it back.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from hashtide.clock import wall_clock_ms
from hashtide.contract.names import POSTS, POSTS_ENRICHED, POSTS_RAW, REPLY_VOLUME
from hashtide.elasticsearch.client import Where, connection
from hashtide.elasticsearch.session import WHOLE, session
from hashtide.errors import HashtideError
from hashtide.identity import Keys, Pseudonyms, hash_author, load_keys
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from hashtide.settings import PipelineSettings
from operations.terminal import ProgressCallback
from operations.workers import wait_until_handled
from stream_jobs.documents.ledger import Ledger
from stream_jobs.enriched import DeletedPost
from stream_jobs.settings import StreamSettings
from stream_jobs.store.elasticsearch import Elasticsearch
from stream_jobs.store.emptying import Done, empty_authors, empty_posts

NO_WORKER_S: Final = 30.0
LIVES: Final = 1_000


class NotEmptied(HashtideError):
    """Elasticsearch refuses to have documents emptied."""


class Named(NamedTuple):
    """An author or a post, by the id that its platform gave it."""

    platform: str
    id: str


class ForgetResult(msgspec.Struct, frozen=True):
    """What was found and done. Without `dry_run`, found = emptied + empty_already."""

    dry_run: bool
    found: int
    """Documents of the ledger. Of an author, those that are empty already are not known any more."""
    emptied: int
    empty_already: int
    on_their_way: int
    """Messages that Kafka held at the beginning and no worker has handled: something of the person may be in them."""
    kept_until_ms: dict[str, int | None]
    """For each topic, until when it may have what was sent until now; None: for ever."""
    authors: list[str] = []
    """Of a dry run: what the authors are called in the ledger, under every key, for a look at what is there of them."""


def forget(
    settings: StreamSettings, authors: Iterable[Named], posts: Iterable[Named], *, dry_run: bool, show: ProgressCallback
) -> ForgetResult:
    """Empty what the ledger has of these authors and posts; with `dry_run`, only look.

    Waits for the workers, for as long as they move on. Blocks. Raises WrongSetting, KafkaUnreachable, TopicsUnready,
    ElasticsearchUnreachable, LoginRefused, ElasticsearchFailed, NotEmptied.
    """
    keys, at = load_keys(settings), connection(settings)
    life = topics.check(settings)[POSTS_ENRICHED].id
    kept_ms = topics.kept_ms(settings)
    waiting = _wait(settings, show, patience_s=0.0 if dry_run else NO_WORKER_S)
    hashes = hashes_of(keys, authors)
    ids = ids_of(keys, posts, {life, *_lives(at)})
    if dry_run:
        found, empty_already = _look(at, hashes, ids)
        emptied = 0
    else:
        done = asyncio.run(_empty(settings, at, hashes, ids))
        if done.refused:
            raise NotEmptied(f"Elasticsearch refused to empty {done.refused:,} documents: run `hashtide setup` first")
        found, emptied, empty_already = done.emptied + done.empty_already, done.emptied, done.empty_already
    now_ms = wall_clock_ms()
    until = {topic: None if kept is None else now_ms + kept for topic, kept in kept_ms.items()}
    return ForgetResult(dry_run, found, emptied, empty_already, waiting, until, hashes if dry_run else [])


def hashes_of(keys: Keys, authors: Iterable[Named]) -> list[str]:
    """What authors are called, under every key that is known."""
    return [hash_author(key, *author) for author in authors for key in (keys.author, *keys.old)]


def ids_of(keys: Keys, posts: Iterable[Named], lives: Iterable[str]) -> list[str]:
    """The ids of posts' ledger documents in every life of the topic; also under their addresses as they are, as they
    were known before addresses were hidden."""
    names = Pseudonyms(keys)
    return [
        Ledger(keys.ledger, life).id(DeletedPost(platform=post.platform, post_id=name))
        for life in sorted(lives)
        for post in posts
        for name in sorted({post.id, names.post(*post)})
    ]


async def _empty(settings: StreamSettings, at: Where, authors: list[str], posts: list[str]) -> Done:
    now_ms = wall_clock_ms()
    async with Elasticsearch(at, settings.bulk_bytes) as store:
        of_posts = await empty_posts(store, dict.fromkeys(posts, now_ms))
        of_authors = await empty_authors(store, authors, now_ms)
    return Done(*(a + b for a, b in zip(of_posts, of_authors, strict=True)))


def _look(at: Where, authors: list[str], posts: list[str]) -> tuple[int, int]:
    """How many documents there are of them, and how many of these are empty."""
    empty = {"exists": {"field": "deleted_at"}}
    either = {"bool": {"should": [{"terms": {"author": authors}}, {"ids": {"values": posts}}]}}
    with session(at) as client:
        client.indices.refresh(index=f"{POSTS}-*")
        aggs = {"empty": {"filter": empty}}
        answer = client.search(index=f"{POSTS}-*", query=either, size=0, track_total_hits=True, aggs=aggs, **WHOLE)
    found = answer["hits"]["total"]["value"]
    return found, answer["aggregations"]["empty"]["doc_count"] if found else 0


def _lives(at: Where) -> list[str]:
    """The topic ids of all lives of posts.enriched that were counted: a ledger document's id is made of its own."""
    with session(at) as client:
        client.indices.refresh(index=f"{REPLY_VOLUME}-*")
        aggs: dict[str, Any] = {"lives": {"terms": {"field": "kafka.topic", "size": LIVES}}}
        answer = client.search(index=f"{REPLY_VOLUME}-*", size=0, aggs=aggs, **WHOLE)
    return [bucket["key"] for bucket in answer.get("aggregations", {}).get("lives", {}).get("buckets", ())]


def _wait(settings: PipelineSettings, show: ProgressCallback, patience_s: float) -> int:
    """Wait until the workers have handled what Kafka holds now, or do not move on for so long; how much is left."""
    with Offsets(settings) as offsets:
        for topic in (POSTS_RAW, POSTS_ENRICHED):  # in this order: what is in the first comes into the second
            if wait_until_handled(offsets, topic, offsets.ends(topic), patience_s=patience_s, show=show):
                return offsets.behind(POSTS_RAW) + offsets.behind(POSTS_ENRICHED)
    return 0
