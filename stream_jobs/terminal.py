"""What commands share: options, tables, progress."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

as_json = click.option("--json", "json_", is_flag=True, help="JSON on stdout, for scripts.")

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
    """A table on stdout; columns of numbers are right-aligned."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in NUMBERS else "left")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    Console().print(table)


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal. Call what it gives with how much of how many is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
