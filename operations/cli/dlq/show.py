"""`hashtide dlq show`."""

import click
import msgspec

from hashtide.escapes import escaped
from operations.cli.dlq.choosing import NOT_KEPT, NotKept, read_index, ready_settings, to_the_second
from operations.dlq.index import LetterFilter, UnknownLetter
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
    with opened(ready_settings()) as topic:
        newest = max(LetterFilter(ids=(id_,)).select(read_index(topic).entries), key=lambda entry: entry.at_ms)
        found = next(topic.letters([newest]), None)
    if found is None:
        raise UnknownLetter(f"dead letter {newest.id} was deleted a moment ago")
    _, letter = found
    if raw:
        if not letter.kept:
            raise NotKept(f"dead letter {newest.id} has no bytes: {NOT_KEPT}")
        stdout.write(letter.payload)
    elif json_:
        print_json({"id": newest.id, "at": to_the_second(letter.at_ms)} | msgspec.structs.asdict(letter))
    else:
        for name, value in (
            ("id", newest.id),
            ("reason", letter.reason),
            ("detail", letter.detail),
            ("source", letter.source),
            ("position", letter.position),
            ("buried", to_the_second(letter.at_ms)),
            ("bytes", f"{newest.size:,}"),
        ):
            click.echo(f"{name:<8}  {escaped(value)}")
        if letter.kept:
            click.echo(f"\n{escaped(letter.payload.decode(errors='backslashreplace'))}")
        else:
            click.echo(f"digest    {letter.digest}\n\n{NOT_KEPT}")
