"""`hashtide key rotate`."""

import os
from pathlib import Path

import click

from hashtide.identity import fingerprint, load_keys
from hashtide.settings import Common, load
from operations.cli.key.writing import to_option, write_keys


@click.command()
@to_option
def rotate(to: Path | None) -> None:
    """Make a new key for authors. The old one stays known to `hashtide forget`, the ledger's stays what it is."""
    settings = load(Common, os.environ)
    keys = load_keys(settings).rotated()
    path = write_keys(settings, keys, to)
    click.echo(
        f"{path}: authors are hashed under {fingerprint(keys.author)} from now on, {len(keys.old)} old keys are kept.\n"
        "Give this file to every producer and worker, in any order, and restart the producers."
    )
