"""Window arithmetic: one-minute tumbling windows of event time, aligned to the epoch."""

from datetime import UTC, datetime
from functools import lru_cache

WINDOW_MS = 60_000
DAY_MS = 86_400_000


def window_start_ms(event_ms: int) -> int:
    """The start of the window that an event belongs to: the window is [start, start + WINDOW_MS)."""
    return event_ms - event_ms % WINDOW_MS


def day(event_ms: int) -> str:
    """The UTC day of a moment as daily indices are named by: `2017.10.15`."""
    return _day(event_ms // DAY_MS)


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_MS / 1000, UTC).strftime("%Y.%m.%d")
