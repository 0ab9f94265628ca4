"""`hashtide dlq drop`."""

import json

import click

from operations.cli.dlq.choosing import (
    all_option,
    dry_run_option,
    filters,
    read_index,
    ready,
    require_choice,
    with_progress,
)
from operations.dlq.index import LetterFilter
from operations.dlq.topic import opened
from operations.terminal import as_json


@click.command()
@filters
@all_option
@dry_run_option
@click.option("--yes", is_flag=True, help="Do not prompt.")
@as_json
def drop(chosen: LetterFilter, all_: bool, dry_run: bool, yes: bool, json_: bool) -> None:
    """Delete dead letters for good."""
    from operations.dlq.replay import LETTERS_AT_ONCE, tombstone
    from producers.publisher import Publisher

    require_choice(chosen, all_)
    settings = ready().producer
    with opened(settings) as topic:
        entries = chosen.select(read_index(topic).entries)
    if entries and not dry_run:
        if not yes:
            click.confirm(f"Drop {len(entries):,} dead letters for good?", abort=True, err=True)
        with Publisher(settings) as kafka:
            for number, entry in enumerate(with_progress(entries, len(entries)), 1):
                kafka.send(*tombstone(entry))
                if number % LETTERS_AT_ONCE == 0:
                    kafka.flush()
    if json_:
        click.echo(
            json.dumps({"selected": len(entries), "dropped": 0 if dry_run else len(entries), "dry_run": dry_run})
        )
    else:
        click.echo(f"{len(entries):,} letters {'would be dropped' if dry_run else 'dropped'}")
