"""The score: 0 for no alerts; 100 for an alert at the start of every labelled window and none elsewhere."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

FALSE_ALARM: Final = 0.1
MISS: Final = 1.0
UNSCORED: Final = 0.15
"""The first part of a series is not scored: the detector may learn there."""


def worth(start: float, window: tuple[float, float]) -> float:
    """The value of the first alert in a window: about 1 at its start, 0.85 in the middle, about 0 at its end."""
    first, last = window
    position = (start - last) / max(last - first, 1)  # -1 at the start, 0 at the end
    return 2 / (1 + math.exp(5 * position)) - 1


def score(starts: Iterable[float], windows: Sequence[tuple[float, float]], length: float) -> tuple[float, int]:
    """The sum over windows (at most 1 each) and false alarms, and the number of scored windows.

    `starts`, `windows` and `length` have the same unit, counted from the start of the series.
    """
    begin = UNSCORED * length
    scored = [window for window in windows if window[1] > begin]
    counted = sorted(start for start in starts if start >= begin)
    total = 0.0
    for first, last in scored:
        inside = [start for start in counted if first <= start <= last]
        total += worth(inside[0], (first, last)) if inside else -MISS
    outside = [start for start in counted if not any(first <= start <= last for first, last in scored)]
    return total - FALSE_ALARM * len(outside), len(scored)


def scaled(total: float, windows: int) -> float:
    """The score from 0 (no alerts) to 100 (perfect). Only false alarms can make it negative."""
    return 100 * (total + MISS * windows) / ((1 + MISS) * windows)
