"""The canary: a message that follows the same path as a post but is not counted. It shows that the pipeline works.

Each worker sends one a minute to posts.raw, to another partition each time, and then searches for the document that the
count agent writes for it. Why it runs in the worker: docs/decisions/0008-the-canary-lives-in-the-worker.md.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiokafka.errors import KafkaError
from elasticsearch import ApiError
from prometheus_client import REGISTRY

from hashtide.contract.messages import Canary, encode, key
from hashtide.contract.names import CANARIES, POSTS_RAW
from hashtide.metrics import worker as metrics
from stream_jobs.store.store import Store

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
LOST_AFTER_S: Final = 60.0
LOOK_EVERY_S: Final = 0.25


def register() -> None:
    """Add the canary's metrics to /metrics. Call once."""
    for metric in (metrics.CANARY_SENT, metrics.CANARY_LOST, metrics.CANARY_LATENCY, metrics.CANARY_LAST_SEEN):
        REGISTRY.register(metric)


class CanarySender:
    """Sends canaries until cancelled. `send(topic, partition, records)` returns when Kafka has acknowledged them."""

    def __init__(
        self,
        send: Callable[[str, int, Sequence[tuple[bytes | None, bytes]]], Awaitable[None]],
        store: Store,
        *,
        partitions: int,
        clock_ms: Callable[[], int],
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        self._send, self._store, self._partitions = send, store, partitions
        self._clock_ms, self._lost_after_s = clock_ms, lost_after_s

    async def run(self) -> None:
        """Send one a minute, each after the previous one was seen or lost. Never returns."""
        metrics.CANARY_LAST_SEEN.set(self._clock_ms() / 1000)
        number = secrets.randbelow(self._partitions)  # random, so that workers do not all start with the same partition
        while True:
            started = time.monotonic()
            await self.once(number % self._partitions)
            number += 1
            await asyncio.sleep(max(0.0, started + EVERY_S - time.monotonic()))

    async def once(self, partition: int) -> bool:
        """Send one to a partition of posts.raw; returns whether it was seen in time. Server errors count as lost."""
        canary = Canary(id=secrets.token_hex(8), sent_at_ms=self._clock_ms())
        metrics.CANARY_SENT.inc()
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._lost_after_s):
                await self._send(POSTS_RAW, partition, [(key(canary), encode(canary))])
                while not await self._store.find(f"{CANARIES}*", {"id": canary.id}, canary.sent_at_ms, 1):
                    await asyncio.sleep(LOOK_EVERY_S)
        except (TimeoutError, ApiError, KafkaError) as error:
            metrics.CANARY_LOST.inc()
            why = str(error) or f"not found in Elasticsearch within {self._lost_after_s:.0f} s"
            log.warning("lost the canary sent to partition %d of %s: %s", partition, POSTS_RAW, why)
            return False
        metrics.CANARY_LATENCY.observe(time.monotonic() - started)
        metrics.CANARY_LAST_SEEN.set(self._clock_ms() / 1000)
        return True
