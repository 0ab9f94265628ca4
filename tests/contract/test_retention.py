"""Retention on a real Elasticsearch. It drops days before 2010; all other tests use later days."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from elasticsearch import ApiError
from elasticsearch import Elasticsearch as Client

from hashtide.elasticsearch.client import connect
from hashtide.elasticsearch.values import Document, Outcome, Ref
from operations.retention.enforce import FENCE, NothingDropped, RetentionReport, enforce
from operations.retention.rules import RetentionPolicy
from stream_jobs.store.elasticsearch import Elasticsearch

OURS = "posts-200*,reply-volume-200*,hashtag-volume-200*,posts-9999.12.31,archive-2009"
DROPPED = Outcome("dropped", "retention has dropped the indices of its day")


def days_since(year: int, month: int, day: int) -> int:
    return (datetime.now(UTC).date() - date(year, month, day)).days


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """A client; afterwards removes what the test created."""
    with connect(url, 30.0) as client:
        yield client
        for name in client.indices.get(index=OURS, ignore_unavailable=True, expand_wildcards="all").body:
            client.indices.put_settings(index=name, settings={"index.blocks.read_only": None})
            client.indices.delete(index=name)
        client.options(ignore_status=404).indices.delete_index_template(name=f"{FENCE}-*")
        client.options(ignore_status=404).indices.delete(index="ingest-gaps,hashtide-canary", ignore_unavailable=True)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Elasticsearch]:
    async with Elasticsearch(url, bulk_bytes=4096) as store:
        yield store


async def drop(url: str, dry_run: bool = False, counts: int | None = None) -> RetentionReport:
    """Enforce retention: keep posts and counts from 2010 on, or for so many days."""
    posts = days_since(2010, 1, 1)
    keep = RetentionPolicy.checked(posts if counts is None else counts, posts, None)
    return await enforce(url, keep, now_ms(), dry_run=dry_run)


def fill(client: Client, *indices: str) -> None:
    for index in indices:
        client.index(index=index, id="a", document={"@timestamp": 1_241_524_800_000}, refresh=True)


def there(client: Client) -> set[str]:
    return set(client.indices.get(index=OURS, ignore_unavailable=True, expand_wildcards="all").body)


def fences(client: Client) -> list[str]:
    found = client.indices.get_index_template(name="hashtide-*").body["index_templates"]
    return sorted(item["name"] for item in found if item["name"].startswith(FENCE))


def document(index: str, id_: str) -> Document:
    return Document(Ref(index, id_), json.dumps({"@timestamp": 1_241_524_800_000}).encode())


async def test_drops_only_indices_that_are_too_old(url: str, client: Client) -> None:
    going = {"posts-2009.05.05", "reply-volume-2009.05.05", "hashtag-volume-2006.01.01", "reply-volume-2009.12.31"}
    staying = {"posts-2009.5.5", "posts-2009.05.05-old", "posts-2009.02.30", "posts-9999.12.31"}
    fill(client, *going, *staying)
    client.indices.close(index="reply-volume-2009.12.31")
    client.indices.create(index="archive-2009", aliases={"posts-2009.07.07": {}})

    reported = await drop(url, dry_run=True)
    assert there(client) == going | staying | {"archive-2009"}
    assert fences(client) == []

    done = await drop(url)
    assert there(client) == staying | {"archive-2009"}
    assert (reported.dry_run, done.dry_run) == (True, False)
    assert reported.dropped == done.dropped
    assert [(each.index, each.documents) for each in done.dropped] == [
        ("hashtag-volume-2006.01.01", 1),
        ("posts-2009.05.05", 1),
        ("reply-volume-2009.05.05", 1),
        ("reply-volume-2009.12.31", None),
    ]
    assert all(each.bytes for each in done.dropped[:3])
    assert {index: why for index, why in done.left.items() if index in staying | {"archive-2009"}} == {
        "archive-2009": "not the name of one of our daily indices",
        "posts-2009.02.30": "its date does not exist",
        "posts-2009.05.05-old": "not the name of one of our daily indices",
        "posts-2009.5.5": "not the name of one of our daily indices",
        "posts-9999.12.31": "its date is in the future",
    }
    assert (done.failed, done.first_days["posts"]) == ({}, "2010.01.01")

    again = await drop(url)
    assert (again.dropped, again.failed, again.left) == ([], {}, done.left)


async def test_no_write_recreates_a_dropped_day(url: str, client: Client, store: Elasticsearch) -> None:
    index = "posts-2009.05.05"
    assert await store.create([document(index, "a")]) == [Outcome("done")]
    (found,) = await store.get([Ref(index, "a")])
    assert found is not None
    await drop(url)
    assert await store.create([document(index, "a"), document("posts-2010.01.01", "a")]) == [DROPPED, Outcome("done")]
    assert await store.put([document("reply-volume-2009.12.31", "a")]) == [DROPPED]
    assert await store.amend([(found, b"{}")]) == [DROPPED]
    assert await store.get([Ref(index, "a")]) == [None]
    assert await store.locate("posts-200*", ["a"]) == []
    assert there(client) == set()
    client.indices.delete(index="posts-2010.01.01")


async def test_day_dropped_during_writes_stays_dropped(url: str, client: Client, store: Elasticsearch) -> None:
    index = "posts-2009.05.05"
    outcomes: list[Outcome] = []
    started = asyncio.Event()

    async def write() -> None:
        number = 0
        while not outcomes or outcomes[-1].status == "done":
            outcomes.extend(await store.create([document(index, f"{number}-{n}") for n in range(50)]))
            number += 1
            started.set()

    writing = asyncio.create_task(write())
    await started.wait()
    assert [each.index for each in (await drop(url)).dropped] == [index]
    await asyncio.wait_for(writing, 120)
    assert {each.status for each in outcomes} == {"done", "dropped"}
    assert there(client) == set()


async def test_failure_of_one_index_does_not_stop_the_others(url: str, client: Client) -> None:
    fill(client, "posts-2009.05.05", "posts-2009.05.06", "posts-2009.05.07")
    client.indices.put_settings(index="posts-2009.05.06", settings={"index.blocks.read_only": True})
    report = await drop(url)
    assert [each.index for each in report.dropped] == ["posts-2009.05.05", "posts-2009.05.07"]
    assert list(report.failed) == ["posts-2009.05.06"]
    assert "read-only" in report.failed["posts-2009.05.06"]
    client.indices.put_settings(index="posts-2009.05.06", settings={"index.blocks.read_only": None})
    report = await drop(url)
    assert ([each.index for each in report.dropped], report.failed) == (["posts-2009.05.06"], {})


async def test_concurrent_runs_drop_everything_without_errors(url: str, client: Client) -> None:
    indices = [f"posts-2009.05.{day:02}" for day in range(1, 9)]
    fill(client, *indices)
    reports = await asyncio.gather(*(drop(url) for _ in range(3)))
    # Elasticsearch acknowledges both of two concurrent deletions of an index.
    assert {each.index for report in reports for each in report.dropped} == set(indices)
    assert [report.failed for report in reports] == [{}, {}, {}]
    assert there(client) == set()


async def test_latest_fence_wins(url: str, client: Client, store: Elasticsearch) -> None:
    await drop(url)
    longer = days_since(2008, 1, 1)
    await enforce(url, RetentionPolicy.checked(longer, longer, None), now_ms())
    later = days_since(2010, 1, 2)
    await enforce(url, RetentionPolicy.checked(None, later, None), now_ms())
    assert fences(client) == [
        "hashtide-dropped-hashtag-volume-2010.01.01",
        "hashtide-dropped-posts-2010.01.02",
        "hashtide-dropped-reply-volume-2010.01.01",
    ]
    assert await store.create([document("posts-2009.05.05", "a"), document("posts-2010.01.01", "a")]) == [DROPPED] * 2


async def test_deletes_old_gaps_and_canaries_by_document(url: str, client: Client) -> None:
    old, new = 1_262_303_999_999, 1_262_304_000_000  # the last millisecond of 2009, the first of 2010
    gaps = [{"@timestamp": 1_241_524_800_000, "event": {"end": end}, "source": "x"} for end in [old] * 1_500 + [new]]
    canaries = [{"@timestamp": at, "id": "00"} for at in (old, old, new)]
    for index, bodies in (("ingest-gaps", gaps), ("hashtide-canary", canaries)):
        operations: list[dict[str, Any]] = []
        for body in bodies:
            operations += [{"index": {}}, body]
        assert not client.bulk(index=index, operations=operations, refresh=True)["errors"]
    reported, done, again = await drop(url, dry_run=True), await drop(url), await drop(url)
    assert [(each.gaps, each.canaries) for each in (reported, done, again)] == [(1_500, 2), (1_500, 2), (0, 0)]
    client.indices.refresh(index="ingest-gaps,hashtide-canary")
    assert [client.count(index=index)["count"] for index in ("ingest-gaps", "hashtide-canary")] == [1, 1]


async def test_drops_nothing_if_clocks_differ(url: str, client: Client) -> None:
    fill(client, "posts-2009.05.05")
    keep = RetentionPolicy.checked(None, days_since(2008, 1, 1), None)
    with pytest.raises(NothingDropped, match=r"differ by 17,\d\d\d\.\d h"):
        await enforce(url, keep, now_ms() + 2 * 365 * 86_400_000)
    assert (there(client), fences(client)) == ({"posts-2009.05.05"}, [])


async def test_drops_nothing_without_fences(url: str, client: Client) -> None:
    fill(client, "posts-2009.05.05")
    body: dict[str, Any] = {"index_patterns": ["posts-2009.*"], "priority": 1_000 + date(2010, 1, 1).toordinal()}
    client.indices.put_index_template(name="somebody-elses", **body)  # same priority: Elasticsearch refuses our fence
    try:
        with pytest.raises(ApiError, match="somebody-elses"):
            await drop(url)
        assert there(client) == {"posts-2009.05.05"}
    finally:
        client.indices.delete_index_template(name="somebody-elses")


async def test_returns_creation_times_of_indices(client: Client, store: Elasticsearch) -> None:
    fill(client, "posts-2009.05.05", "reply-volume-2009.05.05")
    made = await store.made("posts-2009.05.05*,reply-volume-2009.05.05*")
    assert made.keys() == {"posts-2009.05.05", "reply-volume-2009.05.05"}
    assert now_ms() - 60_000 < made["posts-2009.05.05"] <= made["reply-volume-2009.05.05"] <= now_ms()
    assert await store.made("posts-2009.05.06*") == {}
