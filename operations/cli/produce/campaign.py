"""`hashtide produce campaign`."""

import os
from datetime import UTC, datetime, timedelta

import click

from hashtide.settings import load
from operations.cli.produce.running import parse_as, run_and_report
from operations.cli.produce.speed import speed_option
from producers.run import RunOptions
from producers.settings import ProducerSettings
from producers.sources.received import Received
from producers.synthetic import campaign as synthetic


@click.command()
@click.option("--posts", type=click.IntRange(1, 10_000_000), default=60_000, show_default=True, help="How many posts.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same posts.")
@click.option("--hours", type=click.IntRange(1, 24 * 60), default=48, show_default=True, help="Length of the campaign.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ"]),
    help="Start, UTC. [default: such that it ends with the last full hour]",
)
@speed_option
def campaign(posts: int, seed: int, hours: int, start: datetime | None, speed: float | None) -> None:
    """Send a made-up campaign.

    Bursts of replies in many languages, with duplicates, late posts and broken posts.
    """
    settings = load(ProducerSettings, os.environ)
    start_ms = campaign_start_ms(start, hours, datetime.now(UTC))
    try:
        total = synthetic.plan(posts, seed, start_ms, hours).lines
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    payloads = synthetic.payloads(posts, seed, start_ms, hours)
    numbered = (
        Received("campaign", f"seed {seed} line {number}", payload, number)
        for number, payload in enumerate(payloads, 1)
    )
    run_and_report(numbered, parse_as("native"), settings, RunOptions(origin="synthetic", speed=speed), total)


def campaign_start_ms(start: datetime | None, hours: int, now: datetime) -> int:
    """Start of a made-up campaign: `start`, or such that it ends with the last full hour before `now`."""
    if start is None:
        start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
    return int(start.replace(tzinfo=UTC).timestamp() * 1000)
