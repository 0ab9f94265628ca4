"""Dead letters of the jobs: made in one place, so that both agents name, place and count them alike."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES
from hashtide.contract.dead_letters import DeadLetter, without_payload
from hashtide.contract.reasons import InvalidPost
from hashtide.metrics import worker as metrics


class Bury(Protocol):
    """Sends dead letters to posts.dead; back when Kafka has them."""

    async def __call__(self, letters: Sequence[DeadLetter]) -> None: ...


def without_payloads(bury: Bury) -> Bury:
    """Buries letters without the bytes that could not go on."""

    async def buried(letters: Sequence[DeadLetter]) -> None:
        await bury([without_payload(each) for each in letters])

    return buried


class RecordRef(NamedTuple):
    """A record's place in Kafka. `topic_id` is the topic's UUID: a topic that was made again has another."""

    topic: str
    topic_id: str
    partition: int
    offset: int


def letter(ref: RecordRef, value: bytes, error: InvalidPost, at_ms: int) -> DeadLetter:
    """The dead letter of a record, counted. Its position names the topic by its UUID."""
    metrics.DEAD_LETTERS.labels(error.reason).inc()
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        source=ref.topic,
        position=f"{ref.topic_id}:{ref.partition}:{ref.offset}",
        payload=value[:MAX_PAYLOAD_BYTES],
        at_ms=at_ms,
    )
