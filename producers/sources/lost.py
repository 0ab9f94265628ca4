"""How a connection ends: lost, to be made again; or refused, for a person to look at."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from hashtide.errors import HashtideError
from hashtide.escapes import escaped

Cause = Literal["ended", "notice", "network", "stalled", "http-error", "rate-limited", "too-slow", "cursor-too-old"]
"""Why a connection was lost: closed; closed with a notice; broken or never made; silent for too long; answered by an
HTTP error, or by 420 or 429; closed because we read too slowly; refused because our cursor is too old. A closed set: it
is a metric label."""

_RATE_LIMITED: Final = (420, 429)
_SAID_CHARS: Final = 200


class Lost(Exception):
    """A connection has ended, or could not be made. Making another one is right."""

    def __init__(self, cause: Cause, detail: str = "", *, retry_at_ms: int | None = None, cut: bool = False) -> None:
        super().__init__(f"{cause}: {said(detail)}" if detail else cause)
        self.cause: Cause = cause
        self.retry_at_ms = retry_at_ms
        """When the server lets us in again, where it says so."""
        self.cut = cut
        """Whether it is known that something was lost, as with a connection that ends in the middle of a line."""


class Refused(HashtideError):
    """The server does not want us, and will not on the next try either. The message says what it answered."""


def answer_error(what: str, status: int, headers: Mapping[str, str], body: str, now_ms: int) -> Lost | Refused:
    """What an HTTP answer other than success means: only 5xx, 408, 420 and 429 are worth another try."""
    answer = f"HTTP {status} {said(body)}".rstrip()
    if status in _RATE_LIMITED:
        return Lost("rate-limited", answer, retry_at_ms=retry_at_ms(headers, now_ms))
    if status >= 500 or status == 408:
        return Lost("http-error", answer)
    return Refused(f"{what}: {answer}")


def said(text: str) -> str:
    """What another side said, for the log: its beginning, in one line that no terminal obeys."""
    return escaped(" ".join(text[: 4 * _SAID_CHARS].split())[:_SAID_CHARS])


def retry_at_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """When the server's limit ends, in milliseconds since the epoch; None where it says nothing that can be read.

    X's `x-rate-limit-reset` holds seconds since the epoch, Mastodon's `X-RateLimit-Reset` is ISO 8601 (both: "Rate
    limits" in their documentation), and `Retry-After` a number of seconds or a date (RFC 9110, 10.2.3). `headers` are
    looked up in small letters.
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
        except (KeyError, ValueError, TypeError, IndexError, OverflowError):  # the last four out of dates
            continue
    return None


def _ms(when: datetime) -> int:
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
