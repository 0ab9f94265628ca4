"""Bars in a terminal."""

from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(value: int, largest: int, width: int) -> str:
    """A bar of `value / largest * width` characters, exact to an eighth; a value above 0 is always visible."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(1, round(value / largest * width * 8))
    return EIGHTHS[8] * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")


def bars(title: str, rows: Sequence[tuple[str, int]], width: int = 60) -> RenderableType:
    """A bar chart: one row per label, with its number."""
    largest = max((value for _, value in rows), default=0)
    table = Table.grid(padding=(0, 1))
    for label, value in rows:
        table.add_row(Text(label), Text(f"{value:,}", justify="right"), Text(bar(value, largest, width), style="cyan"))
    return Group(Text(title, style="bold"), table, Text(""))


def side_by_side(charts: Sequence[RenderableType]) -> RenderableType:
    """Charts side by side, as far as they fit."""
    return Columns(charts, padding=(0, 4))
