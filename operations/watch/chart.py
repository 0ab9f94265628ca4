"""A view as ECharts options (ECharts' documentation, "Option"). Pure.

Text from posts must only be a value, never a key: NiceGUI executes the value of a key that starts with a colon. It is
drawn as SVG text, also in the tooltip (`richText`), so that it never becomes HTML.
"""

from collections.abc import Iterable, Sequence, Set
from typing import Any, Final

from operations.terminal import isolated
from operations.watch import words
from operations.watch.model import SERIES, ChartSeries, GapMark, ViewData
from operations.watch.periods import Period

# Okabe and Ito's colours ("Color Universal Design"), distinct for people with any colour vision. Purple replaces their
# yellow, which is invisible on white.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1")
OTHERS: Final = "#9AA0A6"
TEXT: Final = "#767677"
"""Placeholder for the colour of secondary text: the stylesheet replaces it, for dark and light."""
LINE: Final = "rgba(128,128,128,.22)"


def slots(keys: Sequence[str], before: Sequence[str | None]) -> list[str | None]:
    """Assign colours to keys: a key keeps its colour, new keys take the free ones."""
    kept = [key if key in keys else None for key in before] + [None] * (SERIES - len(before))
    new = iter([key for key in keys if key not in kept])
    return [key if key is not None else next(new, None) for key in kept]


def colour(key: str | None, of: Sequence[str | None]) -> str:
    """The colour of a key."""
    return COLOURS[of.index(key)] if key is not None and key in of else OTHERS


def options(data: ViewData, of: Sequence[str | None]) -> dict[str, Any]:
    """All options except the zoom, which the reader controls."""
    by_key = {series.key: series for series in data.series}
    length_ms = data.period.to_ms - data.period.from_ms
    steps = [words.step(start, length_ms, data.period.step_ms) for start in data.starts]
    # Always the same number of series, so that ECharts merges them and keeps the zoom.
    stack = [_bars(by_key.get(key) if key is not None else None, COLOURS[slot]) for slot, key in enumerate(of)]
    stack.append(_bars(by_key.get(None), OTHERS))
    stack.append(_shading("gap", _steps_with_gaps(data.period, data.gaps), "rgba(213,94,0,.30)"))
    stack.append(_shading("still running", {len(data.starts) - 1} if data.live else set(), LINE))
    return {
        "useUTC": True,
        "animation": False,
        "aria": {"enabled": False},  # the page has a label and a table instead
        "grid": {"left": 56, "right": 8, "top": 12, "bottom": 58, "outerBoundsMode": "none"},
        "xAxis": [
            {
                "type": "category",
                "data": steps,
                "axisLabel": {"color": TEXT, "hideOverlap": True},
                "axisLine": {"lineStyle": {"color": LINE}},
                "axisTick": {"show": False},
            },
            {"type": "category", "data": steps, "show": False, "axisPointer": {"show": False, "triggerTooltip": False}},
        ],
        "yAxis": [
            {
                "type": "value",
                "minInterval": 1,
                "axisLabel": {"color": TEXT, ":formatter": "value => value.toLocaleString('en')"},
                "splitLine": {"lineStyle": {"color": LINE}},
            },
            {"type": "value", "min": 0, "max": 1, "show": False},
        ],
        "tooltip": {
            "trigger": "axis",
            "renderMode": "richText",
            "confine": True,
            "order": "seriesDesc",
            "axisPointer": {"type": "shadow", "shadowStyle": {"color": LINE}},
            "backgroundColor": "#20262d",
            "borderWidth": 0,
            "textStyle": {"color": "#f3f5f7", "fontSize": 12},
            ":valueFormatter": "value => value === undefined ? '' : value.toLocaleString('en')",
        },
        "series": stack,
    }


def zoom() -> list[dict[str, Any]]:
    """The initial zoom: everything. The wheel zooms only with Ctrl; without, it scrolls the page."""
    both = {"xAxisIndex": [0, 1]}
    return [
        {
            **both,
            "type": "inside",
            "zoomOnMouseWheel": "ctrl",
            "moveOnMouseWheel": False,
            "preventDefaultMouseMove": False,
        },
        {
            **both,
            "type": "slider",
            "height": 18,
            "bottom": 8,
            "borderColor": "transparent",
            "fillerColor": "rgba(86,140,190,.22)",
            "showDetail": False,
            "showDataShadow": False,
            "backgroundColor": "rgba(128,128,128,.10)",
            "brushSelect": False,
        },
    ]


def _bars(series: ChartSeries | None, colour: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "stack": "posts",
        "name": isolated(series.name) if series else "",
        "data": list(series.values) if series else [],
        "itemStyle": {"color": colour},
        "barCategoryGap": "12%",
        "emphasis": {"disabled": True},
        "tooltip": {"show": series is not None},
    }


def _shading(name: str, steps: Set[int], colour: str) -> dict[str, Any]:
    """Steps shaded behind the stack, on separate axes."""
    return {
        "type": "bar",
        "name": name,
        "xAxisIndex": 1,
        "yAxisIndex": 1,
        "barGap": "-100%",
        "barCategoryGap": "0%",
        "z": 1,
        "silent": True,
        "data": [[step, 1] for step in sorted(steps)],
        "itemStyle": {"color": colour},
        "emphasis": {"disabled": True},
        "tooltip": {"show": False},
    }


def _steps_with_gaps(period: Period, gaps: Iterable[GapMark]) -> set[int]:
    """The steps that overlap gaps."""
    touched: set[int] = set()
    for gap in gaps:
        from_ms, to_ms = max(gap.from_ms, period.from_ms), min(max(gap.to_ms, gap.from_ms + 1), period.to_ms)
        touched.update(
            range((from_ms - period.from_ms) // period.step_ms, -(-(to_ms - period.from_ms) // period.step_ms))
        )
    return touched
