"""Result rows of all benchmarks: printed as a table, and written to docs/performance.md."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.harness.machine import described

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "performance.md"
STEP_WITHIN: Final = "    "
"""Prefix of a figure's name that is part of, or belongs to, the figure above."""
HEAD: Final = ("what", "median", "range", "unit", "ratio", "notes")


class Row(msgspec.Struct, frozen=True):
    """One figure, from several rounds."""

    part: str
    what: str
    unit: str
    values: Sequence[float]
    """One value per round. Empty: it could not be measured; the notes give the reason."""
    base: float | None = None
    """The median that the ratio is relative to."""
    notes: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def cells(self) -> tuple[str, ...]:
        if not self.values:
            return self.what, "-", "", self.unit, "", self.notes
        ratio = f"{self.median / self.base:.3g}" if self.base else ""
        spread = f"{_short(min(self.values))} to {_short(max(self.values))}" if len(self.values) > 1 else ""
        return self.what, _short(self.median), spread, self.unit, ratio, self.notes


def show(rows: Sequence[Row]) -> None:
    """Print the table, with a section for each part."""
    table = Table(box=None, pad_edge=False)
    for name in ("part", *HEAD):
        table.add_column(name, justify="right" if name in ("median", "range", "ratio") else "left", overflow="fold")
    before = None
    for row in rows:
        table.add_row("" if row.part == before else row.part, *row.cells())
        before = row.part
    Console(width=max(160, Console().width)).print(table)


def write(part: str, rows: Sequence[Row], how: str) -> None:
    """Replace the rows of a part in docs/performance.md. Raises ValueError if the part has no marks there."""
    lines = [f"{how} Measured {described()}.", "", _line(HEAD), _line(("---", "---:", "---:", "---", "---:", "---"))]
    lines += [_line(_named(part, row)) for row in rows]
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, found, rest = DOCUMENT.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise ValueError(f"{DOCUMENT} has no {begin}")
    after = rest.partition(end)[2]
    DOCUMENT.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}", encoding="utf-8")


def _named(part: str, row: Row) -> Sequence[str]:
    """The cells of a row in a part's table. The row may belong to a sub-part, which is then named."""
    what, *others = row.cells()
    what = what.replace(STEP_WITHIN, "… ")
    return what if row.part == part else f"{row.part}: {what}", *others


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _short(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"
