"""Quix Streams: increments go through a topic keyed by count key, into tumbling windows with running counts."""

from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]

from benchmarks.contest.entry import FETCH_BYTES, Stopwatch, Task
from benchmarks.harness import job

WINDOW, KEY = "window", "key"


def main() -> None:
    """Count the topic."""
    task, watch = Task.given(), Stopwatch()
    counts: dict[job.Key, int] = {}
    passed, late = 0, 0
    app = Application(
        broker_address=task.brokers,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        state_dir=task.folder,
        loglevel="WARNING",
        commit_interval=5.0,
        consumer_poll_timeout=0.1,
        consumer_extra_config={"max.partition.fetch.bytes": FETCH_BYTES},
        producer_extra_config={"linger.ms": 50, "compression.type": "lz4"},
    )

    def increments(payload: bytes) -> list[dict[str, Any]]:
        watch.first()
        return [{WINDOW: key[0], KEY: job.joined(key)} for key in job.keys(payload)]

    def step() -> None:
        nonlocal passed
        passed += 1
        if passed == task.counted:
            watch.counted()
            app.stop()

    def grown(count: Any, key: Any, timestamp: int, headers: Any) -> None:
        text = key.decode() if isinstance(key, bytes) else key
        counts[job.split(count["start"], text)] = count["value"]
        step()

    def dropped(*_: Any) -> bool:
        nonlocal late
        late += 1
        step()
        return False

    frame = app.dataframe(app.topic(task.topic, value_deserializer="bytes", key_deserializer="bytes"))
    frame = frame.apply(increments, expand=True).set_timestamp(lambda value, *_: value[WINDOW]).group_by(KEY)
    windows = frame.tumbling_window(job.WINDOW_MS, grace_ms=task.grace_ms, on_late=dropped)
    windows.count().current().update(grown, metadata=True)
    app.run()
    watch.finish(task, counts, late)


if __name__ == "__main__":
    main()
