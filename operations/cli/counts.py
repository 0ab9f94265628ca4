"""`hashtide counts`."""

import os
from datetime import datetime
from typing import TYPE_CHECKING

import click

from hashtide.settings import PipelineSettings, load
from operations.terminal import Moment, as_json, print_json, print_table

if TYPE_CHECKING:
    from operations.counts import By, Interval


@click.command()
@click.option("--campaign", help="Only posts of this campaign.")
@click.option(
    "--by", type=click.Choice(["language", "region", "hashtag", "kind", "platform"]), help="One row for each."
)
@click.option(
    "--interval",
    type=click.Choice(["1m", "5m", "1h", "1d"]),
    help="One row for each interval (UTC).",
)
@click.option("--from", "from_", type=Moment(), help="First window, ISO 8601.")
@click.option("--to", type=Moment(), help="End, exclusive.")
@as_json
def counts(
    campaign: str | None,
    by: "By | None",
    interval: "Interval | None",
    from_: datetime | None,
    to: datetime | None,
    json_: bool,
) -> None:
    """Print sums from Elasticsearch, fresh to the last bulk.

    By hashtag, the total counts uses: a post counts once for each of its hashtags.
    """
    from hashtide.elasticsearch.client import connection
    from operations.counts import counts as sums

    at = connection(load(PipelineSettings, os.environ))
    result = sums(at, campaign=campaign, by=by, interval=interval, from_=from_, to=to)
    if json_:
        print_json(result)
    else:
        print_table(
            tuple(name for name, shown in (("start", interval), (by or "", by), ("count", True)) if shown),
            [
                tuple(
                    value for value, shown in ((row.start, interval), (row.key, by), (f"{row.count:,}", True)) if shown
                )
                for row in result.rows
            ],
        )
        click.echo(f"total {result.total:,}")
