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
    """Make a new author key, and keep the old one.

    `hashtide forget` still finds posts hashed under the old key. The ledger key does not change.
    """
    settings = load(Common, os.environ)
    keys = load_keys(settings).rotated()
    path = write_keys(settings, keys, to)
    click.echo(
        f"{path}: new author key {fingerprint(keys.author)}, {len(keys.old)} old keys kept.\n"
        "Copy this file to every producer and worker, in any order, and restart the producers."
    )
