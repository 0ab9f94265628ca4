"""Pathway: a static read of the topic, a UDF to increments, tumbling windows, counts by subscription."""

from typing import Any

import pathway as pw  # type: ignore[import-not-found]

from benchmarks.contest.entry import Stopwatch, Task
from benchmarks.harness import job


def increments(payload: bytes) -> list[tuple[int, str]]:
    """Windows and joined keys, for Pathway's columns."""
    return [(key[0], job.joined(key)) for key in job.keys(payload)]


def main() -> None:
    """Count the topic."""
    task, watch = Task.given(), Stopwatch()
    counts: dict[job.Key, int] = {}
    # Pathway reads the column types from annotations at run time.
    explode = pw.udf(increments, deterministic=True)
    settings = {"bootstrap.servers": task.brokers, "group.id": task.group, "auto.offset.reset": "earliest"}
    raw = pw.io.kafka.read(settings, task.topic, format="raw", mode="static", autocommit_duration_ms=1500)
    rows = raw.select(pair=explode(pw.this.data)).flatten(pw.this.pair)
    rows = rows.select(window=pw.this.pair[0], key=pw.this.pair[1])
    windows = rows.windowby(rows.window, window=pw.temporal.tumbling(duration=job.WINDOW_MS), instance=rows.key)
    counted = windows.reduce(window=pw.this._pw_window_start, key=pw.this._pw_instance, count=pw.reducers.count())

    def grown(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        if is_addition:
            counts[job.split(row["window"], row["key"])] = row["count"]

    pw.io.subscribe(counted, on_change=grown)
    watch.first()  # its reader starts before any of our code runs
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    watch.counted()
    watch.finish(task, counts)


if __name__ == "__main__":
    main()
