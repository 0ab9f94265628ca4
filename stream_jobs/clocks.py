"""How our clock stands against a server's, from one question and its answer."""

from typing import Final, Literal

from stream_jobs import metrics

SERVER_TICK_MS: Final = 1
"""What a server's milliseconds leave open: theirs may be up to one more."""


def skew_ms(asked_ms: int, answered_ms: int, theirs_ms: int) -> int:
    """Our clock minus theirs, as near to 0 as can be, when they looked at theirs between our question and its answer.

    So a slow answer never looks like a wrong clock; a clock that is wrong by less than the answer took stays unseen.
    """
    if asked_ms > theirs_ms + SERVER_TICK_MS:
        return asked_ms - theirs_ms - SERVER_TICK_MS
    return min(0, answered_ms - theirs_ms)


def told(against: Literal["kafka", "elasticsearch"], asked_ms: int, answered_ms: int, theirs_ms: int) -> None:
    """Show the skew in /metrics."""
    metrics.CLOCK_SKEW.labels(against).set(skew_ms(asked_ms, answered_ms, theirs_ms) / 1000)
