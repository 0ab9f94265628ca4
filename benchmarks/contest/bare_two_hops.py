"""No framework, but two hops: the upper limit for Python where posts go through a second topic.

One aiokafka consumer reads both topics. The second topic has the smallest possible messages: only the keys to count,
without the post. Nothing is committed or retried.
"""

import asyncio
from collections import Counter

import msgspec
from aiokafka import AIOKafkaProducer

from benchmarks.contest.bare import reading
from benchmarks.contest.entry import Stopwatch, Task
from benchmarks.harness import job
from hashtide.contract.names import POSTS_ENRICHED
from stream_jobs.kafka_sink import BATCH_BYTES, COMPRESSION, send_batches

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(job.Key).decode


async def main() -> None:
    """Count the topic through a second topic."""
    task, watch = Task.given(), Stopwatch()
    counts: Counter[job.Key] = Counter()
    producer = AIOKafkaProducer(
        bootstrap_servers=task.brokers,
        acks="all",
        enable_idempotence=True,
        compression_type=COMPRESSION,
        max_batch_size=BATCH_BYTES,
    )
    consumer = reading(task, task.topic, POSTS_ENRICHED)
    await producer.start()
    await consumer.start()
    counted = 0
    while counted < task.counted:
        for partition, records in (await consumer.getmany(timeout_ms=500)).items():
            if partition.topic == task.topic:
                watch.first()
                keys = [(None, _encode(key)) for record in records for key in job.keys(record.value)]
                await send_batches(producer, POSTS_ENRICHED, partition.partition, keys)
            else:
                for record in records:
                    counts[_decode(record.value)] += 1
                counted += len(records)
    watch.counted()
    watch.finish(task, counts)
    await consumer.stop()
    await producer.stop()


if __name__ == "__main__":
    asyncio.run(main())
