"""The unit of work: the records of one fetch."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import ConsumerRecord


class Batch(NamedTuple):
    """The records that one fetch returned for one partition, in order of offset. Never empty."""

    topic: str
    partition: int
    generation: int
    """Generation of the consumer group. If it has changed, another worker may have handled this partition meanwhile."""
    records: Sequence["ConsumerRecord[bytes, bytes]"]
