"""The counts that a worker has in hand: a bounded cache of what the store holds, valid for one assignment."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from stream_jobs.sinks.documents import CountKey


class Count(NamedTuple):
    """A count as the store has it."""

    total: int
    version: int
    """The last offset that it includes, plus one; 0: none."""

    def including(self, offsets: Sequence[int]) -> "Count":
        """With the events at `offsets` (rising) counted in; the same object where all of them are in already."""
        new = [offset for offset in offsets if offset >= self.version]
        return Count(self.total + len(new), new[-1] + 1) if new else self


class Cache:
    """Counts by key, of one partition; the least recently used go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._generation = -1
        self._counts: OrderedDict[CountKey, Count] = OrderedDict()

    def belongs_to(self, generation: int) -> None:
        """Forget everything with a new assignment: others may have counted on in between."""
        if generation != self._generation:
            self._generation = generation
            self._counts.clear()

    def __contains__(self, key: CountKey) -> bool:
        return key in self._counts

    def __getitem__(self, key: CountKey) -> Count:
        return self._counts[key]

    def __setitem__(self, key: CountKey, count: Count) -> None:
        self._counts[key] = count
        self._counts.move_to_end(key)

    def drop(self, key: CountKey) -> None:
        """Have it read again from the store."""
        del self._counts[key]

    def shrink(self) -> None:
        """Keep the bound. Between batches alone: within one, a key that was just read must stay."""
        while len(self._counts) > self._most:
            self._counts.popitem(last=False)

    def __len__(self) -> int:
        return len(self._counts)
