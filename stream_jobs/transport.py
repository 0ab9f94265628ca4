"""Faust, with batches: an agent receives what one fetch brought of one partition, and acknowledges it as a whole.

Faust's own way costs three asyncio tasks a message. Here a Faust message *is* a batch: `value` holds the records, and
`offset` is the last one's, so Faust's acknowledgements, rebalances and shutdown go on as they are, and wait for the
batch in hand. This overrides private methods, so setup.cfg asks for exactly the versions it was tested with.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import faust
from aiokafka import ConsumerRecord
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from producers.contract import CANARY_KEY
from producers.settings import Common
from stream_jobs import metrics
from stream_jobs.broker_link import calm
from stream_jobs.health import Progress

log = logging.getLogger(__name__)
_services = logging.getLogger("faust.services")  # what Faust says of the starts and stops of its parts

IN_HAND = 2
"""Batches of one partition in a worker, the one being handled included: the back-pressure."""

STEP = 100
"""Records that are unpacked at once."""

FETCH_MIN_BYTES, FETCH_MAX_WAIT_MS = 64 * 1024, 20
"""A broker answers when it has so much, or after so long. A backlog answers at once; a trickle makes batches of what
came in 20 ms, where single posts would keep servers and partitions busy with themselves: at 200 posts/s on two cores,
with aiokafka's 1 byte and Faust's 1,500 ms, a post took twice as long."""

PREFETCH_BACKOFF_S = 0.005
"""How long a broker is not asked for anything while records of one of its partitions wait to be taken. aiokafka's 0.1 s
has partitions wait for each other."""

METADATA_MAX_AGE_MS = 5_000
"""How soon partitions that were added to a topic are read. The client's own 5 minutes are to spare brokers with very
many clients."""

MEASURE_EVERY_S = 2.0
TEND_EVERY_S = 10.0
IDLE_S = 60.0

LET_GO_AFTER_S = 5.0
"""How long a batch may go on once a rebalance or the shutdown waits for it; then it is dropped, unacknowledged."""


class Batch(NamedTuple):
    """What one fetch brought of one partition, in order."""

    topic: str
    partition: int
    generation: int
    """Of the consumer group: another number than before means that others may have worked on this partition."""
    records: Sequence["ConsumerRecord[bytes, bytes]"]


Resource = contextlib.AbstractAsyncContextManager[Any]
Handler = Callable[[Batch], Awaitable[None]]


class Tend(Protocol):
    """What is done for a partition now and then."""

    async def __call__(self, partition: int, /, *, idle: bool) -> None: ...


class BatchThread(driver.AIOKafkaConsumerThread):
    """The consumer's own thread. Commits only what is still ours, and unpacks only as much as makes a batch."""

    logger = _services

    async def on_start(self) -> None:
        await super().on_start()
        consumer: Any = self._ensure_consumer()
        calm(consumer._client, cast(BatchApp, self.app).settings)
        fetcher: Any = consumer._fetcher  # aiokafka has options of some of these; Faust passes none
        fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms = FETCH_MIN_BYTES, FETCH_MAX_WAIT_MS
        fetcher._prefetch_backoff = PREFETCH_BACKOFF_S

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TP, list[Any]]:
        """Records of one partition or more, until they are as large as a batch may be, or nothing is there at once.

        A fetch is compressed: unpacked as a whole, a backlog of posts took six times its size, 16 times over.
        """
        fetched: defaultdict[TP, list[Any]] = defaultdict(list)
        size = 0
        while size < cast(BatchApp, self.app).batch_bytes:
            # Only the first of these calls waits, so no rebalance can come in between.
            step = await super()._fetch_records(consumer, active_partitions, 0 if fetched else timeout, STEP)
            if not step:
                break
            for tp, records in step.items():
                fetched[tp] += records
                size += sum([record.serialized_value_size for record in records])
        return fetched

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # With nothing left to commit (all revoked meanwhile) aiokafka would raise, and the worker would crash.
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        return bool(mine) and await super()._commit(mine)


