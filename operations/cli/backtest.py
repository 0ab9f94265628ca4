"""`hashtide backtest`: its options, and what it prints."""

import os
from datetime import datetime
from pathlib import Path

import click
import msgspec

from hashtide.elasticsearch.client import connection
from hashtide.extras import require
from hashtide.settings import load
from hashtide.times import DAY_MS, iso
from operations.backtest import history
from operations.backtest.history import STEP_MS, TimeSeries, WrongSeries
from operations.backtest.run import CAMPAIGN, LANGUAGE, REGION, RULES
from operations.backtest.run import backtest as run
from operations.counts import By, counts
from operations.terminal import Moment, as_json, print_table
from stream_jobs.settings import StreamSettings

SPIKES = {"ReplyVolumeSpike": CAMPAIGN, "LanguageSpike": LANGUAGE, "RegionSpike": REGION}


@click.command()
@click.option(
    "--series", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV: timestamp,value."
)
@click.option("--campaign", help="A campaign's counts, out of Elasticsearch.")
@click.option("--from", "from_", type=Moment(), help="Of a campaign: windows from here, ISO 8601.")
@click.option("--to", type=Moment(), help="Of a campaign: windows before this.")
@click.option("--alert", "alerts", multiple=True, help="An alert to run; again for more.  [default: the spikes]")
@click.option(
    "--rules",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of rules of your own instead of the shipped ones.",
)
@click.option("--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw it all into this PNG.")
@as_json
def backtest(
    file: Path | None,
    campaign: str | None,
    from_: datetime | None,
    to: datetime | None,
    alerts: tuple[str, ...],
    rules: Path | None,
    picture: Path | None,
    json_: bool,
) -> None:
    """Run the shipped alerting rules over history, with the real Prometheus: when would they have fired?

    History is a CSV file with a header and a line for each interval (2031-02-26 21:42:53,17), or a campaign's
    counts. Of a file, times are those of its lines; of a campaign, the ends of its 5-minute windows. Needs
    prometheus and promtool.

    \b
    With --json: {"alerts": [...], "samples": N, "from": T, "to": T, "interval_seconds": 300}. Each alert is
      {"name": "ReplyVolumeSpike", "labels": {"campaign": "...", "severity": "page"},
       "start": "2031-03-01T10:07:53Z",      the sample at which it began to fire
       "end": "2031-03-01T12:02:53Z",        the sample at which it was resolved; null: it fires still
       "peak": 412.0, "peak_time": "..."}    the highest count of 5 minutes while it fired, and when
    in the order of their starts.
    """
    if picture is not None:
        require("backtest", ("matplotlib",), "--plot")
    if (file is None) == (campaign is None):
        raise click.UsageError("give either --series FILE or --campaign NAME")
    if file is not None:
        if from_ or to:
            raise click.UsageError("--from and --to go with --campaign")
        past = [TimeSeries(CAMPAIGN, (("campaign", file.stem),), history.read(file))]
    else:
        assert campaign is not None
        past = _of_campaign(campaign, from_, to)
    given = {each.name for each in past}
    names = alerts or tuple(name for name, reads in SPIKES.items() if reads in given)
    result = run(past, names, (rules or RULES).absolute())
    if picture is not None:
        from operations.backtest.plot import plot

        plot(result, picture, "" if file is not None else "campaign")
    samples = sum(len(each.samples) for each in past if each.name == CAMPAIGN)
    if json_:
        about = {"samples": samples, "from": iso(result.from_ms), "to": iso(result.to_ms), "interval_seconds": 300}
        click.echo(msgspec.json.encode({"alerts": result.alerts, **about}))
        return
    print_table(
        ("alert", "what", "start", "end", "peak"),
        [
            (
                each.name,
                " ".join(value for key, value in each.labels.items() if key != "severity"),
                _short(each.start),
                _short(each.end) if each.end else "fires still",
                f"{each.peak:,.0f}",
            )
            for each in result.alerts
        ],
    )
    days = (result.to_ms - result.from_ms + STEP_MS) / DAY_MS
    click.echo(f"{len(result.alerts):,} alerts in {days:.1f} days, {samples:,} counts of 5 minutes")
    if picture is not None:
        click.echo(f"drawn into {picture}", err=True)


def _short(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _of_campaign(campaign: str, from_: datetime | None, to: datetime | None) -> list[TimeSeries]:
    """Its counts, and those of its languages and regions, at the ends of their windows, 0 where there are none."""
    where = connection(load(StreamSettings, os.environ))
    splits: list[tuple[str, By | None]] = [(CAMPAIGN, None), (LANGUAGE, "language"), (REGION, "region")]
    found: list[TimeSeries] = []
    first = last = None
    for name, by in splits:
        rows = counts(where, campaign=campaign, by=by, interval="5m", from_=from_, to=to).rows
        samples: dict[str | None, dict[int, float]] = {}
        for row in rows:
            assert row.start is not None
            at_ms = round(datetime.fromisoformat(row.start).timestamp() * 1000) + STEP_MS
            samples.setdefault(row.key, {})[at_ms] = float(row.count)
        if not samples:
            raise WrongSeries(f"nothing is counted of campaign {campaign!r} then: `hashtide counts` shows what is")
        if first is None or last is None:
            times = samples[None]
            first = _grid(from_) if from_ else min(times)
            last = max(max(times), _grid(to) if to else 0)
        for key, of_key in samples.items():
            labels = (("campaign", campaign),) if by is None else (("campaign", campaign), (by, str(key)))
            found.append(TimeSeries(name, labels, history.filled(of_key, first, last)))
    return found


def _grid(moment: datetime) -> int:
    """The end of the window that a moment lies in, or ends."""
    return -(-round(moment.timestamp() * 1000) // STEP_MS) * STEP_MS
