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
    """List, show, replay or drop dead letters.

    Dead letters are messages that could not be read or counted. They are stored in the topic posts.dead, with the
    reason. ID is a letter's short id, or a unique prefix of it. A letter must match all filters.
    """
