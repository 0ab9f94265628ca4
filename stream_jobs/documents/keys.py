"""Count keys: the dimensions that posts are counted by."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from hashtide.contract.messages import Origin
from hashtide.contract.names import HASHTAG_VOLUME, REPLY_VOLUME, UNKNOWN_REGION
from stream_jobs.domain.windows import window_start_ms
from stream_jobs.enriched import EnrichedPost, Kind


# A worker holds tens of thousands of keys and counts. A struct takes a third of a named tuple's time to create, and the
# garbage collector ignores it.
class ReplyKey(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Identifies one reply-volume count, apart from the partition. Every post has exactly one."""

    family: Literal["reply-volume"]
    window_ms: int
    campaigns: tuple[str, ...]
    platform: str
    kind: Kind
    answers_root: bool
    language: str
    region: str
    origin: Origin


class HashtagKey(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Identifies one hashtag-volume count, apart from the partition. A post has one for each distinct tag."""

    family: Literal["hashtag-volume"]
    window_ms: int
    campaigns: tuple[str, ...]
    platform: str
    origin: Origin
    hashtag: str


CountKey = ReplyKey | HashtagKey


def count_keys(post: EnrichedPost) -> list[CountKey]:
    """The keys a post counts under: one for reply volume, and one for each of its hashtags."""
    reply = ReplyKey(
        REPLY_VOLUME,
        window_start_ms(post.created_at_ms),
        post.campaigns,
        post.platform,
        post.kind,
        post.answers_root,
        post.language,
        post.region or UNKNOWN_REGION,
        post.origin,
    )
    return _with_hashtags(reply, post.hashtags)


def ledger_keys(source: dict[str, Any]) -> list[CountKey]:
    """The keys that the post of a ledger document counts under. Empty for an emptied document: its fields are gone."""
    if "deleted_at" in source:
        return []
    reply = ReplyKey(
        REPLY_VOLUME,
        window_start_ms(source["@timestamp"]),
        tuple(source["campaign"]),
        source["platform"],
        source["kind"],
        source["answers_root"],
        source["language"],
        source["region"],
        source["origin"],
    )
    return _with_hashtags(reply, source["hashtag"])


def _with_hashtags(reply: ReplyKey, hashtags: Iterable[str]) -> list[CountKey]:
    keys: list[CountKey] = [reply]
    for hashtag in hashtags:
        keys.append(HashtagKey(HASHTAG_VOLUME, reply.window_ms, reply.campaigns, reply.platform, reply.origin, hashtag))
    return keys
