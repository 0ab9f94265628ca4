"""The Elasticsearch store against a real server that rejects, drops, cuts off or does not answer: no data is lost."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import pytest
from elasticsearch import ApiError
from prometheus_client import REGISTRY

from hashtide import retry
from hashtide.elasticsearch import session
from hashtide.elasticsearch.values import Document, Outcome, Ref
from stream_jobs.store import elasticsearch
from stream_jobs.store.elasticsearch import Elasticsearch
from tests.fakes.unruly import (
    Fault,
    Unruly,
    answers,
    cuts,
    keeps_silent,
    passes,
    shard_away,
    too_large_from,
    turns_away,
)

DONE, CONFLICT = Outcome("done"), Outcome("conflict")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, clean: None) -> None:
    """Shorten the waits: the tests only check that they end."""
    monkeypatch.setattr(retry, "MAX_WAIT_S", 0.01)


def documents(day: str, ids: Sequence[str], version: int = 0, count: int = 1) -> list[Document]:
    body = json.dumps({"@timestamp": 1_508_097_600_000, "count": count}).encode()
    return [Document(Ref(f"reply-volume-{day}", id_), body, version) for id_ in ids]


async def counts(url: str, day: str, ids: Sequence[str]) -> list[int | None]:
    """The counts in the real server."""
    async with Elasticsearch(url, bulk_bytes=1 << 20) as real:
        found = await real.get([Ref(f"reply-volume-{day}", id_) for id_ in ids])
        return [None if f is None else f.source["count"] for f in found]


def retries(reason: str) -> float:
    return REGISTRY.get_sample_value("hashtide_elasticsearch_retries_total", {"reason": reason}) or 0.0


async def put_through(proxy: Unruly, day: str, ids: str = "abcdef") -> list[Outcome]:
    async with Elasticsearch(proxy.url, bulk_bytes=1 << 20) as store:
        return await store.put(documents(day, ids, version=1))


@pytest.mark.parametrize("status", [429, 503])
async def test_retries_only_rejected_documents(url: str, day: str, status: int) -> None:
    before = retries(f"item-{status}")
    async with Unruly(url, turns_away(status, 1, 4), turns_away(status, 1)) as proxy:
        assert await put_through(proxy, day) == [DONE] * 6
        assert proxy.seen == [["a", "b", "c", "d", "e", "f"], ["b", "e"], ["e"]]
    assert await counts(url, day, "abcdef") == [1] * 6
    assert retries(f"item-{status}") - before == 2


async def test_retries_bulk_if_every_document_is_rejected(url: str, day: str) -> None:
    async with Unruly(url, *[turns_away(429, 0, 1, 2)] * 5) as proxy:
        assert await put_through(proxy, day, "abc") == [DONE] * 3
        assert proxy.seen == [["a", "b", "c"]] * 6
    assert await counts(url, day, "abc") == [1] * 3


async def test_outcomes_keep_order_after_retries(url: str, day: str) -> None:
    bulk = documents(day, "abcdef")
    bulk[2] = msgspec.structs.replace(bulk[2], body=b'{"handle":"so_it_is"}')
    async with Elasticsearch(url, bulk_bytes=1 << 20) as real:
        await real.create([bulk[4]])
    async with (
        Unruly(url, turns_away(429, 0, 2, 4), turns_away(503, 1)) as proxy,
        Elasticsearch(proxy.url, bulk_bytes=1 << 20) as store,
    ):
        outcomes = await store.create(bulk)
        assert proxy.seen == [["a", "b", "c", "d", "e", "f"], ["a", "c", "e"], ["c"]]
    assert [outcome.status for outcome in outcomes] == ["done", "done", "refused", "done", "conflict", "done"]
    assert outcomes[2].detail.startswith("strict_dynamic_mapping_exception: ")
    assert await counts(url, day, "abcdef") == [1, 1, None, 1, 1, 1]


async def test_retries_documents_of_read_only_index(url: str, day: str) -> None:
    async with Unruly(url, turns_away(403, 0, error="cluster_block_exception")) as proxy:
        assert await put_through(proxy, day, "ab") == [DONE, DONE]
        assert proxy.seen == [["a", "b"], ["a"]]
    assert await counts(url, day, "ab") == [1, 1]


@contextmanager
def no_shard_left(url: str) -> Iterator[Callable[[], None]]:
    """The cluster has no shard left; the callable lifts the limit."""
    with session.session(url) as client:

        def limit(shards: int | None) -> None:
            client.cluster.put_settings(persistent={"cluster.max_shards_per_node": shards})

        limit(1)
        try:
            yield lambda: limit(None)
        finally:
            limit(None)


async def test_new_daily_index_waits_for_free_shard(url: str, day: str) -> None:
    with no_shard_left(url) as make_room:
        before = retries("shards")
        async with Elasticsearch(url, bulk_bytes=1 << 20) as store:
            put = asyncio.create_task(store.put(documents(day, "ab", version=1)))
            while retries("shards") - before < 3:
                await asyncio.sleep(0.01)
            assert not put.done()
            assert await counts(url, day, "ab") == [None, None]
            make_room()
            assert await put == [DONE, DONE]
    assert await counts(url, day, "ab") == [1, 1]


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_does_not_retry_refused_document(url: str, day: str, status: int) -> None:
    async with Unruly(url, turns_away(status, 1, error="security_exception")) as proxy:
        assert await put_through(proxy, day, "abc") == [
            DONE,
            Outcome("refused", "security_exception: a bad day"),
            DONE,
        ]
        assert proxy.seen == [["a", "b", "c"]]
    assert await counts(url, day, "abc") == [1, None, 1]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_retries_bulk_until_success(url: str, day: str, status: int) -> None:
    before = retries(f"status-{status}")
    async with Unruly(url, *[answers(status)] * 4) as proxy:
        assert await put_through(proxy, day) == [DONE] * 6
        assert proxy.seen == [["a", "b", "c", "d", "e", "f"]] * 5
    assert await counts(url, day, "abcdef") == [1] * 6
    assert retries(f"status-{status}") - before == 4


async def test_retries_bulk_while_cluster_is_read_only(url: str, day: str) -> None:
    before = retries("blocked")
    async with Unruly(url, *[answers(403, "cluster_block_exception")] * 2) as proxy:
        assert await put_through(proxy, day) == [DONE] * 6
    assert await counts(url, day, "abcdef") == [1] * 6
    assert retries("blocked") - before == 2


@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_raises_permanent_errors_without_retry(url: str, day: str, status: int) -> None:
    async with Unruly(url) as proxy:
        proxy.always = answers(status)
        with pytest.raises(ApiError) as error:
            await put_through(proxy, day)
        assert error.value.status_code == status
        assert len(proxy.seen) == 1
    assert await counts(url, day, "abcdef") == [None] * 6


async def test_splits_bulk_that_is_too_large(url: str, day: str) -> None:
    async with Unruly(url) as proxy:
        proxy.always = too_large_from(3)
        assert await put_through(proxy, day, "abcdefg") == [DONE] * 7
        assert [len(ids) for ids in proxy.seen] == [7, 3, 1, 2, 4, 2, 2]
        assert [id_ for ids in proxy.seen if len(ids) < 3 for id_ in ids] == list("abcdefg")
    assert await counts(url, day, "abcdefg") == [1] * 7


async def test_outcomes_of_split_bulk_keep_order(url: str, day: str) -> None:
    async with Elasticsearch(url, bulk_bytes=1 << 20) as real:
        await real.put(documents(day, "bf", version=9))
    async with Unruly(url) as proxy:
        proxy.always = too_large_from(2)
        assert await put_through(proxy, day) == [DONE, CONFLICT, DONE, DONE, DONE, CONFLICT]


async def test_refuses_only_the_document_that_is_too_large(url: str, day: str) -> None:
    async with Unruly(url, answers(413), answers(413)) as proxy:
        outcomes = await put_through(proxy, day, "ab")
        assert proxy.seen == [["a", "b"], ["a"], ["b"]]
    assert [outcome.status for outcome in outcomes] == ["refused", "done"]
    assert outcomes[0].detail == "413: the document is larger than Elasticsearch accepts"
    assert await counts(url, day, "ab") == [None, 1]


@pytest.mark.parametrize(
    ("fault", "created"),
    [
        (cuts(documents=0), [DONE] * 6),
        (cuts(documents=3), [CONFLICT] * 3 + [DONE] * 3),
        (cuts(), [CONFLICT] * 6),
        (cuts(of_answer=20), [CONFLICT] * 6),
        (cuts(documents=2, of_answer=1), [CONFLICT] * 2 + [DONE] * 4),
    ],
    ids=["before", "in mid-bulk", "before the answer", "in mid-answer", "in mid-bulk and mid-answer"],
)
async def test_loses_nothing_on_broken_connection(url: str, day: str, fault: Fault, created: list[Outcome]) -> None:
    """Twice in a row: aiohttp itself silently resends requests that it considers idempotent once."""
    before = retries("connection")
    async with Unruly(url, fault, fault) as proxy:
        assert await put_through(proxy, day) == [DONE] * 6
        assert proxy.seen == [["a", "b", "c", "d", "e", "f"]] * 3
        proxy.faults = [fault, fault]
        async with Elasticsearch(proxy.url, bulk_bytes=1 << 20) as store:
            assert await store.create(documents(day, "uvwxyz")) == created
    assert await counts(url, day, "abcdefuvwxyz") == [1] * 12
    assert retries("connection") >= before + 2


@pytest.mark.parametrize("does", [True, False], ids=["done", "not done"])
async def test_retries_bulk_after_timeout(url: str, day: str, does: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Unruly(url) as proxy:
        await put_through(proxy, day, "z")  # creates the index, which is slow
        monkeypatch.setattr(elasticsearch, "REQUEST_TIMEOUT_S", 0.5)
        before = retries("timeout")
        proxy.faults = [keeps_silent(30, does)]
        assert await put_through(proxy, day) == [DONE] * 6
        assert len(proxy.seen) >= 3
    assert await counts(url, day, "abcdef") == [1] * 6
    assert retries("timeout") > before


async def test_retries_after_invalid_json(url: str, day: str) -> None:
    async with Unruly(url, answers(200, body=b'{"items":[{"ind')) as proxy:
        assert await put_through(proxy, day) == [DONE] * 6
        assert len(proxy.seen) == 2
    assert await counts(url, day, "abcdef") == [1] * 6


async def test_waits_for_server_to_start(url: str, day: str) -> None:
    async with Unruly(url) as gone:
        port = int(gone.url.rpartition(":")[2])
    before = retries("connection")
    async with Elasticsearch(gone.url, bulk_bytes=1 << 20) as store:
        work = asyncio.ensure_future(store.put(documents(day, "ab", version=1)))
        while retries("connection") < before + 3:
            await asyncio.sleep(0.01)
        async with Unruly(url, port=port):
            assert await work == [DONE, DONE]
    assert await counts(url, day, "ab") == [1, 1]


@pytest.mark.parametrize(
    "faults",
    [
        [answers(503), answers(429)],
        [cuts(documents=0), cuts(documents=0)],
        [answers(403, "cluster_block_exception")],
    ],
    ids=["busy", "cut", "blocked"],
)
async def test_retries_reads_until_success(url: str, day: str, faults: list[Fault]) -> None:
    async with Unruly(url) as proxy, Elasticsearch(proxy.url, bulk_bytes=1 << 20) as store:
        await store.put(documents(day, "ab", version=1))
        proxy.faults = list(faults)
        found = await store.get([Ref(f"reply-volume-{day}", id_) for id_ in "bxa"])
        assert [f and f.ref.id for f in found] == ["b", None, "a"]
        proxy.faults = list(faults)
        located = await store.locate(f"reply-volume-{day}", ["x", "b"])
        assert [f.ref.id for f in located] == ["b"]
        proxy.faults = list(faults)
        found_by_time = await store.find(f"reply-volume-{day}", {"count": 1}, 1_508_097_600_000, 10)
        assert sorted(f.ref.id for f in found_by_time) == ["a", "b"]
        assert proxy.faults == []


async def test_retries_401_after_start(url: str, day: str) -> None:
    before = retries("status-401")
    async with Unruly(url, *[answers(401, "security_exception")] * 2) as proxy:
        assert await put_through(proxy, day) == [DONE] * 6
    assert await counts(url, day, "abcdef") == [1] * 6
    assert retries("status-401") - before == 2


async def test_raises_forbidden_reads_without_retry(url: str, day: str) -> None:
    async with Unruly(url) as proxy, Elasticsearch(proxy.url, bulk_bytes=1 << 20) as store:
        proxy.always = answers(403)
        with pytest.raises(ApiError):
            await store.get([Ref(f"reply-volume-{day}", "a")])
        with pytest.raises(ApiError):
            await store.locate(f"reply-volume-{day}", ["a"])
        assert len(proxy.bodies) == 2


async def test_retries_reads_while_a_shard_is_starting(url: str, day: str) -> None:
    before = retries("shard")
    async with Unruly(url) as proxy, Elasticsearch(proxy.url, bulk_bytes=1 << 20) as store:
        await store.put(documents(day, "ab", version=1))
        proxy.faults = [shard_away()] * 2
        found = await store.get([Ref(f"reply-volume-{day}", id_) for id_ in "abc"])
        assert [f and f.source["count"] for f in found] == [1, 1, None]
        assert retries("shard") - before == 2

        proxy.faults = [passes(), shard_away()]  # refresh, search
        assert len(await store.locate(f"reply-volume-{day}", ["a", "b"])) == 2
        proxy.faults = [shard_away()]
        assert len(await store.find(f"reply-volume-{day}", {"count": 1}, 1 << 42, 10)) == 2
        proxy.faults = [passes(), shard_away()]
        assert await store.newest(f"reply-volume-{day}", {"count": 1}) == 1_508_097_600_000
        proxy.faults = [passes(), passes(), shard_away()]  # refresh, open, search
        assert [len(page) async for page in store.scan(f"reply-volume-{day}", 0, 1 << 42)] == [2]
        assert proxy.faults == []


async def test_cancellation_ends_retries(url: str, day: str) -> None:
    async with Unruly(url) as proxy, Elasticsearch(proxy.url, bulk_bytes=1 << 20) as store:
        proxy.always = answers(503)
        work = asyncio.ensure_future(store.put(documents(day, "ab", version=1)))
        while len(proxy.seen) < 3:
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(work, timeout=60)
        proxy.always = None
        assert await store.put(documents(day, "ab", version=1)) == [DONE, DONE]
    assert await counts(url, day, "ab") == [1, 1]


async def test_bulks_are_limited_in_bytes(url: str, day: str) -> None:
    ids = [f"id-{n:03}" for n in range(200)]
    bulk = documents(day, ids, version=1)
    bulk[50] = msgspec.structs.replace(bulk[50], body=bulk[50].body + b" " * 5_000)
    async with Unruly(url) as proxy, Elasticsearch(proxy.url, bulk_bytes=4_000) as store:
        assert await store.put(bulk) == [DONE] * 200
        assert [id_ for seen in proxy.seen for id_ in seen] == ids
        larger = [seen for seen, body in zip(proxy.seen, proxy.bodies, strict=True) if len(body) > 4_000]
        assert larger == [["id-050"]]
        assert 7 <= len(proxy.seen) <= 12
    assert await counts(url, day, ids) == [1] * 200


async def test_bulks_and_reads_are_limited_in_documents(url: str, day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch, "MAX_DOCUMENTS", 10)
    ids = [str(n) for n in range(25)]
    async with Unruly(url) as proxy, Elasticsearch(proxy.url, bulk_bytes=1 << 20) as store:
        assert await store.put(documents(day, ids, version=1)) == [DONE] * 25
        found = await store.get([Ref(f"reply-volume-{day}", id_) for id_ in ids])
        assert [f and f.ref.id for f in found] == ids
        assert proxy.seen == [ids[:10], ids[10:20], ids[20:]] * 2


async def test_bulks_are_sent_in_order(url: str, day: str) -> None:
    async with Unruly(url, answers(503), turns_away(429, 0)) as proxy:
        async with Elasticsearch(proxy.url, bulk_bytes=1) as store:
            assert await store.put(documents(day, "abc", version=1)) == [DONE] * 3
        assert proxy.seen == [["a"], ["a"], ["a"], ["b"], ["c"]]


async def test_locates_ids_of_a_large_batch(url: str, day: str) -> None:
    ids = [f"id-{n}" for n in range(10_500)]
    async with Elasticsearch(url, bulk_bytes=1 << 20) as store:
        await store.put(documents(day, [ids[0], ids[10_499]], version=1))
        found = await store.locate(f"reply-volume-{day}", ids)
        assert sorted(f.ref.id for f in found) == ["id-0", "id-10499"]
