"""`hashtide produce x`, `mastodon` and `jetstream`: streams that have no end."""

import json
import os
import threading
from collections.abc import Callable

import click

from producers import formats
from producers.run import run, serve_metrics, wall_clock_ms
from producers.settings import ProducerSettings, load
from producers.sources import http, jetstream, mastodon, x, x_rules
from producers.sources.link import Link
from producers.sources.merged import merged, sleeper
from producers.sources.positions import Positions
from producers.sources.received import Items
from producers.sources.reconnect import reconnecting, tried
from producers.sources.secrets import mastodon_tokens, x_token
from producers.wanted import Wanted

metrics_option = click.option(
    "--metrics-port", type=click.IntRange(0, 65535), help="Port of /metrics.  [default: none]"
)


@click.command("x")
@click.option("--dry-run", is_flag=True, help="Only show what would change in X's rules, as JSON, and have it checked.")
@click.option(
    "--backfill-minutes",
    type=click.IntRange(0, x.MAX_BACKFILL_MINUTES),
    default=0,
    show_default=True,
    help="How much X sends again on every connection, where the access level has that.",
)
@metrics_option
@click.pass_obj
def x_(make_wanted: Callable[[], Wanted], dry_run: bool, backfill_minutes: int, metrics_port: int | None) -> None:
    """Stream what X's filtered stream (API v2) has of the campaigns, until a signal ends it.

    Its rules are made from the campaigns: missing ones are added, and stale ones removed, of those that carry the tag
    hashtide:... only. Needs HASHTIDE_X_BEARER_TOKEN_FILE (or HASHTIDE_X_BEARER_TOKEN).
    """
    settings = load(ProducerSettings, os.environ)
    wanted = make_wanted()
    stop = threading.Event()
    sleep = sleeper(stop)
    client = http.client(settings.x_api, x_token(settings), x.STALL_S)
    api = x_rules.RulesApi(client, wall_clock_ms)

    def put_rules_in_place() -> x_rules.Plan:
        rules = x_rules.rules(wanted, settings.x_rule_chars)
        series = tried(x_rules.put_in_place, x.SOURCE, clock_ms=wall_clock_ms, sleep=sleep)
        return series(api, rules, dry_run=dry_run)

    if dry_run:
        plan = put_rules_in_place()
        click.echo(json.dumps({"add": x_rules.shown(plan.add), "remove": x_rules.shown(plan.remove)}))
        return

    positions = Positions(settings.state_dir)
    link = Link(x.SOURCE, wall_clock_ms, positions.load(x.SOURCE, "heard_ms", int))
    stream = x.XStream(client, link, backfill_minutes=backfill_minutes, clock_ms=wall_clock_ms)

    def source() -> Items:
        put_rules_in_place()
        yield from reconnecting(stream.connect, link, clock_ms=wall_clock_ms, sleep=sleep)

    serve_metrics("x", metrics_port, settings)
    run(
        merged([source], stop),
        settings,
        parse=lambda received: formats.parse(received.payload, "x-v2"),
        origin="live",
        positions=positions,
        max_age_days=settings.live_days,
    )


@click.command("mastodon")
@click.option("--instance", "instances", multiple=True, required=True, metavar="URL", help="An instance; repeatable.")
@click.option(
    "--stream",
    "streams",
    multiple=True,
    type=click.Choice(["hashtag", "public", "public/local"]),
    default=("hashtag", "public"),
    show_default=True,
    help="hashtag: one stream for each of the campaigns' tags; public: all that the instance knows, of which the "
    "campaigns' posts go on. Repeatable.",
)
@click.option("--tag", "tags", multiple=True, help="Hashtags to stream instead of the campaigns'; repeatable.")
@metrics_option
@click.pass_obj
def mastodon_(
    make_wanted: Callable[[], Wanted],
    instances: tuple[str, ...],
    streams: tuple[str, ...],
    tags: tuple[str, ...],
    metrics_port: int | None,
) -> None:
    """Stream hashtags and public timelines of Mastodon instances, until a signal ends it.

    After a gap it catches up over the instance's timelines. Tokens: HASHTIDE_MASTODON_TOKENS_FILE.
    """
    settings = load(ProducerSettings, os.environ)
    wanted = make_wanted()
    tokens = mastodon_tokens(settings)
    stop = threading.Event()
    sleep = sleeper(stop)
    positions = Positions(settings.state_dir)
    wanted_streams = [
        stream
        for path in dict.fromkeys(streams)
        for stream in (
            [mastodon.Stream(path, tag.lstrip("#")) for tag in tags or wanted.tags()]
            if path == "hashtag"
            else [mastodon.Stream(path)]
        )
    ]

    def source(instance: mastodon.Instance, stream: mastodon.Stream) -> Callable[[], Items]:
        place = positions.load(mastodon.position_name(instance.name), stream.key, mastodon.Place) or mastodon.Place()
        link = Link(instance.source, wall_clock_ms, place.heard_ms)
        one = mastodon.MastodonStream(instance, stream, link, place.id, clock_ms=wall_clock_ms, sleep=sleep)
        return lambda: reconnecting(one.connect, link, clock_ms=wall_clock_ms, sleep=sleep)

    sources = [
        source(instance, stream)
        for instance in (_instance(url, tokens) for url in dict.fromkeys(instances))
        for stream in wanted_streams
    ]
    serve_metrics("mastodon", metrics_port, settings)
    run(
        merged(sources, stop),
        settings,
        parse=mastodon.Parser(),
        origin="live",
        positions=positions,
        max_age_days=settings.live_days,
        matches=wanted.matches,
    )


def _instance(url: str, tokens: dict[str, str]) -> mastodon.Instance:
    url = url.rstrip("/") if "://" in url else f"https://{url.rstrip('/')}"
    host = url.partition("://")[2]
    if "/" in host or not host:
        raise click.BadParameter(f"{url!r} is not the address of an instance", param_hint="--instance")
    return mastodon.Instance(http.client(url, tokens.get(host), mastodon.STALL_S), wall_clock_ms)


@click.command("jetstream")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=jetstream.HOSTS,
    show_default=True,
    metavar="HOST|URL",
    help="A Jetstream host, to begin with or to fall over to; repeatable. A URL that ends in "
    "network.bsky.jetstream.subscribeEvents is read by the newer protocol.",
)
@metrics_option
@click.pass_obj
def jetstream_(make_wanted: Callable[[], Wanted], hosts: tuple[str, ...], metrics_port: int | None) -> None:
    """Stream the campaigns' posts out of all of Bluesky's, by Jetstream, until a signal ends it.

    Goes on from where the last run was; how far back that reaches is the host's choice, about a day and a half.
    """
    settings = load(ProducerSettings, os.environ)
    wanted = make_wanted()
    stop = threading.Event()
    positions = Positions(settings.state_dir)
    cursor_us = positions.load(jetstream.SOURCE, "cursor_us", int)
    link = Link(jetstream.SOURCE, wall_clock_ms)
    stream = jetstream.Jetstream(hosts, link, cursor_us, clock_ms=wall_clock_ms)
    serve_metrics("jetstream", metrics_port, settings)
    run(
        merged([lambda: reconnecting(stream.connect, link, clock_ms=wall_clock_ms, sleep=sleeper(stop))], stop),
        settings,
        parse=lambda received: formats.parse(received.payload, "jetstream"),
        origin="live",
        positions=positions,
        max_age_days=settings.live_days,
        matches=wanted.matches,
    )
