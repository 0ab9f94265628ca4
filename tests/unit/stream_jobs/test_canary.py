"""A canary passes both agents, in memory: a search finds it, and nothing of it is counted."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY

from hashtide.contract.messages import CANARY_KEY, Canary, decode, encode, key
from hashtide.contract.reasons import InvalidPost
from hashtide.metrics import worker as metrics
from stream_jobs import canary
from stream_jobs.agents import count
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.canary import CanarySender
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.loading import load_enricher, packaged_campaigns
from tests.fakes.kafka import batch
from tests.fakes.store import Step
from tests.unit.stream_jobs.agents.counting import NOW_MS, TOPIC_ID, Counting, metric, post


class Way:
    """From posts.raw to the store; `open` or not."""

    def __init__(self) -> None:
        self.counting, self.open = Counting(), True
        self.partitions: list[int] = []
        enricher = load_enricher(Campaigns(packaged_campaigns()))
        self._enrich = EnrichAgent(enricher, topic_id=TOPIC_ID, clock_ms=lambda: NOW_MS)

    async def send(self, topic: str, partition: int, records: Sequence[tuple[bytes | None, bytes]]) -> None:
        assert topic == "posts.raw"
        self.partitions.append(partition)
        enriched = self._enrich.enrich(batch(topic, partition, 0, [value for _, value in records]))
        if self.open:
            await self.counting.agent.handle(enriched)


def sender(way: Way) -> CanarySender:
    return CanarySender(way.send, way.counting.store, partitions=4, clock_ms=lambda: NOW_MS, lost_after_s=0.05)


def reported(name: str) -> float:
    """What one of the canary's metrics, which are not in /metrics here, stands at."""
    (found,) = [
        sample.value
        for each in (metrics.CANARY_SENT, metrics.CANARY_LOST, metrics.CANARY_LATENCY, metrics.CANARY_LAST_SEEN)
        for family in each.collect()
        for sample in family.samples
        if sample.name == f"hashtide_canary_{name}"
    ]
    return found


async def test_it_comes_back_and_nothing_is_counted() -> None:
    way = Way()
    before = {name: reported(name) for name in ("sent_total", "lost_total", "latency_seconds_count")}
    counted = metric("hashtide_counted_posts_total", platform="x", origin="live")
    assert await sender(way).once(3)
    assert {name: reported(name) - before[name] for name in before} == {
        "sent_total": 1,
        "lost_total": 0,
        "latency_seconds_count": 1,
    }
    assert reported("last_seen_timestamp_seconds") == NOW_MS / 1000
    assert way.partitions == [3]
    assert [ref.index for ref in way.counting.store.documents] == ["hashtide-canary"]
    assert way.counting.counts == {}
    assert metric("hashtide_counted_posts_total", platform="x", origin="live") == counted
    assert way.counting.dead.letters == []


async def test_one_that_no_search_finds_is_lost() -> None:
    way = Way()
    way.open = False
    before = reported("lost_total"), reported("latency_seconds_count")
    assert not await sender(way).once(0)
    assert (reported("lost_total") - before[0], reported("latency_seconds_count") - before[1]) == (1, 0)


async def test_another_ones_document_is_not_taken_for_it() -> None:
    way = Way()
    assert await sender(way).once(0)
    way.open = False
    assert not await sender(way).once(0)


async def test_one_that_is_refused_is_no_dead_letter_and_the_batch_goes_on() -> None:
    way = Way()
    way.counting.store.refusal = lambda index, source: "read-only" if index == "hashtide-canary" else ""
    await way.counting.handle(0, Canary(id="0" * 16, sent_at_ms=NOW_MS), post("1"))
    assert way.counting.counts == {"15 20:00 en": 1}
    assert way.counting.dead.letters == []


async def test_one_that_can_not_be_written_holds_up_no_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def waits(step: Step) -> None:
        if step == Step("put", 0, 1) and counting.counts == {"15 20:00 en": 2}:
            await asyncio.Event().wait()

    monkeypatch.setattr(count, "CANARY_WAITS_S", 0.05)
    counting = Counting()
    counting.store.interrupt = waits
    await counting.handle(0, Canary(id="0" * 16, sent_at_ms=NOW_MS), post("1"), post("2"))
    assert counting.counts == {"15 20:00 en": 2}
    assert counting.sources("hashtide-canary") == []


async def test_an_older_one_does_not_replace_a_newer_one_in_its_place() -> None:
    counting = Counting()
    await counting.handle(0, Canary(id="abc0000000000001", sent_at_ms=NOW_MS))
    await counting.handle(1, Canary(id="abc0000000000002", sent_at_ms=NOW_MS - 1))
    assert counting.sources("hashtide-canary") == [{"@timestamp": NOW_MS, "id": "abc0000000000001"}]


def test_its_key_is_no_posts() -> None:
    assert key(Canary(id="0" * 16, sent_at_ms=1)) == CANARY_KEY == b"canary"
    assert b":" not in CANARY_KEY


@pytest.mark.parametrize("id_", ["", "0" * 15, '"' * 16, "0" * 17, "00c0ffee00c0ffe\n"])
def test_an_id_that_is_none_is_refused_at_the_door(id_: str) -> None:
    with pytest.raises(InvalidPost, match="undecodable"):
        decode(encode(Canary(id=id_, sent_at_ms=1)))


def test_its_metrics_are_shown_only_where_it_is_on() -> None:
    names = {family.name for family in REGISTRY.collect() if family.name.startswith("hashtide_canary")}
    assert names == set()
    canary.register()
    try:
        assert {family.name for family in REGISTRY.collect() if family.name.startswith("hashtide_canary")} == {
            "hashtide_canary_sent",
            "hashtide_canary_lost",
            "hashtide_canary_latency_seconds",
            "hashtide_canary_last_seen_timestamp_seconds",
        }
    finally:
        for each in (metrics.CANARY_SENT, metrics.CANARY_LOST, metrics.CANARY_LATENCY, metrics.CANARY_LAST_SEEN):
            REGISTRY.unregister(each)
