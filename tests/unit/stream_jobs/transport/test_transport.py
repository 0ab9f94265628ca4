"""What the consumer hands over, and what it says of its lag. Kafka's side of it is made up here."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from hashtide.settings import Common, load
from stream_jobs.transport.app import BatchApp
from stream_jobs.transport.consumer import BatchConsumer

RAW = TP("posts.raw", 0)
AT_S = 1_600_000_000


class Fetching(BatchConsumer):
    """A consumer to which fetches come as they are put into `fetches`."""

    fetches: list[list[ConsumerRecord]]

    def _get_active_partitions(self) -> Any:
        return {RAW}

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        return {tp: self.fetches.pop(0) for tp in active_partitions if self.fetches}


def app_of(folder: Path, fetches: list[list["ConsumerRecord"]]) -> BatchApp:
    """An app that runs, with such a consumer and no agents."""
    app = BatchApp(
        "test",
        batch_bytes=150_000,
        settings=load(Common, {}),
        resources=[],
        env_prefix="HASHTIDE_FAUST_",
        store="memory://",
        datadir=folder,
    )
    app.flow_control.resume()
    consumer = Fetching(app.transport, *[ignored] * 3)
    consumer.fetches = fetches
    consumer.resume_flow()
    app.consumer = consumer
    return app


@pytest.fixture
async def consumer(tmp_path: Path) -> AsyncIterator[Fetching]:
    yield cast(Fetching, app_of(tmp_path, []).consumer)


async def ignored(*_: Any) -> None:
    """What Faust would get."""


def record(offset: int, appended_s: float, value: bytes = b"{}") -> "ConsumerRecord":
    return ConsumerRecord("posts.raw", 0, offset, int(appended_s * 1000), 1, b"x:1", value, None, 3, len(value), ())


class Fetched:
    """The end of a fetch: unpacks records as they are asked for."""

    _closed = False
    _subscriptions = SimpleNamespace(fetch_context=nullcontext)

    def __init__(self, records: list["ConsumerRecord"]) -> None:
        self.records = records

    async def fetched_records(self, partitions: Any, timeout: float, max_records: int) -> dict[TP, Any]:
        given, self.records = self.records[:max_records], self.records[max_records:]
        return {RAW: given} if given else {}


async def hand_out(consumer: BatchConsumer) -> list[list[int]]:
    """The offsets of each batch that one call brings."""
    got = [message async for _, message in consumer.getmany(timeout=0.1)]
    return [[record.offset for record in cast(Any, message.value).records] for message in got]


async def test_of_a_partition_no_more_than_two_batches_are_in_hand(consumer: Fetching) -> None:
    consumer.fetches = [[record(0, AT_S)], [record(1, AT_S)], [record(2, AT_S)]]
    assert [await hand_out(consumer) for _ in range(3)] == [[[0]], [[1]], []]
    consumer._held[RAW][0].acked = True
    assert await hand_out(consumer) == [[2]]


async def test_the_wait_is_that_of_the_first_record_that_is_not_handled(consumer: Fetching) -> None:
    consumer.fetches = [[record(0, AT_S), record(1, AT_S + 5)], [record(2, AT_S + 60)]]
    await hand_out(consumer)
    await hand_out(consumer)
    assert consumer.waited_s(RAW, AT_S + 100) == 100
    consumer._held[RAW].popleft()
    assert consumer.waited_s(RAW, AT_S + 100) == 40


async def test_a_broker_whose_clock_is_ahead_makes_no_negative_wait(consumer: Fetching) -> None:
    consumer.fetches = [[record(0, AT_S + 3)]]
    await hand_out(consumer)
    assert consumer.waited_s(RAW, AT_S) == 0


async def test_a_record_that_is_not_fetched_has_waited_since_the_last_batch_at_least(consumer: Fetching) -> None:
    consumer.fetches = [[record(0, AT_S)]]
    await hand_out(consumer)
    consumer._held[RAW].clear()
    consumer._came[RAW] -= 7
    assert 7 <= consumer.waited_s(RAW, AT_S) < 8


async def test_of_a_fetch_no_more_is_unpacked_than_makes_a_batch(consumer: Fetching) -> None:
    fetched = Fetched([record(offset, AT_S, bytes(1000)) for offset in range(450)])

    async def unpack() -> list[int]:
        aiokafka = SimpleNamespace(_closed=False, _fetcher=fetched)
        records = await cast(Any, consumer._thread)._fetch_records(aiokafka, {RAW}, timeout=0.1)
        return [record.offset for record in records.get(RAW, ())]

    assert await unpack() == list(range(200))
    assert await unpack() == list(range(200, 400))
    assert await unpack() == list(range(400, 450))
    assert await unpack() == []


async def test_canaries_do_not_stir_a_partition(consumer: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 1000, 50))
    monkeypatch.setattr("stream_jobs.transport.app.time.monotonic", lambda: next(now))
    canary = ConsumerRecord("posts.raw", 0, 5, AT_S * 1000, 1, b"canary", b"{}", None, 6, 2, ())
    quiet_s = []
    for fetch in ([record(4, AT_S)], [canary], [canary, canary], [canary, record(8, AT_S)], [canary]):
        consumer.fetches = [fetch]
        async for _tp, message in consumer.getmany(1.0):
            message.acked = True
        quiet_s.append(consumer.quiet_s(RAW))
    # The clock goes on by 50 s each time that someone looks at it: at every fetch, and twice for every question.
    assert quiet_s == [50, 200, 350, 50, 200]
