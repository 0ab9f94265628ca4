"""A View in words and numbers, the same for page and terminal. Pure. Every time is UTC and says so."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from hashtide.times import DAY_MS, MINUTE_MS
from operations.watch.feed import Known
from operations.watch.model import Ask, GapMark, Rate, Seen, TopRow, View
from operations.watch.names import Dimension, shown
from operations.watch.periods import Span, duration, step_name
from operations.watch.spikes import BIN_MS, TIMES, Driver, Spike
from stream_jobs.domain.windows import WINDOW_MS

QUIET_MS: Final = 3 * MINUTE_MS
"""A newest minute older than this is told before anything else."""

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
    """The start of a step, in a view of `length_ms`: as short as it can be told from the others."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    if length_ms <= DAY_MS:
        return at.strftime("%H:%M")
    if step_ms < DAY_MS:
        return at.strftime("%-d %b %H:%M")
    return at.strftime("%-d %b %Y")


def number(value: float) -> str:
    """`12,345`; below ten, with one decimal unless it is whole."""
    return f"{value:,.1f}" if value < 10 and value != int(value) else f"{value:,.0f}"


def percent(share: float) -> str:
    """`12 %`; what is there and would be 0 % is `<1 %`, and what is missing and would be 100 %, `>99 %`."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def trend(row: TopRow) -> str:
    """`▲ +35 %`, `▼ −12 %`, `▬ 0 %`; `new` where nothing was in the older half."""
    if row.trend is None:
        return "new"
    change = round(row.trend * 100)
    if change == 0:
        return "▬ 0 %"
    if change > 900:
        return f"▲ ×{number(row.trend + 1)}"
    return f"▲ +{change} %" if change > 0 else f"▼ −{-change} %"


def direction(row: TopRow) -> str:
    """`up`, `down` or neither: as `trend` says it."""
    change = 0 if row.trend is None else round(row.trend * 100)
    return "up" if change > 0 else "down" if change < 0 else ""


def against_usual(rate: Rate) -> str:
    """`2.4 times the usual 12 a minute`"""
    if rate.usual is None:
        return "too little before to say what is usual"
    if rate.times is None:
        return "usual: none"
    if 0.9 <= rate.times <= 1.1:
        return f"as usual ({number(rate.usual)})"
    return f"{times(rate.times)} the usual {number(rate.usual)}"


def is_high(rate: Rate) -> bool:
    """Whether it is at least twice the usual."""
    return rate.times is not None and rate.times >= TIMES


def times(value: float) -> str:
    """`2.4 ×`, `12 ×`"""
    return f"{value:,.1f} ×" if value < 10 else f"{value:,.0f} ×"


def nothing(view: View) -> str:
    """What to say, and do, without data."""
    if view.extent.counted:
        return "Nothing is counted of this campaign on this platform."
    return "Nothing is counted yet. Start `hashtide worker`, send posts with `hashtide produce`, and they show up here."


def where(seen: Seen, span: Span, now_ms: int) -> str:
    """Which time is shown, and why it is not now where it is not."""
    period = f"{moment(seen.period.from_ms)} to {moment(seen.period.to_ms)}"
    if span == "all":
        return f"All there is: {period}"
    return f"{period}, now" if seen.live else f"Nothing newer is counted, so this ends where the data ends: {period}"


def newest(seen: Seen, now_ms: int) -> str:
    """How old the newest counted minute is."""
    age_ms = now_ms - (seen.newest_ms + WINDOW_MS)
    return "the minute that is running" if age_ms < 0 else f"{duration(age_ms)} ago"


def quiet(seen: Seen, now_ms: int) -> str | None:
    """A warning, where nothing was counted of the last minutes."""
    age_ms = now_ms - (seen.newest_ms + WINDOW_MS)
    if age_ms < QUIET_MS:
        return None
    return (
        f"Nothing is counted after {moment(seen.newest_ms + WINDOW_MS)}, {duration(age_ms)} ago: "
        "nobody posted, or the pipeline is behind."
    )


def trouble(known: Known, now_ms: int) -> str | None:
    """What keeps the view from being newer."""
    if known.trouble is None:
        return None
    kept = f" Shown is what was known at {clock(known.view.at_ms)}." if known.view else ""
    return f"{known.trouble.what}, since {clock(known.trouble.since_ms)}. Trying again.{kept}"


def spike_title(spike: Spike | None) -> str:
    """`Spiking since 24 Nov 2026 07:10 UTC`, or what else there is to say of spikes."""
    if spike is None:
        return "No spike in the last 48 h of data"
    if spike.goes_on:
        return f"Spiking since {moment(spike.from_ms)}"
    return f"Newest spike: {moment(spike.from_ms)}, for {duration(spike.to_ms - spike.from_ms)}"


def spike_text(spike: Spike | None) -> str:
    """How high it is."""
    if spike is None:
        return "A spike is twice the usual of the day before, and at least 20 posts more in five minutes."
    a_minute = MINUTE_MS / BIN_MS
    height = f"{number(spike.peak * a_minute)} posts a minute at its highest ({moment(spike.peak_ms)})"
    if spike.times is None:
        return f"{height}, where none is usual."
    return f"{height}, {times(spike.times)} the {number(spike.usual * a_minute)} usual before."


def driver_text(driver: Driver) -> str:
    """`+2,903 posts, 4.2 ×`"""
    grown = f"+{number(round(driver.growth))} posts"
    return f"{grown}, {times(driver.during / driver.before)}" if driver.before >= 1 else f"{grown}, new"


def trust(seen: Seen) -> str:
    """`98 % final, 1 % provisional, 1 % corrected`"""
    parts = (("final", seen.final), ("provisional", seen.provisional), ("corrected", seen.corrected))
    return ", ".join(f"{percent(share)} {status}" for status, share in parts)


def unsure(seen: Seen) -> str:
    """What is not final of the posts in view, and why they may be too few."""
    parts = [f"{percent(seen.provisional)} may still grow"] if seen.provisional else []
    if seen.gaps_in_all:
        parts.append("1 gap" if seen.gaps_in_all == 1 else f"{seen.gaps_in_all:,} gaps")
    return ", ".join(parts) or "no gap is known"


def gaps(seen: Seen) -> str:
    """How many gaps there are."""
    if not seen.gaps_in_all:
        return "No gap is known in this time."
    what = "1 gap" if seen.gaps_in_all == 1 else f"{seen.gaps_in_all:,} gaps"
    return f"{what} in this time: posts may be missing."


def gap(each: GapMark) -> str:
    """One gap in a line."""
    lost = "" if each.estimated_posts is None else f", about {each.estimated_posts:,} posts"
    length = duration(each.to_ms - each.from_ms)
    return f"{moment(each.from_ms)}, {length}: {shown(each.source)}, {shown(each.reason)}{lost}"


def health(known: Known, now_ms: int) -> Iterator[tuple[str, str]]:
    """What can be told from Elasticsearch alone of how the pipeline is: label and value."""
    yield "Elasticsearch", "does not answer" if known.trouble else "answers"
    if known.view is None or known.view.seen is None:
        return
    seen = known.view.seen
    yield "Newest counted minute", newest(seen, now_ms)
    # The documents carry no time of writing: this is what was seen while somebody looked.
    grown = f"{duration(now_ms - known.grown_ms)} ago" if known.grown_ms else "none seen since this began to look"
    yield "Last growth seen", grown
    yield "Count documents in view", f"{seen.documents:,}"


LAG: Final = (
    "How far the workers are behind Kafka can't be told from Elasticsearch: "
    "a quiet campaign and a slow pipeline look the same here. Consumer lag is in the workers' metrics."
)


def unit(seen: Seen) -> str:
    """What the chart counts: `posts per 5 min`"""
    return f"posts per {step_name(seen.period.step_ms)}"


def picture(seen: Seen, by: str) -> str:
    """The chart in a sentence, for who can't see it."""
    largest = max(range(len(seen.totals)), key=seen.totals.__getitem__)
    return (
        f"Stacked bars: {unit(seen)} by {by}, from {moment(seen.period.from_ms)} to {moment(seen.period.to_ms)}. "
        f"{seen.posts:,} in all, the most, {seen.totals[largest]:,}, from {moment(seen.starts[largest])}. "
        "The same numbers are in the table below."
    )


def address(ask: Ask, theme: str) -> str:
    """The address of a page that shows this."""
    chosen = {"campaign": ask.campaign, "platform": ask.platform, "span": ask.span, "by": ask.by, "theme": theme}
    return "/?" + urlencode({name: value for name, value in chosen.items() if value})
