"""The consumer: batches of one partition, back-pressure, and commits of acknowledged batches.

This overrides private methods of Faust and aiokafka, so setup.cfg pins the versions that were tested.
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

faust_log = logging.getLogger("faust.services")  # where Faust logs starts and stops of its services

IN_HAND = 2
"""Back-pressure: the most unfinished batches of one partition in a worker, including the one being handled."""

STEP = 100
"""Records that are unpacked in one step."""

FETCH_MIN_BYTES, FETCH_MAX_WAIT_MS = 64 * 1024, 20
"""A broker answers when it has this many bytes, or after this time. With a backlog it answers at once. At a low rate a
batch is what arrived in 20 ms, because a request per post keeps servers busy: at 200 posts/s on two cores, with
aiokafka's 1 byte and Faust's 1,500 ms, a post took twice as long."""

PREFETCH_BACKOFF_S = 0.005
"""Pause before the next request to a broker while fetched records of one of its partitions are not taken yet. With
aiokafka's 0.1 s, partitions wait for each other."""

METADATA_MAX_AGE_MS = 5_000
"""Partitions added to a topic are read after at most this time. The client's default of 5 minutes is meant for brokers
with very many clients."""


class _App(Protocol):
    """The part of the app that the consumer uses."""

    settings: Common
    batch_bytes: int


class BatchThread(driver.AIOKafkaConsumerThread):
    """The consumer's thread. Commits only partitions that are still assigned, and unpacks one batch at a time."""

    logger = faust_log

    async def on_start(self) -> None:
        await super().on_start()
        consumer: Any = self._ensure_consumer()
        patch_backoff(consumer._client, cast(_App, self.app).settings)
        fetcher: Any = consumer._fetcher  # aiokafka has options for some of these, but Faust does not pass them
        fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms = FETCH_MIN_BYTES, FETCH_MAX_WAIT_MS
        fetcher._prefetch_backoff = PREFETCH_BACKOFF_S

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TP, list[Any]]:
        """Records by partition, until they are as large as a batch, or no more are available without waiting.

        A fetch is compressed. Unpacked as a whole it takes six times its size in memory, for each of 16 partitions.
        """
        fetched: defaultdict[TP, list[Any]] = defaultdict(list)
        size = 0
        while size < cast(_App, self.app).batch_bytes:
            # Only the first call waits, so no rebalance can happen between the calls.
            step = await super()._fetch_records(consumer, active_partitions, 0 if fetched else timeout, STEP)
            if not step:
                break
            for tp, records in step.items():
                fetched[tp] += records
                size += sum([record.serialized_value_size for record in records])
        return fetched

    def fetch_position(self, tp: TP) -> int | None:
        """The next offset to read of a partition; None while it is unknown or the partition is not assigned."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        if assignment is None or tp not in assignment.tps:
            return None
        state = assignment.state_value(tp)
        return state.position if state.has_valid_position else None

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # If all were revoked meanwhile, there is nothing to commit: aiokafka would raise, and the worker would crash.
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        return bool(mine) and await super()._commit(mine)


class BatchConsumer(driver.Consumer):
    """Yields one message per partition and fetch. Commits a batch when it and all earlier ones are acknowledged."""

    logger = faust_log

    def _new_consumer_thread(self) -> BatchThread:  # called by Faust's __init__
        self._held: defaultdict[TP, deque[ConsumerMessage]] = defaultdict(deque)  # handed out, in order
        self._done: dict[TP, tuple[int, int]] = {}  # generation, offset to commit
        self._next: dict[TP, int] = {}  # the offset after the last record handed out
        self._came: dict[TP, float] = {}  # time of the last batch, or of the assignment, in monotonic s
        self._stirred: dict[TP, float] = {}  # the same, ignoring batches that hold only canaries
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    def _settle(self, tp: TP) -> int:
        """Drop acknowledged batches, in order, and those of earlier assignments; returns how many are left."""
        held, generation = self._held[tp], self.app.consumer_generation_id
        while held and (held[0].acked or held[0].generation_id != generation):
            message = held.popleft()
            if message.acked and message.generation_id == generation:
                self._done[tp] = (generation, message.offset + 1)
        return len(held)

    # These three methods replace Faust's lists of acknowledged offsets and of gaps.

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

    # These two methods turn off Faust's back-pressure: it resumes one partition at a time, so that others starve.

    def on_buffer_full(self, tp: TP) -> None:
        pass

    def on_buffer_drop(self, tp: TP) -> None:
        pass

    def lag(self) -> dict[TP, int]:
        """Records not handled yet, for each assigned partition, as of its last fetch.

        A partition is missing while its position is unknown.
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
        """Seconds that the first unhandled record of a partition has been in Kafka, at least. There must be one.

        `now_s`: wall clock, in seconds. If the record is not fetched yet, this is the time since the last batch.
        """
        if held := self._held[tp]:
            appended_ms: int = cast(Batch, held[0].value).records[0].timestamp
            return max(0.0, now_s - appended_ms / 1000)
        return time.monotonic() - self._came.setdefault(tp, time.monotonic())

    def quiet_s(self, tp: TP) -> float:
        """Seconds since the last record of a partition that is not a canary, or since its assignment."""
        return time.monotonic() - self._stirred.setdefault(tp, time.monotonic())

    def reassigned(self) -> None:
        """Forget the positions and times of all partitions: another worker may have read on since."""
        self._next.clear()
        self._came.clear()
        self._stirred.clear()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One fetch: at most one batch for each partition that has fewer than IN_HAND. `timeout` is ignored."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        ready = {tp for tp in self._get_active_partitions() if self._settle(tp) < IN_HAND}
        if not ready or self.should_stop:  # to aiokafka an empty set means all partitions
            await asyncio.sleep(0.01)
            return
        records = await self._getmany(active_partitions=ready, timeout=0.1)  # short: other partitions may become ready
        generation = self.app.consumer_generation_id
        if not self.flow_active:  # a rebalance began: drop this fetch, and go back to the committed offsets
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
    """Replaces Faust's table manager: there are no tables, and Faust waits a second for them at every start."""

    logger = faust_log

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class BackoffProducer(driver.Producer):
    """Faust's own producer. Nothing is sent with it, but Faust connects it."""

    logger = faust_log

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        patch_backoff(producer.client, cast(_App, self.app).settings)
        return producer


class BatchTransport(driver.Transport):
    """Faust's transport with BatchConsumer."""

    Consumer = BatchConsumer
    Producer = BackoffProducer
