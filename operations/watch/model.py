"""What is shown: a View, built from sums in Elasticsearch. Pure. Times are integer milliseconds, UTC."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, get_args

import msgspec

from hashtide.times import MINUTE_MS
from operations.watch.names import Dimension, name
from operations.watch.periods import Period, Span, is_live
from operations.watch.spikes import BIN_MS, Bins, Driver, Spike, usual
from stream_jobs.domain.windows import WINDOW_MS, Status

By = Literal["language", "region", "kind"]
"""What the chart is stacked by: a post has exactly one of each, so the stack is the sum."""

BYS: Final[tuple[By, ...]] = get_args(By)
TOP: Final = 10
SERIES: Final = 7
"""Number of distinct colours; all other keys form one more series."""


class Selection(msgspec.Struct, frozen=True):
    """What a reader has chosen to see."""

    campaign: str | None = None
    """None: all posts, also those of no campaign."""
    platform: str | None = None
    span: Span = "1h"
    by: By = "language"


class Extent(msgspec.Struct, frozen=True):
    """The time range of the counts of a campaign and platform, and which campaigns and platforms exist."""

    oldest_ms: int | None
    newest_ms: int | None
    """Starts of the oldest and newest window; None: no counts."""
    counted: int
    """All counted posts, of any campaign and platform: grows when a worker counts."""
    campaigns: tuple[str, ...]
    platforms: tuple[str, ...]


class Sum(msgspec.Struct, frozen=True):
    """Posts of one key in a period."""

    key: str
    posts: int
    recent: int
    """Posts in the newer half of the period."""
    steps: Mapping[int, int] = {}
    """Posts by start of the step; empty unless the chart is stacked by this dimension."""


class Sums(msgspec.Struct, frozen=True):
    """Elasticsearch's sums for a period."""

    documents: int
    posts: int
    steps: Mapping[int, int]
    """Posts by start of the step."""
    by_status: Mapping[Status, int]
    tops: Mapping[Dimension, Sequence[Sum]]
    """The largest keys of each dimension, largest first."""
    bins: Bins
    """Posts of all kinds, for `spikes`."""
    replies: Bins
    gaps: Sequence["GapMark"]
    """Newest first."""
    gaps_in_all: int


class GapMark(msgspec.Struct, frozen=True):
    """A time in which a source may have missed posts."""

    from_ms: int
    to_ms: int
    source: str
    reason: str
    estimated_posts: int | None


class TopRow(msgspec.Struct, frozen=True):
    """A row of a table of the largest keys."""

    key: str
    name: str
    posts: int
    share: float
    """Share of all posts in view, 0 to 1. Shares of hashtags may sum to more: a post may have several."""
    trend: float | None
    """Change from the older half of the view to the newer: 0.5 is +50 %. None: no posts in the older half."""


class ChartSeries(msgspec.Struct, frozen=True):
    """One colour of the chart."""

    key: str | None
    """None: all other keys."""
    name: str
    values: tuple[int, ...]
    """Posts per step."""


class Rate(msgspec.Struct, frozen=True):
    """Posts per minute, in the 5 minutes up to the newest counted minute."""

    a_minute: float
    usual: float | None
    """The median of the day before; None: less than an hour of data."""

    @property
    def times(self) -> float | None:
        """The rate divided by the usual; None if the usual is 0 or unknown."""
        return self.a_minute / self.usual if self.usual else None


class View(msgspec.Struct, frozen=True):
    """Everything that is shown for one Selection at one time."""

    selection: Selection
    at_ms: int
    """When Elasticsearch was queried."""
    extent: Extent
    data: "ViewData | None"
    """None: no counts."""


class ViewData(msgspec.Struct, frozen=True):
    """The part of a View that exists only if there are counts."""

    period: Period
    live: bool
    """Whether the period ends now."""
    newest_ms: int
    """Start of the newest counted window."""
    posts: int
    documents: int
    starts: tuple[int, ...]
    totals: tuple[int, ...]
    series: tuple[ChartSeries, ...]
    """Largest first, all others last; they sum to the totals."""
    rate_at_ms: int
    """End of the rates' 5 minutes."""
    posts_rate: Rate
    replies_rate: Rate
    spike: Spike | None
    drivers: Mapping[Dimension, tuple[Driver, ...]]
    tops: Mapping[Dimension, tuple[TopRow, ...]]
    provisional: float
    final: float
    corrected: float
    """Shares of the posts in view, 0 to 1, by status."""
    gaps: tuple[GapMark, ...]
    gaps_in_all: int


