"""One run of `hashtide produce`: a source, the way in to Kafka, progress, and the account at the end."""

import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable, Generator, Iterator

import click
from prometheus_client import start_http_server
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from producers import metrics
from producers.contract import Gap, Origin, Post
from producers.identity import Pseudonyms, load_keys
from producers.interrupts import Interrupted, Interrupts
from producers.pipeline import DAY_MS, Account, Intake, Pace, Parse
from producers.publisher import Publisher, PublishFailed
from producers.publishers import Publishers
from producers.settings import ProducerSettings, WrongSetting
from producers.sources.lost import Refused
from producers.sources.positions import Checkpoints, Positions
from producers.sources.received import Item, Received

log = logging.getLogger(__name__)

REPORT_S = 10.0  # how often progress is logged where stderr is no terminal
REPORT_ENDLESS_S = 60.0


def run(
    items: Generator[Item | None, None, None],
    settings: ProducerSettings,
    *,
    parse: Parse,
    origin: Origin,
    positions: Positions | None = None,
    matches: Callable[[Post], bool] = lambda post: True,
    speed: float | None = None,
    total: int | None = None,
    jobs: int = 1,
    max_age_days: int | None = None,
) -> None:
    """Send on what a source gives, until it ends or a signal comes; then the account, as JSON, on stdout.

    `jobs`: how many processes publish. `max_age_days`: how old posts may be; None: any age. With `positions` the source
    is a stream, and a signal is its proper end; without, the run is cut short, and exits with 130. Blocks. Raises
    HashtideError, OSError, EOFError.
    """
    names = Pseudonyms(load_keys(settings))
    started = time.monotonic()
    account = Account()
    ended = "finished"
    failure: Exception | None = None
    try:
        several = Publisher(settings) if jobs == 1 else Publishers(settings, jobs)
        with several as publisher, Interrupts() as interrupts:
            pace = None if speed is None else Pace(speed, time.monotonic, interrupts.sleep)
            intake = Intake(
                publisher,
                parse,
                account,
                origin=origin,
                names=names,
                clock_ms=wall_clock_ms,
                matches=matches,
                pace=pace,
                max_age_ms=None if max_age_days is None else max_age_days * DAY_MS,
            )
            checkpoints = None if positions is None else Checkpoints(publisher.flush, positions, time.monotonic)
            try:
                with progress(account, total, endless=positions is not None) as show:
                    for item in interrupts.pull(items):
                        if isinstance(item, Received | Gap):
                            intake.take(item)
                        if checkpoints is not None:
                            checkpoints.passed(item)
                        show(item.consumed if isinstance(item, Received) else 0)
            except Interrupted:
                pass
            except (Refused, OSError, EOFError) as error:
                ended, failure = "failed", error
            if interrupts.asked:
                ended = "interrupted"
                log.info("asked to end: sending what was read")
            if checkpoints is not None:
                checkpoints.save()
    except PublishFailed as error:  # also from the last flush; the account says what was read, Kafka has less
        ended, failure = "failed", error
    click.echo(json.dumps(summary(account, time.monotonic() - started, ended)))
    if failure is not None:
        raise failure
    if ended == "interrupted" and positions is None:
        sys.exit(130)


def summary(account: Account, seconds: float, ended: str) -> dict[str, object]:
    """The account of a run, for scripts: read = posts + edits + deletes + control + filtered + dead."""
    fates = {name: getattr(account, name) for name in account.__struct_fields__}
    return {"read": account.read, "sent": account.sent} | fates | {"seconds": round(seconds, 3), "ended": ended}


def serve_metrics(source: str, port: int | None, settings: ProducerSettings) -> None:
    """Answer /metrics from a thread of its own, where a port is given. Raises WrongSetting if it is taken."""
    if not port:
        return
    metrics.expect(source)
    try:
        start_http_server(port, addr=settings.metrics_host)
    except OSError as error:
        where = f"{settings.metrics_host}:{port}"
        raise WrongSetting(f"--metrics-port={port}: can't listen on {where}: {error.strerror}") from None


def wall_clock_ms() -> int:
    """Now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@contextlib.contextmanager
def progress(account: Account, total: int | None, *, endless: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal, else a line now and then. Call what it gives with how much is consumed
    of `total`; it shows a few times a second at most.
    """
    console = Console(stderr=True)
    terminal = console.is_terminal
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[posts]:,} posts, {task.fields[dead]:,} dead"),
        TimeElapsedColumn(),
    )
    every_s = 0.2 if terminal else REPORT_ENDLESS_S if endless else REPORT_S
    shown_at = time.monotonic()
    with Progress(*columns, console=console, disable=not terminal) as bar:
        task = bar.add_task("producing", total=total, posts=0, dead=0)

        def show(consumed: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at < every_s:
                return
            shown_at = time.monotonic()
            bar.update(task, completed=consumed, posts=account.sent, dead=account.dead)
            if not terminal:
                log.info("produced %s posts, %s dead letters", f"{account.sent:,}", f"{account.dead:,}")

        yield show
        bar.update(task, completed=total, posts=account.sent, dead=account.dead)
