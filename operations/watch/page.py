"""The page: its contents and its updates. Each browser gets its own Page."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, Final, Literal, cast, get_args

import msgspec
from nicegui import ui

from operations.watch import chart, words
from operations.watch.cards import Drivers, Figure, LegendEntry
from operations.watch.feed import Feed, FeedState
from operations.watch.model import BYS, Selection, TopRow, ViewData
from operations.watch.names import Dimension
from operations.watch.parts import Cell, Choice, Grid, Node, Radios, Select, box
from operations.watch.periods import SPANS

EVERY_S: Final = 3.0
"""How often a page updates."""

Theme = Literal["system", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = get_args(Theme)
DARK: Final[dict[Theme, bool | None]] = {"system": None, "light": False, "dark": True}


def page(feed: Feed, first: Selection) -> None:
    """Register the page with NiceGUI; `first` has the defaults for URLs without parameters."""
    css = (files("operations.watch") / "page.css").read_text(encoding="utf-8")

    @ui.page("/", title="Hashtide", dark=None)
    async def watch(
        campaign: str = "", platform: str = "", span: str = "", by: str = "", theme: str = "system"
    ) -> None:
        ui.add_css(css)
        selection = Selection(
            campaign=campaign or first.campaign,
            platform=platform or first.platform,
            span=span if span in SPANS else first.span,
            by=by if by in BYS else first.by,
        )
        shown = Page(feed, selection, theme if theme in THEMES else "system")
        await shown.update()
        ui.timer(EVERY_S, shown.update)


class Page:
    """The elements of one page, and its reader's choices."""

    def __init__(self, feed: Feed, selection: Selection, theme: Theme) -> None:
        self._feed, self._selection, self._theme = feed, selection, theme
        self._slots: list[str | None] = []
        self._state: FeedState | None = None
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
            self._campaign = Select("Campaign", "all posts", self._selection.campaign, self._on_change("campaign"))
            self._platform = Select("Platform", "all platforms", self._selection.platform, self._on_change("platform"))
            spans = [Choice(span, words.SPAN_NAMES[span]) for span in SPANS]
            Radios("span", "Time", spans, self._selection.span, self._on_change("span"))

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
                Radios("by", "Stacked by", choices, self._selection.by, self._on_change("by"))
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
        selection = self._selection
        state = await self._feed.get(selection)
        if selection == self._selection:  # else the reader has chosen something else, and its update follows
            self._state = state
            self._show()

    def _show(self) -> None:
        state, now_ms = self._state, self._feed.now_ms()
        assert state is not None
        view = state.view
        self._trouble.show_text(words.trouble(state, now_ms) or "")
        self._updated.show_text(f"As of {words.clock(view.at_ms)}" if view else "")
        data = view.data if view else None
        self._content.set_visibility(data is not None)
        self._content.classes(**({"add": "stale"} if state.trouble else {"remove": "stale"}))
        self._empty.show_text(words.nothing(view) if view and not data else "")
        if view is None:
            return
        self._campaign.offer(view.extent.campaigns)
        self._platform.offer(view.extent.platforms)
        if data is not None:
            self._show_data(state, data, now_ms)

    def _show_data(self, state: FeedState, data: ViewData, now_ms: int) -> None:
        self._quiet.show_text(words.quiet(data, now_ms) or "")
        at = f"in the 5 minutes up to {words.moment(data.rate_at_ms)}"
        for figure, rate in ((self._replies, data.replies_rate), (self._posts, data.posts_rate)):
            figure.show(words.number(rate.a_minute), words.against_usual(rate), at, words.is_high(rate))
        self._in_view.show(f"{data.posts:,}", f"{words.percent(data.final)} final", words.unsure(data), False)
        self._spike_title.set_text(words.spike_title(data.spike))
        self._spike_text.set_text(words.spike_text(data.spike))
        for drivers in self._drivers.values():
            drivers.show(data)
        self._show_chart(data, now_ms)
        for dimension, grid in self._tables.items():
            self._show_table(grid, dimension, data.tops.get(dimension, ()))
        self._trust_text.set_text(words.trust(data))
        for status, part in self._meter.items():
            part.style(replace=f"flex-grow: {getattr(data, status):.4f}")
        self._gaps.set_text(words.gaps(data))
        for index, line in enumerate(self._gap_lines):
            line.show_text(words.gap(data.gaps[index]) if index < len(data.gaps) else "")
        for (label, value), (term, description) in zip(words.health(state, now_ms), self._health, strict=False):
            term.set_text(label)
            description.set_text(value)

    def _show_chart(self, data: ViewData, now_ms: int) -> None:
        by = self._state.view.selection.by if self._state and self._state.view else self._selection.by
        self._slots = chart.slots([each.key for each in data.series if each.key is not None], self._slots)
        self._chart_title.set_text(f"{words.unit(data).capitalize()}, by {by}")
        self._where.set_text(words.where(data, self._selection.span, now_ms))
        self._echart.options.update(chart.options(data, self._slots))
        self._echart.update()
        self._picture.props.update({"aria-label": words.picture(data, by)})
        for entry, series in zip(self._legend, [*data.series, *[None] * len(self._legend)], strict=False):
            entry.show(series, chart.colour(series.key if series else None, self._slots))
        if self._table_open:
            self._show_steps(data)

    def _show_steps(self, data: ViewData) -> None:
        length_ms = data.period.to_ms - data.period.from_ms
        headings = ["Time (UTC)", "All", *(series.name for series in data.series)]
        rows = [
            [
                Cell(words.step(start, length_ms, data.period.step_ms)),
                Cell(f"{data.totals[index]:,}"),
                *(Cell(f"{series.values[index]:,}") for series in data.series),
            ]
            for index, start in enumerate(data.starts)
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
            self._selection = msgspec.structs.replace(self._selection, **{field: value})
            self._update_address()
            if field == "span":  # the zoom makes no sense in another time range
                self._echart.run_chart_method("dispatchAction", {"type": "dataZoom", "start": 0, "end": 100})
            await self.update()

        return change

    def _toggle_table(self, event: Any) -> None:
        self._table_open = bool(event.args)
        if self._table_open and self._state and self._state.view and self._state.view.data:
            self._show_steps(self._state.view.data)

    def _choose_theme(self, theme: str) -> None:
        self._theme = cast(Theme, theme)
        self._dark.set_value(DARK[self._theme])
        self._update_address()

    def _update_address(self) -> None:
        """Put the choices into the URL, so that a reload keeps them and the link can be shared."""
        ui.navigate.history.replace(words.address(self._selection, self._theme))