def rate_end_ms(newest_ms: int, now_ms: int) -> int:
    """End of the newest counted minute that is complete by our clock."""
    return min(newest_ms + WINDOW_MS, now_ms - now_ms % WINDOW_MS)


def half_ms(period: Period, oldest_ms: int, newest_ms: int) -> int:
    """Where the newer half of a period starts. Time without any counts before or after is in neither half."""
    from_ms, to_ms = max(period.from_ms, oldest_ms), min(period.to_ms, newest_ms + WINDOW_MS)
    middle_ms = (from_ms + to_ms) // 2
    return middle_ms - middle_ms % MINUTE_MS


def bins(counts: Mapping[int, int], oldest_ms: int, from_ms: int, end_ms: int) -> Bins:
    """Bins from posts by start of the bin: only complete bins in [from_ms, end_ms), none before the first post."""
    first_ms = max(from_ms, oldest_ms)
    whole = (end_ms - first_ms) // BIN_MS
    return Bins(end_ms, tuple(counts.get(end_ms - back * BIN_MS, 0) for back in range(whole, 0, -1)))


def view_data(
    selection: Selection,
    now_ms: int,
    newest_ms: int,
    period: Period,
    sums: Sums,
    spike: Spike | None,
    drivers: Mapping[Dimension, tuple[Driver, ...]],
) -> ViewData:
    """What is shown of a period's sums."""
    totals = tuple(sums.steps.get(start, 0) for start in period.starts)
    return ViewData(
        period=period,
        live=is_live(newest_ms, selection.span, now_ms),
        newest_ms=newest_ms,
        posts=sums.posts,
        documents=sums.documents,
        starts=period.starts,
        totals=totals,
        series=stacked(selection.by, sums.tops[selection.by], period.starts, totals),
        rate_at_ms=sums.bins.end_ms,
        posts_rate=rate(sums.bins),
        replies_rate=rate(sums.replies),
        spike=spike,
        drivers=drivers,
        tops={dimension: rows(dimension, found, sums.posts) for dimension, found in sums.tops.items()},
        provisional=_share(sums.by_status.get("provisional", 0), sums.posts),
        final=_share(sums.by_status.get("final", 0), sums.posts),
        corrected=_share(sums.by_status.get("corrected", 0), sums.posts),
        gaps=tuple(sums.gaps),
        gaps_in_all=sums.gaps_in_all,
    )


def stacked(by: By, top: Sequence[Sum], starts: Sequence[int], totals: Sequence[int]) -> tuple[ChartSeries, ...]:
    """One series for each of the largest SERIES keys, and one for all others."""
    own = [ChartSeries(s.key, name(by, s.key), tuple(s.steps.get(start, 0) for start in starts)) for s in top[:SERIES]]
    # Never below 0: Elasticsearch does not guarantee that two aggregations of one answer agree.
    rest = tuple(max(0, total - sum(s.values[i] for s in own)) for i, total in enumerate(totals))
    return (*own, ChartSeries(None, "all others", rest)) if any(rest) else tuple(own)


def rows(dimension: Dimension, top: Iterable[Sum], posts: int) -> tuple[TopRow, ...]:
    """The rows of a table of the largest keys."""
    return tuple(
        TopRow(
            key=each.key,
            name=name(dimension, each.key),
            posts=each.posts,
            share=_share(each.posts, posts),
            trend=each.recent / older - 1 if (older := each.posts - each.recent) > 0 else None,
        )
        for each in top
    )


def rate(bins: Bins) -> Rate:
    """The newest bin and its usual level, per minute."""
    a_minute = MINUTE_MS / BIN_MS
    if not bins.counts:
        return Rate(0.0, None)
    level = usual(bins.counts, len(bins.counts) - 1)
    return Rate(bins.counts[-1] * a_minute, None if level is None else level * a_minute)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
