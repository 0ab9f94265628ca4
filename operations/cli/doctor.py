"""`hashtide doctor`: its options, and what it prints."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
import msgspec

from hashtide.escapes import escaped
from operations.doctor.findings import Finding, State, tally
from operations.terminal import as_json

COLOURS: Final[dict[State, dict[str, Any]]] = {
    "ok": {"fg": "green"},
    "warning": {"fg": "yellow", "bold": True},
    "wrong": {"fg": "red", "bold": True},
    "not checked": {"dim": True},
}
STATE_CHARS: Final = len("not checked")
CHECK_CHARS: Final = len("elasticsearch connection")


@click.command()
@as_json
def doctor(json_: bool) -> None:
    """Check settings, Kafka, Elasticsearch, workers and this machine: what is wrong, and what to do.

    Changes nothing, and takes some seconds. The exit status is 1 where something is wrong; warnings alone are 0. Each
    check is explained in docs/doctor.md.
    """
    from operations.doctor.examine import examine

    findings = []
    with _silence():
        for finding in examine(os.environ):
            findings.append(finding)
            if not json_:
                _print(finding)
    counts = tally(findings)
    if json_:
        click.echo(msgspec.json.encode({"counts": counts, "checks": findings}))
    else:
        click.echo(", ".join(f"{count} {state}" for state, count in counts.items()))
    if counts["wrong"]:
        sys.exit(1)


@contextmanager
def _silence() -> Iterator[None]:
    """What clients and the connections log is in the findings; at debug it comes all the same."""
    before = logging.root.manager.disable
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _print(finding: Finding) -> None:
    """A line; what to do about it below."""
    state = click.style(f"{finding.state:<{STATE_CHARS}}", **COLOURS[finding.state])
    click.echo(f"{state}  {finding.check:<{CHECK_CHARS}}  {escaped(finding.says)}")
    if finding.do:
        click.echo(f"{'':<{STATE_CHARS + CHECK_CHARS + 4}}→ {escaped(finding.do)}")
