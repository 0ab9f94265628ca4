"""`hashtide key`. Never prints a key."""

from typing import Final

import click

from operations.cli.lazy import lazy_group

COMMANDS: Final = {
    "drop-old": "operations.cli.key.drop_old:drop_old",
    "rotate": "operations.cli.key.rotate:rotate",
    "show": "operations.cli.key.show:show",
}


@click.group(cls=lazy_group(COMMANDS))
def key() -> None:
    """Show, rotate or drop the keys that hash authors and posts.

    They are stored in HASHTIDE_AUTHOR_KEY_FILE, or in the state folder. docs/privacy.md explains rotation, step by
    step.
    """
