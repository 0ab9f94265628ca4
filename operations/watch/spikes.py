"""The usual level, spikes, and what drives a spike. Pure.

All use one series: posts in 5-minute bins over the 48 hours up to the newest counted minute. It does not depend on the
time range that the reader has chosen, so every view shows the same spike.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from hashtide.times import DAY_MS, HOUR_MS, MINUTE_MS

BIN_MS: Final = 5 * MINUTE_MS
LOOK_BACK_MS: Final = 2 * DAY_MS
USUAL_MS: Final = DAY_MS
"""The usual level is the median of the bins in this time before."""
USUAL_BINS: Final = USUAL_MS // BIN_MS
LEAST_BINS: Final = HOUR_MS // BIN_MS
"""With less than an hour of data, the usual level is unknown."""
TIMES: Final = 2.0
MORE: Final = 20
"""A bin is part of a spike with TIMES the usual and MORE posts above it: 3 posts instead of 1 are not a spike."""
HOLE: Final = 2
"""A spike may have this many lower bins in between."""


class Bins(msgspec.Struct, frozen=True):
    """Posts in complete bins, oldest first; `end_ms` is the end of the newest."""

    end_ms: int
    counts: tuple[int, ...]

    def start_ms(self, index: int) -> int:
        """Start of a bin."""
        return self.end_ms - (len(self.counts) - index) * BIN_MS


def usual(counts: Sequence[int], index: int) -> float | None:
    """The usual level at bin `index`: the median of the bins before it. None: too few bins."""
    before = counts[max(0, index - USUAL_BINS) : index]
    return float(median(before)) if len(before) >= LEAST_BINS else None


class Spike(msgspec.Struct, frozen=True):
    """[from_ms, to_ms): a time with far more posts than usual."""

    from_ms: int
    to_ms: int
    peak_ms: int
    """Start of its highest bin."""
    peak: int
    """Posts in that bin."""
    usual: float
    """Usual posts per bin before it started."""
    goes_on: bool
    """Whether it lasts until the newest bins."""
    before_from_ms: int
    """Drivers are compared with [before_from_ms, from_ms): as long as the spike, or as much as there is data."""

    @property
    def times(self) -> float | None:
        """The peak divided by the usual; None if the usual is 0."""
        return self.peak / self.usual if self.usual else None


def newest_spike(bins: Bins) -> Spike | None:
    """The newest spike. A level that stays high stops being a spike: after half a day it is the usual."""
    runs: list[tuple[int, int, float]] = []  # first bin, last bin, usual level at the first
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
    """A language, region or hashtag that grew in a spike."""

    key: str
    before: float
    """Posts in the time before, scaled to the spike's length."""
    during: int
    """Posts in the spike."""

    @property
    def growth(self) -> float:
        """How many posts more than before."""
        return self.during - self.before


def drivers(spike: Spike, counts: Mapping[str, tuple[int, int]], most: int = 3) -> tuple[Driver, ...]:
    """The keys that grew most, by number of posts, then by key. `counts`: posts before and during the spike, by key.

    By posts, not by factor: a language that grew from 900 to 1800 contributes more than one from 1 to 40.
    """
    before_ms = spike.from_ms - spike.before_from_ms
    scale = (spike.to_ms - spike.from_ms) / before_ms if before_ms else 0.0
    grown: Iterable[Driver] = (Driver(key, before * scale, during) for key, (before, during) in counts.items())
    return tuple(sorted((d for d in grown if d.growth > 0), key=lambda d: (-d.growth, d.key))[:most])
