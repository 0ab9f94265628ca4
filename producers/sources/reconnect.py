"""Staying connected: how long to wait before the next try, and the loop around it.

The waits are those of "Handling disconnections" in X's developer documentation, the only platform that has rules. Again
at once when a connection that worked is lost; after that by what went wrong, each counting by itself: 250 ms more each
time up to 16 s (network), 5 s doubling up to 320 s (HTTP errors), a minute doubling or until the server's own time
(420, 429). A connection that brings something starts them afresh.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final, ParamSpec, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_never
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from hashtide import outages
from producers.sources.link import Link
from producers.sources.lost import Lost
from producers.sources.received import Items

P = ParamSpec("P")
T = TypeVar("T")

NETWORK_STEP_S: Final = 0.25
NETWORK_MAX_S: Final = 16.0
HTTP_FIRST_S: Final = 5.0
HTTP_MAX_S: Final = 320.0
SHORT_MS: Final = 1_000
SHORT_AT_ONCE: Final = 5
"""After more connections in a row that worked, and did not last so long, the next one waits."""
LIMITED_FIRST_S: Final = 60.0
LIMITED_MAX_S: Final = 900.0  # the length of X's rate limit windows: no server's clock makes us wait longer

_HTTP: Final = frozenset(("http-error", "notice"))  # a notice and nothing else is an answer, too


class WaitByCause(wait_base):
    """How long to wait after each `Lost` of one series of tries. Failures of each sort count by themselves."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._failures: Counter[str] = Counter()

    def __call__(self, retry_state: RetryCallState) -> float:
        lost = retry_state.outcome.exception() if retry_state.outcome else None
        assert isinstance(lost, Lost)
        sort = "limited" if lost.cause == "rate-limited" else "http" if lost.cause in _HTTP else "network"
        self._failures[sort] += 1
        failures = self._failures[sort]
        match sort:
            case "limited":
                return limited_wait_s(failures, lost.retry_at_ms, self._clock_ms())
            case "http":
                return min(HTTP_FIRST_S * 2.0 ** (failures - 1), HTTP_MAX_S)
        return min(NETWORK_STEP_S * failures, NETWORK_MAX_S)


def limited_wait_s(failures: int, retry_at_ms: int | None, now_ms: int) -> float:
    """Until the server's own time where it names one to come, else a minute, doubled with each failure."""
    if retry_at_ms is not None and retry_at_ms > now_ms:
        return min(retry_at_ms - now_ms, LIMITED_MAX_S * 1000) / 1000
    return min(LIMITED_FIRST_S * 2.0 ** (failures - 1), LIMITED_MAX_S)


def tries(
    source: str,
    failed: Callable[..., None],
    *,
    clock_ms: Callable[[], int],
    sleep: Callable[[float], None],
    stop: stop_base = stop_never,
) -> Retrying:
    """A series of tries of one thing, each after a `Lost` and its wait, until `stop`: then the last `Lost` is raised.

    What else is raised goes through at once. Each try in vain is told by `failed`, as of Outage.waited_out.
    """

    def say(state: RetryCallState) -> None:
        lost = state.outcome.exception() if state.outcome else None
        cause = lost.cause if isinstance(lost, Lost) else ""
        failed(f"{source}: {lost}", cause, state.upcoming_sleep)

    return Retrying(
        wait=WaitByCause(clock_ms),
        retry=retry_if_exception_type(Lost),
        stop=stop,
        sleep=sleep,
        before_sleep=say,
        reraise=True,
    )


def tried(
    call: Callable[P, T],
    source: str,
    *,
    clock_ms: Callable[[], int],
    sleep: Callable[[float], None],
    stop: stop_base = stop_never,
) -> Callable[P, T]:
    """`call`, tried in such a series. Blocks; raises the last `Lost`, and what else is raised."""

    def series(*args: P.args, **options: P.kwargs) -> T:
        with outages.of(source).waited_out() as failed:
            return tries(source, failed, clock_ms=clock_ms, sleep=sleep, stop=stop)(call, *args, **options)

    return series


def reconnecting(
    connect: Callable[[], Items], link: Link, *, clock_ms: Callable[[], int], sleep: Callable[[float], None]
) -> Items:
    """All that comes through connection after connection, for ever. Blocks; does all retrying.

    `connect` makes a connection and gives what it brings; it never just ends, but raises Lost, or what is for a person
    to look at (Refused): that goes through.
    """
    failed = partial(outages.of(link.source).failed, link)
    short = 0  # connections in a row that worked and ended within a moment
    while True:
        began_ms = clock_ms()
        for attempt in tries(link.source, failed, clock_ms=clock_ms, sleep=sleep):
            try:
                yield from connect()
                raise Lost("ended")
            except Lost as lost:
                worked = link.up
                link.lost(lost)
                if worked:
                    failed(f"{link.source}: {lost}", lost.cause)
                    short = short + 1 if clock_ms() - began_ms < SHORT_MS else 0
                    if short > SHORT_AT_ONCE:  # a server that lets us in to throw us out would keep us busy with it
                        sleep(min(NETWORK_STEP_S * (short - SHORT_AT_ONCE), NETWORK_MAX_S))
                    break  # at once, and counting from the start
                with attempt:
                    raise
