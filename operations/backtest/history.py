"""Past 5-minute counts, as the series that the spike rules read."""

import csv
import itertools
import math
import statistics
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from hashtide.errors import HashtideError

STEP_MS: Final = 5 * 60 * 1000
MAX_SAMPLES: Final = 2_000_000

SeriesLabels = tuple[tuple[str, str], ...]
"""Names and values, ordered by name."""
Samples = Mapping[int, float]
"""Values by time, ms since 1970."""


class WrongSeries(HashtideError, ValueError):
    """The file is not a series of counts. The message names the line and what is expected."""


class TimeSeries(msgspec.Struct, frozen=True):
    """One series with its name and labels in Prometheus. Samples are `STEP_MS` apart; some may be missing."""

    name: str
    labels: SeriesLabels
    samples: Samples


def read(path: Path) -> Samples:
    """Read a file with a header and lines `timestamp,value`, as counts every 5 minutes from the first line on.

    Timestamps are ISO 8601 (UTC without a time zone) or seconds since 1970, in any order. Missing counts stay missing.
    Of lines with the same time, the last one counts. Shorter intervals that divide 5 minutes are summed, at the time of
    the last one. Raises WrongSeries, OSError.
    """
    counts: dict[int, float] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        next(lines, None)
        for row in lines:
            if row:
                at_ms, value = _point(row, f"{path}, line {lines.line_num}")
                counts[at_ms] = value
    if len(counts) < 2:
        raise WrongSeries(f"{path}: too short: needs a header and at least two lines `timestamp,value`")
    return on_grid(counts, str(path))


def on_grid(counts: Samples, where: str) -> Samples:
    """Convert counts of an interval that divides 5 minutes to 5-minute counts. Raises WrongSeries."""
    times = sorted(counts)
    interval_ms = round(statistics.median_low(b - a for a, b in itertools.pairwise(times)) / 1000) * 1000
    if interval_ms == 0 or STEP_MS % interval_ms:
        raise WrongSeries(
            f"{where}: its interval is {interval_ms / 1000:g} s. The rules read 5-minute counts: give those, or counts "
            "of an interval that divides 5 minutes, such as 1 minute"
        )
    first_ms, cells = times[0], STEP_MS // interval_ms
    if (times[-1] - first_ms) // STEP_MS > MAX_SAMPLES:
        raise WrongSeries(f"{where}: more than {MAX_SAMPLES:,} intervals between its first and last line")
    sums: dict[int, float] = {}
    for at_ms in times:
        cell = round((at_ms - first_ms) / interval_ms) // cells
        end_ms = first_ms + cell * STEP_MS + (cells - 1) * interval_ms
        sums[end_ms] = sums.get(end_ms, 0.0) + counts[at_ms]
    return sums


def filled(samples: Samples, from_ms: int, to_ms: int) -> Samples:
    """The samples from `from_ms` to `to_ms` (inclusive, both on the grid), with 0 for missing ones."""
    return {at_ms: samples.get(at_ms, 0.0) for at_ms in range(from_ms, to_ms + 1, STEP_MS)}


def _point(row: list[str], where: str) -> tuple[int, float]:
    if len(row) < 2:
        raise WrongSeries(f"{where}: {','.join(row)!r} is not `timestamp,value`")
    moment, value = row[0].strip(), row[1].strip()
    try:
        count = float(value)
    except ValueError:
        raise WrongSeries(f"{where}: {value!r} is not a count: it must be a number from 0 up") from None
    if not math.isfinite(count) or count < 0:
        raise WrongSeries(f"{where}: {value!r} is not a count: it must be a number from 0 up")
    try:
        return round(float(moment) * 1000), count
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise WrongSeries(f"{where}: {moment!r} must be a time such as 2031-02-26 21:42:53 or 1929908573") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000), count


def openmetrics(series: Iterable[TimeSeries]) -> Iterable[str]:
    """Lines for `promtool tsdb create-blocks-from openmetrics`. Series with the same name must be adjacent."""
    name = None
    for each in series:
        if each.name != name:
            name = each.name
            yield f"# TYPE {name} gauge\n"
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in each.labels)
        for at_ms, value in each.samples.items():
            yield f"{name}{{{labels}}} {value} {at_ms / 1000:.3f}\n"
    yield "# EOF\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
