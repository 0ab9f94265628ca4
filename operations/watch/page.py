"""The page: its contents and its updates. Each browser gets its own Page."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, Final, Literal, cast, get_args

import msgspec
from nicegui import ui

from operations.watch import chart, words
from operations.watch.cards import Drivers, Figure, LegendEntry
from operations.watch.feed import Feed, Known
from operations.watch.model import BYS, Ask, Seen, TopRow
from operations.watch.names import Dimension
from operations.watch.parts import Cell, Choice, Grid, Node, Radios, Select, box
from operations.watch.periods import SPANS

EVERY_S: Final = 3.0
"""How often a page updates."""

Theme = Literal["system", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = get_args(Theme)
DARK: Final[dict[Theme, bool | None]] = {"system": None, "light": False, "dark": True}


def page(feed: Feed, first: Ask) -> None:
    """Register the page with NiceGUI; `first` has the defaults for URLs without parameters."""
    css = (files("operations.watch") / "page.css").read_text(encoding="utf-8")

    @ui.page("/", title="Hashtide", dark=None)
    async def watch(
        campaign: str = "", platform: str = "", span: str = "", by: str = "", theme: str = "system"
    ) -> None:
        ui.add_css(css)
        ask = Ask(
            campaign=campaign or first.campaign,
            platform=platform or first.platform,
            span=span if span in SPANS else first.span,
            by=by if by in BYS else first.by,
        )
        shown = Page(feed, ask, theme if theme in THEMES else "system")
        await shown.update()
        ui.timer(EVERY_S, shown.update)


class Page:
    """The elements of one page, and its reader's choices."""

    def __init__(self, feed: Feed, ask: Ask, theme: Theme) -> None:
        self._feed, self._ask, self._theme = feed, ask, theme
        self._slots: list[str | None] = []
        self._known: Known | None = None
        self._dark = ui.dark_mode(DARK[theme])
        with box("header", classes="top"):
            Node("h1", "Hashtide")
            self._updated = Node("p", classes="quiet updated")
            choices = [Choice(each, each.capitalize()) for each in THEMES]
            Radios("theme", "Colours", choices, theme, self._choose_theme)
        with box("div", classes="body"):
            self._trouble = Node("p", classes="notice bad", role="alert")
            self._controls()
            self._empty = Node("p", classes="notice", role="status")
            with box("div", classes="content") as self._content:
                self._quiet = Node("p", classes="notice")
                self._figures()
                self._spike()
                self._chart()
                with box("section", classes="tables", **{"aria-label": "Top lists"}):
                    self._tables = {dimension: Grid(words.TITLES[dimension]) for dimension in words.TABLES}
                self._trust()

    def _controls(self) -> None:
        with box("section", classes="controls", **{"aria-label": "Filters"}):
            self._campaign = Select("Campaign", "all posts", self._ask.campaign, self._on_change("campaign"))
            self._platform = Select("Platform", "all platforms", self._ask.platform, self._on_change("platform"))
            spans = [Choice(span, words.SPAN_NAMES[span]) for span in SPANS]
            Radios("span", "Time", spans, self._ask.span, self._on_change("span"))

    def _figures(self) -> None:
        with box("section", classes="figures", **{"aria-label": "Now"}):
            self._replies = Figure("Replies per minute", "figure main-figure")
            self._posts = Figure("Posts per minute, all kinds", "figure")
            self._in_view = Figure("Posts in view", "figure")

    def _spike(self) -> None:
        with box("section", classes="card spike", **{"aria-labelledby": "spike-title"}):
            self._spike_title = Node("h2", id="spike-title", **{"aria-live": "polite"})
            self._spike_text = Node("p", classes="quiet")
            with box("dl", classes="drivers"):
                self._drivers = {dimension: Drivers(dimension) for dimension in ("language", "region", "hashtag")}

    def _chart(self) -> None:
        with box("section", classes="card", **{"aria-labelledby": "chart-title"}):
            with box("div", classes="card-head"):
                self._chart_title = Node("h2", id="chart-title")
                choices = [Choice(by, by.capitalize()) for by in BYS]
                Radios("by", "Stacked by", choices, self._ask.by, self._on_change("by"))
            self._where = Node("p", classes="quiet where")
            with box("div", classes="chart", role="img") as self._picture:
                self._echart = ui.echart({"dataZoom": chart.zoom()}, renderer="svg")
            with box("ul", classes="legend", **{"aria-label": "Colours of the chart"}):
                self._legend = [LegendEntry() for _ in range(len(chart.COLOURS) + 1)]
            with box("details", classes="as-table") as details:
                Node("summary", "The chart as a table")
                with box(
                    "div", classes="scroll", tabindex="0", role="region", **{"aria-label": "The chart as a table"}
                ):
                    self._steps = Grid("", classes="steps")
            self._table_open = False
            details.on("toggle", self._toggle_table, js_handler="(event) => emit(event.target.open)")

    def _trust(self) -> None:
        with box("section", classes="pair"):
            with box("section", classes="card", **{"aria-labelledby": "trust-title"}):
                Node("h2", "Can I trust the numbers?", id="trust-title")
                self._trust_text = Node("p")
                with box("div", classes="meter", **{"aria-hidden": "true"}):
                    self._meter = {
                        status: box("span", classes=status) for status in ("final", "provisional", "corrected")
                    }
                Node(
                    "p",
                    "Provisional counts may still grow. Final counts are past the allowed lateness. "
                    "Corrected counts changed after that.",
                    classes="quiet",
                )
                self._gaps = Node("p")
                with box("ul", classes="gaps"):
                    self._gap_lines = [Node("li") for _ in range(5)]
            with box("section", classes="card", **{"aria-labelledby": "health-title"}):
                Node("h2", "Is the pipeline healthy?", id="health-title")
                with box("dl", classes="health"):
                    self._health = [(Node("dt"), Node("dd")) for _ in range(4)]
                Node("p", words.LAG, classes="quiet")

    async def update(self) -> None:
        """Show the current view."""
        ask = self._ask
        known = await self._feed.get(ask)
        if ask == self._ask:  # else the reader has chosen something else, and its update follows
            self._known = known
            self._show()

    def _show(self) -> None:
        known, now_ms = self._known, self._feed.now_ms()
        assert known is not None
        view = known.view
        self._trouble.show_text(words.trouble(known, now_ms) or "")
        self._updated.show_text(f"As of {words.clock(view.at_ms)}" if view else "")
        seen = view.seen if view else None
        self._content.set_visibility(seen is not None)
        self._content.classes(**({"add": "stale"} if known.trouble else {"remove": "stale"}))
        self._empty.show_text(words.nothing(view) if view and not seen else "")
        if view is None:
            return
        self._campaign.offer(view.extent.campaigns)
        self._platform.offer(view.extent.platforms)
        if seen is not None:
            self._show_seen(known, seen, now_ms)

    def _show_seen(self, known: Known, seen: Seen, now_ms: int) -> None:
        self._quiet.show_text(words.quiet(seen, now_ms) or "")
        at = f"in the 5 minutes up to {words.moment(seen.rate_at_ms)}"
        for figure, rate in ((self._replies, seen.replies_rate), (self._posts, seen.posts_rate)):
            figure.show(words.number(rate.a_minute), words.against_usual(rate), at, words.is_high(rate))
        self._in_view.show(f"{seen.posts:,}", f"{words.percent(seen.final)} final", words.unsure(seen), False)
        self._spike_title.set_text(words.spike_title(seen.spike))
        self._spike_text.set_text(words.spike_text(seen.spike))
        for drivers in self._drivers.values():
            drivers.show(seen)
        self._show_chart(seen, now_ms)
        for dimension, grid in self._tables.items():
            self._show_table(grid, dimension, seen.tops.get(dimension, ()))
        self._trust_text.set_text(words.trust(seen))
        for status, part in self._meter.items():
            part.style(replace=f"flex-grow: {getattr(seen, status):.4f}")
        self._gaps.set_text(words.gaps(seen))
        for index, line in enumerate(self._gap_lines):
            line.show_text(words.gap(seen.gaps[index]) if index < len(seen.gaps) else "")
        for (label, value), (term, description) in zip(words.health(known, now_ms), self._health, strict=False):
            term.set_text(label)
            description.set_text(value)

    def _show_chart(self, seen: Seen, now_ms: int) -> None:
        by = self._known.view.ask.by if self._known and self._known.view else self._ask.by
        self._slots = chart.slots([each.key for each in seen.series if each.key is not None], self._slots)
        self._chart_title.set_text(f"{words.unit(seen).capitalize()}, by {by}")
        self._where.set_text(words.where(seen, self._ask.span, now_ms))
        self._echart.options.update(chart.options(seen, self._slots))
        self._echart.update()
        self._picture.props.update({"aria-label": words.picture(seen, by)})
        for entry, series in zip(self._legend, [*seen.series, *[None] * len(self._legend)], strict=False):
            entry.show(series, chart.colour(series.key if series else None, self._slots))
        if self._table_open:
            self._show_steps(seen)

    def _show_steps(self, seen: Seen) -> None:
        length_ms = seen.period.to_ms - seen.period.from_ms
        headings = ["Time (UTC)", "All", *(series.name for series in seen.series)]
        rows = [
            [
                Cell(words.step(start, length_ms, seen.period.step_ms)),
                Cell(f"{seen.totals[index]:,}"),
                *(Cell(f"{series.values[index]:,}") for series in seen.series),
            ]
            for index, start in enumerate(seen.starts)
        ]
        self._steps.show(headings, rows[::-1])

    def _show_table(self, grid: Grid, dimension: Dimension, rows: tuple[TopRow, ...]) -> None:
        cells = [
            [
                Cell(row.name, f"--part: {row.share:.2%}", "key"),
                Cell(f"{row.posts:,}"),
                Cell(words.percent(row.share)),
                Cell(
                    words.trend(row),
                    "",
                    words.direction(row),
                ),
            ]
            for row in rows
        ]
        grid.show((words.ONE[dimension], "Posts", "Share", "Trend"), cells)

    def _on_change(self, field: str) -> Callable[[str | None], Awaitable[None]]:
        async def change(value: str | None) -> None:
            if field == "by":
                self._slots = []
            self._ask = msgspec.structs.replace(self._ask, **{field: value})
            self._update_address()
            if field == "span":  # the zoom makes no sense in another time range
                self._echart.run_chart_method("dispatchAction", {"type": "dataZoom", "start": 0, "end": 100})
            await self.update()

        return change

    def _toggle_table(self, event: Any) -> None:
        self._table_open = bool(event.args)
        if self._table_open and self._known and self._known.view and self._known.view.seen:
            self._show_steps(self._known.view.seen)

    def _choose_theme(self, theme: str) -> None:
        self._theme = cast(Theme, theme)
        self._dark.set_value(DARK[self._theme])
        self._update_address()

    def _update_address(self) -> None:
        """Put the choices into the URL, so that a reload keeps them and the link can be shared."""
        ui.navigate.history.replace(words.address(self._ask, self._theme))
