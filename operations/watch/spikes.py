"""What is usual, what is a spike, and what drives it. Pure.

All of it reads one series: posts in bins of five minutes over the 48 hours up to the newest counted minute, whatever
time the reader looks at, so that the same moment is told the same way in every view.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from hashtide.times import DAY_MS, HOUR_MS, MINUTE_MS

BIN_MS: Final = 5 * MINUTE_MS
LOOK_BACK_MS: Final = 2 * DAY_MS
USUAL_MS: Final = DAY_MS
"""Usual is the median of the bins in so long before."""
USUAL_BINS: Final = USUAL_MS // BIN_MS
LEAST_BINS: Final = HOUR_MS // BIN_MS
"""Nothing is usual in less than an hour."""
TIMES: Final = 2.0
MORE: Final = 20
"""A bin spikes with TIMES what is usual, and MORE posts above it: three posts instead of one are no spike."""
HOLE: Final = 2
"""A spike goes on through so many bins that do not."""


class Bins(msgspec.Struct, frozen=True):
    """Posts in whole bins, the oldest first; `end_ms` is where the newest ends."""

    end_ms: int
    counts: tuple[int, ...]

    def start_ms(self, index: int) -> int:
        """Where a bin begins."""
        return self.end_ms - (len(self.counts) - index) * BIN_MS


def usual(counts: Sequence[int], index: int) -> float | None:
    """What is usual for the bin at `index`: the median of the bins before it. None: too few."""
    before = counts[max(0, index - USUAL_BINS) : index]
    return float(median(before)) if len(before) >= LEAST_BINS else None


class Spike(msgspec.Struct, frozen=True):
    """[from_ms, to_ms): a time with far more posts than usual."""

    from_ms: int
    to_ms: int
    peak_ms: int
    """Where its highest bin begins."""
    peak: int
    """Posts in that bin."""
    usual: float
    """Posts in a bin, before it began."""
    goes_on: bool
    """Whether it reaches the newest bin."""
    before_from_ms: int
    """It is held against [before_from_ms, from_ms): as long as itself, or as much of that as there is."""

    @property
    def times(self) -> float | None:
        """How many times the usual its peak is; None where the usual is nothing."""
        return self.peak / self.usual if self.usual else None


def newest_spike(bins: Bins) -> Spike | None:
    """The newest run of bins that spike. What stays high is no spike for good: after half a day it is the usual."""
    runs: list[tuple[int, int, float]] = []  # first and last bin, and what was usual for the first
    for index, count in enumerate(bins.counts):
        level = usual(bins.counts, index)
        if level is None or count < TIMES * level or count - level < MORE:
            continue
        if runs and index - runs[-1][1] <= HOLE + 1:
            runs[-1] = (runs[-1][0], index, runs[-1][2])
        else:
            runs.append((index, index, level))
    if not runs:
        return None
    first, last, level = runs[-1]
    peak = max(range(first, last + 1), key=bins.counts.__getitem__)
    return Spike(
        from_ms=bins.start_ms(first),
        to_ms=bins.start_ms(last + 1),
        peak_ms=bins.start_ms(peak),
        peak=bins.counts[peak],
        usual=level,
        goes_on=last + 1 + HOLE >= len(bins.counts),
        before_from_ms=bins.start_ms(max(0, first - (last + 1 - first))),
    )


class Driver(msgspec.Struct, frozen=True):
    """A language, region or tag that grew with a spike."""

    key: str
    before: float
    """Posts in the time before, scaled to the spike's length."""
    during: int
    """Posts in the spike."""

    @property
    def growth(self) -> float:
        """Posts more than before."""
        return self.during - self.before


def drivers(spike: Spike, counts: Mapping[str, tuple[int, int]], most: int = 3) -> tuple[Driver, ...]:
    """Who grew most: by posts more than in the time before the spike, the most first, then by key.

    `counts`: posts before and during, by key. By posts and not by times: a language that grew from 1 to 40 moves less
    than one that grew from 900 to 1800.
    """
    before_ms = spike.from_ms - spike.before_from_ms
    scale = (spike.to_ms - spike.from_ms) / before_ms if before_ms else 0.0
    grown: Iterable[Driver] = (Driver(key, before * scale, during) for key, (before, during) in counts.items())
    return tuple(sorted((d for d in grown if d.growth > 0), key=lambda d: (-d.growth, d.key))[:most])
