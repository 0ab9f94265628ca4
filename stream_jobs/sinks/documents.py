"""Pure: what is written where. A value becomes an index, an id and a body; ids say whose a document is."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import astuple

from producers.contract import LATEST_MS, Canary, Gap, Origin
from stream_jobs.domain.windows import Status, day, window_start_ms
from stream_jobs.enriched import DeletedPost, EnrichedPost, Kind, Position
from stream_jobs.sinks.store import Document, Found, Ref

REPLY_VOLUME: Final = "reply-volume"
HASHTAG_VOLUME: Final = "hashtag-volume"
POSTS: Final = "posts"
INGEST_GAPS: Final = "ingest-gaps"
CANARIES: Final = "hashtide-canary"

UNKNOWN_REGION: Final = "ZZ"
"""CLDR's code for an unknown region: in counts it is a key like the others, so that sums are whole."""

_json = msgspec.json.Encoder()


# A struct is made in a third of a named tuple's time, and the garbage collector never has to look at it: a worker holds
# tens of thousands of keys and counts.
class ReplyKey(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """One count document of reply volume, but for the partition: every post falls into exactly one."""

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
    """One count document of hashtag volume, but for the partition: a post falls into one for each distinct tag."""

    family: Literal["hashtag-volume"]
    window_ms: int
    campaigns: tuple[str, ...]
    platform: str
    origin: Origin
    hashtag: str


CountKey = ReplyKey | HashtagKey


def count_keys(post: EnrichedPost) -> list[CountKey]:
    """Where a post counts: once in reply volume, and once for each of its hashtags."""
    return _keys(
        window_start_ms(post.created_at_ms),
        post.campaigns,
        post.platform,
        post.kind,
        post.answers_root,
        post.language,
        post.region or UNKNOWN_REGION,
        post.origin,
        post.hashtags,
    )


def ledger_keys(source: dict[str, Any]) -> list[CountKey]:
    """Where the post of a ledger document counts: nowhere that can be told, when it was emptied."""
    if "deleted_at" in source:
        return []
    return _keys(
        window_start_ms(source["@timestamp"]),
        tuple(source["campaign"]),
        source["platform"],
        source["kind"],
        source["answers_root"],
        source["language"],
        source["region"],
        source["origin"],
        source["hashtag"],
    )


def _keys(
    window_ms: int,
    campaigns: tuple[str, ...],
    platform: str,
    kind: Kind,
    answers_root: bool,
    language: str,
    region: str,
    origin: Origin,
    hashtags: Iterable[str],
) -> list[CountKey]:
    keys: list[CountKey] = [
        ReplyKey(REPLY_VOLUME, window_ms, campaigns, platform, kind, answers_root, language, region, origin)
    ]
    for hashtag in hashtags:
        keys.append(HashtagKey(HASHTAG_VOLUME, window_ms, campaigns, platform, origin, hashtag))
    return keys


def count_ref(key: CountKey, topic: str, partition: int) -> Ref:
    """Where the count of a key lies, for one partition of one life of posts.enriched: it has one writer at a time."""
    return Ref(f"{key.family}-{day(key.window_ms)}", _digest((*astuple(key), topic, partition)))


class Count(msgspec.Struct, frozen=True, gc=False):
    """A count as the store has it, or will."""

    total: int = 0
    version: int = 0
    """The last offset that it includes, plus one; 0: none."""
    status: Status = "provisional"
    revision: int = 0
    """How often it was corrected."""

    def including(self, offsets: Sequence[int], *, late: bool, closed: bool) -> "Count":
        """With the events at `offsets` (rising) counted in; the same object where all of them are in already.

        `late`: whether any of them came after the watermark had closed the window; `closed`: whether it is closed now.
        """
        new = offsets
        if offsets[0] < self.version:
            new = [offset for offset in offsets if offset >= self.version]
        if not new:
            return self
        total, version = self.total + len(new), new[-1] + 1
        if late or self.status != "provisional":
            return Count(total, version, "corrected", self.revision + 1)
        return Count(total, version, "final" if closed else "provisional", self.revision)


class _Kafka(msgspec.Struct, frozen=True, gc=False):
    topic: str
    partition: int


class _ReplyBody(msgspec.Struct, frozen=True, gc=False, rename={"timestamp": "@timestamp"}):
    timestamp: int
    campaign: tuple[str, ...]
    platform: str
    kind: Kind
    answers_root: bool
    language: str
    region: str
    origin: Origin
    count: int
    status: Status
    revision: int
    kafka: _Kafka


class _HashtagBody(msgspec.Struct, frozen=True, gc=False, rename={"timestamp": "@timestamp"}):
    timestamp: int
    campaign: tuple[str, ...]
    platform: str
    origin: Origin
    hashtag: str
    count: int
    status: Status
    revision: int
    kafka: _Kafka


def count_document(key: CountKey, topic: str, partition: int, count: Count) -> Document:
    """A count document; its version is the count's."""
    by = astuple(key)[1:]
    counted: tuple[Any, ...] = (count.total, count.status, count.revision, _kafka(topic, partition))
    body = _ReplyBody(*by, *counted) if isinstance(key, ReplyKey) else _HashtagBody(*by, *counted)
    return Document(count_ref(key, topic, partition), _json.encode(body), count.version)


@lru_cache(maxsize=1024)
def _kafka(topic: str, partition: int) -> _Kafka:
    return _Kafka(topic, partition)


def count_of(found: Found | None) -> Count:
    """The count that a document holds; of no document, nothing counted."""
    if found is None:
        return Count()
    source = found.source
    return Count(source["count"], found.version, source["status"], source["revision"])


def recounted(found: Found, total: int, version: int) -> Document:
    """A count document with another total, counted again as of `version`: after its window was closed, a correction."""
    closed = found.source["status"] != "provisional"
    changed = {"count": total, "revision": found.source["revision"] + closed}
    if closed:
        changed["status"] = "corrected"
    return Document(found.ref, _json.encode(found.source | changed), version)


def counts_of(topic: str, partition: int) -> dict[str, str | int]:
    """What every count document of a partition says: for store.newest."""
    return {"kafka.topic": topic, "kafka.partition": partition}


def open_counts(topic: str, partition: int) -> dict[str, str | int]:
    """What a count document of a partition says as long as it may still grow: for store.find."""
    return {"status": "provisional"} | counts_of(topic, partition)


def finalised(found: Found) -> Document:
    """A count document whose window is closed: the same count, so the same version."""
    return Document(found.ref, _json.encode(found.source | {"status": "final"}), found.version)


def gap_document(gap: Gap) -> Document:
    """A gap; its id is made of all it says, so that telling it again makes no second one."""
    body = {
        "@timestamp": gap.from_ms,
        "event": {"start": gap.from_ms, "end": gap.to_ms, "reason": gap.reason},
        "source": gap.source,
        "estimated_posts": gap.estimated_posts,
    }
    return Document(Ref(INGEST_GAPS, _digest((gap.source, gap.from_ms, gap.to_ms, gap.reason))), _json.encode(body))


def canary_document(canary: Canary) -> Document:
    """A canary; one of 4,096 places, by the beginning of its random id, so that the index does not grow without end."""
    body = {"@timestamp": canary.sent_at_ms, "id": canary.id}
    return Document(Ref(CANARIES, canary.id[:3]), _json.encode(body), canary.sent_at_ms)


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

    `key` is the ledger's own (producers.identity.Keys.ledger), of 32 bytes.
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
        return Document(self.ref(post), _json.encode(entry))


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
    return _json.encode(changed if post.text is None else changed | {"text": post.text})


def emptied(source: dict[str, Any], deleted_at_ms: int | None) -> bytes | None:
    """The ledger document with nothing left but what dedupes the post; None where it is empty already."""
    if "deleted_at" in source:
        return None
    return _json.encode(
        {
            "@timestamp": source["@timestamp"],
            "ledger": source["ledger"],
            # Of a time that no calendar has, the document would be refused, and what is deleted would stay.
            "deleted_at": deleted_at_ms if 0 < (deleted_at_ms or 0) <= LATEST_MS else source["@timestamp"],
        }
    )


def _digest(value: tuple[object, ...]) -> str:
    return hashlib.blake2b(_json.encode(value), digest_size=16).hexdigest()
