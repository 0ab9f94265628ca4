"""`hashtide produce`: its commands and their options, for what has an end; `live` has the streams."""

import os
import threading
from collections.abc import Generator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from producers import formats, live
from producers.run import run, serve_metrics, wall_clock_ms
from producers.settings import ProducerSettings, load
from producers.sources import campaign
from producers.sources.file import STDIN, lines
from producers.sources.follow import Followed, Place, position_name
from producers.sources.merged import merged, sleeper
from producers.sources.positions import Positions
from producers.sources.received import Received


@click.group()
def produce() -> None:
    """Send posts into Kafka, from files, live platforms or a made-up campaign.

    Whatever can't be read as a post goes to the topic posts.dead with the reason; the rest goes on. At the end one
    line of JSON on stdout says what became of everything: read = posts + edits + deletes + control + filtered + dead.
    """


produce.add_command(live.x_)
produce.add_command(live.mastodon_)
produce.add_command(live.jetstream_)


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
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that publish; posts keep their order. One a core is worth it.",
)
@click.option("--follow", is_flag=True, help="Go on as files grow, like tail -F, until a signal ends it.")
@live.metrics_option
def file(
    paths: tuple[Path, ...], format_: str, speed: float | None, jobs: int, follow: bool, metrics_port: int | None
) -> None:
    """Send the lines of files: one payload a line. '-' is standard input, .gz is unpacked.

    With --follow a file may be rotated, cut, or not yet be there; how far it was read is kept, and taken up again.
    """
    settings = load(ProducerSettings, os.environ)
    if follow and jobs > 1:
        raise click.UsageError("--jobs does not go with --follow: a file does not grow that fast")
    if follow and speed is not None:
        raise click.UsageError("--speed does not go with --follow: a growing file has its own")
    for path in paths:
        if follow and (path == STDIN or path.suffix == ".gz"):
            raise click.BadParameter(f"{path} can't be followed: it must be a plain file", param_hint="PATH")
        if not follow and path != STDIN and not path.is_file():
            raise click.BadParameter(f"{path} is not a file", param_hint="PATH")

    def parse(received: Received) -> list[formats.Outcome]:
        return formats.parse(received.payload, format_)

    serve_metrics("file", metrics_port, settings)
    if follow:
        positions, stop = Positions(settings.state_dir), threading.Event()
        followed = [_followed(path, positions, stop) for path in dict.fromkeys(paths)]
        run(merged([each.items for each in followed], stop), settings, parse=parse, origin="live", positions=positions)
    else:
        total = None if STDIN in paths else sum(path.stat().st_size for path in paths)
        run(_files(paths), settings, parse=parse, origin="replay", speed=speed, total=total, jobs=jobs)


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
    settings = load(ProducerSettings, os.environ)
    start_ms = campaign_start_ms(start, hours, datetime.now(UTC))
    try:
        total = campaign.plan(posts, seed, start_ms, hours).lines
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    payloads = campaign.payloads(posts, seed, start_ms, hours)
    numbered = (
        Received("campaign", f"seed {seed} line {number}", payload, number)
        for number, payload in enumerate(payloads, 1)
    )
    run(
        numbered,
        settings,
        parse=lambda received: formats.parse(received.payload, "native"),
        origin="synthetic",
        speed=speed,
        total=total,
    )


def campaign_start_ms(start: datetime | None, hours: int, now: datetime) -> int:
    """When a made-up campaign begins: at `start`, else so that it ends with the last full hour before `now`."""
    if start is None:
        start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
    return int(start.replace(tzinfo=UTC).timestamp() * 1000)


def _files(paths: Iterable[Path]) -> Generator[Received, None, None]:
    before = 0
    for path in paths:
        for line in lines(path):
            yield line._replace(consumed=before + line.consumed)
        before += path.stat().st_size if path != STDIN else 0


def _followed(path: Path, positions: Positions, stop: threading.Event) -> Followed:
    place = positions.load(position_name(path), "place", Place)
    return Followed(path, place, clock_ms=wall_clock_ms, sleep=sleeper(stop))
