"""Documents of the ledger: one for each post, in `posts-*`."""

import hashlib
from typing import Any, Literal

import msgspec

from hashtide.contract.bounds import LATEST_MS
from hashtide.contract.messages import Origin
from hashtide.contract.names import POSTS, UNKNOWN_REGION
from hashtide.elasticsearch.values import Document, Ref
from stream_jobs.documents.encoding import to_json
from stream_jobs.domain.windows import day
from stream_jobs.enriched import DeletedPost, EnrichedPost, Kind, Position


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
    ledger: "_Positions"
    edited_at: int | None = None
    """Of an edit that stands in for a post that was never seen."""
    text: str | None = None
    """Where the texts of posts are stored."""


class _Positions(msgspec.Struct, frozen=True, gc=False):
    at: Position
    raw: Position | None


class Ledger:
    """Makes the ledger's documents: one for each post, under a keyed hash of what it is called.

    `key` is the ledger's own (hashtide.identity.Keys.ledger), of 32 bytes.
    """

    def __init__(self, key: bytes, topic: str) -> None:
        self._key, self._topic = key, topic

    def id(self, message: EnrichedPost | DeletedPost) -> str:
        """The same for every copy of a post within one life of the topic, and for nothing else."""
        name = f"{self._topic}\n{message.platform}:{message.post_id}".encode()
        return hashlib.blake2b(name, digest_size=16, key=self._key).hexdigest()

    def ref(self, post: EnrichedPost) -> Ref:
        """Where a post's ledger document lies: by its time cut to the second, the precision that all formats share."""
        return Ref(f"{POSTS}-{day(post.created_at_ms // 1000 * 1000)}", self.id(post))

    def document(self, post: EnrichedPost, position: Position) -> Document:
        """The entry of a post met at `position` of posts.enriched, with what people drill down by."""
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
            _Positions(position, post.raw),
            post.edited_at_ms,
            post.text,
        )
        return Document(self.ref(post), to_json(entry))


def ledger_position(source: dict[str, Any], which: Literal["at", "raw"]) -> Position | None:
    """A position that a ledger document holds: of the post in posts.enriched (`at`), or in posts.raw."""
    value = source["ledger"][which]
    return None if value is None else Position(**value)


def edited(source: dict[str, Any], post: EnrichedPost) -> bytes | None:
    """The ledger document with an edit noted; None where that edit, or a later one, is noted already.

    What was counted stays as it was: an edit moves no count, and drill-down agrees with the counts. But of the text,
    where it is stored, only the newest is kept: what its author took back is not ours.
    """
    if "deleted_at" in source or (source.get("edited_at") or 0) >= (post.edited_at_ms or 0):
        return None
    changed = source | {"edited_at": post.edited_at_ms}
    changed.pop("text", None)
    return to_json(changed if post.text is None else changed | {"text": post.text})


def emptied(source: dict[str, Any], deleted_at_ms: int | None) -> bytes | None:
    """The ledger document with nothing left but what dedupes the post; None where it is empty already."""
    if "deleted_at" in source:
        return None
    return to_json(
        {
            "@timestamp": source["@timestamp"],
            "ledger": source["ledger"],
            # Of a time that no calendar has, the document would be refused, and what is deleted would stay.
            "deleted_at": deleted_at_ms if 0 < (deleted_at_ms or 0) <= LATEST_MS else source["@timestamp"],
        }
    )
