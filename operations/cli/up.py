"""`hashtide up`. Needs the extra `local`."""

import os
import shlex

import click

from hashtide.settings import Common, load


@click.command()
@click.option("--secure", is_flag=True, help="Kafka only with TLS and a login, and with separate data.")
def up(secure: bool) -> None:
    """Start Kafka and Elasticsearch on this machine.

    They run until `hashtide down`. Returns when both answer, and prints their addresses as shell lines:
    eval "$(hashtide up)". The first run downloads their jars (about 100 MB). --secure makes certificates and a
    password, in files that only you can read; the shell lines name them. Elasticsearch stays without a login: the
    embedded one has none.
    """
    from deploy.local import needs

    needs.check()
    from deploy.local import stack

    addresses = stack.up(load(Common, os.environ).state_dir, secure)
    for name, value in addresses.exports.items():
        click.echo(f"export {name}={shlex.quote(value)}")
