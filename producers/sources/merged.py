"""Several sources that block, each in a thread of its own, as one iterator."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Final, NamedTuple

from producers.sources.lost import Refused
from producers.sources.received import Item, Items, Received

log = logging.getLogger(__name__)

ROOM: Final = 2_000  # items that wait for Kafka before the platform has to
ROOM_BYTES: Final = 64 << 20  # of their payloads
TICK_S: Final = 0.5


class Stopped(Exception):
    """The run is at its end: raised out of a source's waiting, and heard by nobody."""


class _Ended(NamedTuple):
    error: Exception | None


def merged(sources: Sequence[Callable[[], Items]], stop: threading.Event) -> Generator[Item | None, None, None]:
    """What the sources give, each in its own order; None every TICK_S where nothing comes. Ends when all have.

    A reader that is slow slows the sources down. A source that is refused is left out with a line in the log, while
    another one is left; what else a source raises, and the last one's refusal, is raised here. Sets `stop` when it is
    closed or ends; the threads are daemons, so that one that hangs in a read keeps nobody waiting.
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
                log.error("%s; going on without it", item.error)
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
        """Whether there was room for it in time. What is larger than all the room goes in when nothing else is."""
        size = _size(item)

        def room() -> bool:
            return not self._items or (len(self._items) < ROOM and self._bytes + size <= ROOM_BYTES)

        with self._changed:
            if not self._changed.wait_for(room, timeout_s):
                return False
            self._items.append(item)
            self._bytes += size
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float) -> Item | _Ended | None:
        """The first item; None where none came in time."""
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
    except Exception as raised:  # raised again where somebody reads: a thread's own end says nothing to anybody
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
