"""The wall clock, and how it compares with a server's."""

import time
from typing import Final

SERVER_TICK_MS: Final = 1
"""Servers report whole milliseconds: their clock may be up to one millisecond ahead of what they report."""


def wall_clock_ms() -> int:
    """Now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def skew_ms(asked_ms: int, answered_ms: int, theirs_ms: int) -> int:
    """Our clock minus a server's, in milliseconds: the value nearest to 0 that fits one request and its answer.

    The server read its clock at some time between `asked_ms` and `answered_ms`. So a slow answer never looks like a
    wrong clock, and a skew smaller than the time the answer took goes unnoticed.
    """
    if asked_ms > theirs_ms + SERVER_TICK_MS:
        return asked_ms - theirs_ms - SERVER_TICK_MS
    return min(0, answered_ms - theirs_ms)
