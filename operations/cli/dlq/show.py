"""`hashtide dlq show`."""

import click
import msgspec

from hashtide.contract.names import POSTS_RAW
from hashtide.escapes import escaped
from hashtide.kafka import topics
from operations.cli.dlq.choosing import NO_LONGER_KEPT, NOT_KEPT, NotKept, read_index, ready, to_the_second
from operations.dlq.index import LetterFilter, UnknownLetter
from operations.dlq.records import opened_raw, raw_place
from operations.dlq.topic import opened
from operations.terminal import as_json, print_json


@click.command()
@click.argument("id_", metavar="ID")
@click.option("--raw", is_flag=True, help="Print only its bytes, unchanged, to a file or a pipe.")
@as_json
def show(id_: str, raw: bool, json_: bool) -> None:
    """Print one dead letter and its bytes.

    Control characters are escaped, such as \\x1b.
    """
    stdout = click.get_binary_stream("stdout")
    if raw and json_:
        raise click.UsageError("give either --raw or --json")
    if raw and stdout.isatty():
        raise click.UsageError("--raw may send control characters to the terminal: redirect it, > FILE")
    found = ready()
    with opened(found.pipeline) as topic, opened_raw(found.pipeline, found.raw.id) as records:
        newest = max(LetterFilter(ids=(id_,)).select(read_index(topic).entries), key=lambda entry: entry.at_ms)
        whole = next(records.whole(topic.letters([newest])), None)
    if whole is None:
        raise UnknownLetter(f"dead letter {newest.id} was deleted a moment ago")
    letter, value = whole.letter, whole.value
    gone = NOT_KEPT if raw_place(letter) is None else NO_LONGER_KEPT
    kept_ms = topics.kept_ms(found.pipeline)[POSTS_RAW]
    until_ms = None if whole.appended_ms is None or kept_ms is None else whole.appended_ms + kept_ms
    if raw:
        if value is None:
            raise NotKept(f"dead letter {newest.id} has no bytes: {gone}")
        stdout.write(value)
    elif json_:
        until = {} if until_ms is None else {"kept_until": to_the_second(until_ms)}
        print_json(
            {"id": newest.id, "at": to_the_second(letter.at_ms)}
            | msgspec.structs.asdict(letter)
            | until
            | ({} if value is None else {"payload": value})
        )
    else:
        for name, text in (
            ("id", newest.id),
            ("reason", letter.reason),
            ("detail", letter.detail),
            ("source", letter.source),
            ("position", letter.position),
            ("buried", to_the_second(letter.at_ms)),
            ("bytes", f"{newest.size if value is None else len(value):,}"),
        ):
            click.echo(f"{name:<8}  {escaped(text)}")
        if until_ms is not None:
            click.echo(f"until     {to_the_second(until_ms)} at the latest: then {POSTS_RAW} deletes its record")
        if value is not None:
            click.echo(f"\n{escaped(value.decode(errors='backslashreplace'))}")
        else:
            click.echo(f"digest    {letter.digest}\n\n{gone}")
