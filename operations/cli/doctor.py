"""`hashtide doctor`: options and output."""

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
    """Find what is wrong, and say what to do.

    Checks settings, this machine, Kafka, workers and Elasticsearch. Changes nothing. Takes a few seconds. The exit
    status is 1 if something is wrong, 0 if there are only warnings. docs/doctor.md explains each check.
    """
    from operations.doctor.examine import examine

    findings = []
    with _logging_off():
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
def _logging_off() -> Iterator[None]:
    """No log lines, except at debug: the findings already say what the clients would log."""
    before = logging.root.manager.disable
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _print(finding: Finding) -> None:
    """One line; what to do goes below it."""
    state = click.style(f"{finding.state:<{STATE_CHARS}}", **COLOURS[finding.state])
    click.echo(f"{state}  {finding.check:<{CHECK_CHARS}}  {escaped(finding.says)}")
    if finding.do:
        click.echo(f"{'':<{STATE_CHARS + CHECK_CHARS + 4}}→ {escaped(finding.do)}")
