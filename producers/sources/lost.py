"""How a connection ends: lost, to be retried; or refused, to be fixed by an operator."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from hashtide.errors import HashtideError
from hashtide.escapes import escaped

Cause = Literal["ended", "notice", "network", "stalled", "http-error", "rate-limited", "too-slow", "cursor-too-old"]
"""Why a connection was lost: closed; closed with a notice; broken or failed; silent for too long; answered with an HTTP
error, or with 420 or 429; closed because we read too slowly; refused because our cursor is too old. A closed set: it is
a metric label."""

_RATE_LIMITED: Final = (420, 429)
_EXCERPT_CHARS: Final = 200


class Lost(Exception):
    """A connection has ended, or failed. Retry."""

    def __init__(self, cause: Cause, detail: str = "", *, retry_at_ms: int | None = None, cut: bool = False) -> None:
        super().__init__(f"{cause}: {excerpt(detail)}" if detail else cause)
        self.cause: Cause = cause
        self.retry_at_ms = retry_at_ms
        """When the server accepts us again, if it says so."""
        self.cut = cut
        """Whether data is known to be lost, for instance if a connection ends within a line."""


class Refused(HashtideError):
    """The server refuses us, and a retry would not help. The message has its answer."""


def answer_error(what: str, status: int, headers: Mapping[str, str], body: str, now_ms: int) -> Lost | Refused:
    """The exception for an unsuccessful HTTP answer: only 5xx, 408, 420 and 429 are retried."""
    answer = f"HTTP {status} {excerpt(body)}".rstrip()
    if status in _RATE_LIMITED:
        return Lost("rate-limited", answer, retry_at_ms=retry_at_ms(headers, now_ms))
    if status >= 500 or status == 408:
        return Lost("http-error", answer)
    return Refused(f"{what}: {answer}")


def excerpt(text: str) -> str:
    """The beginning of a server's text for the log, in one line, escaped for terminals."""
    return escaped(" ".join(text[: 4 * _EXCERPT_CHARS].split())[:_EXCERPT_CHARS])


def retry_at_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """When the server's limit ends, in milliseconds since the epoch; None if it gives no readable time.

    X's `x-rate-limit-reset` is in seconds since the epoch, Mastodon's `X-RateLimit-Reset` in ISO 8601 (both: "Rate
    limits" in their documentation), and `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). Names in
    `headers` are in lower case.
    """
    readers: tuple[tuple[str, Callable[[str], int]], ...] = (
        ("x-rate-limit-reset", lambda value: int(value) * 1000),
        ("x-ratelimit-reset", lambda value: _ms(datetime.fromisoformat(value))),
        ("retry-after", lambda value: now_ms + int(value) * 1000),
        ("retry-after", lambda value: _ms(parsedate_to_datetime(value))),
    )
    for name, read in readers:
        try:
            return read(headers[name])
        except (KeyError, ValueError, TypeError, IndexError, OverflowError):  # the last four from dates
            continue
    return None


def _ms(when: datetime) -> int:
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
