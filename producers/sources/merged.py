"""Several sources that block, each in a thread of its own, as one iterator."""

import logging
import queue
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Final, NamedTuple

from producers.sources.lost import Refused
from producers.sources.received import Item, Items

log = logging.getLogger(__name__)

ROOM: Final = 2_000  # items that wait for Kafka before the platform has to
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
    items: queue.Queue[Item | _Ended] = queue.Queue(ROOM)
    for number, source in enumerate(sources):
        threading.Thread(target=_work, args=(source, items, stop), name=f"source-{number}", daemon=True).start()
    left = len(sources)
    try:
        while left:
            try:
                item = items.get(timeout=TICK_S)
            except queue.Empty:
                yield None
                continue
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


def _work(source: Callable[[], Items], items: "queue.Queue[Item | _Ended]", stop: threading.Event) -> None:
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


def _put(items: "queue.Queue[Item | _Ended]", item: Item | _Ended, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return items.put(item, timeout=TICK_S)
        except queue.Full:
            continue
    raise Stopped
