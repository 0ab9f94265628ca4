"""Faust with batches: an agent receives the records of one fetch of one partition, and acknowledges them together.

Plain Faust needs three asyncio tasks per message. Here one Faust message is a whole batch: `value` holds the records,
`offset` is that of the last record. Faust's acknowledgements, rebalances and shutdown work unchanged, and wait for the
current batch. This overrides private methods, so setup.cfg pins the versions that were tested.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar, cast

import faust
from faust.types import TP

from hashtide.metrics import worker as metrics
from hashtide.settings import Common
from stream_jobs.health import Progress
from stream_jobs.transport.chain import Chain, Handle, Prepare
from stream_jobs.transport.consumer import METADATA_MAX_AGE_MS, BatchConsumer, BatchTransport, NoTables, faust_log

log = logging.getLogger(__name__)

MEASURE_EVERY_S = 2.0
TEND_EVERY_S = 10.0
IDLE_S = 60.0

LET_GO_AFTER_S = 5.0
"""How long a rebalance or the shutdown waits for a batch. After that it is abandoned, unacknowledged."""


Resource = contextlib.AbstractAsyncContextManager[Any]
T = TypeVar("T")


class Tend(Protocol):
    """Regular work for one partition."""

    async def __call__(self, partition: int, /, *, idle: bool) -> None: ...


class BatchApp(faust.App):
    """A Faust app whose agents handle batches of about `batch_bytes` bytes.

    `resources` are opened before the first batch, and closed after the last one.
    """

    logger = faust_log

    def __init__(
        self, *args: Any, batch_bytes: int, settings: Common, resources: Iterable[Resource], **options: Any
    ) -> None:
        # Compressed, posts take a third of their size or less: half of batch_bytes, compressed, fills a batch.
        options |= {"TableManager": NoTables, "consumer_max_fetch_size": batch_bytes // 2}
        options |= {"consumer_metadata_max_age_ms": METADATA_MAX_AGE_MS}
        super().__init__(*args, **options)
        self.batch_bytes = batch_bytes
        self.settings = settings
        self._resources = list(resources)
        self._opened = contextlib.AsyncExitStack()
        self.progress = Progress()
        self.timer(MEASURE_EVERY_S)(self._measure)
        self.on_partitions_assigned.connect(self._count_assignment)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_start(self) -> None:
        for resource in self._resources:
            await self._opened.enter_async_context(resource)
        await super().on_start()

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self._opened.aclose()

    def chains(self, topic: str, prepare: Prepare[T], handle: Handle[T]) -> None:
        """Register the two steps for the batches of a topic; each partition has its own chain, in order.

        While a batch is handled, the next one of its partition is prepared. A batch is acknowledged when `handle`
        returns. If `prepare` or `handle` raises, the worker stops, and the batch is not committed: the next worker
        processes it again.
        """

        async def agent(stream: Any) -> None:
            chain = Chain(prepare, handle, self._finish, self._abandon, self.progress)
            try:
                async for event in stream.noack().events():  # else Faust would also acknowledge a batch that raised
                    await chain.take(event)
            finally:
                await chain.close()

        # isolated_partitions: one task per partition. The offsets in count documents rely on its order.
        self.agent(self.topic(topic, value_type=bytes, value_serializer="raw"), name=topic, isolated_partitions=True)(
            agent
        )

    def tends(self, topic: str, tend: Tend) -> None:
        """Call `tend(partition, idle=...)` every TEND_EVERY_S for each assigned partition of a topic.

        Idle: no record except canaries arrived for IDLE_S, and nothing is left to read. Calls run one after the other,
        so one that waits for a server delays the rest. An error of `tend` stops the worker.
        """

        async def each() -> None:
            consumer = cast(BatchConsumer, self.consumer)
            for tp, behind in consumer.lag().items():
                if tp.topic == topic and consumer.flow_active:
                    await tend(tp.partition, idle=behind == 0 and consumer.quiet_s(tp) >= IDLE_S)

        self.timer(TEND_EVERY_S)(each)

    def has(self, topic: str, partition: int) -> bool:
        """Whether a partition is assigned to this worker. Kafka assigns it to at most one worker of the group."""
        return TP(topic, partition) in cast(BatchConsumer, self.consumer).assignment()

    async def _measure(self) -> None:
        """Set the lag metrics of each assigned partition."""
        consumer, now_s = cast(BatchConsumer, self.consumer), time.time()
        metrics.LAG.clear()
        metrics.LAG_SECONDS.clear()
        for tp, behind in consumer.lag().items():
            metrics.LAG.labels(tp.topic, tp.partition).set(behind)
            metrics.LAG_SECONDS.labels(tp.topic, tp.partition).set(consumer.waited_s(tp, now_s) if behind else 0)

    async def _count_assignment(self, *sent: Any, **_: Any) -> None:
        _app, assigned = sent
        metrics.ASSIGNMENTS.inc()
        metrics.ASSIGNED.set(len(assigned))
        self.progress.assigned = len(assigned)
        cast(BatchConsumer, self.consumer).reassigned()

    async def _finish(self, event: Any, work: Callable[[], Awaitable[None]]) -> bool:
        """Run the work of a batch and acknowledge it; False if it was abandoned.

        If the work raises, this stops the worker and does not return.
        """
        started = time.perf_counter()
        doing = asyncio.ensure_future(work())
        try:
            if not await self._finishes(doing):
                log.warning("a batch of %s is abandoned and will be processed again", event.message.tp)
                self._abandon(event)
                return False
        except Exception as error:
            log.critical("a batch of %s cannot be handled: %s", event.message.tp, error)
            self._forget(event)
            await self.crash(error)
            await asyncio.Event().wait()  # until the shutdown cancels it: no later batch of this partition may start
        event.ack()
        metrics.BATCHES.labels(event.message.topic).observe(len(event.value.records))
        metrics.BATCH_SECONDS.labels(event.message.topic).observe(time.perf_counter() - started)
        return True

    def _abandon(self, event: Any) -> None:
        """Leave a batch unacknowledged. The next owner of the partition processes it again."""
        metrics.BATCHES_LET_GO.labels(event.message.topic).inc()
        self._forget(event)

    def _forget(self, event: Any) -> None:
        """Remove a batch from those that a rebalance or the shutdown waits for: it will never be acknowledged."""
        cast(BatchConsumer, self.consumer)._unacked_messages.discard(event.message)

    async def _finishes(self, work: "asyncio.Future[None]") -> bool:
        """Wait for the work; True when it is done. Raises what it raises.

        False, with the work cancelled, if it is not done LET_GO_AFTER_S after a rebalance or the shutdown began.
        """
        suspended = asyncio.ensure_future(cast(BatchConsumer, self.consumer).suspend_flow.wait())
        try:
            either: set[asyncio.Future[Any]] = {work, suspended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await asyncio.wait({work}, timeout=LET_GO_AFTER_S)
            if done:
                work.result()
            return bool(done)
        finally:
            suspended.cancel()
            if work.cancel():
                await asyncio.wait({work})
