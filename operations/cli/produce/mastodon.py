"""`hashtide produce mastodon`."""

import os
import threading
from collections.abc import Callable

import click

from hashtide.clock import wall_clock_ms
from hashtide.settings import load
from operations.cli.produce.running import metrics_option, run_and_report
from operations.wanted import wanted
from producers.run import RunOptions, serve_metrics
from producers.settings import ProducerSettings
from producers.sources import http
from producers.sources import mastodon as source_mastodon
from producers.sources.link import Link
from producers.sources.merged import merged, sleeper
from producers.sources.positions import Positions
from producers.sources.received import Items
from producers.sources.reconnect import reconnecting
from producers.sources.tokens import mastodon_tokens


@click.command()
@click.option("--instance", "instances", multiple=True, required=True, metavar="URL", help="Instance; repeatable.")
@click.option(
    "--stream",
    "streams",
    multiple=True,
    type=click.Choice(["hashtag", "public", "public/local"]),
    default=("hashtag", "public"),
    show_default=True,
    help="hashtag: one stream per hashtag of the campaigns; public: all posts that the instance knows, filtered for "
    "the campaigns. Repeatable.",
)
@click.option("--tag", "tags", multiple=True, help="Hashtag to stream instead of the campaigns'; repeatable.")
@metrics_option
def mastodon(
    instances: tuple[str, ...],
    streams: tuple[str, ...],
    tags: tuple[str, ...],
    metrics_port: int | None,
) -> None:
    """Stream the campaigns' posts from Mastodon instances.

    Runs until a signal stops it. After a gap it catches up from the instances' timelines. Access tokens:
    HASHTIDE_MASTODON_TOKENS_FILE.
    """
    settings = load(ProducerSettings, os.environ)
    terms = wanted()
    tokens = mastodon_tokens(settings)
    stop = threading.Event()
    sleep = sleeper(stop)
    positions = Positions(settings.state_dir)
    wanted_streams = [
        stream
        for path in dict.fromkeys(streams)
        for stream in (
            [source_mastodon.Stream(path, tag.lstrip("#")) for tag in tags or terms.tags()]
            if path == "hashtag"
            else [source_mastodon.Stream(path)]
        )
    ]

    def source(instance: source_mastodon.Instance, stream: source_mastodon.Stream) -> Callable[[], Items]:
        position = (
            positions.load(source_mastodon.position_name(instance.name), stream.key, source_mastodon.StreamPosition)
            or source_mastodon.StreamPosition()
        )
        link = Link(instance.source, wall_clock_ms, position.heard_ms)
        one = source_mastodon.MastodonStream(instance, stream, link, position.id, clock_ms=wall_clock_ms, sleep=sleep)
        return lambda: reconnecting(one.connect, link, clock_ms=wall_clock_ms, sleep=sleep)

    sources = [
        source(instance, stream)
        for instance in (_instance(url, tokens) for url in dict.fromkeys(instances))
        for stream in wanted_streams
    ]
    serve_metrics("mastodon", metrics_port, settings)
    options = RunOptions(origin="live", positions=positions, matches=terms.matches, max_age_days=settings.live_days)
    run_and_report(merged(sources, stop), source_mastodon.Parser(), settings, options)


def _instance(url: str, tokens: dict[str, str]) -> source_mastodon.Instance:
    url = url.rstrip("/") if "://" in url else f"https://{url.rstrip('/')}"
    host = url.partition("://")[2]
    if "/" in host or not host:
        raise click.BadParameter(f"{url!r} is not the address of an instance", param_hint="--instance")
    return source_mastodon.Instance(http.client(url, tokens.get(host), source_mastodon.STALL_S), wall_clock_ms)
