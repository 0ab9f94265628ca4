"""`hashtide verify`: options and output."""

import os
import sys
from datetime import datetime
from typing import Any

import click

from hashtide.settings import load
from hashtide.times import iso
from operations.terminal import Moment, as_json, print_json, print_table, progress
from operations.verify import VerifyResult
from operations.verify import verify as compare_with_ledger
from stream_jobs.settings import StreamSettings

SHOWN = 40


@click.command()
@click.option("--from", "from_", type=Moment(), help="First window, ISO 8601.")
@click.option("--to", type=Moment(), help="End, exclusive.")
@click.option("--repair", is_flag=True, help="Have the workers repair wrong counts, and wait for them.")
@as_json
def verify(from_: datetime | None, to: datetime | None, repair: bool, json_: bool) -> None:
    """Compare the counts with the ledger, post by post.

    The exit status is 1 if a difference is left. If a worker is down, the ledger may have posts that are not counted
    yet: they are counted once it runs. Of deleted posts only a sum is known, so a difference that involves them is
    reported and not repaired.
    """
    with progress("hours verified") as show:
        result = compare_with_ledger(load(StreamSettings, os.environ), from_, to, repair, show)
    if json_:
        print_json(result)
    else:
        _print_result(result)
    if result.differences:
        sys.exit(1)


def _print_result(result: VerifyResult) -> None:
    if result.differences:
        rows = [
            (iso(each.window_ms), each.family, each.partition, _dimensions(each.by), each.counted, each.expected)
            for each in result.differences[:SHOWN]
        ]
        print_table(("window", "index", "partition", "what", "counted", "ledger"), rows)
        if more := len(result.differences) - len(rows):
            click.echo(f"and {more:,} more: --json lists them all")
    if result.windows_without_ledger:
        days = sorted(result.days_without_ledger)
        span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        windows = f"{result.windows_without_ledger:,} windows of {span}"
        click.echo(f"{windows} not verified: their ledger was dropped (docs/retention.md)")
    if result.mended:
        click.echo(f"{result.mended:,} counts repaired")
    click.echo(
        f"{result.posts:,} posts in the ledger, {result.deleted:,} of them deleted: "
        f"{len(result.differences):,} counts differ"
    )


def _dimensions(by: dict[str, Any]) -> str:
    return " ".join(f"{name}={_shown(value)}" for name, value in by.items()) or "deleted posts"


def _shown(value: Any) -> str:
    return ",".join(value) if isinstance(value, list | tuple) else str(value)
