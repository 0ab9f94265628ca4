"""The chain of one partition: batches are prepared ahead, handled in order, and abandoned together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP
from prometheus_client import REGISTRY

from stream_jobs.health import Progress
from stream_jobs.transport import app as transport_app
from stream_jobs.transport.app import BatchApp
from stream_jobs.transport.batch import Batch
from stream_jobs.transport.chain import Chain
from tests.fakes.kafka import batch
from tests.unit.stream_jobs.transport.test_transport import AT_S, RAW, Fetching, app_of, record

Work = Callable[[], Awaitable[None]]


def event(first: int, generation: int = 1) -> Any:
    """A batch of one record, as a stream of Faust's brings it."""
    return SimpleNamespace(value=batch("posts.raw", 0, first, [b"{}"], generation))


def first_offset(each: Any) -> int:
    offset: int = each.value.records[0].offset
    return offset


class Clock:
    """A monotonic clock that stands still until it is moved."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Chained:
    """A chain whose batches are handled when the test says so. `steps`: what it did, in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.gates: dict[int, asyncio.Event] = {}
        self.fails: set[int] = set()
        """Batches that `prepare` cannot read, by their first offset."""
        self.dropped: set[int] = set()
        """Batches that a rebalance does not wait for."""
        self.clock = Clock()
        self.progress = Progress(self.clock)
        self.chain = Chain(self._prepare, self._handle, self._finish, self._abandon, self.progress)

    def hold(self, first: int) -> asyncio.Event:
        """Have a batch wait while it is handled, until the event is set."""
        return self.gates.setdefault(first, asyncio.Event())

    async def take(self, *events: Any) -> None:
        """Take batches as they are fetched: not all in the same moment."""
        for each in events:
            await self.chain.take(each)
            await asyncio.sleep(0)

    def _prepare(self, taken: Batch) -> int:
        first: int = taken.records[0].offset
        self.steps.append(f"prepare {first}")
        if first in self.fails:
            raise ValueError(f"cannot read {first}")
        return first

    async def _handle(self, first: int) -> None:
        self.steps.append(f"handle {first}")
        if first in self.gates:
            await self.gates[first].wait()

    async def _finish(self, each: Any, work: Work) -> bool:
        first = first_offset(each)
        try:
            await work()
        except ValueError as error:
            self.steps.append(f"raised: {error}")
            return True
        if first in self.dropped:
            self.steps.append(f"dropped {first}")
            return False
        self.steps.append(f"done {first}")
        return True

    def _abandon(self, each: Any) -> None:
        self.steps.append(f"abandon {first_offset(each)}")


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_batches_are_handled_in_order_one_at_a_time() -> None:
    chained = Chained()
    await chained.take(event(0), event(5), event(9))
    await settle()
    handled = [step for step in chained.steps if not step.startswith("prepare")]
    assert handled == ["handle 0", "done 0", "handle 5", "done 5", "handle 9", "done 9"]


async def test_the_next_batch_is_prepared_while_one_is_handled() -> None:
    chained = Chained()
    gate = chained.hold(0)
    await chained.take(event(0))
    taking = asyncio.create_task(chained.take(event(5)))
    await settle()
    assert chained.steps == ["prepare 0", "handle 0", "prepare 5"]
    assert not taking.done()
    gate.set()
    await taking
    await settle()
    assert chained.steps == ["prepare 0", "handle 0", "prepare 5", "done 0", "handle 5", "done 5"]


async def test_of_many_batches_one_is_prepared_ahead_and_no_more() -> None:
    chained = Chained()
    gate = chained.hold(0)
    taking = asyncio.create_task(chained.take(event(0), event(1), event(2), event(3)))
    await settle()
    assert chained.steps == ["prepare 0", "handle 0", "prepare 1"]
    gate.set()
    await taking
    await settle()
    assert [step for step in chained.steps if step.startswith("done")] == ["done 0", "done 1", "done 2", "done 3"]


async def test_after_an_abandoned_batch_the_rest_of_its_generation_is_abandoned_unhandled() -> None:
    chained = Chained()
    chained.dropped = {5}
    await chained.take(event(0), event(5), event(9), event(12))
    await settle()
    assert [step for step in chained.steps if not step.startswith("prepare")] == [
        "handle 0", "done 0", "handle 5", "dropped 5", "abandon 9", "abandon 12",
    ]  # fmt: skip


async def test_the_next_generation_is_handled_again() -> None:
    chained = Chained()
    chained.dropped = {5}
    await chained.take(event(5), event(9))
    await settle()
    chained.dropped = set()
    await chained.take(event(5, generation=2), event(9, generation=2))
    await settle()
    assert [step for step in chained.steps if not step.startswith("prepare")] == [
        "handle 5", "dropped 5", "abandon 9", "handle 5", "done 5", "handle 9", "done 9",
    ]  # fmt: skip


