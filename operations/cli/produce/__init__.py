"""`hashtide produce`."""

from typing import Final

import click

from operations.cli.lazy import lazy_group

COMMANDS: Final = {
    "campaign": "operations.cli.produce.campaign:campaign",
    "file": "operations.cli.produce.file:file",
    "jetstream": "operations.cli.produce.jetstream:jetstream",
    "mastodon": "operations.cli.produce.mastodon:mastodon",
    "x": "operations.cli.produce.x:x",
}


@click.group(cls=lazy_group(COMMANDS))
def produce() -> None:
    """Send posts to Kafka, from files, platforms or made up.

    A line that can't be read as a post goes to the topic posts.dead with the reason; the run continues. At the end it
    prints a summary as one line of JSON on stdout: read = posts + edits + deletes + control + filtered + dead.
    """
