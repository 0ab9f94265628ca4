"""Window arithmetic: one-minute tumbling windows of event time, aligned to the epoch, and when they are final."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from hashtide.times import DAY_MS, MINUTE_MS

WINDOW_MS: Final = MINUTE_MS


Status = Literal["provisional", "final", "corrected"]
"""How far a count can be trusted: it may still grow; the watermark has passed it; it grew after that."""


class Watermark:
    """Of one partition: the newest event time that was seen there. It never falls."""

    def __init__(self) -> None:
        self.ms = 0

    def advance(self, event_ms: int) -> None:
        """See an event."""
        self.ms = max(self.ms, event_ms)

    def closes(self, window_ms: int, grace_ms: int) -> bool:
        """Whether it has passed a window's end, plus the grace time (the allowed lateness)."""
        return window_ms + WINDOW_MS + grace_ms <= self.ms


def window_start_ms(event_ms: int) -> int:
    """The start of the window that an event belongs to: the window is [start, start + WINDOW_MS)."""
    return event_ms - event_ms % WINDOW_MS


def day(event_ms: int) -> str:
    """The UTC day of a moment as daily indices are named by: `2017.10.15`."""
    return _day(event_ms // DAY_MS)


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_MS / 1000, UTC).strftime("%Y.%m.%d")
