"""`hashtide`, whose worker does wrong what a test asks for: `python -m tests.chaos.faulty_worker worker ...`.

TEST_FAULT=POINT:N   it kills itself (SIGKILL) when it comes to a point of POINTS for the Nth time.
TEST_CLOCK=SEED      its clock jumps now and then, by up to two days to either side.
"""

import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from hashtide.clock import wall_clock_ms
from hashtide.elasticsearch.values import Document, Outcome
from operations.cli import main as command_line
from stream_jobs import app
from stream_jobs.agents.count import CountAgent
from stream_jobs.agents.events import EnrichedBatch
from stream_jobs.kafka_sink import KafkaSink, KeyValue
from stream_jobs.store.elasticsearch import Elasticsearch

POINTS: Final = (
    "after-send",  # Kafka has what a batch sent, posts or orders, and the batch is not committed
    "before-create",
    "during-create",  # half of a batch is in the ledger
    "after-create",
    "before-put",
    "during-put",  # half of a batch's count documents are written
    "after-put",
    "before-commit",  # a batch is counted as a whole
)

JUMP_MS: Final = 2 * 24 * 60 * 60 * 1000
JUMP_EVERY: Final = 50  # readings of the clock, about


class Fault:
    """The end of this process, at the Nth time it comes to a point; without a point it never comes."""

    def __init__(self, asked: str) -> None:
        self._point, _, nth = asked.partition(":")
        assert self._point in ("", *POINTS), f"TEST_FAULT={asked}: there is no such point"
        self._left = int(nth or 1)

    def due(self, point: str) -> bool:
        """Come to a point; whether this is the time."""
        self._left -= point == self._point
        return point == self._point and self._left == 0

    def at(self, point: str) -> None:
        """Come to a point, and perhaps not go on."""
        if self.due(point):
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingElasticsearch(Elasticsearch):
    """The store, with points before, in the middle of and after each bulk that has anything in it."""

    def __init__(self, fault: Fault, *args: Any) -> None:
        super().__init__(*args)
        self._fault = fault

    async def create(self, documents: Sequence[Document]) -> list[Outcome]:
        return await self._write("create", super().create, documents)

    async def put(self, documents: Sequence[Document]) -> list[Outcome]:
        return await self._write("put", super().put, documents)

    async def _write(
        self,
        name: str,
        write: Callable[[Sequence[Document]], Awaitable[list[Outcome]]],
        documents: Sequence[Document],
    ) -> list[Outcome]:
        if not documents:
            return []
        self._fault.at(f"before-{name}")
        if self._fault.due(f"during-{name}"):
            await write(documents[: len(documents) // 2])
            die()
        outcomes = await write(documents)
        self._fault.at(f"after-{name}")
        return outcomes


class DyingCountAgent(CountAgent):
    """The count agent, with a point after each batch."""

    def __init__(self, fault: Fault, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._fault = fault

    async def handle(self, batch: EnrichedBatch) -> None:
        await super().handle(batch)
        self._fault.at("before-commit")


class DyingKafkaSink(KafkaSink):
    """The way back to Kafka, with a point after each call."""

    def __init__(self, fault: Fault, *args: Any) -> None:
        super().__init__(*args)
        self._fault = fault

    async def send(self, topic: str, partition: int, records: Sequence[KeyValue]) -> None:
        await super().send(topic, partition, records)
        self._fault.at("after-send")


class JumpingClock:
    """A clock that is right at first, and then off by up to JUMP_MS, now by this much and now by that."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._off_ms = 0

    def __call__(self) -> int:
        if self._random.random() < 1 / JUMP_EVERY:
            self._off_ms = self._random.randint(-JUMP_MS, JUMP_MS)
        return wall_clock_ms() + self._off_ms


def main(environ: Mapping[str, str]) -> None:
    """Run the command line with the faults that the environment asks for."""
    fault = Fault(environ.get("TEST_FAULT", ""))
    clock = JumpingClock(environ["TEST_CLOCK"]) if "TEST_CLOCK" in environ else wall_clock_ms
    with patch.multiple(
        app,
        Elasticsearch=partial(DyingElasticsearch, fault),
        CountAgent=partial(DyingCountAgent, fault),
        KafkaSink=partial(DyingKafkaSink, fault),
        wall_clock_ms=clock,
    ):
        command_line.main()


if __name__ == "__main__":
    main(os.environ)
