"""A View as text and numbers, the same for page and terminal. Pure. All times are UTC, and say so."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from hashtide.times import DAY_MS, MINUTE_MS
from operations.watch.feed import FeedState
from operations.watch.model import GapMark, Rate, Selection, TopRow, View, ViewData
from operations.watch.names import Dimension, shown
from operations.watch.periods import Span, duration, step_name
from operations.watch.spikes import BIN_MS, TIMES, Driver, Spike
from stream_jobs.domain.windows import WINDOW_MS

QUIET_MS: Final = 3 * MINUTE_MS
"""If the newest counted minute is older, a warning comes first."""

SPAN_NAMES: Final[dict[Span, str]] = {"15m": "15 min", "1h": "1 h", "6h": "6 h", "48h": "48 h", "all": "All"}
TITLES: Final[dict[Dimension, str]] = {
    "language": "Languages",
    "region": "Regions",
    "hashtag": "Hashtags",
    "kind": "Kinds of post",
}
TABLES: Final[tuple[Dimension, ...]] = ("language", "region", "hashtag", "kind")
ONE: Final[dict[Dimension, str]] = {"language": "Language", "region": "Region", "hashtag": "Hashtag", "kind": "Kind"}


def moment(ms: int) -> str:
    """`17 Oct 2017 19:59 UTC`"""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%-d %b %Y %H:%M UTC")


def clock(ms: int) -> str:
    """`19:59:07 UTC`"""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S UTC")


def step(ms: int, length_ms: int, step_ms: int) -> str:
    """The start of a step, in a view of `length_ms`: as short as possible, but distinct from the others."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    if length_ms <= DAY_MS:
        return at.strftime("%H:%M")
    if step_ms < DAY_MS:
        return at.strftime("%-d %b %H:%M")
    return at.strftime("%-d %b %Y")


def number(value: float) -> str:
    """`12,345`; below 10 with one decimal, unless it is whole."""
    return f"{value:,.1f}" if value < 10 and value != int(value) else f"{value:,.0f}"


