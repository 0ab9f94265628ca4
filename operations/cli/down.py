"""`hashtide down`. Needs the extra `local`."""

import os

import click

from hashtide.settings import Common, load


@click.command()
@click.option("--purge", is_flag=True, help="Also delete their data.")
def down(purge: bool) -> None:
    """Stop the servers that `hashtide up` started. Their data stays."""
    from deploy.local import needs

    needs.check()
    from deploy.local import stack

    stack.down(load(Common, os.environ).state_dir, purge=purge)
