"""Bytewax: payloads flat-mapped in batches to keyed increments, counted in tumbling event-time windows."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]
from bytewax.connectors.kafka import KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.operators import windowing
from bytewax.testing import cluster_main  # type: ignore[import-not-found]

from benchmarks.contest.entry import Stopwatch, Task
from benchmarks.harness import job

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 1_000


def main() -> None:
    """Count the topic."""
    task, watch = Task.given(), Stopwatch()
    counts: Counter[job.Key] = Counter()
    late = 0

    def increments(messages: list[Any]) -> list[tuple[str, datetime]]:
        watch.first()
        return [
            (job.joined(key), datetime.fromtimestamp(key[0] / 1000, UTC))
            for message in messages
            for key in job.keys(message.value)
        ]

    def closed(item: tuple[str, tuple[int, int]]) -> None:
        text, (window, count) = item
        counts[job.split(window * job.WINDOW_MS, text)] += count

    def dropped(_: object) -> None:
        nonlocal late
        late += 1

    flow = Dataflow("contest")
    source = KafkaSource([task.brokers], [task.topic], tail=False, batch_size=BATCH)
    keyed = op.flat_map_batch("increments", op.input("posts", flow, source), increments)
    windows = windowing.fold_window(
        "count",
        keyed,
        windowing.EventClock(lambda at: at, wait_for_system_duration=timedelta(milliseconds=task.grace_ms)),
        windowing.TumblingWindower(length=timedelta(milliseconds=job.WINDOW_MS), align_to=EPOCH),
        builder=int,
        folder=lambda count, _: count + 1,
        merger=lambda one, other: one + other,
        ordered=False,
    )
    op.inspect("closed", windows.down, lambda _, item: closed(item))
    op.inspect("late", windows.late, lambda _, item: dropped(item))
    op.output("nowhere", op.filter("none", windows.down, lambda _: False), _nowhere())
    cluster_main(flow, [], 0)
    watch.counted()
    watch.finish(task, counts, late)


def _nowhere() -> Any:
    """A dataflow must have an output."""
    from bytewax.testing import TestingSink

    return TestingSink([])


if __name__ == "__main__":
    main()
