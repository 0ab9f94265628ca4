"""`hashtide watch`: options, and which view to start."""

import os
import sys

import click

from hashtide.elasticsearch.client import connection
from hashtide.settings import load
from operations.settings import OperationsSettings
from operations.watch.model import BYS, By, Selection
from operations.watch.periods import SPANS, Span


@click.command()
@click.option("--campaign", help="Start with this campaign. [default: all posts]")
@click.option("--platform", help="Start with this platform. [default: all]")
@click.option("--span", type=click.Choice(SPANS), default="1h", show_default=True, help="Start with this time span.")
@click.option("--by", type=click.Choice(BYS), default="language", show_default=True, help="Split the volume by this.")
@click.option("--host", help="Address to listen on. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0: any free one. [default: 9465]")
@click.option("--terminal", is_flag=True, help="Show it in this terminal instead of a page.")
@click.option("--once", is_flag=True, help="With --terminal: show it once, then exit.")
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
    """Watch the counts live, on a page or in this terminal.

    Ctrl-C ends it. Reads only Elasticsearch. The page has no login: anybody who can reach it can read it. So it listens
    on this machine only, unless you set --host.
    """
    if once and not terminal:
        raise click.UsageError("--once needs --terminal")
    settings = load(OperationsSettings, os.environ)
    selection = Selection(campaign=campaign, platform=platform, span=span, by=by)
    if terminal:
        from operations.watch.terminal import run as in_terminal

        sys.exit(in_terminal(connection(settings), selection, once=once))
    from operations.watch.serve import run

    run(
        connection(settings),
        host or settings.watch_host,
        settings.watch_port if port is None else port,
        [name for name in settings.watch_names.split(",") if name],
        selection,
        lambda address: click.echo(f"watch at {address}"),
    )
