"""`hashtide retention`: options and output."""

import asyncio
import os
import re
import sys
from typing import Any

import click
import msgspec

from hashtide.clock import wall_clock_ms
from hashtide.elasticsearch.client import connection
from hashtide.elasticsearch.session import session
from hashtide.settings import load
from operations.retention.enforce import Dropped, RetentionReport, enforce
from operations.retention.rules import RetentionPolicy
from operations.settings import OperationsSettings
from operations.terminal import as_json, print_table

MOST_DAYS = 36_500


class Days(click.ParamType):
    """Whole days: 400d."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch("([0-9]{1,5})d", value)
        if not found or not 1 <= int(found[1]) <= MOST_DAYS:
            self.fail(f"{value!r} is not a number of days from 1d to {MOST_DAYS}d, such as 400d", param, ctx)
        return int(found[1])


@click.command()
@click.option(
    "--counts", type=Days(), metavar="400d", help="How long to keep counts.  [HASHTIDE_RETENTION_COUNTS_DAYS]"
)
@click.option(
    "--posts", type=Days(), metavar="30d", help="How long to keep the ledger.  [HASHTIDE_RETENTION_POSTS_DAYS]"
)
@click.option(
    "--gaps",
    type=Days(),
    metavar="400d",
    help="How long to keep gaps and canaries; unset: as long as counts.  [HASHTIDE_RETENTION_GAPS_DAYS]",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be dropped.")
@as_json
def retention(counts: int | None, posts: int | None, gaps: int | None, dry_run: bool, json_: bool) -> None:
    """Drop data that is past its retention.

    Drops whole daily indices, and gaps and canaries one by one. Does not prompt. For a daily cron job: idempotent,
    and several may run at once. Afterwards, posts of a day whose ledger was dropped are refused as
    `older-than-retention` and go to posts.dead, because nobody knows whether they were counted. Longer times later do
    not change that (docs/retention.md). The exit status is 1 if data past its retention is still there.
    """
    settings = load(OperationsSettings, os.environ)
    keep = RetentionPolicy.checked(
        settings.retention_counts_days if counts is None else counts,
        settings.retention_posts_days if posts is None else posts,
        settings.retention_gaps_days if gaps is None else gaps,
    )
    at = connection(settings)
    with session(at):
        report = asyncio.run(enforce(at, keep, wall_clock_ms(), dry_run=dry_run))
    if json_:
        click.echo(msgspec.json.encode(report))
    else:
        _print(report)
    if report.failed:
        sys.exit(1)


def _print(report: RetentionReport) -> None:
    if report.dropped:
        print_table(("index", "documents", "bytes"), [_row(each) for each in report.dropped])
    for index, why in report.left.items():
        click.echo(f"skipped: {index}: {why}")
    for index, why in report.failed.items():
        click.echo(f"not dropped: {index}: {why}", err=True)
    outcome = "would be dropped" if report.dry_run else "dropped"
    documents = sum(each.documents or 0 for each in report.dropped)
    size = sum(each.bytes or 0 for each in report.dropped)
    click.echo(
        f"{len(report.dropped):,} indices of {documents:,} documents and {size:,} bytes {outcome}, "
        f"{report.gaps:,} gaps, {report.canaries:,} canaries"
    )
    for family, first in report.first_days.items():
        click.echo(f"{family}: from {first} on")


def _row(each: Dropped) -> tuple[str, str | None, str | None]:
    return each.index, _number(each.documents), _number(each.bytes)


def _number(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"
