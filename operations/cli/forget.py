"""`hashtide forget`: options and output."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final

import click
import msgspec

from hashtide.settings import load
from hashtide.times import iso
from operations.forget import ForgetResult, Named
from operations.forget import forget as empty_posts
from operations.terminal import as_json, progress
from stream_jobs.settings import StreamSettings

STDIN: Final = "-"

_NAMED: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,31}):(\S+)")
_AUTHORS: Final = {
    "x": (re.compile("[0-9]+"), "a number, not a name"),
    "bluesky": (re.compile("did:.+"), "a DID (did:plc:...), not a handle"),
    "mastodon": (re.compile("https?://.+"), "the address of the account (https://HOST/users/NAME), not @NAME@HOST"),
}
"""The shape of each platform's author ids: an id of another shape finds nothing, which looks like a valid answer."""


@click.command()
@click.option("--author", "authors", multiple=True, metavar="PLATFORM:ID", help="All posts of an author; repeatable.")
@click.option("--post", "posts", multiple=True, metavar="PLATFORM:ID", help="One post; repeatable.")
@click.option("--dry-run", is_flag=True, help="Only print how many posts there are, and the authors' hashes.")
@as_json
def forget(authors: tuple[str, ...], posts: tuple[str, ...], dry_run: bool, json_: bool) -> None:
    """Empty a person's posts in the ledger, on their request.

    Does what a deletion by the platform does. ID is the platform's own: on X a number, on Bluesky a DID, on Mastodon
    the account's address. '-' reads PLATFORM:ID lines from standard input: other users of this machine can see
    command lines.

    Waits until the workers have handled all earlier messages. Counts stay: they name nobody. Idempotent. The exit
    status is 1 if messages are left that no worker has handled. docs/privacy.md has the whole procedure.
    """
    if not authors and not posts:
        raise click.UsageError("give --author or --post")
    if STDIN in authors and STDIN in posts:
        raise click.UsageError("'-' works for either --author or --post, not for both")
    of_authors, of_posts = list(_named(authors, "--author")), list(_named(posts, "--post"))
    for platform, id_ in of_authors:
        pattern, must = _AUTHORS.get(platform, (None, ""))
        if pattern and not pattern.fullmatch(id_):
            click.echo(f"hashtide: an author on {platform} is {must}: probably nothing will be found", err=True)
    with progress("messages handled by the workers") as show:
        settings = load(StreamSettings, os.environ)
        result = empty_posts(settings, of_authors, of_posts, dry_run=dry_run, show=show)
    if json_:
        until = {topic: None if ms is None else iso(ms) for topic, ms in result.kept_until_ms.items()}
        report = msgspec.structs.asdict(result)
        del report["kept_until_ms"]
        click.echo(msgspec.json.encode(report | {"kept_until": until}))
    else:
        _print(result)
    if result.on_their_way and not dry_run:
        sys.exit(1)


def _named(given: Iterable[str], option: str) -> Iterator[Named]:
    """The ids given, and those on standard input for '-'. Errors quote no id. Raises BadParameter."""
    for value in given:
        lines = click.get_text_stream("stdin") if value == STDIN else [value]
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            found = _NAMED.fullmatch(line.strip())
            if not found:
                where = f" in line {number}" if value == STDIN else ""
                raise click.BadParameter(f"must be PLATFORM:ID, such as x:44196397{where}", param_hint=option)
            yield Named(found[1].lower(), found[2])


def _print(result: ForgetResult) -> None:
    if result.dry_run:
        left = result.found - result.empty_already
        click.echo(f"{left:,} posts would be emptied, {result.empty_already:,} are already empty")
        if result.on_their_way:
            click.echo(f"{result.on_their_way:,} messages, of any author, are not counted yet")
        for author in result.authors:
            click.echo(f"author {author}")
    else:
        click.echo(f"{result.emptied:,} posts emptied, {result.empty_already:,} were already empty")
        if result.on_their_way:
            click.echo(
                f"{result.on_their_way:,} messages wait for a worker, and may be from this person: "
                "start a worker, then run this again",
                err=True,
            )
    for topic, until_ms in result.kept_until_ms.items():
        until = "forever: the topic has no retention" if until_ms is None else f"until {iso(until_ms)} at the latest"
        click.echo(f"Kafka keeps what was sent to {topic} {until}")
