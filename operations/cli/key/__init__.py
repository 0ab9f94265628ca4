"""`hashtide key`: no key is ever printed."""

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
    """Look after the keys that authors and posts are hashed under (HASHTIDE_AUTHOR_KEY_FILE, or the state folder's).

    docs/privacy.md says what a rotation does, and in which order.
    """
