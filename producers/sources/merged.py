"""Merges several blocking sources, each in its own thread, into one iterator."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Final, NamedTuple

from producers.sources.lost import Refused
from producers.sources.received import Item, Items, Received

log = logging.getLogger(__name__)

MAX_ITEMS: Final = 2_000  # items that wait for Kafka before back-pressure reaches the platform
MAX_BYTES: Final = 64 << 20  # of their payloads
TICK_S: Final = 0.5


class Stopped(Exception):
    """The run has ended: raised inside a source's wait, and ignored."""


class _Ended(NamedTuple):
    error: Exception | None


def merged(sources: Sequence[Callable[[], Items]], stop: threading.Event) -> Generator[Item | None, None, None]:
    """Items of all sources, each source in order; None after TICK_S without an item. Ends when all sources have ended.

    A slow reader slows the sources down (back-pressure). A refused source is logged and left out, as long as another
    one is left; any other error of a source, and the refusal of the last one, is raised here. Sets `stop` when closed
    or ended; the threads are daemons, so a thread that hangs in a read does not delay the end.
    """
    items = _BoundedQueue()
    for number, source in enumerate(sources):
        threading.Thread(target=_work, args=(source, items, stop), name=f"source-{number}", daemon=True).start()
    left = len(sources)
    try:
        while left:
            item = items.get(TICK_S)
            if not isinstance(item, _Ended):
                yield item
                continue
            left -= 1
            if isinstance(item.error, Refused) and left:
                log.error("%s; continuing without this source", item.error)
            elif item.error is not None:
                raise item.error
    finally:
        stop.set()


def sleeper(stop: threading.Event) -> Callable[[float], None]:
    """A sleep that ends with Stopped as soon as `stop` is set."""

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise Stopped

    return sleep


class _BoundedQueue:
    """A queue for any number of threads, bounded by items and by bytes: payloads may be large."""

    def __init__(self) -> None:
        self._items: deque[Item | _Ended] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def put(self, item: Item | _Ended, timeout_s: float) -> bool:
        """Add the item; False if there was no room in time. An item larger than MAX_BYTES needs an empty queue."""
        size = _size(item)

        def has_room() -> bool:
            return not self._items or (len(self._items) < MAX_ITEMS and self._bytes + size <= MAX_BYTES)

        with self._changed:
            if not self._changed.wait_for(has_room, timeout_s):
                return False
            self._items.append(item)
            self._bytes += size
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float) -> Item | _Ended | None:
        """The first item; None if none came in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items, timeout_s):
                return None
            item = self._items.popleft()
            self._bytes -= _size(item)
            self._changed.notify_all()
            return item


def _size(item: Item | _Ended) -> int:
    return len(item.payload) if isinstance(item, Received) else 0


def _work(source: Callable[[], Items], items: _BoundedQueue, stop: threading.Event) -> None:
    error: Exception | None = None
    try:
        for item in source():
            _put(items, item, stop)
    except Stopped:
        return
    except Exception as raised:  # raised again in the reader: an error that ends a thread would go unnoticed
        error = raised
    try:
        _put(items, _Ended(error), stop)
    except Stopped:
        return


def _put(items: _BoundedQueue, item: Item | _Ended, stop: threading.Event) -> None:
    while not stop.is_set():
        if items.put(item, TICK_S):
            return
    raise Stopped