async def test_an_error_in_prepare_is_raised_in_its_turn() -> None:
    chained = Chained()
    chained.fails = {5}
    gate = chained.hold(0)
    taking = asyncio.create_task(chained.take(event(0), event(5)))
    await settle()
    assert chained.steps == ["prepare 0", "handle 0", "prepare 5"]
    gate.set()
    await taking
    await settle()
    assert chained.steps == ["prepare 0", "handle 0", "prepare 5", "done 0", "raised: cannot read 5"]


async def test_a_batch_is_in_progress_until_it_is_handled() -> None:
    chained = Chained()
    gate = chained.hold(0)
    await chained.take(event(0))
    await settle()
    chained.clock.now_s += 30
    assert chained.progress.stuck_s() == 30
    gate.set()
    await settle()
    assert chained.progress.stuck_s() == 0


async def test_a_batch_that_is_done_is_progress_for_those_that_wait() -> None:
    chained = Chained()
    first, second = chained.hold(0), chained.hold(5)
    taking = asyncio.create_task(chained.take(event(0), event(5)))
    await settle()
    chained.clock.now_s += 30
    first.set()
    await taking
    chained.clock.now_s += 7
    assert chained.progress.stuck_s() == 7
    second.set()
    await settle()
    assert chained.progress.stuck_s() == 0


async def test_abandoned_batches_leave_nothing_in_progress() -> None:
    chained = Chained()
    chained.dropped = {0}
    await chained.take(event(0), event(5), event(9))
    await settle()
    chained.clock.now_s += 30
    assert chained.progress.stuck_s() == 0


async def test_close_cancels_the_batch_that_is_handled() -> None:
    chained = Chained()
    chained.hold(0)
    await chained.take(event(0))
    await settle()
    await chained.chain.close()
    chained.clock.now_s += 30
    assert chained.steps == ["prepare 0", "handle 0"]
    assert chained.progress.stuck_s() == 0


async def test_a_take_that_is_cancelled_leaves_nothing_in_progress() -> None:
    chained = Chained()
    chained.hold(0)
    await chained.take(event(0))
    taking = asyncio.create_task(chained.take(event(5)))
    await settle()
    taking.cancel()
    await asyncio.wait({taking})
    await chained.chain.close()
    chained.clock.now_s += 30
    assert taking.cancelled()
    assert chained.steps == ["prepare 0", "handle 0", "prepare 5"]
    assert chained.progress.stuck_s() == 0


async def test_close_of_a_chain_without_batches_does_nothing() -> None:
    await Chained().chain.close()


# With the real acknowledgements: what is committed.


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[BatchApp]:
    yield app_of(tmp_path, [[record(0, AT_S), record(1, AT_S)], [record(2, AT_S)]])


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A rebalance waits for no batch."""
    monkeypatch.setattr(transport_app, "LET_GO_AFTER_S", 0)
    yield


async def in_hand(app: BatchApp) -> list[Any]:
    """What the consumer hands out, as events of Faust's that are acknowledged like Faust's own."""
    consumer = cast(Fetching, app.consumer)
    messages = []
    for _ in range(2):
        messages += [message async for _, message in consumer.getmany(timeout=0.1)]
    for each in messages:
        consumer._unacked_messages.add(each)
    return [SimpleNamespace(value=each.value, message=each, ack=lambda each=each: ack(each)) for each in messages]


def ack(message: Any) -> None:
    message.acked = True


def abandoned() -> float:
    return REGISTRY.get_sample_value("hashtide_batches_let_go_total", {"topic": "posts.raw"}) or 0.0


def chain_of(app: BatchApp, handle: Callable[[Batch], Awaitable[None]]) -> Chain[Batch]:
    return Chain(lambda taken: taken, handle, app._finish, app._abandon, app.progress)


def to_commit(app: BatchApp, tp: TP = RAW) -> int | None:
    return cast(Fetching, app.consumer)._new_offset(tp)


async def test_a_batch_is_committed_when_it_is_handled(app: BatchApp) -> None:
    gate = asyncio.Event()

    async def handle(taken: Batch) -> None:
        if taken.records[0].offset == 2:
            await gate.wait()

    chain = chain_of(app, handle)
    for each in await in_hand(app):
        await chain.take(each)
    await settle()
    assert to_commit(app) == 2
    gate.set()
    await settle()
    assert to_commit(app) == 3


async def test_of_an_abandoned_batch_and_what_follows_nothing_is_committed(app: BatchApp, at_once: None) -> None:
    handled: list[int] = []
    consumer, before = cast(Fetching, app.consumer), abandoned()

    async def handle(taken: Batch) -> None:
        handled.append(taken.records[0].offset)
        if taken.records[0].offset == 0:
            await asyncio.Event().wait()

    chain = chain_of(app, handle)
    first, second = await in_hand(app)
    await chain.take(first)
    await settle()
    consumer.suspend_flow.set()  # a rebalance
    await chain.take(second)
    await settle()
    consumer.suspend_flow.clear()
    assert handled == [0]
    assert to_commit(app) is None
    assert list(consumer._unacked_messages) == []  # the rebalance waits for none of them
    assert abandoned() - before == 2
