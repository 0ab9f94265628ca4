"""What is shown: a View, made of the sums that Elasticsearch has. Pure; times are integer milliseconds, UTC."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, get_args

import msgspec

from hashtide.times import MINUTE_MS
from operations.watch.names import Dimension, name
from operations.watch.periods import Period, Span, is_live
from operations.watch.spikes import BIN_MS, Bins, Driver, Spike, usual
from stream_jobs.domain.windows import WINDOW_MS, Status

By = Literal["language", "region", "kind"]
"""What the chart is stacked by: of these a post has exactly one each, so that the stack is the sum."""

BYS: Final[tuple[By, ...]] = get_args(By)
TOP: Final = 10
SERIES: Final = 7
"""Colours that people can tell apart; what is left is one series more."""


class Ask(msgspec.Struct, frozen=True):
    """What somebody wants to see."""

    campaign: str | None = None
    """None: all posts, of a campaign or not."""
    platform: str | None = None
    span: Span = "1h"
    by: By = "language"


class Extent(msgspec.Struct, frozen=True):
    """Where the counted windows of a campaign and platform lie, and what there is at all."""

    oldest_ms: int | None
    newest_ms: int | None
    """Starts of the oldest and newest window; None: nothing is counted."""
    counted: int
    """Posts in all, whatever was asked for: it grows when a worker counts."""
    campaigns: tuple[str, ...]
    platforms: tuple[str, ...]


class Sum(msgspec.Struct, frozen=True):
    """Posts of one key in a period."""

    key: str
    posts: int
    recent: int
    """Those in the newer half of the period."""
    steps: Mapping[int, int] = {}
    """Posts by start of the step, where the chart is stacked by this."""


class Sums(msgspec.Struct, frozen=True):
    """What Elasticsearch says of a period."""

    documents: int
    posts: int
    steps: Mapping[int, int]
    """Posts by start of the step."""
    by_status: Mapping[Status, int]
    tops: Mapping[Dimension, Sequence[Sum]]
    """The largest of each dimension, the largest first."""
    bins: Bins
    """Posts of all kinds: see spikes."""
    replies: Bins
    gaps: Sequence["GapMark"]
    """The newest first."""
    gaps_in_all: int


class GapMark(msgspec.Struct, frozen=True):
    """A time in which a source may have missed posts."""

    from_ms: int
    to_ms: int
    source: str
    reason: str
    estimated_posts: int | None


class TopRow(msgspec.Struct, frozen=True):
    """A row of a table of the largest."""

    key: str
    name: str
    posts: int
    share: float
    """Of all posts in view, 0 to 1. Of hashtags: of posts that carry it, since a post may carry several."""
    trend: float | None
    """The newer half of the view against the older: 0.5 is half as much again. None: nothing was in the older."""


class ChartSeries(msgspec.Struct, frozen=True):
    """One colour of the chart."""

    key: str | None
    """None: all that have no series of their own."""
    name: str
    values: tuple[int, ...]
    """Posts, step by step."""


class Rate(msgspec.Struct, frozen=True):
    """Posts a minute, over the five minutes up to the newest counted minute."""

    a_minute: float
    usual: float | None
    """The median of the day before; None: less than an hour of it is known."""

    @property
    def times(self) -> float | None:
        """How many times the usual; None where that is nothing, or not known."""
        return self.a_minute / self.usual if self.usual else None


class View(msgspec.Struct, frozen=True):
    """Everything that is shown of one Ask at one moment."""

    ask: Ask
    at_ms: int
    """When Elasticsearch was asked."""
    extent: Extent
    seen: "Seen | None"
    """None: nothing is counted."""


class Seen(msgspec.Struct, frozen=True):
    """The part of a View that there is only with data."""

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
    """The largest first, the rest last; their sums are the totals."""
    rate_at_ms: int
    """Where the five minutes of the rates end."""
    posts_rate: Rate
    replies_rate: Rate
    spike: Spike | None
    drivers: Mapping[Dimension, tuple[Driver, ...]]
    tops: Mapping[Dimension, tuple[TopRow, ...]]
    provisional: float
    final: float
    corrected: float
    """Shares of the posts in view, 0 to 1."""
    gaps: tuple[GapMark, ...]
    gaps_in_all: int


def rate_end_ms(newest_ms: int, now_ms: int) -> int:
    """Where the newest counted minute ends, but for the one that is running, and those ahead of our clock."""
    return min(newest_ms + WINDOW_MS, now_ms - now_ms % WINDOW_MS)


def half_ms(period: Period, oldest_ms: int, newest_ms: int) -> int:
    """What divides the newer half of a period from the older; time before and after all counts is part of neither."""
    from_ms, to_ms = max(period.from_ms, oldest_ms), min(period.to_ms, newest_ms + WINDOW_MS)
    middle_ms = (from_ms + to_ms) // 2
    return middle_ms - middle_ms % MINUTE_MS


def bins(counts: Mapping[int, int], oldest_ms: int, from_ms: int, end_ms: int) -> Bins:
    """Bins from the posts by start of the bin: whole ones in [from_ms, end_ms), none before the first post."""
    first_ms = max(from_ms, oldest_ms)
    whole = (end_ms - first_ms) // BIN_MS
    return Bins(end_ms, tuple(counts.get(end_ms - back * BIN_MS, 0) for back in range(whole, 0, -1)))


def seen(
    ask: Ask,
    now_ms: int,
    newest_ms: int,
    period: Period,
    sums: Sums,
    spike: Spike | None,
    drivers: Mapping[Dimension, tuple[Driver, ...]],
) -> Seen:
    """The sums of a period, as they are shown."""
    totals = tuple(sums.steps.get(start, 0) for start in period.starts)
    return Seen(
        period=period,
        live=is_live(newest_ms, ask.span, now_ms),
        newest_ms=newest_ms,
        posts=sums.posts,
        documents=sums.documents,
        starts=period.starts,
        totals=totals,
        series=stacked(ask.by, sums.tops[ask.by], period.starts, totals),
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
    """The largest SERIES, and in one more whatever the totals have beside them."""
    own = [ChartSeries(s.key, name(by, s.key), tuple(s.steps.get(start, 0) for start in starts)) for s in top[:SERIES]]
    # Never below 0: totals and parts are sums of one answer, but Elasticsearch promises that for no two aggregations.
    rest = tuple(max(0, total - sum(s.values[i] for s in own)) for i, total in enumerate(totals))
    return (*own, ChartSeries(None, "all others", rest)) if any(rest) else tuple(own)


def rows(dimension: Dimension, top: Iterable[Sum], posts: int) -> tuple[TopRow, ...]:
    """The table of the largest."""
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
    """The newest bin, and what is usual for it, each a minute."""
    a_minute = MINUTE_MS / BIN_MS
    if not bins.counts:
        return Rate(0.0, None)
    level = usual(bins.counts, len(bins.counts) - 1)
    return Rate(bins.counts[-1] * a_minute, None if level is None else level * a_minute)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
