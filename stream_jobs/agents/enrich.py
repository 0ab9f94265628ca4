"""The enrich agent: decodes the records of a batch of posts.raw, and tags the posts."""

from collections.abc import Callable
from typing import Any

from hashtide.contract.bounds import EARLIEST_MS, LATEST_MS
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Post, PostEdit, decode
from hashtide.contract.names import POSTS_RAW
from hashtide.contract.reasons import InvalidPost
from hashtide.contract.versions import NewerMessage
from stream_jobs.agents.dead import RecordRef, letter
from stream_jobs.agents.events import EnrichedBatch, Event
from stream_jobs.domain.enrich import Enricher
from stream_jobs.enriched import Enriched, EnrichedPost
from stream_jobs.transport.batch import Batch


class EnrichAgent:
    """Enriches batches, without I/O and without state: a batch can be enriched again at any time."""

    def __init__(self, enricher: Enricher, *, topic_id: str, clock_ms: Callable[[], int]) -> None:
        """`topic_id`: Kafka's UUID of posts.raw."""
        self._enricher, self._topic_id, self._clock_ms = enricher, topic_id, clock_ms

    def enrich(self, batch: Batch) -> EnrichedBatch:
        """The events of a batch, and dead letters for records that cannot be read.

        Raises NewerMessage, for the whole batch: the worker must stop.
        """
        events: list[Event[Enriched]] = []
        dead: list[DeadLetter] = []
        for record in batch.records:
            try:
                events.append(Event(record.offset, self._enriched(record.value or b"")))
            except NewerMessage as error:
                raise error.at(POSTS_RAW, batch.partition, record.offset) from None
            except InvalidPost as error:
                dead.append(self._letter(batch.partition, record, error))
        return EnrichedBatch(batch.partition, batch.generation, events, dead)

    def _enriched(self, value: bytes) -> Enriched:
        match decode(value):
            case Post() as post:
                return self._tagged(post)
            case PostEdit(post=post, edited_at_ms=edited_at_ms):
                return self._tagged(post, edited_at_ms)
            case message:
                return message

    def _tagged(self, post: Post, edited_at_ms: int | None = None) -> EnrichedPost:
        if not EARLIEST_MS <= post.created_at_ms <= LATEST_MS:
            raise InvalidPost("undecodable", "created_at_ms is not in the years 2006 to 9999")
        return self._enricher.enrich(post, edited_at_ms)

    def _letter(self, partition: int, record: Any, error: InvalidPost) -> DeadLetter:
        return letter(RecordRef(POSTS_RAW, self._topic_id, partition, record.offset), error, self._clock_ms())
