"""Runs the shipped rules on made-up series in a real Prometheus. `python -m benchmarks.alerts` prints the score and the
alerts per day of each regime, and writes them to docs/alert-tuning.md."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from benchmarks.alerts.score import UNSCORED, scaled, score
from benchmarks.alerts.series import DAYS, REGIMES, START, STEP, Series, make
from operations.backtest import history
from operations.backtest.run import CAMPAIGN, backtest

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "alert-tuning.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
FIRST_SEED: Final = 900_000
"""The rules were tuned on series with other seeds."""


@click.command()
@click.option("--series", "count", default=4, show_default=True, help="Number of series of each regime.")
@click.option("--write/--no-write", default=True, help="Write the result to docs/alert-tuning.md.")
def main(count: int, write: bool) -> None:
    """Score the spike rules on made-up series. Takes minutes."""
    lines = ["| regime | score | windows hit | alerts per day |", "| --- | ---: | ---: | ---: |"]
    scores = []
    for number, (name, regime) in enumerate(REGIMES.items()):
        made = [make(regime, FIRST_SEED + 1000 * number + i) for i in range(count)]
        total, windows, hit, alerts = 0.0, 0, 0, 0
        for series, starts in zip(made, starts_of(made), strict=True):
            length = len(series.values)
            labelled = [event.window for event in series.events]
            one, scored = score(starts, labelled, length)
            total, windows = total + one, windows + scored
            hit += sum(any(first <= start <= last for start in starts) for first, last in labelled)
            alerts += sum(start >= UNSCORED * length for start in starts)
        scores.append(scaled(total, windows))
        a_day = alerts / count / (DAYS * (1 - UNSCORED))
        lines.append(f"| {name} | {scores[-1]:.0f} | {hit} of {windows} | {a_day:.2f} |")
        print(lines[-1], flush=True)
    lines.append(f"| mean | {sum(scores) / len(scores):.0f} | | |")
    print(lines[-1])
    if write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        measured = "\n".join(lines)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{measured}\n{END}{after}", encoding="utf-8")
        print(f"written to {DOCUMENT}", file=sys.stderr)


def starts_of(made: list[Series]) -> list[list[float]]:
    """For each series, the samples at which ReplyVolumeSpike began to fire. One run for all series."""
    step_ms, start_ms = history.STEP_MS, round(START.timestamp() * 1000)
    past = [
        history.TimeSeries(
            CAMPAIGN,
            (("campaign", str(number)),),
            {start_ms + i * step_ms: float(value) for i, value in enumerate(series.values)},
        )
        for number, series in enumerate(made)
    ]
    starts: list[list[float]] = [[] for _ in made]
    for alert in backtest(past, ["ReplyVolumeSpike"]).alerts:
        starts[int(alert.labels["campaign"])].append((datetime.fromisoformat(alert.start) - START) / STEP)
    return starts


if __name__ == "__main__":
    main()
