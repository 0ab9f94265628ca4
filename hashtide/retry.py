"""The retry loops: tenacity with jittered exponential waits; `outages` reports each outage."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_delay
from tenacity import wait_exponential_jitter as exponential_jitter

from hashtide.outages import Outage

FIRST_WAIT_S: Final = 0.1
FIRST_CONNECT_WAIT_S: Final = 0.5
MAX_WAIT_S: Final = 5.0

T = TypeVar("T")

Failure = tuple[str, str]
"""How a log line about a failed attempt begins, and a short word for the kind of failure."""


async def until_done(
    attempt: Callable[[], Awaitable[T]],
    outage: Outage,
    *,
    retryable: Callable[[BaseException], bool],
    describe: Callable[[BaseException], Failure],
) -> T:
    """The result of the first successful attempt. Retries `retryable` errors for ever; raises any other at once.

    `describe` is called once for each failed attempt. Cancel to give up.
    """
    with outage.waited_out() as failed:
        answer: T = await AsyncRetrying(
            retry=retry_if_exception(retryable),
            wait=exponential_jitter(multiplier=FIRST_WAIT_S, max=MAX_WAIT_S),
            before_sleep=lambda state: failed(*describe(_error(state))),
            reraise=True,
        )(attempt)
    return answer


def connected(
    call: Callable[[], T],
    outage: Outage,
    *,
    patience_s: float,
    retryable: Callable[[BaseException], bool],
    describe: Callable[[BaseException], str],
    give_up: Callable[[BaseException], Exception],
) -> T:
    """The result of the first successful call, for servers that may still be starting.

    Blocks. Retries for `patience_s` while errors are `retryable`, then raises what `give_up` makes of the last one;
    raises any other error at once.
    """

    def raise_last(state: RetryCallState) -> Any:
        raise give_up(_error(state))

    with outage.waited_out() as failed:
        return Retrying(
            retry=retry_if_exception(retryable),
            wait=exponential_jitter(multiplier=FIRST_CONNECT_WAIT_S, max=MAX_WAIT_S),
            stop=stop_after_delay(patience_s),
            before_sleep=lambda state: failed(describe(_error(state))),
            retry_error_callback=raise_last,
        )(call)


def _error(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None
    return error
