"""`hashtide`: every command, its options, and what it prints. The work is done elsewhere."""

import contextlib
import json
import logging
import os
import signal
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from producers import formats, logs
from producers.errors import HashtideError
from producers.escapes import escaped
from producers.settings import PREFIX, Common, ProducerSettings, WrongSetting, described, load, without_login
from stream_jobs.settings import StreamSettings
from stream_jobs.terminal import Moment, as_json, print_json, print_table

if TYPE_CHECKING:
    from producers.wanted import Wanted
    from stream_jobs.counts import By, Interval

# Everything else is imported by the command that needs it: `hashtide counts` should not wait for Faust and a detector.

log = logging.getLogger(__name__)

LATE = {
    "backtest": "stream_jobs.backtest.cli",
    "dlq": "stream_jobs.dlq_cli",
    "demo": "stream_jobs.local_cli",
    "doctor": "stream_jobs.doctor.cli",
    "down": "stream_jobs.local_cli",
    "forget": "stream_jobs.forget_cli",
    "key": "stream_jobs.key_cli",
    "produce": "producers.main",
    "retention": "stream_jobs.retention_cli",
    "setup": "stream_jobs.setup_cli",
    "status": "stream_jobs.local_cli",
    "up": "stream_jobs.local_cli",
    "verify": "stream_jobs.verify_cli",
    "watch": "stream_jobs.watch_cli",
}
"""Commands that lie elsewhere: the module that has one, under its name."""


class LateCommands(click.Group):
    """A group, some of whose commands lie in other modules, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *LATE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LATE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(LATE[cmd_name]), cmd_name)
        return command


@click.group(cls=LateCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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


def wanted() -> "Wanted":
    """What the campaigns want of platforms, for the live sources. Raises WrongSetting, WrongCampaign."""
    from producers.wanted import Terms, Wanted
    from stream_jobs.app import load_campaigns
    from stream_jobs.domain import hashtags
    from stream_jobs.domain.campaign import as_it_is

    campaigns = load_campaigns(load(StreamSettings, os.environ), as_it_is)
    return Wanted(
        campaigns=tuple(
            Terms(each.name, each.tags + each.counter_tags, each.phrases if each.phrases_anywhere else (), each.roots)
            for each in campaigns.all
        ),
        matches=lambda post: bool(campaigns.match(post, hashtags.of_post(post))),
    )


@cli.command()
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Port of /metrics, 0 for none. [default: 9464]")
def worker(metrics_port: int | None) -> None:
    """Enrich, count and index posts until a signal ends it. Start as many as there are partitions.

    SIGTERM and Ctrl-C end it cleanly within 10 seconds: the batch in hand is finished and committed. SIGHUP has it load
    the campaigns of HASHTIDE_CAMPAIGNS anew, between two batches; where they can't be used, those from before stay.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # nothing is consumed before Faust runs, and takes it over
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the campaigns are yet to be loaded
    from stream_jobs.worker import run

    settings = load(StreamSettings, os.environ)
    if metrics_port is not None:
        settings = msgspec.structs.replace(settings, metrics_port=metrics_port)
    run(settings)


@cli.command()
@click.argument("paths", metavar="[PATH...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", *formats.FORMATS]),
    default="auto",
    show_default=True,
    help="What the lines are; auto looks at each.",
)
def tag(paths: tuple[Path, ...], format_: str) -> None:
    """Tag posts with no server at all: payload lines in, one JSON object a post out.

    Reads files, or standard input without any. A line that is no post is named on stderr, and the exit status is 1.
    """
    from producers.contract import InvalidPost
    from producers.identity import Pseudonyms, load_keys
    from producers.run import wall_clock_ms
    from producers.sources.file import STDIN, lines
    from stream_jobs.app import load_campaigns
    from stream_jobs.domain.campaign import as_it_is
    from stream_jobs.domain.enrich import Enricher
    from stream_jobs.tagging import tag as tagged

    settings = load(StreamSettings, os.environ)
    enricher = Enricher(load_campaigns(settings, as_it_is), repair_hashtags=settings.repair_hashtags)
    names, failed = Pseudonyms(load_keys(settings)), False
    for path in paths or (STDIN,):
        for line in lines(path):
            for result in tagged(line, format_, enricher, now_ms=wall_clock_ms(), names=names):
                if isinstance(result, InvalidPost):
                    click.echo(escaped(f"{line.source} {line.position}: {result}"), err=True)
                    failed = True
                else:
                    print_json(result)
    if failed:
        sys.exit(1)


@cli.command()
@click.option("--campaign", help="Only posts of this campaign.")
@click.option("--by", type=click.Choice(["language", "region", "hashtag", "kind", "platform"]), help="A row for each.")
@click.option(
    "--interval",
    type=click.Choice(["1m", "5m", "1h", "1d"]),
    help="A row for each such time (UTC).",
)
@click.option("--from", "from_", type=Moment(), help="Windows from here, ISO 8601.")
@click.option("--to", type=Moment(), help="Windows before this.")
@as_json
def counts(
    campaign: str | None,
    by: "By | None",
    interval: "Interval | None",
    from_: datetime | None,
    to: datetime | None,
    json_: bool,
) -> None:
    """Sums out of Elasticsearch, fresh to the last bulk.

    By hashtag, the total is of uses: a post counts once for each of its tags.
    """
    from stream_jobs.counts import counts as sums
    from stream_jobs.sinks.client import connection

    at = connection(load(StreamSettings, os.environ))
    result = sums(at, campaign=campaign, by=by, interval=interval, from_=from_, to=to)
    if json_:
        print_json(result)
    else:
        print_table(
            tuple(name for name, shown in (("start", interval), (by or "", by), ("count", True)) if shown),
            [
                tuple(
                    value for value, shown in ((row.start, interval), (row.key, by), (f"{row.count:,}", True)) if shown
                )
                for row in result.rows
            ],
        )
        click.echo(f"total {result.total:,}")


@cli.command()
@as_json
def settings(json_: bool) -> None:
    """List every setting: its name, what is set now, its default, its type and what it means."""
    all_ = {setting.name: setting for kind in (ProducerSettings, StreamSettings) for setting in described(kind)}
    if json_:
        click.echo(json.dumps([msgspec.to_builtins(s) | {"value": _value_now(s.name)} for s in all_.values()]))
        return
    for setting in all_.values():
        now = _value_now(setting.name)
        click.echo(click.style(setting.name, bold=True) + (f"  (now {now})" if now else ""))
        click.echo(f"    {setting.meaning}")
        click.echo(f"    {setting.type}, default {setting.default or 'unset'}")


def _value_now(name: str) -> str | None:
    value = os.environ.get(name)
    return "***" if value and name.endswith("_TOKEN") else value and without_login(value)


def main() -> None:
    """The entry point: what goes wrong in a known way is a line on stderr and an exit status, not a traceback."""
    settings = log_settings()
    logs.setup(settings)
    try:
        unknown_settings()
        cli(prog_name="hashtide", obj=wanted)
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
    known = {setting.name for kind in (ProducerSettings, StreamSettings) for setting in described(kind)}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}FAUST_") and name not in known:
            log.warning("%s is no setting: `hashtide settings` lists them", name)


if __name__ == "__main__":
    main()
