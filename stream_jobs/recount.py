"""Counting again from the ledger: what count documents should say, and where they differ. Pure, but for two scans.

Every post that was counted has its ledger document, with all that it was counted by. But one that was deleted since is
empty, and says no more than its time and partition: what it counted for can't be told any more. So a sum that is ahead
of the ledger is right, where as many posts of its window and partition are empty; and where a difference might be
theirs, it is told, and not mended.
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
"""Topic id, partition, window: within one, every count document has the same writer."""


class Difference(msgspec.Struct, frozen=True):
    """A count document that does not say what the ledger says."""

    topic: str
    partition: int
    window_ms: int
    family: str
    by: dict[str, Any]
    """The dimensions of the document, by the names of its fields."""
    counted: int
    expected: int
    id: str
    """Of the document. Empty: of posts that were deleted, `expected` in number, `counted` are in sums somewhere."""
    mendable: bool
    """Whether the ledger says for certain what is right."""


class Tally:
    """What the ledger and the count documents say of some whole windows."""

    def __init__(self) -> None:
        self.whole = True
        """Whether the ledger has every post that was counted. Where not, it says nothing of any count."""
        self.posts = 0
        """Entries of the ledger, the emptied ones included."""
        self._emptied: Counter[WindowGroup] = Counter()
        self._windows: set[int] = set()
        """Those that the ledger has anything of."""
        self._expected: Counter[Ref] = Counter()
        self._keys: dict[Ref, tuple[WindowGroup, CountKey]] = {}
        self._counted: dict[Ref, Found] = {}

    def enter(self, source: dict[str, Any], before: Position | None) -> None:
        """Count a ledger document; of another partition than `before`'s, or at its offset or after it: not."""
        at = ledger.ledger_position(source, "at")
        assert at is not None
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
        """Hold a count document against the ledger, under the same conditions."""
        kafka = found.source["kafka"]
        if before is None or (kafka["topic"], kafka["partition"]) == (before.topic, before.partition):
            self._counted[found.ref] = found

    @property
    def emptied(self) -> int:
        """Entries whose posts were deleted."""
        return self._emptied.total()

    def unverified(self) -> set[int]:
        """Windows that are counted and have no ledger, or not a whole one: it was dropped. Nothing is told of them."""
        counted = {found.source["@timestamp"] for found in self._counted.values()}
        return counted - self._windows if self.whole else counted

    def differences(self) -> list[Difference]:
        """What differs, in order of time."""
        if not self.whole:
            return []
        told: list[Difference] = []
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
            told.append(Difference(*group, family, by, counted, expected, ref.id, mendable))
        told += [
            Difference(*group, REPLY_VOLUME, {}, ahead[group], emptied, "", mendable=False)
            for group, emptied in self._emptied.items()
            if ahead[group] != emptied
        ]
        return sorted(told, key=lambda each: (each.window_ms, each.family, each.partition, each.id))

    def mend(self, before: Position) -> list[Document]:
        """The count documents of `before`'s partition as they should be, as of there.

        One whose version is ahead of it was mended, or made, after this very order: a crash has it carried out again.
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
    """What ledger and counts say of the windows in [from_ms, to_ms): starts of windows, of one day.

    With `before`: of its partition alone, and as of there. Waits as the store does.
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
            # After the scans: a ledger that another has replaced since would be told by the time of that one.
            result.whole = ledger_is_whole(await store.made(f"{POSTS}-{date}*,{counts}"))
    return result


def ledger_is_whole(made: Mapping[str, int]) -> bool:
    """Of a day's indices and the moments that they were made: whether the ledger has been there from the beginning.

    A post is in the ledger before it is counted. So a ledger made after counts is not the one that they were counted
    by: that was dropped, by other means than `hashtide retention`, and a post that came late has made another.
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
