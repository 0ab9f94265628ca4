"""`hashtide up`, `down`, `status` and `demo`: servers on this machine.

They need what `pip install hashtide[local]` brings, so each command imports that when it is asked for.
"""

import os
import shlex
import sys

import click
import msgspec

from producers.settings import Common, load
from stream_jobs.terminal import as_json, print_table


@click.command()
@click.option("--secure", is_flag=True, help="Kafka by TLS and a login alone, with data of its own.")
def up(secure: bool) -> None:
    """Start Kafka and Elasticsearch on this machine; they stay until `hashtide down`.

    Returns when both answer, and prints their addresses as lines for a shell: eval "$(hashtide up)".
    The first time, their jars are fetched (about 100 MB). With --secure, certificates and a password are made, and lie
    in files that you alone can read; the lines name them. Elasticsearch stays open: the embedded one has no login.
    """
    from deploy.local import stack

    addresses = stack.up(load(Common, os.environ).state_dir, secure)
    for name, value in addresses.exports.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@click.command()
@click.option("--purge", is_flag=True, help="Remove their data, too.")
def down(purge: bool) -> None:
    """Stop what `hashtide up` started. The data stays."""
    from deploy.local import stack

    stack.down(load(Common, os.environ).state_dir, purge=purge)


@click.command()
@as_json
def status(json_: bool) -> None:
    """Tell whether the servers of `hashtide up` run and answer; the exit status is 1 where one does not."""
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


@click.command()
@click.option(
    "--posts", type=click.IntRange(1000, 1_000_000), default=60_000, show_default=True, help="How many posts."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same posts.")
@click.option("--keep", is_flag=True, help="Then serve the page of `hashtide watch`, until Ctrl-C.")
def demo(posts: int, seed: int, keep: bool) -> None:
    """Show it all at work: real servers, a made-up campaign of two days, and what comes out. Leaves nothing behind.

    The first time, the servers' jars are fetched (about 100 MB). The exit status is 0 if every post is accounted for.
    """
    from deploy.demo import run

    sys.exit(run(posts, seed, keep))
