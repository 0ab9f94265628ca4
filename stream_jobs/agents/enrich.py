"""The enrich agent: posts of posts.raw get their tags and go on to posts.enriched, into the partition they came in."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Canary, Gap, Post, PostDelete, PostEdit, decode
from hashtide.contract.names import POSTS_ENRICHED, POSTS_RAW
from hashtide.contract.reasons import InvalidPost
from hashtide.contract.versions import NewerMessage
from hashtide.metrics import worker as metrics
from stream_jobs.agents.dead import Bury, RecordRef, letter
from stream_jobs.domain.enrich import Enricher
from stream_jobs.enriched import DeletedPost, Enriched, Position, encode
from stream_jobs.transport.batch import Batch


class EnrichAgent:
    """Enriches batches. `send(topic, partition, records)` and `bury(letters)` are back when Kafka has them."""

    def __init__(
        self,
        enricher: Enricher,
        send: Callable[[str, int, Sequence[tuple[bytes | None, bytes]]], Awaitable[None]],
        bury: Bury,
        *,
        topic_id: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self._enricher, self._send, self._bury = enricher, send, bury
        self._topic_id, self._clock_ms = topic_id, clock_ms

    async def handle(self, batch: Batch) -> None:
        """Enrich a batch; back when Kafka has all of it. Raises NewerMessage, and then nothing of it was sent."""
        records, dead, canaries = [], [], 0
        for record in batch.records:
            try:
                enriched = self._enrich(batch.partition, record)
                records.append((record.key, encode(enriched)))
                canaries += enriched.__class__ is Canary
            except NewerMessage as error:
                raise error.at(POSTS_RAW, batch.partition, record.offset) from None
            except InvalidPost as error:
                dead.append(self._letter(batch.partition, record, error))
        if records:
            await self._send(POSTS_ENRICHED, batch.partition, records)
        if dead:
            await self._bury(dead)
        metrics.ENRICHED.inc(len(records) - canaries)

    def _enrich(self, partition: int, record: Any) -> Enriched:
        raw = Position(self._topic_id, partition, record.offset)
        match decode(record.value or b""):
            case Post() as post:
                return self._enricher.enrich(post, raw)
            case PostEdit(post=post, edited_at_ms=edited_at_ms):
                return self._enricher.enrich(post, raw, edited_at_ms)
            case PostDelete() as deletion:
                return DeletedPost(
                    platform=deletion.platform, post_id=deletion.post_id, deleted_at_ms=deletion.deleted_at_ms, raw=raw
                )
            case Gap() | Canary() as as_it_is:
                return as_it_is

    def _letter(self, partition: int, record: Any, error: InvalidPost) -> DeadLetter:
        ref = RecordRef(POSTS_RAW, self._topic_id, partition, record.offset)
        return letter(ref, record.value or b"", error, self._clock_ms())
