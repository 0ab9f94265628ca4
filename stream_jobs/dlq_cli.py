"""`hashtide dlq`: its commands and their options, and what they print."""

import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import click
import msgspec

from producers.contract import Post, Reason
from producers.errors import HashtideError
from producers.escapes import escaped
from producers.settings import ProducerSettings, load
from stream_jobs import topics
from stream_jobs.dlq import EVERYTHING, WITHOUT_BYTES, Entry, Filter, Group, Index, UnknownLetter, grouped
from stream_jobs.dlq_topic import DeadTopic, opened
from stream_jobs.terminal import Moment, as_json, print_json, print_table, progress

if TYPE_CHECKING:
    from producers.wanted import Wanted
    from stream_jobs.dlq_replay import Account

# What only one command needs is imported there: `hashtide dlq list` should not wait for a producer and a detector.

log = logging.getLogger(__name__)

Item = TypeVar("Item")

NOT_KEPT: Final = "its bytes were not kept (HASHTIDE_DEAD_LETTER_PAYLOADS=false): send its source once more"


class NotKept(HashtideError):
    """The bytes of a dead letter are asked for, and were never kept."""


@click.group()
def dlq() -> None:
    """Look after dead letters: what could not be read or counted, and lies in the topic posts.dead with the reason.

    ID is a letter's short id, or as much of its beginning as no other letter has. All filters must agree.
    """


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options by which letters are chosen; the command gets them as one Filter."""

    @click.argument("ids", metavar="[ID...]", nargs=-1)
    @click.option(
        "--reason",
        "reasons",
        type=click.Choice(get_args(Reason)),
        multiple=True,
        metavar="REASON",
        help="Why; repeatable.",
    )
    @click.option("--source", default="", metavar="PREFIX", help="How the source begins: file:, posts.raw.")
    @click.option("--from", "from_", type=Moment(), help="Buried from here, ISO 8601.")
    @click.option("--to", type=Moment(), help="Buried before this.")
    @functools.wraps(command)
    def filtered(
        ids: tuple[str, ...],
        reasons: tuple[str, ...],
        source: str,
        from_: datetime | None,
        to: datetime | None,
        **options: Any,
    ) -> None:
        chosen = Filter(ids=ids, reasons=reasons, source=source, from_ms=_ms(from_), to_ms=_ms(to))
        command(chosen, **options)

    return filtered


every = click.option("--all", "all_", is_flag=True, help="Every letter; needed where nothing else chooses.")
dry = click.option("--dry-run", is_flag=True, help="Only tell what would be done.")


@dlq.command("list")
@filters
@click.option("--each", is_flag=True, help="A line for each letter, with its id. [default: by reason and source]")
@as_json
def list_(chosen: Filter, each: bool, json_: bool) -> None:
    """How many there are, of which reason and source. Shows no payloads."""
    with opened(_ready()) as topic:
        entries = chosen.select(_index(topic).entries)
    if json_:
        shown = {"letters": list(map(_line, entries))} if each else {"groups": list(map(_row, grouped(entries)))}
        click.echo(json.dumps(shown | {"total": len(entries)}))
        return
    if each:  # no table: a line stays a line, however narrow the terminal
        for entry in entries:
            line = _line(entry)
            click.echo(f"{line['id']}  {line['at']}  {line['reason']:<24}  {escaped(entry.source)}")
    else:
        rows = [_row(group) for group in grouped(entries)]
        print_table(
            ("letters", "reason", "source", "newest", "bytes"),
            [(f"{row['letters']:,}", row["reason"], row["source"], row["newest"], f"{row['bytes']:,}") for row in rows],
        )
    click.echo(f"total {len(entries):,}")


@dlq.command()
@click.argument("id_", metavar="ID")
@click.option("--raw", is_flag=True, help="Its bytes alone, as they came: into a file or a pipe.")
@as_json
def show(id_: str, raw: bool, json_: bool) -> None:
    """All that is known of one letter, and its bytes. What a terminal would obey is written out, as \\x1b."""
    stdout = click.get_binary_stream("stdout")
    if raw and json_:
        raise click.UsageError("--raw and --json are two different things")
    if raw and stdout.isatty():
        raise click.UsageError("--raw is not for a terminal, which would obey what is in the bytes: > FILE")
    with opened(_ready()) as topic:
        newest = max(Filter(ids=(id_,)).select(_index(topic).entries), key=lambda entry: entry.at_ms)
        found = next(topic.letters([newest]), None)
    if found is None:
        raise UnknownLetter(f"dead letter {newest.id} is gone since a moment ago")
    _, letter = found
    if raw:
        if not letter.kept:
            raise NotKept(f"dead letter {newest.id} has no bytes: {NOT_KEPT}")
        stdout.write(letter.payload)
    elif json_:
        print_json({"id": newest.id, "at": _time(letter.at_ms)} | msgspec.structs.asdict(letter))
    else:
        for name, value in (
            ("id", newest.id),
            ("reason", letter.reason),
            ("detail", letter.detail),
            ("source", letter.source),
            ("position", letter.position),
            ("buried", _time(letter.at_ms)),
            ("bytes", f"{newest.size:,}"),
        ):
            click.echo(f"{name:<8}  {escaped(value)}")
        if letter.kept:
            click.echo(f"\n{escaped(letter.payload.decode(errors='backslashreplace'))}")
        else:
            click.echo(f"digest    {letter.digest}\n\n{NOT_KEPT}")


@dlq.command()
@filters
@every
@dry
@as_json
@click.pass_obj
def replay(make_wanted: Callable[[], "Wanted"], chosen: Filter, all_: bool, dry_run: bool, json_: bool) -> None:
    """Put letters back into the stream, after a fix. What is still wrong stays a letter: the exit status is then 1.

    Payloads are read anew, with the format told from their shape; one whose bytes were not kept can't be. A letter that
    is back is taken out of posts.dead once Kafka has acknowledged what it became. To replay one twice does no harm: a
    post counts once.
    """
    from producers.identity import Pseudonyms, load_keys
    from producers.interrupts import Interrupted, Interrupts
    from producers.publisher import Publisher
    from producers.run import wall_clock_ms
    from stream_jobs.dlq_replay import Account, Replay
    from stream_jobs.dlq_revive import Rules

    _require_choice(chosen, all_)
    settings = load(ProducerSettings, os.environ)
    campaigns = functools.cache(make_wanted)  # needed only where a letter comes from a firehose

    def matches(post: Post) -> bool:
        return campaigns().matches(post)

    names = Pseudonyms(load_keys(settings))
    rules = Rules(topics.check(settings), names=names, clock_ms=wall_clock_ms, matches=matches)
    account, ended = Account(), "finished"
    failure: HashtideError | None = None
    with opened(settings) as topic:
        entries = chosen.select(_index(topic).entries)
        account.selected = len(entries)
        try:
            with nullcontext() if dry_run else Publisher(settings) as kafka, Interrupts() as interrupts:
                run = Replay(rules, kafka, account)
                try:
                    for entry, letter in interrupts.pull(_shown(topic.letters(entries), len(entries))):
                        run.take(entry, letter)
                except Interrupted:
                    pass
                run.settle()
                if interrupts.asked:
                    ended = "interrupted"
        except HashtideError as error:  # the account says how far it came
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


@dlq.command()
@filters
@every
@dry
@click.option("--yes", is_flag=True, help="Ask no question.")
@as_json
def drop(chosen: Filter, all_: bool, dry_run: bool, yes: bool, json_: bool) -> None:
    """Take letters out for good."""
    from producers.publisher import Publisher
    from stream_jobs.dlq_replay import LETTERS_AT_ONCE, tombstone

    _require_choice(chosen, all_)
    settings = _ready()
    with opened(settings) as topic:
        entries = chosen.select(_index(topic).entries)
    if entries and not dry_run:
        if not yes:
            click.confirm(f"Drop {len(entries):,} dead letters for good?", abort=True, err=True)
        with Publisher(settings) as kafka:
            for number, entry in enumerate(_shown(entries, len(entries)), 1):
                kafka.send(*tombstone(entry))
                if number % LETTERS_AT_ONCE == 0:
                    kafka.flush()
    if json_:
        click.echo(
            json.dumps({"selected": len(entries), "dropped": 0 if dry_run else len(entries), "dry_run": dry_run})
        )
    else:
        click.echo(f"{len(entries):,} letters {'would be dropped' if dry_run else 'dropped'}")


def _print_account(account: "Account", dry_run: bool) -> None:
    done = "would go back" if dry_run else "went back"
    click.echo(f"{account.replayed:,} of {account.selected:,} letters {done}, as {account.sent:,} messages")
    if account.stayed:
        print_table(("stay", "letters"), [(reason, f"{n:,}") for reason, n in account.stayed.most_common()])
    if WITHOUT_BYTES in account.stayed:
        click.echo(f"{WITHOUT_BYTES}: {NOT_KEPT}")


def _ready() -> ProducerSettings:
    """The settings. Raises WrongSetting, and TopicsUnready where Kafka has no topics of ours."""
    settings = load(ProducerSettings, os.environ)
    topics.check(settings)
    return settings


def _require_choice(chosen: Filter, all_: bool) -> None:
    if chosen == EVERYTHING and not all_:
        raise click.UsageError("name letters by their ids or by a filter, or say --all")


def _index(topic: DeadTopic) -> Index:
    with progress("reading posts.dead") as show:
        index = topic.index(show)
    if index.unreadable:
        log.warning("%s records of posts.dead are no dead letters of this version: passed over", index.unreadable)
    return index


def _shown(items: Iterable[Item], total: int) -> Generator[Item, None, None]:
    """The items, with progress on stderr."""
    with progress("letters") as show:
        for number, item in enumerate(items, 1):
            yield item
            show(number, total)


def _line(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": _time(entry.at_ms),
        "reason": entry.reason,
        "source": entry.source,
        "bytes": entry.size,
    }


def _row(group: Group) -> dict[str, Any]:
    return {
        "letters": group.count,
        "reason": group.reason,
        "source": group.source,
        "newest": _time(group.newest_ms),
        "bytes": group.size,
    }


def _time(moment_ms: int) -> str:
    """To the second, ISO 8601, UTC."""
    return datetime.fromtimestamp(moment_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
