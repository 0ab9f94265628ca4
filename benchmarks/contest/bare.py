"""No framework: one aiokafka loop and a dictionary. The upper limit for Python."""

import asyncio
from collections import Counter

from aiokafka import AIOKafkaConsumer

from benchmarks.contest.entry import FETCH_BYTES, Stopwatch, Task
from benchmarks.harness import job


async def main() -> None:
    """Count the topic."""
    task, watch = Task.given(), Stopwatch()
    counts: Counter[job.Key] = Counter()
    consumer = AIOKafkaConsumer(
        task.topic,
        bootstrap_servers=task.brokers,
        group_id=task.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    seen = 0
    while seen < task.messages:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            watch.first()
            for record in records:
                for key in job.keys(record.value):
                    counts[key] += 1
            seen += len(records)
    watch.counted()
    watch.finish(task, counts)
    await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main())
