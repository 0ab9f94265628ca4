"""The counts that a worker has in hand: a bounded cache of what the store holds, valid for one assignment."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from stream_jobs.documents.counts import Count
from stream_jobs.documents.keys import CountKey

NOTHING: Final = Count()


class Cache:
    """Counts by key, of one partition; the least recently used go first.

    It also knows from which window on it is whole: there, what is not in it is not in the store either, and need not be
    read. That saves nearly every read of a stream that moves on: most keys of a new window are new.
    """

    def __init__(self) -> None:
        self._generation = -1
        self._counts: OrderedDict[CountKey, Count] = OrderedDict()
        self._whole_after_ms: int | None = None

    def belongs_to(self, generation: int) -> None:
        """Forget everything with a new assignment: others may have counted on in between."""
        if generation != self._generation:
            self._generation = generation
            self.clear()

    def clear(self) -> None:
        """Have everything read again from the store."""
        self._counts.clear()
        self._whole_after_ms = None

    @property
    def knows(self) -> bool:
        """Whether it was told what the store's newest window is, since it was cleared."""
        return self._whole_after_ms is not None

    def whole_after(self, window_ms: int) -> None:
        """Know that the store has no count of any window after this one, but what is written from here."""
        self._whole_after_ms = window_ms

    def unread(self, keys: Iterable[CountKey]) -> list[CountKey]:
        """Those of the keys that must be read before they are counted on."""
        assert self._whole_after_ms is not None
        counts, whole_after_ms = self._counts, self._whole_after_ms
        return [key for key in keys if key not in counts and key.window_ms <= whole_after_ms]

    def __getitem__(self, key: CountKey) -> Count:
        return self._counts.get(key, NOTHING)

    def __setitem__(self, key: CountKey, count: Count) -> None:
        self._counts[key] = count
        self._counts.move_to_end(key)

    def drop(self, key: CountKey) -> None:
        """Have it read again from the store."""
        self._counts.pop(key, None)
        self._miss(key)

    def shrink(self, most: int) -> None:
        """Keep no more than `most`. Between batches alone: within one, a key that was just read must stay."""
        while len(self._counts) > most:
            self._miss(self._counts.popitem(last=False)[0])

    def _miss(self, key: CountKey) -> None:
        if self._whole_after_ms is not None:
            self._whole_after_ms = max(self._whole_after_ms, key.window_ms)

    def __len__(self) -> int:
        return len(self._counts)
