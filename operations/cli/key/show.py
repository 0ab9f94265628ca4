"""`hashtide key show`."""

import os

import click

from hashtide.identity import fingerprint, key_file, load_keys
from hashtide.settings import Common, load
from operations.terminal import print_table


@click.command()
def show() -> None:
    """Print the keys' fingerprints, to compare machines. Never prints a key."""
    settings = load(Common, os.environ)
    keys = load_keys(settings)
    click.echo(f"{key_file(settings)}")
    rows = [("ledger", fingerprint(keys.ledger)), ("author", fingerprint(keys.author))]
    print_table(("key", "fingerprint"), rows + [("author, before", fingerprint(old)) for old in keys.old])