class BatchConsumer(driver.Consumer):
    """Yields one message per partition and fetch, and commits a batch once it and all before it are acknowledged."""

    logger = _services

    def _new_consumer_thread(self) -> BatchThread:  # called by Faust's __init__
        self._held: defaultdict[TP, deque[ConsumerMessage]] = defaultdict(deque)  # handed out, in order
        self._done: dict[TP, tuple[int, int]] = {}  # generation, offset to commit
        self._next: dict[TP, int] = {}  # the offset after the last one handed out
        self._came: dict[TP, float] = {}  # when the last batch was handed out, or the partition was assigned
        self._stirred: dict[TP, float] = {}  # the same, but for batches of nothing but canaries
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    def _settle(self, tp: TP) -> int:
        """Drop what is acknowledged, in order, and what an earlier assignment left; how many are still in hand."""
        held, generation = self._held[tp], self.app.consumer_generation_id
        while held and (held[0].acked or held[0].generation_id != generation):
            message = held.popleft()
            if message.acked and message.generation_id == generation:
                self._done[tp] = (generation, message.offset + 1)
        return len(held)

    # These three replace Faust's lists of acknowledged offsets and of gaps.

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Any:
        return [tp for tp in self._held if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        self._settle(tp)
        generation, offset = self._done.pop(tp, (None, None))
        return offset if generation == self.app.consumer_generation_id else None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        pass

    # These two switch off Faust's back-pressure: it frees one partition at a time, and some starve.

    def on_buffer_full(self, tp: TP) -> None:
        pass

    def on_buffer_drop(self, tp: TP) -> None:
        pass

    def lag(self) -> dict[TP, int]:
        """For each partition of ours the records not yet handled, as far as the last fetch knew."""
        behind = {}
        for tp in self.assignment():
            end, held = self.highwater(tp), self._held[tp]
            following = cast(Batch, held[0].value).records[0].offset if held else self._next.get(tp)
            if following is None:
                following = self._committed_offset[tp] or 0
            if end is not None:
                behind[tp] = max(0, end - following)
        return behind

    def waited_s(self, tp: TP, now_s: float) -> float:
        """How long the first record that is not yet handled, of a partition that has some, has lain in Kafka at least.

        Of one that was not fetched yet, it is known that it was there when the last batch came.
        """
        if held := self._held[tp]:
            appended_ms: int = cast(Batch, held[0].value).records[0].timestamp
            return max(0.0, now_s - appended_ms / 1000)
        return time.monotonic() - self._came.setdefault(tp, time.monotonic())

    def quiet_s(self, tp: TP) -> float:
        """Seconds since anything but canaries came of a partition, or it was assigned."""
        return time.monotonic() - self._stirred.setdefault(tp, time.monotonic())

    def assigned_anew(self) -> None:
        """Forget how far partitions were read: others may have read on since."""
        self._next.clear()
        self._came.clear()
        self._stirred.clear()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One fetch: at most a batch of each partition that has room."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        ready = {tp for tp in self._get_active_partitions() if self._settle(tp) < IN_HAND}
        if not ready or self.should_stop:  # an empty set would mean all partitions to aiokafka
            await asyncio.sleep(0.01)
            return
        records = await self._getmany(active_partitions=ready, timeout=0.1)  # short: others may get room meanwhile
        generation = self.app.consumer_generation_id
        if not self.flow_active:  # a rebalance began: this fetch is dropped, so go back to the committed offsets
            with contextlib.suppress(Exception):
                await self.perform_seek()
            return
        for tp, batch in records.items():
            if not batch or not self.flow_active or self.app.consumer_generation_id != generation:
                continue
            last = batch[-1]
            message = ConsumerMessage(
                topic=tp.topic,
                partition=tp.partition,
                offset=last.offset,
                timestamp=last.timestamp / 1000,
                timestamp_type=last.timestamp_type,
                headers={},
                key=None,
                value=Batch(tp.topic, tp.partition, generation, batch),  # type: ignore[arg-type]  # Faust: bytes
                checksum=None,
                tp=tp,
                generation_id=generation,
            )
            self._held[tp].append(message)
            self._next[tp] = last.offset + 1
            self._came[tp] = time.monotonic()
            if any(record.key != CANARY_KEY for record in batch):
                self._stirred[tp] = self._came[tp]
            yield tp, message


class NoTables(TableManager):
    """Faust's tables, of which we have none: it would wait a second at every start for some to be declared."""

    logger = _services

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class CalmProducer(driver.Producer):
    """Faust's own producer. We send nothing by it, but it is connected."""

    logger = _services

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        calm(producer.client, cast(BatchApp, self.app).settings)
        return producer


class BatchTransport(driver.Transport):
    """Faust's transport with our consumer."""

    Consumer = BatchConsumer
    Producer = CalmProducer


class BatchApp(faust.App):
    """A Faust app whose agents handle batches, of about `batch_bytes`.

    `resources` are open from before the first batch to after the last.
    """

    logger = _services

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
