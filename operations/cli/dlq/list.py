"""`hashtide dlq list`."""

import json
from typing import Any

import click

from hashtide.escapes import escaped
from operations.cli.dlq.choosing import (
    filters,
    read_index,
    ready,
    to_the_second,
)
from operations.dlq.index import LetterEntry, LetterFilter, LetterGroup, grouped
from operations.dlq.topic import opened
from operations.terminal import as_json, print_table


@click.command("list")
@filters
@click.option("--each", is_flag=True, help="One line per letter, with its id. [default: by reason and source]")
@as_json
def list_(chosen: LetterFilter, each: bool, json_: bool) -> None:
    """Count dead letters by reason and source. Shows no payloads."""
    with opened(ready().pipeline) as topic:
        entries = chosen.select(read_index(topic).entries)
    if json_:
        shown = {"letters": list(map(_line, entries))} if each else {"groups": list(map(_row, grouped(entries)))}
        click.echo(json.dumps(shown | {"total": len(entries)}))
        return
    if each:  # no table: it would wrap lines in a narrow terminal
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


def _line(entry: LetterEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": to_the_second(entry.at_ms),
        "reason": entry.reason,
        "source": entry.source,
        "bytes": entry.size,
    }


def _row(group: LetterGroup) -> dict[str, Any]:
    return {
        "letters": group.count,
        "reason": group.reason,
        "source": group.source,
        "newest": to_the_second(group.newest_ms),
        "bytes": group.size,
    }
