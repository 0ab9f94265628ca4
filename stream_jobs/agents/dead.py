"""Dead letters of the worker. Both agents make them here, so that all have the same form and are counted."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.reasons import InvalidPost
from hashtide.metrics import worker as metrics


class Bury(Protocol):
    """Sends dead letters to posts.dead; returns when Kafka has acknowledged them."""

    async def __call__(self, letters: Sequence[DeadLetter]) -> None: ...


class RecordRef(NamedTuple):
    """Position of a record in Kafka. `topic_id` is the topic's UUID: a recreated topic has another one."""

    topic: str
    topic_id: str
    partition: int
    offset: int


def letter(ref: RecordRef, error: InvalidPost, at_ms: int) -> DeadLetter:
    """Make the dead letter of a record, and count it in the metric. `at_ms`: the current time.

    It holds the position of the record, not its bytes: `hashtide dlq` reads them from the topic.
    """
    metrics.DEAD_LETTERS.labels(error.reason).inc()
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        source=ref.topic,
        position=f"{ref.topic_id}:{ref.partition}:{ref.offset}",
        payload=b"",
        at_ms=at_ms,
    )
