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


def test_each_source_keeps_its_order_and_all_come() -> None:
    got = list(merged([lambda: numbers("a", 5_000), lambda: numbers("b", 3_000)], threading.Event()))
    for source, count in (("a", 5_000), ("b", 3_000)):
        positions = [int(item.position) for item in got if isinstance(item, Received) and item.source == source]
        assert positions == list(range(count))


def test_one_source_that_is_refused_leaves_the_others() -> None:
    got = list(merged([lambda: numbers("a", 1, Refused("401")), lambda: numbers("b", 2)], threading.Event()))
    assert sorted(item.source for item in got if isinstance(item, Received)) == ["a", "b", "b"]


def test_the_last_refusal_is_raised() -> None:
    with pytest.raises(Refused, match="403"):
        list(merged([lambda: numbers("a", 1, Refused("403"))], threading.Event()))


def test_what_else_goes_wrong_in_a_thread_is_raised_where_it_is_read() -> None:
    with pytest.raises(OSError, match="disk"):
        list(merged([lambda: numbers("a", 1, OSError("disk"))], threading.Event()))


def test_a_tick_comes_while_nothing_does() -> None:
    stop = threading.Event()

    def silent() -> Iterator[Item]:
        sleeper(stop)(60)
        yield from ()

    items = merged([silent], stop)
    assert next(items) is None
    items.close()
    assert stop.is_set()


def test_closing_ends_a_source_that_waits_for_room() -> None:
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


def test_a_sleep_ends_when_the_run_does() -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Stopped):
        sleeper(stop)(60)
