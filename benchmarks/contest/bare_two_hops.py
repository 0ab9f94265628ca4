"""No framework, but two hops: what Python can do at most where posts go through a second topic.

One aiokafka consumer reads both topics. What a payload counts for goes on as the smallest message there is, without the
post; nothing is committed, retried or asked for twice.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks import job
from benchmarks.contest.entry import FETCH_BYTES, Stopwatch, Task
from stream_jobs.sinks.kafka import BATCH_BYTES, COMPRESSION
from stream_jobs.topics import POSTS_ENRICHED

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(job.Key).decode


async def main() -> None:
    """Count the topic by way of another."""
    task, watch = Task.given(), Stopwatch()
    counts: Counter[job.Key] = Counter()
    producer = AIOKafkaProducer(
        bootstrap_servers=task.brokers,
        acks="all",
        enable_idempotence=True,
        compression_type=COMPRESSION,
        max_batch_size=BATCH_BYTES,
    )
    consumer = AIOKafkaConsumer(
        task.topic,
        POSTS_ENRICHED,
        bootstrap_servers=task.brokers,
        group_id=task.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await producer.start()
    await consumer.start()
    counted = 0
    while counted < task.counted:
        for partition, records in (await consumer.getmany(timeout_ms=500)).items():
            if partition.topic == task.topic:
                watch.first()
                keys = [key for record in records for key in job.keys(record.value)]
                await _send(producer, partition.partition, list(map(_encode, keys)))
            else:
                for record in records:
                    counts[_decode(record.value)] += 1
                counted += len(records)
    watch.counted()
    watch.finish(task, counts)
    await consumer.stop()
    await producer.stop()


async def _send(producer: AIOKafkaProducer, partition: int, values: Sequence[bytes]) -> None:
    sent: list[asyncio.Future[Any]] = []
    batch = producer.create_batch()
    for value in values:
        if batch.append(key=None, value=value, timestamp=None) is None:
            sent.append(await producer.send_batch(batch, POSTS_ENRICHED, partition=partition))
            batch = producer.create_batch()
            batch.append(key=None, value=value, timestamp=None)
    if batch.record_count():
        sent.append(await producer.send_batch(batch, POSTS_ENRICHED, partition=partition))
    await asyncio.gather(*sent)


if __name__ == "__main__":
    asyncio.run(main())
