"""Window arithmetic: one-minute tumbling windows of event time, aligned to the epoch, and when they become final."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from hashtide.times import DAY_MS, MINUTE_MS

WINDOW_MS: Final = MINUTE_MS


Status = Literal["provisional", "final", "corrected"]
"""State of a count: may still grow; the watermark passed its window; grew after that."""


class Watermark:
    """The newest event time seen in one partition, in milliseconds. Never decreases."""

    def __init__(self) -> None:
        self.ms = 0

    def advance(self, event_ms: int) -> None:
        """Take an event's time into account."""
        self.ms = max(self.ms, event_ms)

    def closes(self, window_ms: int, grace_ms: int) -> bool:
        """Whether the watermark has passed the window's end plus the grace time (the allowed lateness)."""
        return window_ms + WINDOW_MS + grace_ms <= self.ms


def window_start_ms(event_ms: int) -> int:
    """The start of the window that contains an event: [start, start + WINDOW_MS)."""
    return event_ms - event_ms % WINDOW_MS


def day(event_ms: int) -> str:
    """The UTC day of a time, as in the names of daily indices: `2017.10.15`."""
    return _day(event_ms // DAY_MS)


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_MS / 1000, UTC).strftime("%Y.%m.%d")
