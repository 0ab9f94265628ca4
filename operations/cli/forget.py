"""`hashtide forget`: its options, and what it prints."""

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
from operations.forget import forget as forgotten
from operations.terminal import as_json, progress
from stream_jobs.settings import StreamSettings

STDIN: Final = "-"

_NAMED: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,31}):(\S+)")
_AUTHORS: Final = {
    "x": (re.compile("[0-9]+"), "a number, not a name"),
    "bluesky": (re.compile("did:.+"), "a DID (did:plc:...), not a handle"),
    "mastodon": (re.compile("https?://.+"), "the address of the account (https://HOST/users/NAME), not @NAME@HOST"),
}
"""What platforms call authors by: a name that is none finds nothing, and would look like an answer."""


@click.command()
@click.option("--author", "authors", multiple=True, metavar="PLATFORM:ID", help="All posts of an author; repeatable.")
@click.option("--post", "posts", multiple=True, metavar="PLATFORM:ID", help="One post; repeatable.")
@click.option("--dry-run", is_flag=True, help="Only tell how many there are, and what the authors are called.")
@as_json
def forget(authors: tuple[str, ...], posts: tuple[str, ...], dry_run: bool, json_: bool) -> None:
    """Empty what is known of a person's posts, on their request, as a deletion by the platform does.

    The id is the platform's own: of X a number, of Bluesky a DID, of Mastodon the account's address. '-' instead of one
    reads them from standard input, a line each: what is on a command line, others on this machine can see.

    It waits for the workers to handle what is on its way. Counts stay: they name nobody. To run it again does no harm.
    The exit status is 1 where messages are left that no worker has handled. docs/privacy.md has the whole procedure.
    """
    if not authors and not posts:
        raise click.UsageError("name authors by --author or posts by --post")
    if STDIN in authors and STDIN in posts:
        raise click.UsageError("standard input has either authors or posts")
    of_authors, of_posts = list(_named(authors, "--author")), list(_named(posts, "--post"))
    for platform, id_ in of_authors:
        pattern, must = _AUTHORS.get(platform, (None, ""))
        if pattern and not pattern.fullmatch(id_):
            click.echo(f"hashtide: an author of {platform} is {must}: most likely nothing is found", err=True)
    with progress("messages handled by the workers") as show:
        settings = load(StreamSettings, os.environ)
        verdict = forgotten(settings, of_authors, of_posts, dry_run=dry_run, show=show)
    if json_:
        until = {topic: None if ms is None else iso(ms) for topic, ms in verdict.kept_until_ms.items()}
        told = msgspec.structs.asdict(verdict)
        del told["kept_until_ms"]
        click.echo(msgspec.json.encode(told | {"kept_until": until}))
    else:
        _print(verdict)
    if verdict.on_their_way and not dry_run:
        sys.exit(1)


def _named(given: Iterable[str], option: str) -> Iterator[Named]:
    """What is given, and what standard input has where that is asked for. An error quotes none of it."""
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


def _print(verdict: ForgetResult) -> None:
    if verdict.dry_run:
        left = verdict.found - verdict.empty_already
        click.echo(f"{left:,} posts would be emptied, {verdict.empty_already:,} are empty already")
        if verdict.on_their_way:
            click.echo(f"{verdict.on_their_way:,} messages are on their way to be counted, whoever's they are")
        for author in verdict.authors:
            click.echo(f"author {author}")
    else:
        click.echo(f"{verdict.emptied:,} posts emptied, {verdict.empty_already:,} were empty already")
        if verdict.on_their_way:
            click.echo(
                f"{verdict.on_their_way:,} messages wait for a worker, and may be of this person: "
                "start one, and run this again",
                err=True,
            )
    for topic, until_ms in verdict.kept_until_ms.items():
        until = "for ever: it has no retention" if until_ms is None else f"until {iso(until_ms)} at the latest"
        click.echo(f"Kafka keeps what was sent to {topic} {until}")
