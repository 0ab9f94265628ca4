"""The score: 0 is silence, 100 an alert at the beginning of every labelled window and none elsewhere."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

FALSE_ALARM: Final = 0.1
MISS: Final = 1.0
UNSCORED: Final = 0.15
"""The share of a series at its beginning in which nothing counts: there a detector may learn."""


def worth(start: float, window: tuple[float, float]) -> float:
    """Of the first alert in a window: about 1 at its beginning, 0.85 in its middle, about 0 at its end."""
    first, last = window
    position = (start - last) / max(last - first, 1)  # -1 at the beginning, 0 at the end
    return 2 / (1 + math.exp(5 * position)) - 1


def score(starts: Iterable[float], windows: Sequence[tuple[float, float]], length: float) -> tuple[float, int]:
    """The sum over windows and false alarms, a window's best being 1, and how many windows are scored.

    `starts` and `windows` are in the same unit as `length`, from the series' beginning on.
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
    """From 0 (silence) to 100 (perfect); false alarms alone can bring it below 0."""
    return 100 * (total + MISS * windows) / ((1 + MISS) * windows)
