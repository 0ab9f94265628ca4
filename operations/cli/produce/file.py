"""`hashtide produce file`."""

import os
import threading
from collections.abc import Generator, Iterable
from pathlib import Path

import click

from hashtide.clock import wall_clock_ms
from hashtide.settings import load
from operations.cli.produce.running import metrics_option, parse_as, run_and_report
from operations.cli.produce.speed import speed_option
from producers import formats
from producers.run import RunOptions, serve_metrics
from producers.settings import ProducerSettings
from producers.sources.file import STDIN, lines
from producers.sources.follow import FilePosition, Followed, position_name
from producers.sources.merged import merged, sleeper
from producers.sources.positions import Positions
from producers.sources.received import Received


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", *formats.FORMATS]),
    default="auto",
    show_default=True,
    help="Format of the lines; auto detects it line by line.",
)
@speed_option
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that publish, at most one per core; posts keep their order.",
)
@click.option("--follow", is_flag=True, help="Follow growing files like tail -F, until a signal stops it.")
@metrics_option
def file(
    paths: tuple[Path, ...], format_: str, speed: float | None, jobs: int, follow: bool, metrics_port: int | None
) -> None:
    """Send the lines of files, one payload per line.

    '-' is standard input; .gz files are unpacked. With --follow a file may be rotated, truncated or missing at first.
    The position is saved, and the next run continues from there.
    """
    settings = load(ProducerSettings, os.environ)
    if follow and jobs > 1:
        raise click.UsageError("--jobs can't be used with --follow: one process is fast enough")
    if follow and speed is not None:
        raise click.UsageError("--speed can't be used with --follow: the file grows at its own speed")
    for path in paths:
        if follow and (path == STDIN or path.suffix == ".gz"):
            raise click.BadParameter(f"{path} can't be followed: it must be a plain file", param_hint="PATH")
        if not follow and path != STDIN and not path.is_file():
            raise click.BadParameter(f"{path} is not a file", param_hint="PATH")

    serve_metrics("file", metrics_port, settings)
    if follow:
        positions, stop = Positions(settings.state_dir), threading.Event()
        followed = [_followed(path, positions, stop) for path in dict.fromkeys(paths)]
        options = RunOptions(origin="live", positions=positions)
        run_and_report(merged([each.items for each in followed], stop), parse_as(format_), settings, options)
    else:
        total = None if STDIN in paths else sum(path.stat().st_size for path in paths)
        options = RunOptions(origin="replay", speed=speed, jobs=jobs)
        run_and_report(_files(paths), parse_as(format_), settings, options, total)


def _files(paths: Iterable[Path]) -> Generator[Received, None, None]:
    before = 0
    for path in paths:
        for line in lines(path):
            yield line._replace(consumed=before + line.consumed)
        before += path.stat().st_size if path != STDIN else 0


def _followed(path: Path, positions: Positions, stop: threading.Event) -> Followed:
    position = positions.load(position_name(path), "place", FilePosition)
    return Followed(path, position, clock_ms=wall_clock_ms, sleep=sleeper(stop))
