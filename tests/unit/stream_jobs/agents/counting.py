"""A count agent on a store in memory, and what it has counted, in few words."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from prometheus_client import REGISTRY

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import EmptyEntry
from hashtide.elasticsearch.values import Ref
from stream_jobs.agents.count import CountAgent, CountOptions
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.agents.events import EnrichedBatch, Event
from stream_jobs.agents.publish import Published
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.enriched import Enriched, EnrichedPost
from stream_jobs.loading import load_enricher
from tests.fakes.kafka import Graveyard, batch
from tests.fakes.labels import LABELS
from tests.fakes.store import FakeStore, Held

TOPIC_ID = "bUaR0mNkS2mVoTj4v0Xyzw"
NOW_MS = 1_508_162_400_000
KEY = b"0123456789abcdef0123456789abcdef"

POST = EnrichedPost(
    platform="x",
    post_id="1",
    created_at_ms=1_508_097_630_000,  # 2017-10-15T20:00:30Z
    kind="reply",
    language="en",
    language_source="platform",
    language_confidence=1.0,
    region=None,
    region_source=None,
    region_confidence=0.0,
)


def ms(iso: str) -> int:
    """Milliseconds of an ISO 8601 time with its zone."""
    return int(datetime.fromisoformat(iso).timestamp() * 1000)


def post(post_id: str, at: str = "2017-10-15T20:00:30Z", **changes: Any) -> EnrichedPost:
    """An English reply of 15 October 2017, 20:00:30, but for the changes."""
    changed: EnrichedPost = msgspec.structs.replace(POST, post_id=post_id, created_at_ms=ms(at), **changes)
    return changed


READER = EnrichAgent(load_enricher(Campaigns([])), topic_id=TOPIC_ID, clock_ms=lambda: NOW_MS)


class Counting:
    """One worker. Several may share their documents."""

    def __init__(
        self, documents: dict[Ref, Held] | None = None, cached_counts: int = 1000, partitions: int = 1
    ) -> None:
        self.store = FakeStore(documents)
        self.dead = Graveyard()
        self.orders: list[tuple[int, EmptyEntry]] = []
        self.published: list[tuple[int, Published]] = []
        self.agent = CountAgent(
            self.store,
            self.dead,
            self._order,
            CountOptions(
                topic_id=TOPIC_ID, key=KEY, cached_counts=cached_counts, partitions=partitions, grace_ms=900_000
            ),
            labels=LABELS,
            clock_ms=lambda: NOW_MS,
            publish=self._publish,
        )

    async def _order(self, partition: int, orders: Sequence[EmptyEntry]) -> None:
        self.orders += [(partition, order) for order in orders]

    async def _publish(self, partition: int, messages: Sequence[Published]) -> None:
        self.published += [(partition, message) for message in messages]

    async def handle(
        self, first: int, *messages: Enriched | bytes | None, partition: int = 0, generation: int = 1
    ) -> None:
        """Handle a batch whose offsets begin with `first`; bytes are a record as it is in posts.raw."""
        events: list[Event[Enriched]] = []
        dead: list[DeadLetter] = []
        for offset, message in enumerate(messages, first):
            if isinstance(message, bytes | None):
                read = READER.enrich(batch("posts.raw", partition, offset, [message]))
                events += read.events
                dead += read.dead
            else:
                events.append(Event(offset, message))
        await self.agent.handle(EnrichedBatch(partition, generation, events, dead))

    @property
    def counts(self) -> dict[str, int]:
        """Sums over partitions, by minute and language or hashtag: {"15 20:00 en": 2, "15 20:00 #metoo": 1}."""
        sums: Counter[str] = Counter()
        for source in self.sources("reply-volume-*", "hashtag-volume-*"):
            minute = datetime.fromtimestamp(source["@timestamp"] / 1000, UTC).strftime("%d %H:%M")
            by = f"#{source['hashtag']}" if "hashtag" in source else source["language"]
            sums[f"{minute} {by}"] += source["count"]
        return dict(sums)

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """The ledger's documents, in the order of their positions."""
        return sorted(self.sources("posts-*"), key=lambda source: list(source["ledger"].values()))

    def sources(self, *patterns: str) -> list[dict[str, Any]]:
        """Documents of indices whose names begin so."""
        starts = tuple(pattern.rstrip("*") for pattern in patterns)
        return [json.loads(held.body) for ref, held in self.store.documents.items() if ref.index.startswith(starts)]

    @property
    def versions(self) -> set[int]:
        """The versions of the count documents."""
        return {held.version for ref, held in self.store.documents.items() if "-volume-" in ref.index}


def metric(name: str, **labels: str) -> float:
    """What a metric stands at."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
