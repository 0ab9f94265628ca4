"""Shared by both stock Faust contestants: an app with the fastest settings."""

from typing import Any

import faust

from benchmarks.contest.entry import FETCH_BYTES, Stopwatch, Task


def application(task: Task) -> tuple[Any, Any, Stopwatch]:
    """The app, the topic of payloads as raw bytes, and the stopwatch."""
    app = faust.App(
        task.group,
        env_prefix="CONTEST_FAUST_",
        broker=f"kafka://{task.brokers}",
        store="memory://",
        datadir=task.folder,
        web_enabled=False,
        topic_partitions=task.partitions,
        topic_disable_leader=True,
        stream_buffer_maxsize=4096,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        broker_commit_every=50_000,
        broker_commit_interval=5.0,
    )
    raw: dict[str, Any] = {"value_type": bytes, "value_serializer": "raw", "key_type": bytes, "key_serializer": "raw"}
    return app, app.topic(task.topic, **raw), Stopwatch()


def run(app: Any) -> None:
    """Run until a signal ends it."""
    faust.Worker(app, loglevel="WARNING").execute_from_commandline()
