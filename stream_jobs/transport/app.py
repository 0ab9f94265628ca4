"""Faust, with batches: an agent receives what one fetch brought of one partition, and acknowledges it as a whole.

Faust's own way costs three asyncio tasks a message. Here a Faust message *is* a batch: `value` holds the records, and
`offset` is the last one's, so Faust's acknowledgements, rebalances and shutdown go on as they are, and wait for the
batch in hand. This overrides private methods, so setup.cfg asks for exactly the versions it was tested with.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, cast

import faust
from faust.types import TP

from hashtide.metrics import worker as metrics
from hashtide.settings import Common
from stream_jobs.health import Progress
from stream_jobs.transport.batch import Batch
from stream_jobs.transport.consumer import METADATA_MAX_AGE_MS, BatchConsumer, BatchTransport, NoTables, faust_log

log = logging.getLogger(__name__)

MEASURE_EVERY_S = 2.0
TEND_EVERY_S = 10.0
IDLE_S = 60.0

LET_GO_AFTER_S = 5.0
"""How long a batch may go on once a rebalance or the shutdown waits for it; then it is dropped, unacknowledged."""


Resource = contextlib.AbstractAsyncContextManager[Any]
Handler = Callable[[Batch], Awaitable[None]]


class Tend(Protocol):
    """What is done for a partition now and then."""

    async def __call__(self, partition: int, /, *, idle: bool) -> None: ...


class BatchApp(faust.App):
    """A Faust app whose agents handle batches, of about `batch_bytes`.

    `resources` are open from before the first batch to after the last.
    """

    logger = faust_log

    def __init__(
        self, *args: Any, batch_bytes: int, settings: Common, resources: Iterable[Resource], **options: Any
    ) -> None:
        # Posts get to a third of their size by compression, and more: half of it, fetched, makes a batch.
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

    def handles(self, topic: str, handler: Handler) -> None:
        """Have `handler` called with every batch of a topic, partition by partition, in order.

        A batch is acknowledged when `handler` returns. When it raises, the worker stops with the batch uncommitted.
        """

        async def agent(stream: Any) -> None:
            async for event in stream.noack().events():  # else Faust would acknowledge what raised, too
                await self._handle(event, handler)

        # isolated_partitions: a task for each partition. Its order is what the offsets in the counts rely on.
        self.agent(self.topic(topic, value_type=bytes, value_serializer="raw"), name=topic, isolated_partitions=True)(
            agent
        )

    def tends(self, topic: str, tend: Tend) -> None:
        """Have `tend(partition, idle=...)` called now and then for every partition that this worker has of a topic.

        Idle: no batch came for IDLE_S, and nothing is left to read. What it raises ends the worker; while it waits for
        a server, it is called for no other partition.
        """

        async def each() -> None:
            consumer = cast(BatchConsumer, self.consumer)
            for tp, behind in consumer.lag().items():
                if tp.topic == topic and consumer.flow_active:
                    await tend(tp.partition, idle=behind == 0 and consumer.quiet_s(tp) >= IDLE_S)

        self.timer(TEND_EVERY_S)(each)

    def has(self, topic: str, partition: int) -> bool:
        """Whether this worker has a partition now: of a group, one has it at most, as Kafka sees to."""
        return TP(topic, partition) in cast(BatchConsumer, self.consumer).assignment()

    async def _measure(self) -> None:
        """Note how far this worker is behind, in each partition that it has."""
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
        cast(BatchConsumer, self.consumer).assigned_anew()

    async def _handle(self, event: Any, handler: Handler) -> None:
        started = time.perf_counter()
        self.progress.taken()
        work = asyncio.ensure_future(handler(event.value))
        try:
            if not await self._finishes(work):
                log.warning("a batch of %s is let go, to be handled again", event.message.tp)
                metrics.BATCHES_LET_GO.labels(event.message.topic).inc()
                self._forget(event)
                return
        except Exception as error:
            log.critical("a batch of %s can't be handled: %s", event.message.tp, error)
            self._forget(event)
            await self.crash(error)
            await asyncio.Event().wait()  # until the worker's end cancels it: nothing more of this partition
        finally:
            self.progress.ended()
        event.ack()
        metrics.BATCHES.labels(event.message.topic).observe(len(event.value.records))
        metrics.BATCH_SECONDS.labels(event.message.topic).observe(time.perf_counter() - started)

    def _forget(self, event: Any) -> None:
        """Let a batch go unacknowledged: else a rebalance or the shutdown would wait for it for ever."""
        cast(BatchConsumer, self.consumer)._unacked_messages.discard(event.message)

    async def _finishes(self, work: "asyncio.Future[None]") -> bool:
        """Whether the work came to its end; not, when a rebalance or the shutdown waited for it too long."""
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
