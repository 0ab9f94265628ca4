"""The reconnect loop, and how long it waits before the next attempt.

The waits follow "Handling disconnections" in X's developer documentation, the only platform with rules. Retry at once
when a working connection is lost; then wait by kind of failure, each kind counted separately: 250 ms more each time up
to 16 s (network), 5 s doubling up to 320 s (HTTP errors), one minute doubling, or until the server's own time (420,
429). A connection that receives something resets the waits.
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
"""After more working connections in a row that each lasted less than SHORT_MS, the next one waits."""
LIMITED_FIRST_S: Final = 60.0
LIMITED_MAX_S: Final = 900.0  # X's rate limit window: we never wait longer, whatever the server's clock

_HTTP: Final = frozenset(("http-error", "notice"))  # a connection with only a notice is an error answer, too


class WaitByCause(wait_base):
    """How long to wait after each `Lost` of one series of attempts. Each kind of failure is counted separately."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._failures: Counter[str] = Counter()

    def __call__(self, retry_state: RetryCallState) -> float:
        lost = retry_state.outcome.exception() if retry_state.outcome else None
        assert isinstance(lost, Lost)
        kind = "limited" if lost.cause == "rate-limited" else "http" if lost.cause in _HTTP else "network"
        self._failures[kind] += 1
        failures = self._failures[kind]
        match kind:
            case "limited":
                return limited_wait_s(failures, lost.retry_at_ms, self._clock_ms())
            case "http":
                return min(HTTP_FIRST_S * 2.0 ** (failures - 1), HTTP_MAX_S)
        return min(NETWORK_STEP_S * failures, NETWORK_MAX_S)


def limited_wait_s(failures: int, retry_at_ms: int | None, now_ms: int) -> float:
    """Seconds until the server's own time if it names a future one, else a minute, doubled with each failure."""
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
    """A series of attempts, each after a `Lost` and its wait, until `stop`; then raises the last `Lost`.

    Raises any other error at once. Reports each failed attempt to `failed`, as from Outage.waited_out.
    """

    def report(state: RetryCallState) -> None:
        lost = state.outcome.exception() if state.outcome else None
        cause = lost.cause if isinstance(lost, Lost) else ""
        failed(f"{source}: {lost}", cause, state.upcoming_sleep)

    return Retrying(
        wait=WaitByCause(clock_ms),
        retry=retry_if_exception_type(Lost),
        stop=stop,
        sleep=sleep,
        before_sleep=report,
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
    """`call`, retried as `tries` does. Blocks; raises the last `Lost`, and any other error at once."""

    def series(*args: P.args, **options: P.kwargs) -> T:
        with outages.of(source).waited_out() as failed:
            return tries(source, failed, clock_ms=clock_ms, sleep=sleep, stop=stop)(call, *args, **options)

    return series


def reconnecting(
    connect: Callable[[], Items], link: Link, *, clock_ms: Callable[[], int], sleep: Callable[[float], None]
) -> Items:
    """The items of one connection after the other, for ever. Blocks; does all retrying.

    `connect` opens a connection and yields its items. It always ends with Lost, which is retried, or with an error for
    an operator (Refused), which is raised here.
    """
    failed = partial(outages.of(link.source).failed, link)
    short = 0  # working connections in a row that ended within SHORT_MS
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
                    if short > SHORT_AT_ONCE:  # else a server that accepts and closes at once would keep us busy
                        sleep(min(NETWORK_STEP_S * (short - SHORT_AT_ONCE), NETWORK_MAX_S))
                    break  # retry at once, with new counts
                with attempt:
                    raise
