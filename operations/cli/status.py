"""`hashtide status`. Needs the extra `local`."""

import os
import sys

import click
import msgspec

from hashtide.settings import Common, load
from operations.terminal import as_json, print_table


@click.command()
@as_json
def status(json_: bool) -> None:
    """Show whether the servers of `hashtide up` run and answer.

    The exit status is 1 if one does not.
    """
    from deploy.local import needs

    needs.check()
    from deploy.local import stack

    servers = stack.status(load(Common, os.environ).state_dir)
    if json_:
        click.echo(msgspec.json.encode(servers))
    else:
        rows = [
            (s.name, "answers" if s.answers else "runs" if s.running else "stopped", s.address, s.pid) for s in servers
        ]
        print_table(("server", "state", "address", "pid"), rows)
    if not all(server.answers for server in servers):
        sys.exit(1)
