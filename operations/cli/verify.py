"""`hashtide verify`: its options, and what it prints."""

import os
import sys
from datetime import datetime
from typing import Any

import click

from hashtide.settings import load
from hashtide.times import iso
from operations.terminal import Moment, as_json, print_json, print_table, progress
from operations.verify import VerifyResult
from operations.verify import verify as held_against_the_ledger
from stream_jobs.settings import StreamSettings

SHOWN = 40


@click.command()
@click.option("--from", "from_", type=Moment(), help="Windows from here, ISO 8601.")
@click.option("--to", type=Moment(), help="Windows before this.")
@click.option("--repair", is_flag=True, help="Have the workers set right what differs; waits for them.")
@as_json
def verify(from_: datetime | None, to: datetime | None, repair: bool, json_: bool) -> None:
    """Hold the counts against the ledger, post by post: can the numbers be trusted?

    The exit status is 1 where a difference is left. A worker that is down may have posts in the ledger that are not in
    the counts yet: they come once it runs. What deleted posts had counted for is known as a sum alone, so a difference
    beside them is told, and not mended.
    """
    with progress("hours verified") as show:
        verdict = held_against_the_ledger(load(StreamSettings, os.environ), from_, to, repair, show)
    if json_:
        print_json(verdict)
    else:
        _print_verdict(verdict)
    if verdict.differences:
        sys.exit(1)


def _print_verdict(verdict: VerifyResult) -> None:
    if verdict.differences:
        rows = [
            (iso(each.window_ms), each.family, each.partition, _dimensions(each.by), each.counted, each.expected)
            for each in verdict.differences[:SHOWN]
        ]
        print_table(("window", "index", "partition", "what", "counted", "ledger"), rows)
        if more := len(verdict.differences) - len(rows):
            click.echo(f"and {more:,} more: --json has them all")
    if verdict.windows_without_ledger:
        days = sorted(verdict.days_without_ledger)
        span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        windows = f"{verdict.windows_without_ledger:,} windows of {span}"
        click.echo(f"{windows} are counted and have no ledger any more (docs/retention.md): not verified, and left")
    if verdict.mended:
        click.echo(f"{verdict.mended:,} counts mended")
    click.echo(
        f"{verdict.posts:,} posts in the ledger, {verdict.deleted:,} of them deleted: "
        f"{len(verdict.differences):,} counts differ"
    )


def _dimensions(by: dict[str, Any]) -> str:
    return " ".join(f"{name}={_shown(value)}" for name, value in by.items()) or "posts that were deleted"


def _shown(value: Any) -> str:
    return ",".join(value) if isinstance(value, list | tuple) else str(value)
