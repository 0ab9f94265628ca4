"""`hashtide dlq`."""

from typing import Final

import click

from operations.cli.lazy import lazy_group

COMMANDS: Final = {
    "drop": "operations.cli.dlq.drop:drop",
    "list": "operations.cli.dlq.list:list_",
    "replay": "operations.cli.dlq.replay:replay",
    "show": "operations.cli.dlq.show:show",
}


@click.group(cls=lazy_group(COMMANDS))
def dlq() -> None:
    """Look after dead letters: what could not be read or counted, and lies in the topic posts.dead with the reason.

    ID is a letter's short id, or as much of its beginning as no other letter has. All filters must agree.
    """
