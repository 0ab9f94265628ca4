"""Options, progress and the final summary: shared by the commands of `hashtide produce`."""

import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from producers import formats
from producers.intake import IntakeAccount, Parse
from producers.run import Items, RunOptions, ShowProgress, run
from producers.settings import ProducerSettings

log = logging.getLogger(__name__)

REPORT_S: Final = 10.0
"""How often progress is logged if stderr is not a terminal."""
REPORT_ENDLESS_S: Final = 60.0

metrics_option = click.option(
    "--metrics-port", type=click.IntRange(0, 65535), help="Port of /metrics.  [default: none]"
)


def parse_as(format_: str) -> Parse:
    """A parser for payloads of this format; `auto` detects it."""
    return lambda received: formats.parse(received.payload, format_)


def run_and_report(
    items: Items, parse: Parse, settings: ProducerSettings, options: RunOptions, total: int | None = None
) -> None:
    """Run a source, with progress on stderr; then print the summary as JSON on stdout.

    `total` is the source's size, for the progress bar. A signal ends a stream normally; it interrupts any other
    source, with exit status 130. Blocks. Raises what ended the run: HashtideError, OSError, EOFError.
    """
    with progress(total, endless=options.positions is not None) as show:
        result = run(items, parse, settings, options, show)
    click.echo(json.dumps(result.summary()))
    if result.failure is not None:
        raise result.failure
    if result.ended == "interrupted" and options.positions is None:
        sys.exit(130)


@contextlib.contextmanager
def progress(total: int | None, *, endless: bool) -> Iterator[ShowProgress]:
    """A progress bar on stderr, or log lines if that is not a terminal. Updates at most 5 times a second."""
    console = Console(stderr=True)
    terminal = console.is_terminal
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[posts]:,} posts, {task.fields[dead]:,} dead"),
        TimeElapsedColumn(),
    )
    every_s = 0.2 if terminal else REPORT_ENDLESS_S if endless else REPORT_S
    shown_at = time.monotonic()
    newest = IntakeAccount()
    with Progress(*columns, console=console, disable=not terminal) as bar:
        task = bar.add_task("producing", total=total, posts=0, dead=0)

        def show(account: IntakeAccount, consumed: int) -> None:
            nonlocal shown_at, newest
            newest = account
            if time.monotonic() - shown_at < every_s:
                return
            shown_at = time.monotonic()
            bar.update(task, completed=consumed, posts=account.sent, dead=account.dead)
            if not terminal:
                log.info("produced %s posts, %s dead letters", f"{account.sent:,}", f"{account.dead:,}")

        yield show
        bar.update(task, completed=total, posts=newest.sent, dead=newest.dead)
