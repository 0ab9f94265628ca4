"""Ledger documents: one per post, in `posts-*`."""

import hashlib
from typing import Any

import msgspec

from hashtide.contract.bounds import LATEST_MS
from hashtide.contract.messages import Origin, PostDelete
from hashtide.contract.names import POSTS, UNKNOWN_REGION
from hashtide.elasticsearch.values import Document, Ref
from stream_jobs.documents.encoding import to_json
from stream_jobs.domain.windows import day
from stream_jobs.enriched import EnrichedPost, Kind, Position


class _Entry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename={"timestamp": "@timestamp"}):
    timestamp: int
    platform: str
    kind: Kind
    answers_root: bool
    campaign: tuple[str, ...]
    why: tuple[str, ...]
    hashtag: tuple[str, ...]
    language: str
    language_source: str
    language_claimed: str | None
    region: str
    region_source: str | None
    origin: Origin
    author: str | None
    ledger: Position
    edited_at: int | None = None
    """Set when an edit arrived and the original post was never seen."""
    text: str | None = None
    """Set only when post texts are stored."""


class Ledger:
    """Makes ledger documents: one per post. The id is a keyed hash of platform and post id.

    `key`: the ledger key (hashtide.identity.Keys.ledger), 32 bytes.
    """

    def __init__(self, key: bytes, topic: str) -> None:
        self._key, self._topic = key, topic

    def id(self, message: EnrichedPost | PostDelete) -> str:
        """The ledger id: the same for every copy of a post within one incarnation of the topic, and unique to it."""
        name = f"{self._topic}\n{message.platform}:{message.post_id}".encode()
        return hashlib.blake2b(name, digest_size=16, key=self._key).hexdigest()

    def ref(self, post: EnrichedPost) -> Ref:
        """Index and id of a post's ledger document. The time is cut to the second: the precision all formats share."""
        return Ref(f"{POSTS}-{day(post.created_at_ms // 1000 * 1000)}", self.id(post))

    def document(self, post: EnrichedPost, position: Position) -> Document:
        """The ledger document of a post first read at `position` of posts.raw, with the fields for drill-down."""
        entry = _Entry(
            post.created_at_ms,
            post.platform,
            post.kind,
            post.answers_root,
            post.campaigns,
            tuple(sorted([f"{name}:{why}" for name, reasons in post.why.items() for why in reasons])),
            post.hashtags,
            post.language,
            post.language_source,
            post.language_claimed,
            post.region or UNKNOWN_REGION,
            post.region_source,
            post.origin,
            post.author,
            position,
            post.edited_at_ms,
            post.text,
        )
        return Document(self.ref(post), to_json(entry))


def ledger_position(source: dict[str, Any]) -> Position:
    """Position in posts.raw where the post was first read, from its ledger document."""
    return Position(**source["ledger"])


def edited(source: dict[str, Any], post: EnrichedPost) -> bytes | None:
    """The ledger document with an edit recorded; None if that edit, or a later one, is recorded already.

    An edit changes no count, so the counted fields stay: drill-down must agree with the counts. Of a stored text only
    the newest version is kept: a text that the author withdrew is not ours to keep.
    """
    if "deleted_at" in source or (source.get("edited_at") or 0) >= (post.edited_at_ms or 0):
        return None
    changed = source | {"edited_at": post.edited_at_ms}
    changed.pop("text", None)
    return to_json(changed if post.text is None else changed | {"text": post.text})


def emptied(source: dict[str, Any], deleted_at_ms: int | None) -> bytes | None:
    """The ledger document reduced to what deduplication needs; None if it is emptied already."""
    if "deleted_at" in source:
        return None
    return to_json(
        {
            "@timestamp": source["@timestamp"],
            "ledger": source["ledger"],
            # Elasticsearch refuses an impossible date, and the deleted post would stay.
            "deleted_at": deleted_at_ms if 0 < (deleted_at_ms or 0) <= LATEST_MS else source["@timestamp"],
        }
    )
