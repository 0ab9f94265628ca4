"""The messages of posts.enriched: an output for other consumers. Hashtide itself does not read it.

Each newly counted post, each edit and each deletion is published before its offset is committed, so at least once. It
has the same key as in posts.raw, and the same partition number, modulo the number of partitions of posts.enriched.
docs/posts.enriched.schema.json describes the values.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from hashtide.contract.messages import Origin, PostDelete
from hashtide.contract.names import POSTS_ENRICHED
from stream_jobs.enriched import EnrichedPost, Kind


class PublishedPost(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="post"):
    """A post as it was counted: once per post, but again after a crash."""

    platform: str
    post_id: str
    created_at_ms: int
    kind: Kind
    answers_root: bool
    campaigns: tuple[str, ...]
    why: tuple[str, ...]
    """`CAMPAIGN:REASON`, for each reason why it belongs to a campaign."""
    hashtags: tuple[str, ...]
    """Distinct, in counting form, without '#'."""
    language: str
    """ISO 639-1, or `und`."""
    language_source: str
    region: str
    """ISO 3166-1 alpha-2, or `ZZ`."""
    origin: Origin
    language_claimed: str | None = None
    region_source: str | None = None
    author: str | None = None
    """Keyed hash of the author's id."""
    text: str | None = None
    """Set only if texts are stored (HASHTIDE_STORE_TEXT)."""


class PublishedEdit(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="edit"):
    """A later version of a post that is already counted. It changes no count."""

    platform: str
    post_id: str
    edited_at_ms: int


class PublishedDeletion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="delete"):
    """The platform reported a post as deleted. It changes no count."""

    platform: str
    post_id: str
    deleted_at_ms: int | None = None


Published = PublishedPost | PublishedEdit | PublishedDeletion

Publish = Callable[[int, Sequence[Published]], Awaitable[None]]
"""Publishes messages from a partition of posts.raw, in order; returns when Kafka has acknowledged all. Retries."""

Send = Callable[[str, int, Sequence[tuple[bytes | None, bytes]]], Awaitable[None]]
"""Sends keys and values to a partition of a topic; returns when Kafka has acknowledged all. Retries."""

_encode: Final = msgspec.json.Encoder().encode


def published_post(post: EnrichedPost, entry: dict[str, Any]) -> PublishedPost:
    """A post as it was counted, by its ledger entry: after a crash, enriching it again may give other tags."""
    return PublishedPost(
        platform=post.platform,
        post_id=post.post_id,
        created_at_ms=entry["@timestamp"],
        kind=entry["kind"],
        answers_root=entry["answers_root"],
        campaigns=tuple(entry["campaign"]),
        why=tuple(entry["why"]),
        hashtags=tuple(entry["hashtag"]),
        language=entry["language"],
        language_source=entry["language_source"],
        region=entry["region"],
        origin=entry["origin"],
        language_claimed=entry.get("language_claimed"),
        region_source=entry.get("region_source"),
        author=entry.get("author"),
        text=entry.get("text"),
    )


def published_edit(post: EnrichedPost) -> PublishedEdit:
    """An edit of a post that the ledger knows."""
    assert post.edited_at_ms is not None
    return PublishedEdit(platform=post.platform, post_id=post.post_id, edited_at_ms=post.edited_at_ms)


def published_deletion(deletion: PostDelete) -> PublishedDeletion:
    """A deletion, whether or not the ledger knows its post."""
    return PublishedDeletion(platform=deletion.platform, post_id=deletion.post_id, deleted_at_ms=deletion.deleted_at_ms)


def publish_by(send: Send, partitions: int) -> Publish:
    """A Publish for posts.enriched, which has `partitions` partitions."""

    async def publish(partition: int, messages: Sequence[Published]) -> None:
        records = [(f"{each.platform}:{each.post_id}".encode(), _encode(each)) for each in messages]
        if records:
            await send(POSTS_ENRICHED, partition % partitions, records)

    return publish


def schema() -> bytes:
    """JSON Schema of the values of posts.enriched: the content of docs/posts.enriched.schema.json."""
    described = {"title": "A value of the topic posts.enriched", **msgspec.json.schema(Published)}
    return msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n"
