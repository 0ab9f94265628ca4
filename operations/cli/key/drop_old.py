"""`hashtide key drop-old`."""

import os
from pathlib import Path

import click

from hashtide.identity import load_keys
from hashtide.settings import Common, load
from operations.cli.key.writing import to_option, write_keys


@click.command("drop-old")
@to_option
@click.option("--yes", is_flag=True, help="Do not prompt.")
def drop_old(to: Path | None, yes: bool) -> None:
    """Drop all old author keys.

    Posts hashed under them can then no longer be linked to their authors: `hashtide forget` finds none of them.
    """
    settings = load(Common, os.environ)
    keys = load_keys(settings)
    if not keys.old:
        click.echo("there are no old keys")
        return
    if not yes:
        click.confirm(f"Drop {len(keys.old)} old keys for good?", abort=True, err=True)
    path = write_keys(settings, keys.without_old(), to)
    click.echo(f"{path}: {len(keys.old)} old keys dropped. Other copies and backups still contain them.")
