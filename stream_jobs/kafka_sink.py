"""Messages back to Kafka: whole batches to the next topic, and dead letters."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, UnknownTopicOrPartitionError

from hashtide import outages
from hashtide.clock import skew_ms, wall_clock_ms
from hashtide.contract.bounds import MAX_MESSAGE_BYTES
from hashtide.contract.dead_letters import DeadLetter, dead_letter_key
from hashtide.contract.messages import encode
from hashtide.contract.names import POSTS_DEAD
from hashtide.kafka.backoff import patch_backoff
from hashtide.kafka.security import security
from hashtide.metrics import worker as metrics
from hashtide.retry import until_done
from hashtide.settings import Common

BATCH_BYTES = 256 * 1024
LINGER_MS = 0
"""Batches are whole when they come here, so there is nothing to wait for: with 5 ms, the median from publishing to
written at 200 posts/s was 62 ms, in place of 58 ms."""
COMPRESSION = "zstd"
"""Of a batch of posts.enriched: 1.2 us a post and 73 bytes. lz4, which aiokafka has at level 9 alone, takes 3.8 us and
112 bytes."""
LOG_APPEND_TIME = 1  # Kafka's protocol guide, "Record Batch", attributes

KeyValue = tuple[bytes | None, bytes]
"""Key and value."""


class KafkaSink:
    """An idempotent producer, as an async context manager.

    Every call is back when Kafka has acknowledged all of it. The client retries what it can; what it gives up on but
    may pass (a broker away for longer than its time-out) is sent again as a whole, without end: cancel to give up. What
    arrives twice by that is a re-send to the ledger. Anything else is raised as aiokafka.errors.KafkaError.
    """

    def __init__(self, settings: Common) -> None:
        self._settings = settings
        self._outage = outages.of("Kafka")
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._producer = await self._connected()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka.split(","),
            client_id="hashtide-worker",
            **security(self._settings).aiokafka(),
            acks="all",
            enable_idempotence=True,
            compression_type=COMPRESSION,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_MESSAGE_BYTES,
            linger_ms=LINGER_MS,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        patch_backoff(producer.client, self._settings)
        return producer

    async def send(self, topic: str, partition: int, records: Sequence[KeyValue]) -> None:
        """Send records to one partition, in order."""

        async def attempt(producer: AIOKafkaProducer) -> None:
            await _know(producer, topic, partition)
            asked_ms = wall_clock_ms()
            done = await send_batches(producer, topic, partition, records)
            # Our topics have the time of appending (topics.py). What the first batch waited for its turn comes on top
            # of the answer's own time, so a busy moment hides a small skew, and makes none.
            if done and done[0].timestamp_type == LOG_APPEND_TIME:
                skew = skew_ms(asked_ms, wall_clock_ms(), done[0].timestamp)
                metrics.CLOCK_SKEW.labels("kafka").set(skew / 1000)

        await self._patiently(attempt, topic)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Send dead letters to posts.dead."""

        async def attempt(producer: AIOKafkaProducer) -> None:
            pending = [
                await producer.send(POSTS_DEAD, key=dead_letter_key(letter), value=encode(letter)) for letter in letters
            ]
            await asyncio.gather(*pending)

        await self._patiently(attempt, POSTS_DEAD)

    async def _patiently(self, attempt: Callable[[AIOKafkaProducer], Awaitable[None]], topic: str) -> None:
        async def once() -> None:
            producer = self._producer
            try:
                await attempt(producer)
            except OutOfOrderSequenceNumber:
                await self._renew(producer)
                raise

        await until_done(
            once,
            self._outage,
            retryable=_may_pass,
            describe=lambda error: (f"Kafka does not take messages for {topic} ({error!r})", type(error).__name__),
        )

    async def _renew(self, broken: AIOKafkaProducer) -> None:
        """Another producer in place of one that gave up on a batch: the broker waits for that batch's numbers, and
        takes none that come after it. (aiokafka 0.14.0 never starts its numbers afresh.)"""
        async with self._renewing:
            if self._producer is broken:  # else another partition's batch was faster
                self._producer = await self._connected()
                self._stopping = asyncio.create_task(broken.stop())


async def send_batches(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[KeyValue]
) -> list[Any]:
    """Send records to one partition, in order, in batches as large as the producer makes them; back when Kafka has all
    of them, with aiokafka's metadata of each batch. Raises aiokafka.errors.KafkaError; retries nothing."""
    pending: list[asyncio.Future[Any]] = []
    builder = producer.create_batch()
    for key, value in records:
        if builder.append(key=key, value=value, timestamp=None) is None:
            pending.append(await producer.send_batch(builder, topic, partition=partition))
            builder = producer.create_batch()
            builder.append(key=key, value=value, timestamp=None)
    if builder.record_count():
        pending.append(await producer.send_batch(builder, topic, partition=partition))
    return await asyncio.gather(*pending)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, OutOfOrderSequenceNumber) or (isinstance(error, KafkaError) and error.retriable)


async def _know(producer: AIOKafkaProducer, topic: str, partition: int) -> None:
    """See to it that the producer knows a partition: the consumer may have met one that was added just now, and the
    producer would end with an AssertionError. Raises UnknownTopicOrPartitionError, which may pass."""
    if partition not in await producer.partitions_for(topic):
        await producer.client.force_metadata_update()
        if partition not in await producer.partitions_for(topic):
            raise UnknownTopicOrPartitionError(f"{topic} has no partition {partition}")
