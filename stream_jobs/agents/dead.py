"""Dead letters of the jobs: made in one place, so that both agents name, place and count them alike."""

from collections.abc import Sequence
from typing import Protocol

from producers.contract import MAX_PAYLOAD_BYTES, DeadLetter, Reason, without_payload
from stream_jobs import metrics


class Bury(Protocol):
    """Sends dead letters to posts.dead; back when Kafka has them."""

    async def __call__(self, letters: Sequence[DeadLetter]) -> None: ...


def without_payloads(bury: Bury) -> Bury:
    """Buries letters without the bytes that could not go on."""

    async def buried(letters: Sequence[DeadLetter]) -> None:
        await bury([without_payload(each) for each in letters])

    return buried


def letter(
    topic: str,
    topic_id: str,
    partition: int,
    offset: int,
    *,
    value: bytes,
    reason: Reason,
    detail: str,
    at_ms: int,
) -> DeadLetter:
    """The dead letter of a record, counted. Its position says in which life of the topic it lies."""
    metrics.DEAD_LETTERS.labels(reason).inc()
    position = f"{topic_id}:{partition}:{offset}"
    payload = value[:MAX_PAYLOAD_BYTES]
    return DeadLetter(reason=reason, detail=detail, source=topic, position=position, payload=payload, at_ms=at_ms)
