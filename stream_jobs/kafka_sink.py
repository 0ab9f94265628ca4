"""Sends messages to Kafka: dead letters, orders, canaries and, if publishing is on, enriched posts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, UnknownTopicOrPartitionError

from hashtide import outages
from hashtide.clock import skew_ms, wall_clock_ms
from hashtide.contract.bounds import MAX_MESSAGE_BYTES
from hashtide.contract.dead_letters import DeadLetter, dead_letter_key
from hashtide.contract.messages import ORDER_KEY, Order, encode
from hashtide.contract.names import POSTS_DEAD, POSTS_RAW
from hashtide.kafka.backoff import patch_backoff
from hashtide.kafka.security import security
from hashtide.metrics import worker as metrics
from hashtide.retry import until_done
from hashtide.settings import Common

BATCH_BYTES = 256 * 1024
LINGER_MS = 0
"""Batches are complete when they arrive here, so lingering does not help: with 5 ms, the median from publishing to
written at 200 posts/s was 62 ms instead of 58 ms."""
COMPRESSION = "zstd"
"""An enriched post takes 1.2 us and 73 bytes. lz4 takes 3.8 us and 112 bytes: aiokafka has it only at level 9."""
LOG_APPEND_TIME = 1  # Kafka's protocol guide, "Record Batch", attributes

KeyValue = tuple[bytes | None, bytes]
"""Key and value."""


class KafkaSink:
    """An idempotent producer, as an async context manager.

    Every call returns when Kafka has acknowledged all its messages. The client retries first. If it gives up on a
    transient error (a broker down for longer than its timeout), the whole call is retried without limit: cancel to give
    up. The ledger handles the resulting duplicates. Any other error is raised as aiokafka.errors.KafkaError.
    """

    def __init__(self, settings: Common) -> None:
        self._settings = settings
        self._outage = outages.of("Kafka")
        self._replacing = asyncio.Lock()

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
            await _ensure_partition_known(producer, topic, partition)
            sent_ms = wall_clock_ms()
            done = await send_batches(producer, topic, partition, records)
            _observe_clock(sent_ms, done)

        await self._retry(attempt, topic)

    async def order(self, partition: int, orders: Sequence[Order]) -> None:
        """Send orders to a partition of posts.raw."""
        await self.send(POSTS_RAW, partition, [(ORDER_KEY, encode(order)) for order in orders])

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Send dead letters to posts.dead."""

        async def attempt(producer: AIOKafkaProducer) -> None:
            asked_ms = wall_clock_ms()
            pending = [
                await producer.send(POSTS_DEAD, key=dead_letter_key(letter), value=encode(letter)) for letter in letters
            ]
            _observe_clock(asked_ms, await asyncio.gather(*pending))

        await self._retry(attempt, POSTS_DEAD)

    async def _retry(self, attempt: Callable[[AIOKafkaProducer], Awaitable[None]], topic: str) -> None:
        async def once() -> None:
            producer = self._producer
            try:
                await attempt(producer)
            except OutOfOrderSequenceNumber:
                await self._replace(producer)
                raise

        await until_done(
            once,
            self._outage,
            retryable=_is_transient,
            describe=lambda error: (f"Kafka does not accept messages for {topic} ({error!r})", type(error).__name__),
        )

    async def _replace(self, broken: AIOKafkaProducer) -> None:
        """Replace a producer that gave up on a batch: the broker waits for that batch's sequence numbers, and accepts
        no later ones. (aiokafka 0.14.0 never resets its sequence numbers.)"""
        async with self._replacing:
            if self._producer is broken:  # else another partition's batch replaced it first
                self._producer = await self._connected()
                self._stopping = asyncio.create_task(broken.stop())


async def send_batches(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[KeyValue]
) -> list[Any]:
    """Send records to one partition, in order, in batches of the producer's maximum size. Returns aiokafka's metadata
    of each batch when Kafka has acknowledged all. Raises aiokafka.errors.KafkaError; does not retry."""
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


def _observe_clock(asked_ms: int, done: Sequence[Any]) -> None:
    """Compare our clock with the broker's append time (topics.py sets it) of the first of these records.

    The measured round trip includes the first batch's time in the send queue, so a busy moment can hide a small skew,
    but never causes one.
    """
    if done and done[0].timestamp_type == LOG_APPEND_TIME:
        skew = skew_ms(asked_ms, wall_clock_ms(), done[0].timestamp)
        metrics.CLOCK_SKEW.labels("kafka").set(skew / 1000)


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, OutOfOrderSequenceNumber) or (isinstance(error, KafkaError) and error.retriable)


async def _ensure_partition_known(producer: AIOKafkaProducer, topic: str, partition: int) -> None:
    """Refresh the producer's metadata if it does not know the partition: the consumer may see a new partition first,
    and the producer would raise AssertionError. Raises UnknownTopicOrPartitionError, which is transient."""
    if partition not in await producer.partitions_for(topic):
        await producer.client.force_metadata_update()
        if partition not in await producer.partitions_for(topic):
            raise UnknownTopicOrPartitionError(f"{topic} has no partition {partition}")
