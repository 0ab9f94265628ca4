"""`hashtide down`. Needs the extra `local`."""

import os

import click

from hashtide.settings import Common, load


@click.command()
@click.option("--purge", is_flag=True, help="Remove their data, too.")
def down(purge: bool) -> None:
    """Stop what `hashtide up` started. The data stays."""
    from deploy.local import needs

    needs.check()
    from deploy.local import stack

    stack.down(load(Common, os.environ).state_dir, purge=purge)
