"""What a post may cost, counted in calls of functions, so that it is the same on every machine and needs no clock.

Calls of Python functions and of functions in C are counted alike. A change that goes above a bound has made the way of
a post slower, or at least longer: find out where (`python -m benchmarks.steps`), and raise the bound only for a reason.
A change that goes far below should lower it. What is counted is the second time that a worker meets a stream, when its
caches know the texts, places and tags in it: that is most of a campaign.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Any
from unittest.mock import AsyncMock

import msgspec
import pytest

from hashtide.contract import messages
from hashtide.contract.messages import Post
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch.values import Document, Found, Outcome, Ref
from hashtide.identity import Keys, Pseudonyms
from producers import formats
from producers.synthetic import campaign as made_up
from producers.validation import validate_and_pseudonymise
from stream_jobs.agents.count import CountAgent, CountOptions
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.agents.events import EnrichedBatch
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.domain.enrich import Enricher
from stream_jobs.loading import load_enricher, packaged_campaigns
from stream_jobs.store import elasticsearch
from stream_jobs.store.elasticsearch import Elasticsearch
from tests.fakes.kafka import Graveyard, batch
from tests.fakes.labels import LABELS
from tests.fakes.store import FakeStore
from tests.unit.producers.formats import fixtures

POSTS = 500
NOW_MS = 1_893_456_000_000  # 2030-01-01T00:00:00Z: nothing is in the future
START_MS = 1_507_939_200_000  # 2017-10-14T00:00:00Z
TOPIC_ID = "bUaR0mNkS2mVoTj4v0Xyzw"
KEY = b"0123456789abcdef0123456789abcdef"
NAMES = Pseudonyms(Keys(KEY))


def calls(function: Callable[[], object]) -> int:
    """How many functions are called while this one runs."""
    count = 0

    def tally(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tally)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def awaited(call: Callable[[], Awaitable[object]]) -> Callable[[], None]:
    """The same call, made in a loop of its own."""

    async def run() -> None:
        await call()

    return lambda: asyncio.run(run())


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    """A stretch out of the middle of a made-up campaign: the same on every machine."""
    lines = made_up.payloads(20_000, seed=3, start_ms=START_MS, duplicate_every=0, malformed_every=0)
    posts = []
    for line in islice(lines, 8_000, 8_000 + POSTS):
        (post,) = formats.parse(line, "native")
        assert isinstance(post, Post)
        accepted = validate_and_pseudonymise(post, now_ms=NOW_MS, names=NAMES, origin="live", source="x")
        assert isinstance(accepted, Post)
        posts.append(accepted)
    return posts


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    """The product's own, with its own example of a campaign."""
    return load_enricher(Campaigns(packaged_campaigns()))


class Willing(FakeStore):
    """A store that has nothing and takes everything at once, so that its own cost is not counted."""

    async def create(self, documents: Sequence[Document]) -> list[Outcome]:
        return [Outcome("done")] * len(documents)

    async def put(self, documents: Sequence[Document]) -> list[Outcome]:
        return [Outcome("done")] * len(documents)

    async def get(self, refs: Sequence[Ref]) -> list[Found | None]:
        return [None] * len(refs)


def test_a_payload_becomes_a_message() -> None:
    def per_payload(name: str, payload: Mapping[str, Any]) -> float:
        lines = [fixtures.line(payload)] * 100

        def way_in() -> None:
            for line in lines:
                for message in formats.parse(line, name):
                    assert isinstance(message, Post)
                    messages.encode(
                        validate_and_pseudonymise(message, now_ms=NOW_MS, names=NAMES, origin="live", source="x")
                    )

        way_in()
        return calls(way_in) / len(lines)

    assert per_payload("native", fixtures.NATIVE) < 88
    assert per_payload("x-v2", fixtures.X_V2) < 113
    # Six of these hide the post's id, which has its author in it.
    assert per_payload("mastodon", fixtures.MASTODON) < 87
    # Three of these read the time out of the record's key.
    assert per_payload("jetstream", fixtures.JETSTREAM) < 89


def test_a_post_is_enriched_and_counted(posts: list[Post], enricher: Enricher) -> None:
    enrich = EnrichAgent(enricher, topic_id=TOPIC_ID, clock_ms=lambda: NOW_MS).enrich
    no_order = AsyncMock()

    def count(enriched: EnrichedBatch) -> None:
        agent = CountAgent(
            Willing(),
            Graveyard(),
            no_order,
            CountOptions(topic_id=TOPIC_ID, key=KEY, cached_counts=50_000, grace_ms=900_000),
            labels=LABELS,
            clock_ms=lambda: NOW_MS,
        )
        asyncio.run(agent.handle(enriched))

    def per_post(posts: list[Post]) -> tuple[float, float]:
        records = batch(POSTS_RAW, 0, 0, [messages.encode(post) for post in posts])
        enriched = enrich(records)
        count(enriched)
        return calls(lambda: enrich(records)) / POSTS, calls(lambda: count(enriched)) / POSTS

    enriching, counting = per_post(posts)
    assert enriching < 44
    assert counting < 50
    fresh = [msgspec.structs.replace(post, created_at_ms=NOW_MS - n % 300 * 1000) for n, post in enumerate(posts)]
    stale = [msgspec.structs.replace(post, origin="replay") for post in fresh]
    assert sum(per_post(fresh)) - sum(per_post(stale)) < 3


def test_a_document_is_put_into_a_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        async def bulk(self, **_: object) -> dict[str, object]:
            return {"items": [{"index": {"status": 200}}] * POSTS}

    monkeypatch.setattr(elasticsearch, "connect_async", lambda *_, **__: Client())
    documents = [Document(Ref("reply-volume-2017.10.15", f"{n:032x}"), b'{"count":1}', n + 1) for n in range(POSTS)]
    store = Elasticsearch("http://127.0.0.1:9200", 4 << 20)
    asyncio.run(store.__aenter__())
    put = awaited(lambda: store.put(documents))
    put()
    assert calls(put) / POSTS < 10
