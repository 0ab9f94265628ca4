"""`hashtide dlq replay`."""

import functools
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click
import msgspec

from hashtide.contract.messages import Post
from hashtide.errors import HashtideError
from operations.cli.dlq.choosing import (
    NO_LONGER_KEPT,
    NOT_KEPT,
    all_option,
    dry_run_option,
    filters,
    read_index,
    ready,
    require_choice,
    with_progress,
)
from operations.dlq.index import (
    WITHOUT_BYTES,
    LetterFilter,
)
from operations.dlq.records import opened_raw
from operations.dlq.topic import opened
from operations.terminal import as_json, print_table

if TYPE_CHECKING:
    from operations.dlq.replay import ReplayAccount


@click.command()
@filters
@all_option
@dry_run_option
@as_json
def replay(chosen: LetterFilter, all_: bool, dry_run: bool, json_: bool) -> None:
    """Send dead letters through the pipeline again, after a fix.

    Payloads that a producer could not read are read again, and their format is detected. Records that a worker refused
    are read again from posts.raw, as long as Kafka keeps them. Letters that are still wrong, or whose bytes are gone,
    stay: the exit status is then 1. The other letters are deleted from posts.dead after Kafka has acknowledged their
    messages. Idempotent: a post counts once.
    """
    from hashtide.clock import wall_clock_ms
    from hashtide.identity import Pseudonyms, load_keys
    from hashtide.interrupts import Interrupted, Interrupts
    from operations.dlq.replay import Replay, ReplayAccount
    from operations.dlq.revive import Rules
    from operations.wanted import wanted
    from producers.publisher import Publisher

    require_choice(chosen, all_)
    found = ready()
    settings = found.producer
    campaigns = functools.cache(wanted)  # loaded only if a letter comes from a firehose

    def matches(post: Post) -> bool:
        return campaigns().matches(post)

    names = Pseudonyms(load_keys(settings))
    rules = Rules(names=names, clock_ms=wall_clock_ms, matches=matches)
    account, ended = ReplayAccount(), "finished"
    failure: HashtideError | None = None
    with opened(settings) as topic, opened_raw(settings, found.raw.id) as records:
        entries = chosen.select(read_index(topic).entries)
        account.selected = len(entries)
        try:
            with nullcontext() if dry_run else Publisher(settings) as kafka, Interrupts() as interrupts:
                run = Replay(rules, kafka, account)
                try:
                    letters = records.whole(topic.letters(entries))
                    for whole in interrupts.pull(with_progress(letters, len(entries))):
                        run.take(whole)
                except Interrupted:
                    pass
                run.settle()
                if interrupts.asked:
                    ended = "interrupted"
        except HashtideError as error:  # first print how far it came
            ended, failure = "failed", error
    if json_:
        click.echo(msgspec.json.encode(msgspec.structs.asdict(account) | {"dry_run": dry_run, "ended": ended}))
    else:
        _print_account(account, dry_run)
    if failure is not None:
        raise failure
    if ended == "interrupted":
        sys.exit(130)
    if account.stayed:
        sys.exit(1)


def _print_account(account: "ReplayAccount", dry_run: bool) -> None:
    done = "would be replayed" if dry_run else "replayed"
    click.echo(f"{account.replayed:,} of {account.selected:,} letters {done}, as {account.sent:,} messages")
    if account.stayed:
        print_table(("stay", "letters"), [(reason, f"{n:,}") for reason, n in account.stayed.most_common()])
    if WITHOUT_BYTES in account.stayed:
        click.echo(f"{WITHOUT_BYTES}: {NOT_KEPT}; or {NO_LONGER_KEPT}")
