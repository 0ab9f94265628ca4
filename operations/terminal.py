"""What commands share: options, tables, JSON, progress. What comes out of posts reaches a terminal by here alone."""

import contextlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from hashtide.escapes import escaped, escaped_json

as_json = click.option("--json", "json_", is_flag=True, help="JSON on stdout, for scripts.")

_encode = msgspec.json.Encoder().encode

_JOINERS = "\u200c\u200d"

ProgressCallback = Callable[[int, int], None]
"""Called with how many of how many are done."""

NUMBERS = frozenset({"count", "counted", "ledger", "letters", "bytes", "documents", "peak"})


class Moment(click.ParamType):
    """A moment, ISO 8601; UTC where it names no zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2017-10-15 or 2017-10-15T20:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def print_table(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """A table on stdout; columns of numbers are right-aligned. Cells are text: no markup, nothing that is obeyed, and
    whatever runs from right to left leaves its neighbours where they are (UAX #9, FSI and PDI).
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def cell(value: object) -> Text:
        return Text("" if value is None else isolated(_harmless(str(value))))

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in NUMBERS else "left")
    for row in rows:
        table.add_row(*map(cell, row))
    Console().print(table)


def _harmless(text: str) -> str:
    """`escaped`, but for joiners: what comes here of posts has them only where they are seen (domain/text.fold)."""
    return "".join(char if char in _JOINERS else escaped(char) for char in text)


def isolated(text: str) -> str:
    """Text whose direction leaves its surroundings alone (UAX #9, FSI and PDI), where no <bdi> can be."""
    if any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        return f"\u2068{text}\u2069"
    return text


def print_json(value: object) -> None:
    """A line of JSON on stdout, which a terminal can show: what it would obey is written as \\u001b."""
    click.echo(escaped_json(_encode(value).decode()))


@contextlib.contextmanager
def progress(what: str) -> Iterator[ProgressCallback]:
    """A bar on stderr, where that is a terminal. Call what it gives with how much of how many is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
