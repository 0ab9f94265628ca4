"""Cost of each step, in microseconds of CPU time per post: `python -m benchmarks.steps`.

The stream is the product's made-up campaign. Each round begins with empty caches; repeated texts hit the caches, as in
a worker. Speed varies between machines, and over time, so each figure also has a ratio to 1,000 iterations of a plain
Python loop in the same round. No server is needed: Kafka's records are written and read in memory, and a stand-in for
Elasticsearch runs on another core.
"""

import asyncio
import gc
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar
from unittest.mock import AsyncMock

import click
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from elastic_transport import JsonSerializer, NdjsonSerializer

from benchmarks.harness import posts as streams
from benchmarks.harness import standin, table
from benchmarks.harness.machine import calibration_us
from benchmarks.harness.table import Row
from benchmarks.ours import Nowhere
from benchmarks.quality import sets as quality
from hashtide.clock import wall_clock_ms
from hashtide.contract import messages
from hashtide.contract.messages import Post
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch.values import Document
from producers import formats
from stream_jobs.agents.count import CountAgent, CountOptions
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.documents import keys
from stream_jobs.documents.counts import Count, count_document
from stream_jobs.documents.keys import CountKey
from stream_jobs.documents.ledger import Ledger
from stream_jobs.domain import hashtags
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.domain.language import clean
from stream_jobs.enriched import EnrichedPost, Position
from stream_jobs.loading import (
    load_detector,
    load_enricher,
    load_languages,
    load_profiles,
    load_regions,
    packaged_campaigns,
)
from stream_jobs.store.elasticsearch import Elasticsearch
from stream_jobs.store.store import Store
from stream_jobs.transport.batch import Batch
from tests.fakes.kafka import Graveyard, batch
from tests.fakes.labels import LABELS
from tests.unit.producers.formats import fixtures

PART: Final = "steps"
HOW: Final = (
    "Batches of 1,000 posts; each round has its own stream and empty caches. Ratios: to the loop in the last row."
)
BATCH: Final = 1_000
BULK_BYTES: Final = 4 << 20
TOPIC_ID: Final = "bUaR0mNkS2mVoTj4v0Xyzw"
ZSTD: Final = 4  # Kafka's protocol guide, "Record Batch", attributes
PAYLOADS: Final = {
    "native": fixtures.NATIVE,
    "x-v1": fixtures.X_V1_EXTENDED,
    "x-v2": fixtures.X_V2,
    "mastodon": fixtures.MASTODON,
    "jetstream": fixtures.JETSTREAM,
}

T = TypeVar("T")
R = TypeVar("R")


class Clock:
    """Times steps over a stream of `posts` posts. `us`: step -> microseconds per post, in order of the calls."""

    def __init__(self, posts: int) -> None:
        self.us: dict[str, float] = {}
        self._posts = posts

    def single(self, name: str, step: Callable[[T], R], inputs: Sequence[T]) -> list[R]:
        """Time a step that takes one input at a time; returns its results."""
        seconds, made = 0.0, []
        for part in parts(inputs):
            gc.freeze()  # hides the results we keep from the collector: a worker would free them
            started = time.process_time()
            results = [step(value) for value in part]
            seconds += time.process_time() - started
            made += results
        self.us[name] = seconds / len(inputs) * 1e6
        return made

    def batches(self, name: str, step: Callable[[T], R], inputs: Sequence[T]) -> list[R]:
        """Time a step that takes batches, which together are the whole stream; returns its results."""
        made = self.single(name, step, inputs)
        self.us[name] *= len(inputs) / self._posts
        return made

    async def awaited(self, name: str, step: Callable[[T], Awaitable[object]], inputs: Sequence[T]) -> None:
        """Like `batches`, for an asynchronous step."""
        gc.freeze()
        started = time.process_time()
        for value in inputs:
            await step(value)
        self.us[name] = (time.process_time() - started) / self._posts * 1e6


def measure(posts: int, rounds: int) -> list[Row]:
    """Measure all steps, in order of the data flow. Blocks."""
    campaigns = Campaigns(packaged_campaigns())
    us: defaultdict[str, list[float]] = defaultdict(list)
    loop: list[float] = []
    with standin.running() as url:
        for number in range(rounds):
            stream = list(streams.contract_posts(posts, seed=streams.SEED + number))
            loop.append(calibration_us())
            for name, value in asyncio.run(_round(url, stream, campaigns)).items():
                us[name].append(value)
    base = statistics.median(loop)
    rows = [Row(PART, name, "us", values, base) for name, values in us.items()]
    return [*rows, Row(PART, "1,000 iterations of a plain loop", "us", loop, base)]


async def _round(url: str, posts: Sequence[Post], campaigns: Campaigns) -> dict[str, float]:
    clock = Clock(len(posts))
    _formats(clock)
    made = _enrichment(clock, posts, campaigns)
    agent = EnrichAgent(load_enricher(campaigns), topic_id=TOPIC_ID, clock_ms=wall_clock_ms)
    enriched = clock.batches(
        "= enrich agent: decode, enrich", agent.enrich, batches([messages.encode(post) for post in posts])
    )
    ledger, counts = _documents(clock, made)
    await clock.awaited("= count agent, without the client", count_agent(Nowhere("", 0)).handle, enriched)
    async with Elasticsearch(url, BULK_BYTES) as store:
        await store.create(ledger[0])  # connects
        await clock.awaited("bulk of the ledger, whole client", store.create, ledger)
        await clock.awaited("bulk of the counts, whole client", store.put, counts)
        await clock.awaited("= count agent, with the client", count_agent(store).handle, enriched)
    _json(clock, ledger)
    return clock.us


