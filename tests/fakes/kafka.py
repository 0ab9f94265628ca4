"""Records as a consumer returns them, and receivers of what agents send."""

from collections.abc import Awaitable, Callable, Sequence

from aiokafka import ConsumerRecord

from hashtide.contract.dead_letters import DeadLetter
from stream_jobs.transport.batch import Batch


def record(topic: str, partition: int, offset: int, value: bytes | None, key: bytes = b"") -> "ConsumerRecord":
    """A record as aiokafka creates it."""
    return ConsumerRecord(topic, partition, offset, 1_600_000_000_000, 1, key, value, None, len(key), 0, ())


def batch(topic: str, partition: int, first: int, values: Sequence[bytes | None], generation: int = 1) -> Batch:
    """A batch of one partition whose records have the offsets from `first` on."""
    return Batch(
        topic,
        partition,
        generation,
        [record(topic, partition, first + i, value) for i, value in enumerate(values)],
    )


async def at_once() -> None:
    """The interrupt of a graveyard that does not wait."""


class Graveyard:
    """Stores dead letters in order. Awaits `interrupt` first."""

    def __init__(self, interrupt: Callable[[], Awaitable[None]] = at_once) -> None:
        self.letters: list[DeadLetter] = []
        self._interrupt = interrupt

    async def __call__(self, letters: Sequence[DeadLetter]) -> None:
        await self._interrupt()
        self.letters += letters


class Sent:
    """Stores what an agent publishes: topic, partition, key and value of each record, in order."""

    def __init__(self) -> None:
        self.records: list[tuple[str, int, bytes | None, bytes]] = []

    async def __call__(self, topic: str, partition: int, records: Sequence[tuple[bytes | None, bytes]]) -> None:
        self.records += [(topic, partition, key, value) for key, value in records]
