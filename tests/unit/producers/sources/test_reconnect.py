from collections.abc import Iterator

import pytest

from producers.sources.link import Link
from producers.sources.lost import Cause, Lost, Refused
from producers.sources.received import Item, Items, Received
from producers.sources.reconnect import limited_wait_s, reconnecting
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock


class Scripted:
    """Connections that end as they are told, each after as many payloads."""

    def __init__(self, clock: Clock, *ends: tuple[int, Exception]) -> None:
        self.link = Link("x", clock)
        self._ends = iter(ends)

    def connect(self) -> Items:
        payloads, end = next(self._ends)
        for number in range(payloads):
            self.link.heard()
            yield Received("x", str(number), b"{}")
        raise end


def failing(cause: Cause, times: int) -> list[tuple[int, Exception]]:
    return [(0, Lost(cause)) for _ in range(times)]


def run(clock: Clock, *ends: tuple[int, Exception]) -> list[Item]:
    """All that comes until a connection is refused."""
    script = Scripted(clock, *ends, (0, Refused("enough")))

    def items() -> Iterator[Item]:
        yield from reconnecting(script.connect, script.link, clock_ms=clock, sleep=clock.sleep)

    got: list[Item] = []
    with pytest.raises(Refused, match="enough"):
        got.extend(items())
    return got


def test_a_connection_that_worked_is_made_again_at_once() -> None:
    clock = Clock()
    run(clock, (3, Lost("ended")), (1, Lost("stalled")), (2, Lost("network")))
    assert clock.slept == []


def test_what_came_before_a_loss_is_handed_on() -> None:
    items = run(Clock(), (2, Lost("ended")), (0, Lost("network")), (1, Lost("ended")))
    assert [item.position for item in items if isinstance(item, Received)] == ["0", "1", "0"]


def test_network_failures_wait_a_quarter_of_a_second_more_each_time_up_to_16_seconds() -> None:
    clock = Clock()
    run(clock, *failing("network", 66))
    assert clock.slept[:5] == [0.25, 0.5, 0.75, 1.0, 1.25]
    assert clock.slept[62:] == [15.75, 16.0, 16.0, 16.0]


def test_http_errors_wait_5_seconds_and_double_up_to_320() -> None:
    clock = Clock()
    run(clock, *failing("http-error", 9))
    assert clock.slept == [5, 10, 20, 40, 80, 160, 320, 320, 320]


def test_rate_limits_without_a_time_wait_a_minute_and_double_up_to_a_window_of_15_minutes() -> None:
    clock = Clock()
    run(clock, *failing("rate-limited", 6))
    assert clock.slept == [60, 120, 240, 480, 900, 900]


def test_a_rate_limit_with_a_time_waits_until_then() -> None:
    clock = Clock()
    run(clock, (0, Lost("rate-limited", retry_at_ms=AUGUST_MS + 132_500)))
    assert clock.slept == [132.5]


@pytest.mark.parametrize(
    ("retry_at_ms", "wait_s"),
    [(AUGUST_MS - 1, 240.0), (AUGUST_MS, 240.0), (AUGUST_MS + 1, 0.001), (AUGUST_MS + 10**9, 900.0), (10**400, 900.0)],
)
def test_a_time_that_is_past_is_none_and_one_far_away_is_cut_to_a_window(retry_at_ms: int, wait_s: float) -> None:
    assert limited_wait_s(3, retry_at_ms, AUGUST_MS) == wait_s


def test_each_sort_of_failure_counts_by_itself() -> None:
    clock = Clock()
    causes: list[Cause] = ["network", "http-error", "stalled", "http-error", "rate-limited", "network"]
    run(clock, *[(0, Lost(cause)) for cause in causes])
    assert clock.slept == [0.25, 5, 0.5, 10, 60, 0.75]


def test_a_connection_that_brings_something_starts_the_waits_afresh() -> None:
    clock = Clock()
    run(clock, *failing("http-error", 3), (1, Lost("ended")), *failing("http-error", 2))
    assert clock.slept == [5, 10, 20, 5, 10]


def test_a_connection_that_is_taken_and_closed_at_once_again_and_again_is_no_success() -> None:
    clock = Clock()
    run(clock, *failing("ended", 3), *failing("notice", 2))
    assert clock.slept == [0.25, 0.5, 0.75, 5, 10]
