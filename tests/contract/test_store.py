"""The contract of a store, for the one in memory and the one in Elasticsearch."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hashtide.elasticsearch.values import Document, Found, Outcome, Ref
from stream_jobs.store.elasticsearch import Elasticsearch
from stream_jobs.store.store import Store
from tests.fakes.store import FakeStore

DONE, CONFLICT = Outcome("done"), Outcome("conflict")


@pytest.fixture(params=["fake", "elasticsearch"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "fake":
        yield FakeStore()
        return
    request.getfixturevalue("clean")
    async with Elasticsearch(request.getfixturevalue("url"), bulk_bytes=4096) as real:
        yield real


@pytest.fixture
def posts(day: str) -> str:
    return f"posts-{day}"


def document(index: str, id_: str, version: int = 0, /, **fields: Any) -> Document:
    return Document(Ref(index, id_), json.dumps({"@timestamp": 1_508_097_600_000} | fields).encode(), version)


async def read(store: Store, *refs: Ref) -> list[dict[str, Any] | None]:
    return [None if found is None else found.source for found in await store.get(refs)]


async def test_get_returns_created_document_at_once(store: Store, posts: str) -> None:
    assert await store.create([document(posts, "a", platform="x")]) == [DONE]
    assert await read(store, Ref(posts, "a")) == [{"@timestamp": 1_508_097_600_000, "platform": "x"}]


async def test_create_does_not_replace_existing_document(store: Store, posts: str) -> None:
    await store.create([document(posts, "a", kind="reply")])
    assert await store.create([document(posts, "a", kind="quote")]) == [CONFLICT]
    assert await read(store, Ref(posts, "a")) == [{"@timestamp": 1_508_097_600_000, "kind": "reply"}]


async def test_create_keeps_first_of_duplicate_ids_in_a_bulk(store: Store, posts: str) -> None:
    outcomes = await store.create([document(posts, "a", kind="reply"), document(posts, "a", kind="quote")])
    assert outcomes == [DONE, CONFLICT]
    assert await read(store, Ref(posts, "a")) == [{"@timestamp": 1_508_097_600_000, "kind": "reply"}]


async def test_same_id_in_two_indices_is_two_documents(store: Store, posts: str) -> None:
    assert await store.create([document(posts, "a"), document(f"{posts}-2", "a")]) == [DONE, DONE]


@pytest.mark.parametrize(
    ("version", "outcome", "left", "left_version"),
    [(8, DONE, 2, 8), (10**12, DONE, 2, 10**12), (7, DONE, 2, 7), (6, CONFLICT, 1, 7), (0, CONFLICT, 1, 7)],
    ids=["higher", "much higher", "equal", "lower", "lowest"],
)
async def test_put_writes_unless_stored_version_is_higher(
    store: Store, day: str, version: int, outcome: Outcome, left: int, left_version: int
) -> None:
    index = f"reply-volume-{day}"
    assert await store.put([document(index, "a", 7, count=1)]) == [DONE]
    assert await store.put([document(index, "a", version, count=2)]) == [outcome]
    (found,) = await store.get([Ref(index, "a")])
    assert found is not None
    assert (found.source["count"], found.version) == (left, left_version)
    assert found.ref == Ref(index, "a")


async def test_put_compares_versions_per_document(store: Store, day: str) -> None:
    index = f"reply-volume-{day}"
    await store.put([document(index, id_, 5, count=1) for id_ in "abc"])
    bulk = [document(index, "a", 4, count=2), document(index, "b", 6, count=2), document(index, "d", 1, count=2)]
    assert await store.put(bulk) == [CONFLICT, DONE, DONE]
    sources = await read(store, *(Ref(index, id_) for id_ in "abcd"))
    assert [source and source["count"] for source in sources] == [1, 2, 1, 2]


async def test_amend_writes_unchanged_document(store: Store, posts: str) -> None:
    await store.create([document(posts, "a", kind="reply")])
    (found,) = await store.get([Ref(posts, "a")])
    assert found is not None
    assert await store.amend([(found, b'{"kind":"quote"}')]) == [DONE]
    assert await read(store, Ref(posts, "a")) == [{"kind": "quote"}]


async def test_amend_conflicts_if_document_changed(store: Store, posts: str) -> None:
    await store.create([document(posts, "a")])
    (found,) = await store.get([Ref(posts, "a")])
    assert found is not None
    assert await store.amend([(found, b'{"kind":"quote"}')]) == [DONE]
    assert await store.amend([(found, b'{"kind":"reply"}')]) == [CONFLICT]
    assert await read(store, Ref(posts, "a")) == [{"kind": "quote"}]
    (again,) = await store.get([Ref(posts, "a")])
    assert again is not None
    assert await store.amend([(again, b'{"kind":"reply"}')]) == [DONE]
    assert await read(store, Ref(posts, "a")) == [{"kind": "reply"}]


async def test_amend_conflicts_if_document_is_missing(store: Store, posts: str) -> None:
    await store.create([document(posts, "a")])
    assert await store.amend([(Found(Ref(posts, "b"), {}, 1, 0, 1), b'{"kind":"quote"}')]) == [CONFLICT]
    assert await read(store, Ref(posts, "b")) == [None]


async def test_amend_accepts_located_document(store: Store, posts: str) -> None:
    await store.create([document(posts, "a"), document(posts, "b")])
    (found,) = await store.locate(posts, ["b"])
    assert await store.amend([(found, b'{"kind":"quote"}')]) == [DONE]
    assert await store.amend([(found, b'{"kind":"reply"}')]) == [CONFLICT]
    assert await read(store, Ref(posts, "a"), Ref(posts, "b")) == [
        {"@timestamp": 1_508_097_600_000},
        {"kind": "quote"},
    ]


async def test_get_keeps_order_and_returns_none_for_missing(store: Store, posts: str) -> None:
    await store.create([document(posts, id_, platform=id_) for id_ in "abc"])
    refs = [Ref(posts, "c"), Ref(posts, "none"), Ref(f"{posts}-none", "a"), Ref(posts, "a"), Ref(posts, "c")]
    sources = await read(store, *refs)
    assert [source and source["platform"] for source in sources] == ["c", None, None, "a", "c"]


async def test_missing_index_has_no_documents(store: Store, posts: str) -> None:
    assert await store.get([Ref(posts, "a")]) == [None]
    assert await store.locate(f"{posts}-*", ["a", "b"]) == []


async def test_locates_documents_by_id_in_indices_of_a_pattern(store: Store, day: str) -> None:
    await store.create(
        [
            document(f"posts-{day}-1", "a", platform="one"),
            document(f"posts-{day}-2", "b", platform="two"),
            document(f"posts-{day}-2", "a", platform="three"),
            document(f"posts-{day}-2", "d", platform="not asked for"),
            document(f"reply-volume-{day}-1", "c", platform="elsewhere"),
        ]
    )
    found = await store.locate(f"posts-{day}-*", ["b", "none", "c", "a"])
    assert sorted((f.ref.index, f.ref.id, f.source["platform"]) for f in found) == [
        (f"posts-{day}-1", "a", "one"),
        (f"posts-{day}-2", "a", "three"),
        (f"posts-{day}-2", "b", "two"),
    ]


async def test_locate_sees_latest_write(store: Store, posts: str) -> None:
    await store.create([document(posts, "a", kind="reply")])
    (found,) = await store.locate(posts, ["a"])
    await store.amend([(found, b'{"kind":"quote"}')])
    (again,) = await store.locate(posts, ["a"])
    assert again.source == {"kind": "quote"}


@pytest.mark.parametrize(
    "fields", [{"platform": "x" * 40_000}, {"edited_at": "soon"}, {"handle": "so_it_is"}, {"answers_root": "often"}]
)
async def test_refuses_only_the_document_that_does_not_fit_the_mapping(
    store: Store, posts: str, fields: dict[str, Any]
) -> None:
    await store.create([document(posts, "b")])
    first, second, third, last = await store.create(
        [document(posts, "a"), document(posts, "b"), document(posts, "bad", **fields), document(posts, "c")]
    )
    assert [first, second, last] == [DONE, CONFLICT, DONE]
    assert third.status == "refused"
    ((field, value),) = fields.items()
    assert "_exception: " in third.detail
    assert field in third.detail
    assert value not in third.detail
    there = await read(store, *(Ref(posts, id_) for id_ in ("a", "b", "bad", "c")))
    assert [source is not None for source in there] == [True, True, False, True]


async def test_refused_put_changes_nothing(store: Store, day: str) -> None:
    index = f"reply-volume-{day}"
    await store.put([document(index, "a", 1, count=1)])
    outcomes = await store.put([document(index, "a", 2, count="many"), document(index, "b", 2, count=2)])
    assert [outcome.status for outcome in outcomes] == ["refused", "done"]
    assert [source and source["count"] for source in await read(store, Ref(index, "a"), Ref(index, "b"))] == [1, 2]


async def test_refused_amend_changes_nothing(store: Store, posts: str) -> None:
    await store.create([document(posts, "a")])
    (found,) = await store.get([Ref(posts, "a")])
    assert found is not None
    (outcome,) = await store.amend([(found, b'{"handle":"so_it_is"}')])
    assert outcome.status == "refused"
    assert await read(store, Ref(posts, "a")) == [{"@timestamp": 1_508_097_600_000}]


async def test_empty_requests_return_empty_results(store: Store, posts: str) -> None:
    assert await store.create([]) == []
    assert await store.put([]) == []
    assert await store.amend([]) == []
    assert await store.get([]) == []
    assert await store.locate(f"{posts}*", []) == []


async def test_outcomes_of_many_documents_are_in_order(store: Store, posts: str) -> None:
    """In Elasticsearch these are about 30 bulks, all with conflicts and refusals."""
    await store.create([document(posts, str(n)) for n in range(0, 1000, 3)])
    bulk = [document(posts, str(n), **{"handle" if n % 5 == 0 else "kind": "reply"}) for n in range(1000)]
    outcomes = await store.create(bulk)
    assert len(outcomes) == 1000
    new = [outcome.status for n, outcome in enumerate(outcomes) if n % 3 != 0]
    assert new == ["refused" if n % 5 == 0 else "done" for n in range(1000) if n % 3 != 0]
    there = [outcome.status for n, outcome in enumerate(outcomes) if n % 3 == 0 and n % 5 != 0]
    assert there == ["conflict"] * 267
    found = await store.get([Ref(posts, str(n)) for n in range(1000)])
    assert [f is not None for f in found] == [n % 3 == 0 or n % 5 != 0 for n in range(1000)]


async def test_find_by_fields_and_time_after_refresh(store: Store, posts: str) -> None:
    written = [
        document(posts, "a", platform="x", kind="reply"),
        document(posts, "b", platform="x", kind="quote"),
        document(posts, "c", platform="bluesky", kind="reply"),
        Document(Ref(posts, "d"), b'{"@timestamp": 1508097600001, "platform": "x", "kind": "reply"}'),
    ]
    assert await store.create(written) == [DONE] * 4
    await store.locate(posts, ["a"])  # refreshes
    found = await store.find(f"{posts},nothing-*", {"platform": "x", "kind": "reply"}, 1_508_097_600_000, 10)
    assert [(each.ref, each.version, each.source["platform"]) for each in found] == [(Ref(posts, "a"), 1, "x")]
    assert len(await store.find(posts, {"platform": "x"}, 1_508_097_600_001, 2)) == 2


async def scanned(store: Store, pattern: str, from_ms: int, to_ms: int) -> list[str]:
    return sorted([found.ref.id async for page in store.scan(pattern, from_ms, to_ms) for found in page])


async def test_scan_reads_current_documents_of_a_time_range(store: Store, day: str) -> None:
    at = 1_508_097_600_000
    await store.create([document(f"posts-{day}", id_, **{"@timestamp": at + i}) for i, id_ in enumerate("abcd")])
    await store.create([document(f"reply-volume-{day}", "e", **{"@timestamp": at + 1})])
    assert await scanned(store, f"posts-{day}*,reply-volume-{day}*", at + 1, at + 3) == ["b", "c", "e"]
    assert await scanned(store, f"posts-{day}*", at, at + 60_000) == ["a", "b", "c", "d"]


async def test_scan_reads_all_pages(store: Store, posts: str) -> None:
    await store.create([document(posts, f"{i:05}") for i in range(10_001)])
    assert await scanned(store, f"{posts}*", 1_508_097_600_000, 1_508_097_600_001) == [f"{i:05}" for i in range(10_001)]


async def test_scan_of_missing_indices_is_empty(store: Store, day: str) -> None:
    assert await scanned(store, f"posts-{day}*,reply-volume-{day}*", 0, 9_999_999_999_999) == []


async def test_newest_sees_latest_write(store: Store, day: str) -> None:
    at = 1_508_097_600_000
    fields = [("a", at, 0), ("b", at + 120_000, 0), ("c", at + 240_000, 1)]
    for id_, time, partition in fields:
        kafka = {"topic": "t", "partition": partition}
        await store.put([document(f"reply-volume-{day}", id_, 1, **{"@timestamp": time, "kafka": kafka})])
    here: dict[str, str | int] = {"kafka.topic": "t", "kafka.partition": 0}
    assert await store.newest(f"reply-volume-{day}*", here) == at + 120_000
    assert await store.newest(f"reply-volume-{day}*", {"kafka.topic": "another", "kafka.partition": 0}) == -1
    assert await store.newest(f"hashtag-volume-{day}*", here) == -1
