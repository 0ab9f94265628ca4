"""`hashtide up`. Needs the extra `local`."""

import os
import shlex

import click

from hashtide.settings import Common, load


@click.command()
@click.option("--secure", is_flag=True, help="Kafka by TLS and a login alone, with data of its own.")
def up(secure: bool) -> None:
    """Start Kafka and Elasticsearch on this machine; they stay until `hashtide down`.

    Returns when both answer, and prints their addresses as lines for a shell: eval "$(hashtide up)".
    The first time, their jars are fetched (about 100 MB). With --secure, certificates and a password are made, and lie
    in files that you alone can read; the lines name them. Elasticsearch stays open: the embedded one has no login.
    """
    from deploy.local import needs

    needs.check()
    from deploy.local import stack

    addresses = stack.up(load(Common, os.environ).state_dir, secure)
    for name, value in addresses.exports.items():
        click.echo(f"export {name}={shlex.quote(value)}")
