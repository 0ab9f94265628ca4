"""Stock Faust: an agent that processes single events, and a dictionary."""

from collections import Counter
from typing import Any

from benchmarks.contest.entry import Task
from benchmarks.contest.faust_app import application, run
from benchmarks.harness import job

task = Task.given()
app, posts, watch = application(task)
counts: Counter[job.Key] = Counter()


async def count(stream: Any) -> None:
    """Count each event on arrival."""
    seen = 0
    async for payload in stream:
        watch.first()
        for key in job.keys(payload):
            counts[key] += 1
        seen += 1
        if seen == task.messages:
            watch.counted()
            watch.finish(task, counts)


if __name__ == "__main__":
    app.agent(posts)(count)
    run(app)
