"""The counts that a worker has in hand: a bounded cache of what the store holds, valid for one assignment."""

from collections import OrderedDict

from stream_jobs.sinks.documents import Count, CountKey


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
            self.clear()

    def clear(self) -> None:
        """Have everything read again from the store."""
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
