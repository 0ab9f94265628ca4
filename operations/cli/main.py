"""`hashtide`: the table of commands, and how errors are reported."""

import contextlib
import logging
import os
import sys
from typing import Final

import click

from hashtide import logs
from hashtide.errors import HashtideError
from hashtide.escapes import escaped
from hashtide.settings import PREFIX, Common, WrongSetting, described, load
from operations.cli.lazy import lazy_group
from operations.settings import KINDS

log = logging.getLogger(__name__)

COMMANDS: Final = {
    "backtest": "operations.cli.backtest:backtest",
    "counts": "operations.cli.counts:counts",
    "demo": "operations.cli.demo:demo",
    "dlq": "operations.cli.dlq:dlq",
    "doctor": "operations.cli.doctor:doctor",
    "down": "operations.cli.down:down",
    "forget": "operations.cli.forget:forget",
    "key": "operations.cli.key:key",
    "produce": "operations.cli.produce:produce",
    "retention": "operations.cli.retention:retention",
    "settings": "operations.cli.settings:settings",
    "setup": "operations.cli.setup:setup",
    "status": "operations.cli.status:status",
    "tag": "operations.cli.tag:tag",
    "up": "operations.cli.up:up",
    "verify": "operations.cli.verify:verify",
    "watch": "operations.cli.watch:watch",
    "worker": "operations.cli.worker:worker",
}


@click.group(
    cls=lazy_group(COMMANDS), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="hashtide")
def cli() -> None:
    """Count the posts of hashtag campaigns live, exactly once, into Elasticsearch.

    \b
    Try it, with nothing but Python:         hashtide demo
    Step by step:
      eval "$(hashtide up)"                  start Kafka and Elasticsearch on this machine
      hashtide setup                         create topics and index templates
      hashtide worker &                      enrich and count
      hashtide produce file posts.jsonl      send posts
      hashtide counts --by language          print the counts
      hashtide watch                         watch them live
      hashtide down                          stop Kafka and Elasticsearch

    Settings are environment variables: `hashtide settings` lists them.
    """


def main() -> None:
    """The entry point: a known error is one line on stderr and an exit status, not a traceback."""
    settings = log_settings()
    logs.setup(settings)
    try:
        warn_of_unknown_settings()
        cli(prog_name="hashtide")
    except (HashtideError, OSError, EOFError) as error:
        if settings.log_format == "json":
            log.critical("%s", error)
        else:
            click.echo("\n".join(map(escaped, f"hashtide: {error}".splitlines())), err=True)
        sys.exit(error.exit_status if isinstance(error, HashtideError) else 1)


def log_settings() -> Common:
    """How to log; the defaults if a setting is wrong: the command reports that itself."""
    with contextlib.suppress(WrongSetting):
        return load(Common, os.environ)
    return Common()


def warn_of_unknown_settings() -> None:
    """Warn of unknown HASHTIDE_ variables: otherwise a misspelt setting goes unnoticed."""
    known = {setting.name for kind in KINDS for setting in described(kind)}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}FAUST_") and name not in known:
            log.warning("%s is not a known setting: `hashtide settings` lists them", name)
