"""5-minute counts of the past, as the series that the spike rules read."""

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
"""Names and values, in the order of the names."""
Samples = Mapping[int, float]
"""Values by time, ms since 1970."""


class WrongSeries(HashtideError, ValueError):
    """A file that holds no series of counts. The message names the line and what is expected."""


class TimeSeries(msgspec.Struct, frozen=True):
    """One series under the name and labels that it has in Prometheus. Its times are `STEP_MS` apart, with holes."""

    name: str
    labels: SeriesLabels
    samples: Samples


def read(path: Path) -> Samples:
    """The counts of a file with a header and lines `timestamp,value`, on a grid of 5 minutes from the first on.

    Timestamps are ISO 8601 (UTC where they name no zone) or seconds since 1970, in any order. What is missing stays
    missing; of lines with the same time the last stands. Counts of shorter intervals that 5 minutes are a multiple of
    are added up, at the time of the last of them. Raises WrongSeries, OSError.
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
        raise WrongSeries(f"{path}: no series: a header and at least two lines `timestamp,value` are needed")
    return on_grid(counts, str(path))


def on_grid(counts: Samples, where: str) -> Samples:
    """Counts of any interval that 5 minutes are a multiple of, as counts of 5 minutes. Raises WrongSeries."""
    times = sorted(counts)
    interval_ms = round(statistics.median_low(b - a for a, b in itertools.pairwise(times)) / 1000) * 1000
    if interval_ms == 0 or STEP_MS % interval_ms:
        raise WrongSeries(
            f"{where}: its interval is {interval_ms / 1000:g} s. The rules read counts of 5 minutes: give those, or "
            "counts of an interval that 5 minutes are a multiple of, such as 1 minute"
        )
    first_ms, cells = times[0], STEP_MS // interval_ms
    if (times[-1] - first_ms) // STEP_MS > MAX_SAMPLES:
        raise WrongSeries(f"{where}: more than {MAX_SAMPLES:,} intervals lie between its first and last line")
    sums: dict[int, float] = {}
    for at_ms in times:
        cell = round((at_ms - first_ms) / interval_ms) // cells
        end_ms = first_ms + cell * STEP_MS + (cells - 1) * interval_ms
        sums[end_ms] = sums.get(end_ms, 0.0) + counts[at_ms]
    return sums


def filled(samples: Samples, from_ms: int, to_ms: int) -> Samples:
    """With a 0 wherever nothing was counted from `from_ms` to `to_ms`, both times of samples."""
    return {at_ms: samples.get(at_ms, 0.0) for at_ms in range(from_ms, to_ms + 1, STEP_MS)}


def _point(row: list[str], where: str) -> tuple[int, float]:
    if len(row) < 2:
        raise WrongSeries(f"{where}: {','.join(row)!r} is not `timestamp,value`")
    moment, value = row[0].strip(), row[1].strip()
    try:
        count = float(value)
    except ValueError:
        raise WrongSeries(f"{where}: {value!r} is no count") from None
    if not math.isfinite(count) or count < 0:
        raise WrongSeries(f"{where}: {value!r} is no count: it must be a number from 0 on")
    try:
        return round(float(moment) * 1000), count
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise WrongSeries(f"{where}: {moment!r} is no time such as 2031-02-26 21:42:53 or 1929908573") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000), count


def openmetrics(series: Iterable[TimeSeries]) -> Iterable[str]:
    """Lines that `promtool tsdb create-blocks-from openmetrics` reads; the series of a name must be together."""
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