def _formats(clock: Clock) -> None:
    """Parsing a payload of each platform, compared with the standard library's JSON alone."""
    for name, payload in PAYLOADS.items():
        line = fixtures.line(payload)
        assert [type(outcome) for outcome in formats.parse(line, name)] == [Post]
        clock.single(f"parse: {name}", partial(formats.parse, format=name), [line] * BATCH)
        clock.single(f"    json.loads, {len(line):,} bytes", json.loads, [line] * BATCH)


def _enrichment(clock: Clock, posts: Sequence[Post], campaigns: Campaigns) -> list[EnrichedPost]:
    """The steps from the records of posts.raw to enriched posts."""
    values = [messages.encode(post) for post in posts]
    clock.batches("read Kafka records", _read, [_written(part) for part in parts(values)])
    clock.single("decode posts.raw", messages.decode, values)
    hashtags.counting_form.cache_clear()
    tags = clock.single("hashtags", hashtags.of_post, posts)
    clock.single("campaign", lambda pair: campaigns.match(*pair), list(zip(posts, tags, strict=True)))
    languages, unlabelled, regions = load_languages(), load_languages(), load_regions()
    clock.single("language", lambda post: languages.tag(post.text, post.lang, post.lang_by), posts)
    clock.single("    without the platform's label", lambda post: unlabelled.tag(post.text, None), posts)
    new = list(filter(None, (clean(text) for _, text in quality.languages())))
    clock.single("    detector, uncached", load_detector().detect, new)
    regions.tag((0.1, 51.5), None, None)  # loads the borders, once
    clock.single("region", lambda post: regions.tag(post.coordinates, post.place_country, post.location), posts)
    locations = list(dict.fromkeys(post.location for post in posts if post.location))
    clock.single("    profile, uncached", load_profiles().country, locations)
    clock.single("    coordinates", lambda _: regions.tag((13.405, 52.52), None, None), posts)
    enricher = load_enricher(campaigns)
    return clock.single("enrich: all of these and the rest", enricher.enrich, posts)


def _documents(clock: Clock, posts: Sequence[EnrichedPost]) -> tuple[list[list[Document]], list[list[Document]]]:
    """The steps from enriched posts to documents; returns ledger and count documents, by batch."""
    clock.single("windows and count keys", keys.count_keys, posts)
    ledger = Ledger(streams.KEY, TOPIC_ID)
    placed = [(post, Position(TOPIC_ID, 0, offset)) for offset, post in enumerate(posts)]
    entries = clock.single("ledger documents", lambda pair: ledger.document(*pair), placed)
    counts = clock.batches(
        "count documents",
        lambda counted: [count_document(key, TOPIC_ID, 0, count) for key, count in counted.items()],
        [_counted(part) for part in parts(posts)],
    )
    return parts(entries), counts


def _json(clock: Clock, ledger: Sequence[list[Document]]) -> None:
    """The share of JSON in the client."""
    head = b'{"create":{"_index":"posts-2017.10.15","_id":"00112233445566778899aabbccddeeff"}}'
    lines = [[part for document in entries for part in (head, document.body)] for entries in ledger]
    clock.batches("    ledger bulk: join lines", NdjsonSerializer().dumps, lines)
    answers = [standin.all_done("create", len(entries)) for entries in ledger]
    clock.batches("    ledger bulk: decode response", JsonSerializer().loads, answers)


def count_agent(store: Store) -> CountAgent:
    """The product's count agent with default settings."""
    return CountAgent(
        store,
        Graveyard(),
        AsyncMock(),
        CountOptions(topic_id=TOPIC_ID, key=streams.KEY, cached_counts=50_000, grace_ms=900_000),
        labels=LABELS,
        clock_ms=wall_clock_ms,
    )


def batches(values: Sequence[bytes]) -> list[Batch]:
    """Batches of one partition of posts.raw, in order."""
    return [batch(POSTS_RAW, 0, number * BATCH, part) for number, part in enumerate(parts(values))]


def parts(values: Sequence[T]) -> list[list[T]]:
    """The values in parts of BATCH, in order."""
    return [list(values[at : at + BATCH]) for at in range(0, len(values), BATCH)]


def _counted(posts: Sequence[EnrichedPost]) -> dict[CountKey, Count]:
    counts: dict[CountKey, Count] = {}
    for offset, post in enumerate(posts):
        for key in keys.count_keys(post):
            counts[key] = counts.get(key, Count()).including([offset], late=False, closed=False)
    return counts


def _written(values: Sequence[bytes]) -> bytes:
    """An encoded Kafka record batch."""
    builder = DefaultRecordBatchBuilder(2, ZSTD, 0, 1, 0, 0, 64 << 20)
    for offset, value in enumerate(values):
        builder.append(offset, 1_508_097_630_000, b"x:919660000000000001", value, [])
    return bytes(builder.build())


def _read(records: bytes) -> int:
    memory, read = MemoryRecords(records), 0
    while (part := memory.next_batch()) is not None:
        assert part.validate_crc()
        read += sum(1 for record in part if record.value)
    return read


@click.command()
@click.option("--posts", default=10_000, show_default=True, help="Number of posts per round.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--write", is_flag=True, help="Write the result to docs/performance.md.")
def main(posts: int, rounds: int, write: bool) -> None:
    """Measure the cost of each step, in microseconds of CPU time per post."""
    rows = measure(posts, rounds)
    table.show(rows)
    if write:
        table.write(PART, rows, HOW)


if __name__ == "__main__":
    main()
