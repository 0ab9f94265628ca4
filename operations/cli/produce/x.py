"""`hashtide produce x`."""

import json
import os
import threading

import click

from hashtide.clock import wall_clock_ms
from hashtide.settings import load
from operations.cli.produce.running import metrics_option, parse_as, run_and_report
from operations.wanted import wanted
from producers.run import RunOptions, serve_metrics
from producers.settings import ProducerSettings
from producers.sources import http, x_rules
from producers.sources import x as source_x
from producers.sources.link import Link
from producers.sources.merged import merged, sleeper
from producers.sources.positions import Positions
from producers.sources.received import Items
from producers.sources.reconnect import reconnecting, tried
from producers.sources.tokens import x_token


@click.command()
@click.option("--dry-run", is_flag=True, help="Only print the changes to X's rules, as JSON; X validates them.")
@click.option(
    "--backfill-minutes",
    type=click.IntRange(0, source_x.MAX_BACKFILL_MINUTES),
    default=0,
    show_default=True,
    help="Minutes that X sends again on each connection, if your access level allows it.",
)
@metrics_option
def x(dry_run: bool, backfill_minutes: int, metrics_port: int | None) -> None:
    """Stream the campaigns' posts from X's filtered stream.

    Uses API v2. Runs until a signal stops it. Makes X's rules from the campaigns: adds missing rules and removes stale
    ones, only those with a tag hashtide:... Needs HASHTIDE_X_BEARER_TOKEN_FILE (or HASHTIDE_X_BEARER_TOKEN).
    """
    settings = load(ProducerSettings, os.environ)
    terms = wanted()
    stop = threading.Event()
    sleep = sleeper(stop)
    client = http.client(settings.x_api, x_token(settings), source_x.STALL_S)
    api = x_rules.RulesApi(client, wall_clock_ms)

    def put_rules_in_place() -> x_rules.RulePlan:
        rules = x_rules.rules(terms, settings.x_rule_chars)
        series = tried(x_rules.put_in_place, source_x.SOURCE, clock_ms=wall_clock_ms, sleep=sleep)
        return series(api, rules, dry_run=dry_run)

    if dry_run:
        plan = put_rules_in_place()
        click.echo(json.dumps({"add": x_rules.shown(plan.add), "remove": x_rules.shown(plan.remove)}))
        return

    positions = Positions(settings.state_dir)
    link = Link(source_x.SOURCE, wall_clock_ms, positions.load(source_x.SOURCE, "heard_ms", int))
    stream = source_x.XStream(client, link, backfill_minutes=backfill_minutes, clock_ms=wall_clock_ms)

    def source() -> Items:
        put_rules_in_place()
        yield from reconnecting(stream.connect, link, clock_ms=wall_clock_ms, sleep=sleep)

    serve_metrics("x", metrics_port, settings)
    options = RunOptions(origin="live", positions=positions, max_age_days=settings.live_days)
    run_and_report(merged([source], stop), parse_as("x-v2"), settings, options)
