"""Options, tables, JSON and progress for commands. All text from posts must reach a terminal through this module."""

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
"""Called with the number done and the total."""

NUMBERS = frozenset({"count", "counted", "ledger", "letters", "bytes", "documents", "peak"})


class Moment(click.ParamType):
    """A time, ISO 8601; UTC if it has no time zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} must be a time such as 2017-10-15 or 2017-10-15T20:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def print_table(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Print a table on stdout; number columns are right-aligned. Cells are plain text: no markup, control characters
    escaped, right-to-left text isolated from its neighbours (UAX #9, FSI and PDI).
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def cell(value: object) -> Text:
        return Text("" if value is None else isolated(_escaped_except_joiners(str(value))))

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in NUMBERS else "left")
    for row in rows:
        table.add_row(*map(cell, row))
    Console().print(table)


def _escaped_except_joiners(text: str) -> str:
    """`escaped`, except for joiners: text from posts has them only where they are visible (domain/text.fold)."""
    return "".join(char if char in _JOINERS else escaped(char) for char in text)


def isolated(text: str) -> str:
    """Text whose direction does not affect its neighbours (UAX #9, FSI and PDI), for where <bdi> is impossible."""
    if any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        return f"\u2068{text}\u2069"
    return text


def print_json(value: object) -> None:
    """Print one line of JSON on stdout, safe for a terminal: control characters are escaped, such as \\u001b."""
    click.echo(escaped_json(_encode(value).decode()))


@contextlib.contextmanager
def progress(what: str) -> Iterator[ProgressCallback]:
    """A progress bar on stderr if that is a terminal. Yields the callback that updates it."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
