"""The consumer: whole fetched batches of one partition, back-pressure, and commits of what is acknowledged.

This overrides private methods of Faust and aiokafka, so setup.cfg asks for exactly the versions it was tested with.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol, cast

from faust.tables import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from hashtide.contract.messages import CANARY_KEY
from hashtide.kafka.backoff import patch_backoff
from hashtide.kafka.lag import lag
from hashtide.settings import Common
from stream_jobs.transport.batch import Batch

faust_log = logging.getLogger("faust.services")  # what Faust says of the starts and stops of its parts

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


class _App(Protocol):
    """What the consumer needs of the app that it belongs to."""

    settings: Common
    batch_bytes: int


class BatchThread(driver.AIOKafkaConsumerThread):
    """The consumer's own thread. Commits only what is still ours, and unpacks only as much as makes a batch."""

    logger = faust_log

    async def on_start(self) -> None:
        await super().on_start()
        consumer: Any = self._ensure_consumer()
        patch_backoff(consumer._client, cast(_App, self.app).settings)
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
        while size < cast(_App, self.app).batch_bytes:
            # Only the first of these calls waits, so no rebalance can come in between.
            step = await super()._fetch_records(consumer, active_partitions, 0 if fetched else timeout, STEP)
            if not step:
                break
            for tp, records in step.items():
                fetched[tp] += records
                size += sum([record.serialized_value_size for record in records])
        return fetched

    def fetch_position(self, tp: TP) -> int | None:
        """From where a partition is read on; None until that is known. Where nothing was committed, the beginning."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        if assignment is None or tp not in assignment.tps:
            return None
        state = assignment.state_value(tp)
        return state.position if state.has_valid_position else None

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # With nothing left to commit (all revoked meanwhile) aiokafka would raise, and the worker would crash.
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        return bool(mine) and await super()._commit(mine)


class BatchConsumer(driver.Consumer):
    """Yields one message per partition and fetch, and commits a batch once it and all before it are acknowledged."""

    logger = faust_log

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
        """For each partition of ours the records not yet handled, as far as the last fetch knew.

        A partition is missing until it is known from where it is read.
        """
        behind = {}
        for tp in self.assignment():
            end, held = self.highwater(tp), self._held[tp]
            following = cast(Batch, held[0].value).records[0].offset if held else self._next.get(tp)
            if following is None:
                following = cast(BatchThread, self._thread).fetch_position(tp)
            if end is not None and following is not None:
                behind[tp] = lag(following, end, None)
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

    logger = faust_log

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class BackoffProducer(driver.Producer):
    """Faust's own producer. We send nothing by it, but it is connected."""

    logger = faust_log

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        patch_backoff(producer.client, cast(_App, self.app).settings)
        return producer


class BatchTransport(driver.Transport):
    """Faust's transport with our consumer."""

    Consumer = BatchConsumer
    Producer = BackoffProducer
