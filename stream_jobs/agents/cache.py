"""A bounded cache of count documents in the store, valid for one assignment of a partition."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from stream_jobs.documents.counts import Count
from stream_jobs.documents.keys import CountKey

NOTHING: Final = Count()


class Cache:
    """Counts of one partition by key; the least recently used are removed first.

    It also knows after which window it is complete: a key of a later window that is not cached is not in the store
    either, and need not be read. In a live stream this saves nearly every read, because most keys of a new window are
    new.
    """

    def __init__(self) -> None:
        self._generation = -1
        self._counts: OrderedDict[CountKey, Count] = OrderedDict()
        self._whole_after_ms: int | None = None

    def belongs_to(self, generation: int) -> None:
        """Clear the cache if the generation is new: another worker may have counted in between."""
        if generation != self._generation:
            self._generation = generation
            self.clear()

    def clear(self) -> None:
        """Forget all counts: they are read again from the store."""
        self._counts.clear()
        self._whole_after_ms = None

    @property
    def knows(self) -> bool:
        """Whether `whole_after` was called since the cache was cleared."""
        return self._whole_after_ms is not None

    def whole_after(self, window_ms: int) -> None:
        """Note that the store has no count of a later window, except those that this worker writes from now on.

        `window_ms`: start of a window, in milliseconds; -1 if the store has no counts.
        """
        self._whole_after_ms = window_ms

    def unread(self, keys: Iterable[CountKey]) -> list[CountKey]:
        """The keys whose counts must be read from the store first. Call `whole_after` before."""
        assert self._whole_after_ms is not None
        counts, whole_after_ms = self._counts, self._whole_after_ms
        return [key for key in keys if key not in counts and key.window_ms <= whole_after_ms]

    def __getitem__(self, key: CountKey) -> Count:
        return self._counts.get(key, NOTHING)

    def __setitem__(self, key: CountKey, count: Count) -> None:
        self._counts[key] = count
        self._counts.move_to_end(key)

    def drop(self, key: CountKey) -> None:
        """Forget one count: it is read again from the store."""
        self._counts.pop(key, None)
        self._miss(key)

    def shrink(self, most: int) -> None:
        """Keep at most `most` counts. Call it only between batches: within a batch, keys that were read must stay."""
        while len(self._counts) > most:
            self._miss(self._counts.popitem(last=False)[0])

    def _miss(self, key: CountKey) -> None:
        if self._whole_after_ms is not None:
            self._whole_after_ms = max(self._whole_after_ms, key.window_ms)

    def __len__(self) -> int:
        return len(self._counts)
