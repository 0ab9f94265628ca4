"""`hashtide watch --terminal`: the page in a terminal, with rich. Text from posts is never markup."""

import asyncio
import contextlib
import signal
from collections.abc import Iterable
from functools import partial

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hashtide.elasticsearch.client import Where
from operations.terminal import isolated
from operations.watch import queries, words
from operations.watch.feed import Feed, FeedState
from operations.watch.model import TOP, Rate, Selection, TopRow, ViewData
from operations.watch.names import Dimension, name

EVERY_S = 3.0
TABLE_WIDTH = 48
REST = 24
"""Lines for everything except the tables."""
HEIGHT = 6
"""Lines of the chart."""
EIGHTHS = " ▁▂▃▄▅▆▇█"


def run(where: Where, selection: Selection, *, once: bool, console: Console | None = None) -> int:
    """Show it until Ctrl-C or SIGTERM, or once. Returns the exit status: 1 if Elasticsearch never answered. Blocks.

    If stdout is not a terminal, it prints one frame after the other.
    """
    return asyncio.run(_run(where, selection, once, console or Console()))


async def _run(where: Where, selection: Selection, once: bool, console: Console) -> int:
    ended = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    answered = False
    async with queries.client(where) as elasticsearch:
        feed = Feed(partial(queries.view, elasticsearch))
        live = Live(console=console, screen=console.is_terminal, auto_refresh=False, transient=True)
        with contextlib.nullcontext() if once or not console.is_terminal else live:
            while not ended.is_set():
                state = await feed.get(selection)
                answered = answered or state.view is not None
                shown = frame(state, selection, feed.now_ms(), width=console.width, rows=_rows(console, once))
                if once or not console.is_terminal:
                    console.print(shown)
                else:
                    live.update(shown, refresh=True)
                if once:
                    break
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), EVERY_S)
    return 0 if answered else 1


def frame(state: FeedState, selection: Selection, now_ms: int, *, width: int = 80, rows: int = 10) -> RenderableType:
    """Everything at one time, with `rows` rows per table."""
    parts: list[RenderableType] = [_head(state, selection)]
    if trouble := words.trouble(state, now_ms):
        parts.append(Text(trouble, style="bold red"))
    if state.view is None:
        return Group(*parts)
    if state.view.data is None:
        return Group(*parts, Text(words.nothing(state.view), style="yellow"))
    data = state.view.data
    if quiet := words.quiet(data, now_ms):
        parts.append(Text(quiet, style="yellow"))
    parts += [
        Columns(
            [_figure("Replies per minute", data.replies_rate), _figure("Posts per minute", data.posts_rate)],
            padding=(0, 6),
        ),
        Text(f"in the 5 minutes up to {words.moment(data.rate_at_ms)}", style="dim"),
        Text(""),
        *_spike(data),
        Text(""),
        Text.assemble(
            (words.unit(data).capitalize(), "bold"), (f"  {words.where(data, selection.span, now_ms)}", "dim")
        ),
        *(Text(line, style="cyan", no_wrap=True) for line in columns(data, width - 12)),
        Text(""),
        Columns([_table(dimension, data.tops.get(dimension, ())[:rows]) for dimension in words.TABLES], padding=(0, 4)),
        Text(words.trust(data)),
        Text(words.gaps(data), style="yellow" if data.gaps_in_all else ""),
        *(Text(f"  {words.gap(gap)}") for gap in data.gaps[:3]),
        Text(" · ".join(f"{label}: {value}" for label, value in words.health(state, now_ms)), style="dim"),
    ]
    return Group(*parts)


def _rows(console: Console, once: bool) -> int:
    """How many rows of each table fit on the screen; all if it may scroll."""
    if once or not console.is_terminal:
        return TOP
    beside = max(1, min(len(words.TABLES), console.width // TABLE_WIDTH))
    tables_high = -(-len(words.TABLES) // beside)
    return min(TOP, max(2, (console.height - REST) // tables_high - 3))


def _head(state: FeedState, selection: Selection) -> Text:
    what = ", ".join(filter(None, (selection.campaign or "all posts", selection.platform)))
    at = f" · as of {words.clock(state.view.at_ms)}" if state.view else ""
    return Text.assemble(("Hashtide", "bold"), f" · {what} · {words.SPAN_NAMES[selection.span]}{at}")


def _figure(label: str, rate: Rate) -> RenderableType:
    style = "bold red" if words.is_high(rate) else "bold"
    return Text.assemble((f"{words.number(rate.a_minute)} ", style), f"{label.lower()}, {words.against_usual(rate)}")


def _spike(data: ViewData) -> Iterable[RenderableType]:
    yield Text(words.spike_title(data.spike), style="bold")
    yield Text(words.spike_text(data.spike))
    for dimension, drivers in data.drivers.items():
        text = ", ".join(f"{isolated(name(dimension, each.key))} {words.driver_text(each)}" for each in drivers)
        if text:
            yield Text(f"  {words.ONE[dimension]}: {text}")


def columns(data: ViewData, width: int) -> Iterable[str]:
    """The volume as columns of eighths; merges steps if they do not fit. The last line has the times."""
    together = -(-len(data.totals) // max(1, width))
    counts = [sum(data.totals[at : at + together]) for at in range(0, len(data.totals), together)]
    largest = max(counts, default=0)
    eighths = [-(-count * HEIGHT * 8 // largest) if largest else 0 for count in counts]
    margin = len(f"{largest:,}")
    for line in range(HEIGHT - 1, -1, -1):
        label = f"{largest:,}" if line == HEIGHT - 1 else "0" if line == 0 else ""
        yield f"{label:>{margin}} " + "".join(EIGHTHS[min(max(each - line * 8, 0), 8)] for each in eighths)
    length_ms = data.period.to_ms - data.period.from_ms
    first, last = (words.step(data.starts[index], length_ms, data.period.step_ms) for index in (0, -1))
    yield f"{'':>{margin}} {first}{last:>{max(len(last) + 1, len(counts) - len(first))}} UTC"


def _table(dimension: Dimension, rows: Iterable[TopRow]) -> RenderableType:
    table = Table(title=words.TITLES[dimension], title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("Posts", "Share", "Trend"):
        table.add_column(heading, justify="right")
    table.add_column(words.ONE[dimension], overflow="ellipsis", max_width=26)
    for row in rows:
        # The name last: right-to-left text then moves nothing, even in terminals without support for isolates.
        table.add_row(
            f"{row.posts:,}", words.percent(row.share), words.trend(row), Text(isolated(row.name), no_wrap=True)
        )
    return Padding(table, (0, 0, 1, 0))
