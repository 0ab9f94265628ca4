"""A view as options of ECharts (its documentation, "Option"). Pure.

Text from posts is only ever a value, never a key: NiceGUI runs what stands under a key that begins with a colon. And it
is drawn as text of an SVG picture, tooltip included (`richText`), so that no HTML is made of it.
"""

from collections.abc import Iterable, Sequence, Set
from typing import Any, Final

from operations.terminal import isolated
from operations.watch import words
from operations.watch.model import SERIES, ChartSeries, GapMark, Seen
from operations.watch.periods import Period

# Okabe and Ito's colours ("Color Universal Design"): people with any colour vision tell them apart. A purple stands for
# their yellow, which can't be seen on white.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1")
OTHERS: Final = "#9AA0A6"
TEXT: Final = "#767677"
"""Stands for the page's colour of quiet text: its stylesheet puts that in its place, dark or light."""
LINE: Final = "rgba(128,128,128,.22)"


def slots(keys: Sequence[str], before: Sequence[str | None]) -> list[str | None]:
    """Which key has which colour: who had one keeps it, newcomers take those that are free."""
    kept = [key if key in keys else None for key in before] + [None] * (SERIES - len(before))
    newcomers = iter([key for key in keys if key not in kept])
    return [key if key is not None else next(newcomers, None) for key in kept]


def colour(key: str | None, of: Sequence[str | None]) -> str:
    """The colour of a key."""
    return COLOURS[of.index(key)] if key is not None and key in of else OTHERS


def options(seen: Seen, of: Sequence[str | None]) -> dict[str, Any]:
    """All options but for the zoom, which is the reader's."""
    by_key = {series.key: series for series in seen.series}
    length_ms = seen.period.to_ms - seen.period.from_ms
    steps = [words.step(start, length_ms, seen.period.step_ms) for start in seen.starts]
    # Always as many series, so that ECharts merges them into the old ones and keeps the zoom.
    stack = [_bars(by_key.get(key) if key is not None else None, COLOURS[slot]) for slot, key in enumerate(of)]
    stack.append(_bars(by_key.get(None), OTHERS))
    stack.append(_behind("gap", _touched(seen.period, seen.gaps), "rgba(213,94,0,.30)"))
    stack.append(_behind("still running", {len(seen.starts) - 1} if seen.live else set(), LINE))
    return {
        "useUTC": True,
        "animation": False,
        "aria": {"enabled": False},  # the page has a label and a table in its stead
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
    """The reader's zoom, at its beginning: all. Plain wheels scroll the page."""
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


def _behind(name: str, steps: Set[int], colour: str) -> dict[str, Any]:
    """Whole steps shaded behind the stack, by axes of their own."""
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


def _touched(period: Period, gaps: Iterable[GapMark]) -> set[int]:
    """The steps that gaps touch."""
    touched: set[int] = set()
    for gap in gaps:
        from_ms, to_ms = max(gap.from_ms, period.from_ms), min(max(gap.to_ms, gap.from_ms + 1), period.to_ms)
        touched.update(
            range((from_ms - period.from_ms) // period.step_ms, -(-(to_ms - period.from_ms) // period.step_ms))
        )
    return touched
