from collections.abc import Iterator

import pytest

from producers.sources.link import Link
from producers.sources.lost import Cause, Lost, Refused
from producers.sources.received import Item, Items, Received
from producers.sources.reconnect import limited_wait_s, reconnecting
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock


class Scripted:
    """Scripted connections: each yields some payloads, then raises its end."""

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
    """All items until a connection is refused."""
    script = Scripted(clock, *ends, (0, Refused("enough")))

    def items() -> Iterator[Item]:
        yield from reconnecting(script.connect, script.link, clock_ms=clock, sleep=clock.sleep)

    got: list[Item] = []
    with pytest.raises(Refused, match="enough"):
        got.extend(items())
    return got


def test_reconnects_at_once_after_working_connection() -> None:
    clock = Clock()
    run(clock, (3, Lost("ended")), (1, Lost("stalled")), (2, Lost("network")))
    assert clock.slept == []


def test_returns_items_received_before_a_loss() -> None:
    items = run(Clock(), (2, Lost("ended")), (0, Lost("network")), (1, Lost("ended")))
    assert [item.position for item in items if isinstance(item, Received)] == ["0", "1", "0"]


def test_network_errors_wait_250_ms_longer_each_time_up_to_16_s() -> None:
    clock = Clock()
    run(clock, *failing("network", 66))
    assert clock.slept[:5] == [0.25, 0.5, 0.75, 1.0, 1.25]
    assert clock.slept[62:] == [15.75, 16.0, 16.0, 16.0]


def test_http_errors_wait_5_s_doubling_up_to_320_s() -> None:
    clock = Clock()
    run(clock, *failing("http-error", 9))
    assert clock.slept == [5, 10, 20, 40, 80, 160, 320, 320, 320]


def test_rate_limits_without_reset_wait_a_minute_doubling_up_to_15() -> None:
    clock = Clock()
    run(clock, *failing("rate-limited", 6))
    assert clock.slept == [60, 120, 240, 480, 900, 900]


def test_rate_limit_waits_until_its_reset() -> None:
    clock = Clock()
    run(clock, (0, Lost("rate-limited", retry_at_ms=AUGUST_MS + 132_500)))
    assert clock.slept == [132.5]


@pytest.mark.parametrize(
    ("retry_at_ms", "wait_s"),
    [(AUGUST_MS - 1, 240.0), (AUGUST_MS, 240.0), (AUGUST_MS + 1, 0.001), (AUGUST_MS + 10**9, 900.0), (10**400, 900.0)],
)
def test_ignores_past_reset_and_limits_distant_one_to_15_minutes(retry_at_ms: int, wait_s: float) -> None:
    assert limited_wait_s(3, retry_at_ms, AUGUST_MS) == wait_s


def test_each_kind_of_failure_has_its_own_backoff() -> None:
    clock = Clock()
    causes: list[Cause] = ["network", "http-error", "stalled", "http-error", "rate-limited", "network"]
    run(clock, *[(0, Lost(cause)) for cause in causes])
    assert clock.slept == [0.25, 5, 0.5, 10, 60, 0.75]


def test_received_item_resets_backoff() -> None:
    clock = Clock()
    run(clock, *failing("http-error", 3), (1, Lost("ended")), *failing("http-error", 2))
    assert clock.slept == [5, 10, 20, 5, 10]


def test_connection_closed_at_once_does_not_reset_backoff() -> None:
    clock = Clock()
    run(clock, *failing("ended", 3), *failing("notice", 2))
    assert clock.slept == [0.25, 0.5, 0.75, 5, 10]
