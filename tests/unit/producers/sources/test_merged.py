import threading
from collections.abc import Iterator

import pytest

from producers.sources.lost import Refused
from producers.sources.merged import Stopped, merged, sleeper
from producers.sources.received import Item, Items, Received


def numbers(source: str, count: int, end: Exception | None = None) -> Items:
    for number in range(count):
        yield Received(source, str(number), b"")
    if end is not None:
        raise end


def test_merges_all_items_in_order_of_each_source() -> None:
    got = list(merged([lambda: numbers("a", 5_000), lambda: numbers("b", 3_000)], threading.Event()))
    for source, count in (("a", 5_000), ("b", 3_000)):
        positions = [int(item.position) for item in got if isinstance(item, Received) and item.source == source]
        assert positions == list(range(count))


def test_refusal_of_one_source_does_not_end_the_others() -> None:
    got = list(merged([lambda: numbers("a", 1, Refused("401")), lambda: numbers("b", 2)], threading.Event()))
    assert sorted(item.source for item in got if isinstance(item, Received)) == ["a", "b", "b"]


def test_raises_refusal_of_last_source() -> None:
    with pytest.raises(Refused, match="403"):
        list(merged([lambda: numbers("a", 1, Refused("403"))], threading.Event()))


def test_raises_other_errors_of_threads_to_the_reader() -> None:
    with pytest.raises(OSError, match="disk"):
        list(merged([lambda: numbers("a", 1, OSError("disk"))], threading.Event()))


def test_returns_tick_while_sources_are_silent() -> None:
    stop = threading.Event()

    def silent() -> Iterator[Item]:
        sleeper(stop)(60)
        yield from ()

    items = merged([silent], stop)
    assert next(items) is None
    items.close()
    assert stop.is_set()


def test_close_ends_source_blocked_on_full_queue() -> None:
    stop = threading.Event()
    ended = threading.Event()

    def endless() -> Iterator[Item]:
        try:
            while True:
                yield Received("a", "", b"")
        finally:
            ended.set()

    items = merged([endless], stop)
    next(items)
    items.close()
    assert ended.wait(60)


def test_sleep_ends_with_the_run() -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Stopped):
        sleeper(stop)(60)
