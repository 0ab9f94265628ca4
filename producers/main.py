"""`hashtide produce`: its commands, their options, their progress, and the summary at the end."""

import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from producers import formats
from producers.contract import Origin
from producers.identity import load_key
from producers.pipeline import Intake, Pace
from producers.publisher import Publisher
from producers.settings import ProducerSettings, load
from producers.sources import campaign
from producers.sources.file import STDIN, Line, lines

log = logging.getLogger(__name__)

PROGRESS_EVERY_S = 10.0  # where stderr is no terminal


@click.group()
def produce() -> None:
    """Send posts into Kafka, from files, standard input or a made-up campaign.

    Whatever can't be read as a post goes to the topic posts.dead with the reason; the rest goes on. At the end one
    line of JSON on stdout says what became of everything: read = posts + edits + deletes + control + dead.
    """


class Speed(click.ParamType):
    """`max`, or how many times as fast as it happened."""

    name = "max|N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == "max":
            return None
        try:
            speed = float(str(value))
        except ValueError:
            speed = 0.0
        if not 0 < speed < float("inf"):
            self.fail(f"{value!r} is neither 'max' nor a number above 0", param, ctx)
        return speed


speed_option = click.option(
    "--speed",
    type=Speed(),
    default="max",
    show_default=True,
    help="max: as fast as Kafka takes it; 1: as fast as it happened; N: N times as fast.",
)


@produce.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", *formats.FORMATS]),
    default="auto",
    show_default=True,
    help="What the lines are; auto looks at each.",
)
@speed_option
def file(paths: tuple[Path, ...], format_: str, speed: float | None) -> None:
    """Send the lines of files: one payload a line. '-' is standard input, .gz is unpacked."""
    for path in paths:
        if path != STDIN and not path.is_file():
            raise click.BadParameter(f"{path} is not a file", param_hint="PATH")
    total = None if STDIN in paths else sum(path.stat().st_size for path in paths)
    _run(_files(paths), format=format_, origin="replay", speed=speed, total=total)


@produce.command("campaign")
@click.option("--posts", type=click.IntRange(1, 10_000_000), default=60_000, show_default=True, help="How many posts.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same posts.")
@click.option("--hours", type=click.IntRange(1, 24 * 60), default=48, show_default=True, help="Over how long.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ"]),
    help="When it begins, UTC. [default: so that it ends with the last full hour]",
)
@speed_option
def campaign_(posts: int, seed: int, hours: int, start: datetime | None, speed: float | None) -> None:
    """Send a made-up campaign: bursts of replies in many languages, with duplicates, late and broken ones."""
    start_ms = campaign_start_ms(start, hours, datetime.now(UTC))
    try:
        total = campaign.plan(posts, seed, start_ms, hours).lines
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    payloads = campaign.payloads(posts, seed, start_ms, hours)
    numbered = (
        Line("campaign", f"seed {seed} line {number}", payload, number) for number, payload in enumerate(payloads, 1)
    )
    _run(numbered, format="native", origin="synthetic", speed=speed, total=total)


def campaign_start_ms(start: datetime | None, hours: int, now: datetime) -> int:
    """When a made-up campaign begins: at `start`, else so that it ends with the last full hour before `now`."""
    if start is None:
        start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
    return int(start.replace(tzinfo=UTC).timestamp() * 1000)


def _files(paths: Iterable[Path]) -> Iterator[Line]:
    before = 0
    for path in paths:
        for line in lines(path):
            yield line._replace(consumed=before + line.consumed)
        before += path.stat().st_size if path != STDIN else 0


def _run(payloads: Iterable[Line], *, format: str, origin: Origin, speed: float | None, total: int | None) -> None:
    """One run: settings, Kafka, progress, and the summary on stdout, whatever ends it."""
    settings = load(ProducerSettings, os.environ)
    key = load_key(settings)
    started = time.monotonic()
    ended = "finished"
    with Publisher(settings) as publisher:
        pace = None if speed is None else Pace(speed, time.monotonic, time.sleep)
        intake = Intake(publisher, format=format, origin=origin, author_key=key, clock_ms=wall_clock_ms, pace=pace)
        try:
            with sigterm_as_interrupt(), progress(intake, total) as shown:
                intake.take_all(shown(payloads))
        except KeyboardInterrupt:
            ended = "interrupted"
            log.warning("interrupted: what was read is sent, the rest is not")
    summary = {"read": intake.account.read, "sent": intake.account.sent}
    summary |= {name: getattr(intake.account, name) for name in intake.account.__struct_fields__}
    click.echo(json.dumps(summary | {"seconds": round(time.monotonic() - started, 3), "ended": ended}))
    if ended != "finished":
        sys.exit(130)


def wall_clock_ms() -> int:
    """Now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """A SIGTERM ends a run as Ctrl-C does: what was read is flushed, and the summary is printed."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def progress(intake: Intake, total: int | None) -> Iterator["Shown"]:
    """A bar on stderr where that is a terminal, else a line now and then; `Line.consumed` runs up to `total`."""
    console = Console(stderr=True)
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[posts]:,} posts, {task.fields[dead]:,} dead"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield Shown(bar, intake, total, logs=not console.is_terminal)


class Shown:
    """Passes payloads through and shows how far they are, a few times a second at most."""

    def __init__(self, bar: Progress, intake: Intake, total: int | None, *, logs: bool) -> None:
        self._bar, self._intake, self._logs = bar, intake, logs
        self._task = bar.add_task("producing", total=total, posts=0, dead=0)
        self._every_s = PROGRESS_EVERY_S if logs else 0.2

    def __call__(self, payloads: Iterable[Line]) -> Iterator[Line]:
        shown_at = time.monotonic()
        for line in payloads:
            yield line
            if time.monotonic() - shown_at > self._every_s:
                shown_at = time.monotonic()
                self._show(line.consumed)
        self._show(None)

    def _show(self, consumed: int | None) -> None:
        account = self._intake.account
        if self._logs and consumed is not None:
            log.info("produced %s posts, %s dead letters", f"{account.sent:,}", f"{account.dead:,}")
        done = self._bar.tasks[self._task].total if consumed is None else consumed
        self._bar.update(self._task, completed=done, posts=account.sent, dead=account.dead)
