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
    """Send posts into Kafka, from files, live platforms or a made-up campaign.

    Whatever can't be read as a post goes to the topic posts.dead with the reason; the rest goes on. At the end one
    line of JSON on stdout says what became of everything: read = posts + edits + deletes + control + filtered + dead.
    """
