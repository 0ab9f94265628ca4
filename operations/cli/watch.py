"""`hashtide watch`: its options, and which view it starts."""

import os
import sys

import click

from hashtide.elasticsearch.client import connection
from hashtide.settings import load
from operations.settings import OperationsSettings
from operations.watch.model import BYS, Ask, By
from operations.watch.periods import SPANS, Span


@click.command()
@click.option("--campaign", help="Begin with this campaign. [default: all posts]")
@click.option("--platform", help="Begin with this platform. [default: all]")
@click.option("--span", type=click.Choice(SPANS), default="1h", show_default=True, help="Begin with so much time.")
@click.option("--by", type=click.Choice(BYS), default="language", show_default=True, help="What volume is split by.")
@click.option("--host", help="Address that the page listens on. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page, 0 for any free one. [default: 9465]")
@click.option("--terminal", is_flag=True, help="In this terminal, and no page.")
@click.option("--once", is_flag=True, help="With --terminal: show it once, and end.")
def watch(
    campaign: str | None,
    platform: str | None,
    span: Span,
    by: By,
    host: str | None,
    port: int | None,
    terminal: bool,
    once: bool,
) -> None:
    """Watch the counts as they come: a live page, or the same in a terminal. Ctrl-C ends it.

    It reads Elasticsearch and nothing else. Anybody who can reach the page can read it: there is no login, so it
    listens on this machine alone unless --host says otherwise.
    """
    if once and not terminal:
        raise click.UsageError("--once goes with --terminal")
    settings = load(OperationsSettings, os.environ)
    ask = Ask(campaign=campaign, platform=platform, span=span, by=by)
    if terminal:
        from operations.watch.terminal import run as in_terminal

        sys.exit(in_terminal(connection(settings), ask, once=once))
    from operations.watch.serve import run

    run(
        connection(settings),
        host or settings.watch_host,
        settings.watch_port if port is None else port,
        [name for name in settings.watch_names.split(",") if name],
        ask,
        lambda address: click.echo(f"watch at {address}"),
    )
