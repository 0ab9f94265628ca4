"""`hashtide produce jetstream`."""

import os
import threading

import click

from hashtide.clock import wall_clock_ms
from hashtide.settings import load
from operations.cli.produce.running import metrics_option, parse_as, run_and_report
from operations.wanted import wanted
from producers.run import RunOptions, serve_metrics
from producers.settings import ProducerSettings
from producers.sources import jetstream as source_jetstream
from producers.sources.link import Link
from producers.sources.merged import merged, sleeper
from producers.sources.positions import Positions
from producers.sources.reconnect import reconnecting


@click.command()
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=source_jetstream.HOSTS,
    show_default=True,
    metavar="HOST|URL",
    help="Jetstream host; repeat it for fail-over. A URL that ends in network.bsky.jetstream.subscribeEvents uses "
    "the newer protocol.",
)
@metrics_option
def jetstream(hosts: tuple[str, ...], metrics_port: int | None) -> None:
    """Stream the campaigns' posts from Bluesky (Jetstream).

    Runs until a signal stops it. Continues where the last run stopped, as far back as the host keeps posts: about a day
    and a half.
    """
    settings = load(ProducerSettings, os.environ)
    terms = wanted()
    stop = threading.Event()
    positions = Positions(settings.state_dir)
    cursor_us = positions.load(source_jetstream.SOURCE, "cursor_us", int)
    link = Link(source_jetstream.SOURCE, wall_clock_ms)
    stream = source_jetstream.Jetstream(hosts, link, cursor_us, clock_ms=wall_clock_ms)
    serve_metrics("jetstream", metrics_port, settings)
    connections = reconnecting(stream.connect, link, clock_ms=wall_clock_ms, sleep=sleeper(stop))
    options = RunOptions(origin="live", positions=positions, matches=terms.matches, max_age_days=settings.live_days)
    run_and_report(merged([lambda: connections], stop), parse_as("jetstream"), settings, options)
