"""Stock Faust: an agent and a windowed table in memory, with its changelog in Kafka."""

from datetime import timedelta
from typing import Any

from benchmarks.contest.entry import Task
from benchmarks.contest.faust_app import application, run
from benchmarks.harness import job

task = Task.given()
app, posts, watch = application(task)
window_s = [0.0]  # of the current event; the table reads it
table = (
    app.Table("counts", default=int, partitions=task.partitions)
    .tumbling(timedelta(milliseconds=job.WINDOW_MS), expires=timedelta(days=5))
    .relative_to(lambda _: window_s[0])
)


async def count(stream: Any) -> None:
    """Count each event on arrival."""
    seen = 0
    async for payload in stream:
        watch.first()
        for key in job.keys(payload):
            window_s[0] = key[0] / 1000
            table[job.joined(key)] += 1
        seen += 1
        if seen == task.messages:
            watch.counted()
            held = table.table.items()
            watch.finish(task, {job.split(int(window[0] * 1000), text): n for (text, window), n in held if n})


if __name__ == "__main__":
    app.agent(posts)(count)
    run(app)
