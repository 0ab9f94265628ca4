"""What an agent receives."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import ConsumerRecord


class Batch(NamedTuple):
    """What one fetch brought of one partition, in order."""

    topic: str
    partition: int
    generation: int
    """Of the consumer group: another number than before means that others may have worked on this partition."""
    records: Sequence["ConsumerRecord[bytes, bytes]"]
