"""Our worker with one part replaced: `python -m benchmarks.ours WAY`, in the environment of a `hashtide worker`.

Parts are replaced in the composition root. All the rest is the product's: transport, agents, windows, documents,
retries.

    no-ledger   the worker; ledger documents are made but not written
    stamped     the worker; prints `mark TAG TIME` when Elasticsearch has acknowledged the count of a tag that begins
                with MARK; TIME in seconds since the epoch
    contest     the contest's job instead of the tagging, no ledger, counts written to Elasticsearch
    counting    like contest, but counts are kept in memory and written at the end, as the other contestants do

The contest's job counts by hashtag, language and region. The count documents of reply volume have the hashtag in the
place of the campaigns, and a post with two hashtags becomes two events of one record.
"""

import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self
from unittest.mock import patch

import msgspec

from benchmarks.contest.entry import Stopwatch, Task
from benchmarks.harness import job
from hashtide.elasticsearch.responses import DONE
from hashtide.elasticsearch.values import Document, Found, Outcome, Ref
from hashtide.kafka import topics
from hashtide.settings import load
from stream_jobs import app, worker
from stream_jobs.agents.count import CountAgent
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.agents.events import EnrichedBatch, Event
from stream_jobs.documents import counts
from stream_jobs.documents.counts import Count
from stream_jobs.documents.keys import ReplyKey
from stream_jobs.documents.ledger import Ledger
from stream_jobs.enriched import EnrichedPost, Position
from stream_jobs.settings import StreamSettings
from stream_jobs.store.elasticsearch import Elasticsearch
from stream_jobs.transport.batch import Batch

MARK: Final = "mark"
_MARKED: Final = re.compile(rb'"hashtag":"(%s\w+)"' % MARK.encode())

watch = Stopwatch()


class Ledgerless(Elasticsearch):
    """The store in Elasticsearch, but `create` writes nothing and reports success."""

    async def create(self, counts: Sequence[Document]) -> list[Outcome]:
        return [DONE] * len(counts)


class Stamped(Elasticsearch):
    """The store in Elasticsearch; prints when a marked hashtag's count is acknowledged."""

    async def put(self, counts: Sequence[Document]) -> list[Outcome]:
        outcomes = await super().put(counts)
        now_s = time.time()
        for document, outcome in zip(counts, outcomes, strict=True):
            if outcome == DONE and (marked := _MARKED.search(document.body)):
                print(MARK, marked[1].decode(), now_s, flush=True)
        return outcomes


class Nowhere(Ledgerless):
    """A store that accepts every document and keeps none."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def watch_clock(self) -> None:
        pass

    async def put(self, counts: Sequence[Document]) -> list[Outcome]:
        return [DONE] * len(counts)

    async def get(self, refs: Sequence[Ref]) -> list[Found | None]:
        assert not refs, "an agent whose cache holds all counts reads none"
        return []

    async def find(self, pattern: str, values: Mapping[str, str | int], until_ms: int, most: int) -> list[Found]:
        return []

    async def newest(self, pattern: str, values: Mapping[str, str | int]) -> int:
        return -1


class Kept(msgspec.Struct, frozen=True, gc=False):
    """The data of a count document, kept unencoded: replaces documents.count_document."""

    key: ReplyKey
    topic: str
    partition: int
    count: Count


class InMemory(Nowhere):
    """A store that keeps counts in a dictionary. Documents are made at the end, as by the other contestants."""

    held: Final[dict[tuple[ReplyKey, int], int]] = {}

    async def put(self, counts: Sequence[Any]) -> list[Outcome]:
        for kept in counts:
            self.held[kept.key, kept.partition] = kept.count.total
        return [DONE] * len(counts)

    @classmethod
    def counts(cls) -> Counter[job.Key]:
        """The counts, summed over partitions."""
        counts: Counter[job.Key] = Counter()
        for (key, _), count in cls.held.items():
            counts[key.window_ms, key.campaigns[0], key.language, key.region] += count
        return counts


class CheapEnrich(EnrichAgent):
    """The enrich agent with the contest's job."""

    def enrich(self, batch: Batch) -> EnrichedBatch:
        watch.first()
        events = [
            Event(record.offset, _counted(*key)) for record in batch.records for key in job.keys(record.value or b"")
        ]
        return EnrichedBatch(batch.partition, batch.generation, events, ())


def _counted(window_ms: int, tag: str, language: str, region: str) -> EnrichedPost:
    """A post with what the job counts by, and no id: only the ledger needs one."""
    return EnrichedPost(
        platform="x",
        post_id="",
        created_at_ms=window_ms,
        kind="original",
        campaigns=(tag,),
        language=language,
        language_source="platform",
        language_confidence=1.0,
        region=region,
        region_source="profile",
        region_confidence=1.0,
    )


class NoLedger(Ledger):
    """Every post is new, and its document is empty: the other systems have no ledger either."""

    nothing: Final = Document(Ref("", ""), b"")

    def document(self, post: EnrichedPost, position: Position) -> Document:
        return self.nothing


class Watched(CountAgent):
    """The count agent; stops the worker when everything is counted."""

    left = 0
    counts_at_end = False

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._ledger = NoLedger(self._options.key, self._topic_id)

    async def handle(self, batch: EnrichedBatch) -> None:
        await super().handle(batch)
        Watched.left -= len(batch.events)
        if batch.events and Watched.left == 0:
            watch.counted()
            watch.finish(Task.given(), InMemory.counts() if self.counts_at_end else None)
            os.kill(os.getpid(), signal.SIGTERM)


PRODUCT: Final = {"no-ledger": Ledgerless, "stamped": Stamped}


def main(way: str) -> None:
    """Run until everything is counted, or a signal ends it."""
    settings = load(StreamSettings, os.environ)
    if way in PRODUCT:
        with patch.multiple(app, Elasticsearch=PRODUCT[way]):
            worker.run(settings)
        return
    task = Task.given()
    Watched.left = task.counted
    Watched.counts_at_end = way == "counting"
    store = InMemory if way == "counting" else Ledgerless
    made = Kept if way == "counting" else counts.count_document
    with (
        patch.multiple(app, Elasticsearch=store, EnrichAgent=CheapEnrich, CountAgent=Watched, POSTS_RAW=task.topic),
        patch.multiple(counts, count_document=made),
        patch.multiple(topics, POSTS_RAW=task.topic),
    ):
        worker.run(settings)


if __name__ == "__main__":
    main(sys.argv[1])
