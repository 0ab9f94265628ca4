"""Count documents: one per key and partition, in `reply-volume-*` and `hashtag-volume-*`."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import astuple

from hashtide.contract.messages import Origin
from hashtide.elasticsearch.values import Document, Found, Ref
from stream_jobs.documents.encoding import digest, to_json
from stream_jobs.documents.keys import CountKey, ReplyKey
from stream_jobs.domain.windows import Status, day
from stream_jobs.enriched import Kind


def count_ref(key: CountKey, topic: str, partition: int) -> Ref:
    """Index and id of a key's count, for one partition of one incarnation of posts.raw: one writer at a time."""
    return Ref(f"{key.family}-{day(key.window_ms)}", digest((*astuple(key), topic, partition)))


class Count(msgspec.Struct, frozen=True, gc=False):
    """A count, as stored or about to be stored."""

    total: int = 0
    version: int = 0
    """The last offset included, plus one; 0: none."""
    status: Status = "provisional"
    revision: int = 0
    """Number of corrections."""

    def including(self, offsets: Sequence[int], *, late: bool, closed: bool) -> "Count":
        """The count with the events at `offsets` (ascending) added; the same object if all are included already.

        `late`: any of them arrived after the watermark closed the window. `closed`: the window is closed now.
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
    """A count document. Its version is the count's version."""
    by = astuple(key)[1:]
    counted: tuple[Any, ...] = (count.total, count.status, count.revision, _kafka(topic, partition))
    body = _ReplyBody(*by, *counted) if isinstance(key, ReplyKey) else _HashtagBody(*by, *counted)
    return Document(count_ref(key, topic, partition), to_json(body), count.version)


@lru_cache(maxsize=1024)
def _kafka(topic: str, partition: int) -> _Kafka:
    return _Kafka(topic, partition)


def count_of(found: Found | None) -> Count:
    """The count in a document; an empty count without a document."""
    if found is None:
        return Count()
    source = found.source
    return Count(source["count"], found.version, source["status"], source["revision"])


def recounted(found: Found, total: int, version: int) -> Document:
    """A count document with the total of a recount up to `version`. If its window is closed, this is a correction."""
    closed = found.source["status"] != "provisional"
    changed = {"count": total, "revision": found.source["revision"] + closed}
    if closed:
        changed["status"] = "corrected"
    return Document(found.ref, to_json(found.source | changed), version)


def counts_of(topic: str, partition: int) -> dict[str, str | int]:
    """Field values shared by all count documents of a partition: for store.newest."""
    return {"kafka.topic": topic, "kafka.partition": partition}


def open_counts(topic: str, partition: int) -> dict[str, str | int]:
    """Field values of a partition's count documents that may still grow: for store.find."""
    return {"status": "provisional"} | counts_of(topic, partition)


def finalised(found: Found) -> Document:
    """A count document marked final. The count is the same, so the version is too."""
    return Document(found.ref, to_json(found.source | {"status": "final"}), found.version)
