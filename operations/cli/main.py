"""`hashtide`: the table of its commands, and what becomes of errors."""

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
    """Count the posts of a hashtag campaign as they come, exactly once, and see them in Elasticsearch.

    \b
    A first look, with nothing but Python:   hashtide demo
    Step by step:
      eval "$(hashtide up)"                  Kafka and Elasticsearch on this machine
      hashtide setup                         topics and index templates
      hashtide worker &                      enriches and counts
      hashtide produce file posts.jsonl      sends posts in
      hashtide counts --by language          what came out
      hashtide watch                         ... as a live page
      hashtide down                          stops Kafka and Elasticsearch

    Settings are environment variables: `hashtide settings` lists them.
    """


def main() -> None:
    """The entry point: what goes wrong in a known way is a line on stderr and an exit status, not a traceback."""
    settings = log_settings()
    logs.setup(settings)
    try:
        unknown_settings()
        cli(prog_name="hashtide")
    except (HashtideError, OSError, EOFError) as error:
        if settings.log_format == "json":
            log.critical("%s", error)
        else:
            click.echo("\n".join(map(escaped, f"hashtide: {error}".splitlines())), err=True)
        sys.exit(error.exit_status if isinstance(error, HashtideError) else 1)


def log_settings() -> Common:
    """How to log. A wrong setting is for the command to complain of, once it can be said; it logs as by default."""
    with contextlib.suppress(WrongSetting):
        return load(Common, os.environ)
    return Common()


def unknown_settings() -> None:
    """Warn of variables that look like settings and are none: a misspelt one would go unnoticed."""
    known = {setting.name for kind in KINDS for setting in described(kind)}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}FAUST_") and name not in known:
            log.warning("%s is no setting: `hashtide settings` lists them", name)
