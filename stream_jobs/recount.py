"""Counting again from the ledger: what count documents should say, and where they differ. Pure, except `tally`.

Every counted post has a ledger document that says what it was counted for. If the post was deleted since, the document
is empty: it says only time and partition, no longer what the post counted for. So a count above the ledger's sum is
right if that many posts of its window and partition were deleted. A difference that deleted posts may explain is
reported, but not mended.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from tenacity import AsyncRetrying, retry_if_exception_type

from hashtide.contract.names import HASHTAG_VOLUME, POSTS, REPLY_VOLUME
from hashtide.elasticsearch.values import Document, Found, Ref
from stream_jobs.documents import counts, keys, ledger
from stream_jobs.documents.counts import Count
from stream_jobs.documents.keys import CountKey
from stream_jobs.domain.windows import day, window_start_ms
from stream_jobs.enriched import Position
from stream_jobs.store.store import ScanLost, Store

WindowGroup = tuple[str, int, int]
"""Topic id, partition and start of a window in milliseconds. All count documents of a group have the same writer."""


class Difference(msgspec.Struct, frozen=True):
    """A count document that differs from the ledger."""

    topic: str
    partition: int
    window_ms: int
    family: str
    by: dict[str, Any]
    """The dimensions of the document, by field name."""
    counted: int
    expected: int
    id: str
    """Of the document; empty for a difference in deleted posts: `expected` were deleted, and counts hold `counted`."""
    mendable: bool
    """Whether the ledger's sum is certainly right."""


class Tally:
    """The ledger's and the count documents' sums of some whole windows."""

    def __init__(self) -> None:
        self.whole = True
        """Whether the ledger has every counted post. If not, nothing can be verified."""
        self.posts = 0
        """Number of ledger entries, including emptied ones."""
        self._emptied: Counter[WindowGroup] = Counter()
        self._windows: set[int] = set()
        """Windows that have ledger entries."""
        self._expected: Counter[Ref] = Counter()
        self._keys: dict[Ref, tuple[WindowGroup, CountKey]] = {}
        self._counted: dict[Ref, Found] = {}

    def enter(self, source: dict[str, Any], before: Position | None) -> None:
        """Add a ledger document. With `before`: only if it is of that partition, at an earlier offset."""
        at = ledger.ledger_position(source)
        window_ms = window_start_ms(source["@timestamp"])
        self._windows.add(window_ms)
        if before is not None and (at.topic, at.partition) != (before.topic, before.partition):
            return
        if before is not None and at.offset >= before.offset:
            return
        group = (at.topic, at.partition, window_ms)
        self.posts += 1
        if "deleted_at" in source:
            self._emptied[group] += 1
        for key in keys.ledger_keys(source):
            ref = counts.count_ref(key, at.topic, at.partition)
            self._expected[ref] += 1
            self._keys[ref] = group, key

    def hold(self, found: Found, before: Position | None) -> None:
        """Add a count document. With `before`: only if it is of that partition."""
        kafka = found.source["kafka"]
        if before is None or (kafka["topic"], kafka["partition"]) == (before.topic, before.partition):
            self._counted[found.ref] = found

    @property
    def emptied(self) -> int:
        """Number of entries whose posts were deleted."""
        return self._emptied.total()

    def unverified(self) -> set[int]:
        """Windows with counts, but without a complete ledger, because it was dropped. `differences` skips them."""
        counted = {found.source["@timestamp"] for found in self._counted.values()}
        return counted - self._windows if self.whole else counted

    def differences(self) -> list[Difference]:
        """All differences, in order of time."""
        if not self.whole:
            return []
        differences: list[Difference] = []
        ahead: Counter[WindowGroup] = Counter()  # by how many posts reply volume is ahead, where some were emptied
        for ref in self._expected.keys() | self._counted.keys():
            found, expected = self._counted.get(ref), self._expected[ref]
            counted = found.source["count"] if found else 0
            group = _group(found.source) if found else self._keys[ref][0]
            emptied = self._emptied[group]
            if counted == expected or group[2] not in self._windows:
                continue
            family = REPLY_VOLUME if ref.index.startswith(REPLY_VOLUME) else HASHTAG_VOLUME
            if counted > expected and emptied:
                if family == REPLY_VOLUME:
                    ahead[group] += counted - expected
                    continue
                if counted - expected <= emptied:  # a post counts at most once for a hashtag
                    continue
            by = _by(found.source if found else msgspec.json.decode(self._made(ref, expected, 0).body))
            mendable = counted < expected or not emptied
            differences.append(Difference(*group, family, by, counted, expected, ref.id, mendable))
        differences += [
            Difference(*group, REPLY_VOLUME, {}, ahead[group], emptied, "", mendable=False)
            for group, emptied in self._emptied.items()
            if ahead[group] != emptied
        ]
        return sorted(differences, key=lambda each: (each.window_ms, each.family, each.partition, each.id))

    def mend(self, before: Position) -> list[Document]:
        """The corrected count documents of the partition of `before`, as of that position.

        Skips a document with a later version: it was mended or written after this order, which a crash made run again.
        """
        mended = []
        version = before.offset + 1
        for difference in self.differences():
            ref = Ref(f"{difference.family}-{day(difference.window_ms)}", difference.id)
            found = self._counted.get(ref)
            if not difference.mendable or (found is not None and found.version > version):
                continue
            if found is not None:
                mended.append(counts.recounted(found, difference.expected, version))
            else:
                mended.append(self._made(ref, difference.expected, version))
        return mended

    def _made(self, ref: Ref, total: int, version: int) -> Document:
        (topic, partition, _), key = self._keys[ref]
        return counts.count_document(key, topic, partition, Count(total, version))


async def tally(store: Store, from_ms: int, to_ms: int, before: Position | None = None) -> Tally:
    """Sums of ledger and counts for the windows in [from_ms, to_ms): starts of windows in milliseconds, of one day.

    With `before`: only of its partition, as of that position. Waits while the store is unavailable. If the store loses
    a scan, starts again.
    """
    date = day(from_ms)
    counts = f"{REPLY_VOLUME}-{date}*,{HASHTAG_VOLUME}-{date}*"
    async for attempt in AsyncRetrying(retry=retry_if_exception_type(ScanLost)):
        with attempt:
            result = Tally()
            async for page in store.scan(f"{POSTS}-{date}*", from_ms, to_ms):
                for entry in page:
                    result.enter(entry.source, before)
            async for page in store.scan(counts, from_ms, to_ms):
                for count in page:
                    result.hold(count, before)
            # After the scans: if the ledger was dropped and created again meanwhile, its creation time shows it.
            result.whole = ledger_is_whole(await store.made(f"{POSTS}-{date}*,{counts}"))
    return result


def ledger_is_whole(made: Mapping[str, int]) -> bool:
    """Whether a day's ledger is the one that its posts were counted by. `made`: index name -> creation time in ms.

    A post is in the ledger before it is counted. So if the ledger's index is younger than an index of counts, the first
    ledger was dropped, by other means than `hashtide retention`, and a late post created another.
    """
    ledgers = [moment for index, moment in made.items() if index.startswith(f"{POSTS}-")]
    counts = [moment for index, moment in made.items() if not index.startswith(f"{POSTS}-")]
    return not ledgers or not counts or max(ledgers) <= min(counts)


def _group(source: dict[str, Any]) -> WindowGroup:
    return source["kafka"]["topic"], source["kafka"]["partition"], source["@timestamp"]


def _by(source: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in source.items()
        if name not in ("@timestamp", "kafka", "count", "status", "revision")
    }
