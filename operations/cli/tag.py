"""`hashtide tag`."""

import os
import sys
from pathlib import Path

import click

from hashtide.escapes import escaped
from hashtide.settings import load
from operations.terminal import print_json
from producers import formats
from stream_jobs.settings import StreamSettings


@click.command()
@click.argument("paths", metavar="[PATH...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", *formats.FORMATS]),
    default="auto",
    show_default=True,
    help="Format of the lines; auto detects it line by line.",
)
def tag(paths: tuple[Path, ...], format_: str) -> None:
    """Tag posts without any server: payload lines in, JSON out.

    Reads files, or standard input if there are none. Prints one JSON object per post. A line that is not a post is
    reported on stderr; the exit status is then 1.
    """
    from hashtide.clock import wall_clock_ms
    from hashtide.contract.reasons import InvalidPost
    from hashtide.identity import Pseudonyms, load_keys
    from operations.tagging import tag as tagged
    from producers.sources.file import STDIN, lines
    from stream_jobs.domain.campaign import unhashed_id
    from stream_jobs.loading import load_campaigns, load_enricher

    settings = load(StreamSettings, os.environ)
    enricher = load_enricher(load_campaigns(settings, unhashed_id), repair_hashtags=settings.repair_hashtags)
    names, failed = Pseudonyms(load_keys(settings)), False
    for path in paths or (STDIN,):
        for line in lines(path):
            for result in tagged(line, format_, enricher, now_ms=wall_clock_ms(), names=names):
                if isinstance(result, InvalidPost):
                    click.echo(escaped(f"{line.source} {line.position}: {result}"), err=True)
                    failed = True
                else:
                    print_json(result)
    if failed:
        sys.exit(1)