def percent(share: float) -> str:
    """`12 %`; `<1 %` instead of 0 % if there is something, `>99 %` instead of 100 % if something is missing."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def trend(row: TopRow) -> str:
    """`▲ +35 %`, `▼ −12 %`, `▬ 0 %`; `new` if the older half has no posts."""
    if row.trend is None:
        return "new"
    change = round(row.trend * 100)
    if change == 0:
        return "▬ 0 %"
    if change > 900:
        return f"▲ ×{number(row.trend + 1)}"
    return f"▲ +{change} %" if change > 0 else f"▼ −{-change} %"


def direction(row: TopRow) -> str:
    """`up`, `down` or empty, consistent with `trend`."""
    change = 0 if row.trend is None else round(row.trend * 100)
    return "up" if change > 0 else "down" if change < 0 else ""


def against_usual(rate: Rate) -> str:
    """`2.4 × the usual 12`"""
    if rate.usual is None:
        return "usual: not enough data yet"
    if rate.times is None:
        return "usual: none"
    if 0.9 <= rate.times <= 1.1:
        return f"as usual ({number(rate.usual)})"
    return f"{times(rate.times)} the usual {number(rate.usual)}"


def is_high(rate: Rate) -> bool:
    """Whether the rate is at least twice the usual."""
    return rate.times is not None and rate.times >= TIMES


def times(value: float) -> str:
    """`2.4 ×`, `12 ×`"""
    return f"{value:,.1f} ×" if value < 10 else f"{value:,.0f} ×"


def nothing(view: View) -> str:
    """What to show without data: the reason, and what to do."""
    if view.extent.counted:
        return "No posts of this campaign on this platform are counted."
    return "No posts are counted yet. Start `hashtide worker`, then send posts with `hashtide produce`."


def where(data: ViewData, span: Span, now_ms: int) -> str:
    """The time shown, and why it does not end now, if it does not."""
    period = f"{moment(data.period.from_ms)} to {moment(data.period.to_ms)}"
    if span == "all":
        return f"All data: {period}"
    return f"{period}, now" if data.live else f"Newest data, there are no newer counts: {period}"


def newest(data: ViewData, now_ms: int) -> str:
    """How old the newest counted minute is."""
    age_ms = now_ms - (data.newest_ms + WINDOW_MS)
    return "the current minute" if age_ms < 0 else f"{duration(age_ms)} ago"


def quiet(data: ViewData, now_ms: int) -> str | None:
    """A warning if the newest count is older than QUIET_MS; else None."""
    age_ms = now_ms - (data.newest_ms + WINDOW_MS)
    if age_ms < QUIET_MS:
        return None
    return (
        f"No counts after {moment(data.newest_ms + WINDOW_MS)}, {duration(age_ms)} ago: "
        "nobody posted, or the pipeline is behind."
    )


def trouble(state: FeedState, now_ms: int) -> str | None:
    """Why the view is not newer; None if Elasticsearch answers."""
    if state.trouble is None:
        return None
    kept = f" Showing data from {clock(state.view.at_ms)}." if state.view else ""
    return f"{state.trouble.what}, since {clock(state.trouble.since_ms)}. Retrying.{kept}"


def spike_title(spike: Spike | None) -> str:
    """`Spiking since 24 Nov 2026 07:10 UTC`, or the newest spike, or that there is none."""
    if spike is None:
        return "No spike in the last 48 h of data"
    if spike.goes_on:
        return f"Spiking since {moment(spike.from_ms)}"
    return f"Newest spike: {moment(spike.from_ms)}, for {duration(spike.to_ms - spike.from_ms)}"


def spike_text(spike: Spike | None) -> str:
    """How high the spike is; without a spike, what one is."""
    if spike is None:
        return "A spike is twice the usual of the day before, and at least 20 posts more in 5 minutes."
    a_minute = MINUTE_MS / BIN_MS
    height = f"Peak: {number(spike.peak * a_minute)} posts per minute ({moment(spike.peak_ms)})"
    if spike.times is None:
        return f"{height}, usual: none."
    return f"{height}, {times(spike.times)} the usual {number(spike.usual * a_minute)}."


def driver_text(driver: Driver) -> str:
    """`+2,903 posts, 4.2 ×`"""
    grown = f"+{number(round(driver.growth))} posts"
    return f"{grown}, {times(driver.during / driver.before)}" if driver.before >= 1 else f"{grown}, new"


def trust(data: ViewData) -> str:
    """`98 % final, 1 % provisional, 1 % corrected`"""
    parts = (("final", data.final), ("provisional", data.provisional), ("corrected", data.corrected))
    return ", ".join(f"{percent(share)} {status}" for status, share in parts)


def unsure(data: ViewData) -> str:
    """The share of posts in view that is not final, and the gaps."""
    parts = [f"{percent(data.provisional)} may still grow"] if data.provisional else []
    if data.gaps_in_all:
        parts.append("1 gap" if data.gaps_in_all == 1 else f"{data.gaps_in_all:,} gaps")
    return ", ".join(parts) or "no known gaps"


def gaps(data: ViewData) -> str:
    """The number of gaps."""
    if not data.gaps_in_all:
        return "No known gaps in this time."
    what = "1 gap" if data.gaps_in_all == 1 else f"{data.gaps_in_all:,} gaps"
    return f"{what} in this time: posts may be missing."


def gap(each: GapMark) -> str:
    """A gap, on one line."""
    lost = "" if each.estimated_posts is None else f", about {each.estimated_posts:,} posts"
    length = duration(each.to_ms - each.from_ms)
    return f"{moment(each.from_ms)}, {length}: {shown(each.source)}, {shown(each.reason)}{lost}"


def health(state: FeedState, now_ms: int) -> Iterator[tuple[str, str]]:
    """The pipeline's health, as far as Elasticsearch shows it: label and value."""
    yield "Elasticsearch", "does not answer" if state.trouble else "answers"
    if state.view is None or state.view.data is None:
        return
    data = state.view.data
    yield "Newest counted minute", newest(data, now_ms)
    # Documents have no write time: this is known only from watching.
    grown = f"{duration(now_ms - state.grown_ms)} ago" if state.grown_ms else "none since `hashtide watch` started"
    yield "Last growth", grown
    yield "Count documents in view", f"{data.documents:,}"


LAG: Final = (
    "Elasticsearch does not show consumer lag: a quiet campaign and a slow pipeline look the same here. "
    "The lag is in the workers' metrics."
)


def unit(data: ViewData) -> str:
    """What the chart counts: `posts per 5 min`"""
    return f"posts per {step_name(data.period.step_ms)}"


def picture(data: ViewData, by: str) -> str:
    """The chart as text, for people who can't see it."""
    largest = max(range(len(data.totals)), key=data.totals.__getitem__)
    return (
        f"Stacked bars: {unit(data)} by {by}, from {moment(data.period.from_ms)} to {moment(data.period.to_ms)}. "
        f"Total {data.posts:,}, highest {data.totals[largest]:,} at {moment(data.starts[largest])}. "
        "The table below has the same numbers."
    )


def address(selection: Selection, theme: str) -> str:
    """The URL path of the page that shows this view."""
    chosen = {
        "campaign": selection.campaign,
        "platform": selection.platform,
        "span": selection.span,
        "by": selection.by,
        "theme": theme,
    }
    return "/?" + urlencode({name: value for name, value in chosen.items() if value})
