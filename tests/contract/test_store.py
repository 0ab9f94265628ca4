"""What a store is, for the one in memory and the one in Elasticsearch alike."""

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


async def test_what_is_created_is_there_at_once(store: Store, posts: str) -> None:
    assert await store.create([document(posts, "a", platform="x")]) == [DONE]
    assert await read(store, Ref(posts, "a")) == [{"@timestamp": 1_508_097_600_000, "platform": "x"}]


async def test_what_exists_is_not_created_again(store: Store, posts: str) -> None:
    await store.create([document(posts, "a", kind="reply")])
    assert await store.create([document(posts, "a", kind="quote")]) == [CONFLICT]
    assert await read(store, Ref(posts, "a")) == [{"@timestamp": 1_508_097_600_000, "kind": "reply"}]


async def test_of_two_with_one_id_in_a_bulk_the_first_is_created(store: Store, posts: str) -> None:
    outcomes = await store.create([document(posts, "a", kind="reply"), document(posts, "a", kind="quote")])
    assert outcomes == [DONE, CONFLICT]
    assert await read(store, Ref(posts, "a")) == [{"@timestamp": 1_508_097_600_000, "kind": "reply"}]


async def test_one_id_in_two_indices_is_two_documents(store: Store, posts: str) -> None:
    assert await store.create([document(posts, "a"), document(f"{posts}-2", "a")]) == [DONE, DONE]


@pytest.mark.parametrize(
    ("version", "outcome", "left", "left_version"),
    [(8, DONE, 2, 8), (10**12, DONE, 2, 10**12), (7, DONE, 2, 7), (6, CONFLICT, 1, 7), (0, CONFLICT, 1, 7)],
    ids=["higher", "much higher", "equal", "lower", "lowest"],
)
async def test_a_document_is_put_unless_there_is_a_higher_version(
    store: Store, day: str, version: int, outcome: Outcome, left: int, left_version: int
) -> None:
    index = f"reply-volume-{day}"
    assert await store.put([document(index, "a", 7, count=1)]) == [DONE]
    assert await store.put([document(index, "a", version, count=2)]) == [outcome]
    (found,) = await store.get([Ref(index, "a")])
    assert found is not None
    assert (found.source["count"], found.version) == (left, left_version)
    assert found.ref == Ref(index, "a")


async def test_the_versions_of_a_bulk_are_each_their_own(store: Store, day: str) -> None:
    index = f"reply-volume-{day}"
    await store.put([document(index, id_, 5, count=1) for id_ in "abc"])
    bulk = [document(index, "a", 4, count=2), document(index, "b", 6, count=2), document(index, "d", 1, count=2)]
    assert await store.put(bulk) == [CONFLICT, DONE, DONE]
    sources = await read(store, *(Ref(index, id_) for id_ in "abcd"))
    assert [source and source["count"] for source in sources] == [1, 2, 1, 2]


async def test_a_document_that_is_as_it_was_found_is_amended(store: Store, posts: str) -> None:
    await store.create([document(posts, "a", kind="reply")])
    (found,) = await store.get([Ref(posts, "a")])
    assert found is not None
    assert await store.amend([(found, b'{"kind":"quote"}')]) == [DONE]
    assert await read(store, Ref(posts, "a")) == [{"kind": "quote"}]


async def test_a_document_that_changed_meanwhile_is_not_amended(store: Store, posts: str) -> None:
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


async def test_a_document_that_is_not_there_is_not_amended(store: Store, posts: str) -> None:
    await store.create([document(posts, "a")])
    assert await store.amend([(Found(Ref(posts, "b"), {}, 1, 0, 1), b'{"kind":"quote"}')]) == [CONFLICT]
    assert await read(store, Ref(posts, "b")) == [None]


async def test_a_located_document_can_be_amended(store: Store, posts: str) -> None:
    await store.create([document(posts, "a"), document(posts, "b")])
    (found,) = await store.locate(posts, ["b"])
    assert await store.amend([(found, b'{"kind":"quote"}')]) == [DONE]
    assert await store.amend([(found, b'{"kind":"reply"}')]) == [CONFLICT]
    assert await read(store, Ref(posts, "a"), Ref(posts, "b")) == [
        {"@timestamp": 1_508_097_600_000},
        {"kind": "quote"},
    ]


async def test_documents_are_read_in_the_order_asked_for_and_missing_ones_are_none(store: Store, posts: str) -> None:
    await store.create([document(posts, id_, platform=id_) for id_ in "abc"])
    refs = [Ref(posts, "c"), Ref(posts, "none"), Ref(f"{posts}-none", "a"), Ref(posts, "a"), Ref(posts, "c")]
    sources = await read(store, *refs)
    assert [source and source["platform"] for source in sources] == ["c", None, None, "a", "c"]


async def test_an_index_that_is_not_there_has_no_documents(store: Store, posts: str) -> None:
    assert await store.get([Ref(posts, "a")]) == [None]
    assert await store.locate(f"{posts}-*", ["a", "b"]) == []


async def test_documents_are_located_by_id_in_the_indices_of_a_pattern(store: Store, day: str) -> None:
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


async def test_what_was_just_written_is_located_as_it_is_now(store: Store, posts: str) -> None:
    await store.create([document(posts, "a", kind="reply")])
    (found,) = await store.locate(posts, ["a"])
    await store.amend([(found, b'{"kind":"quote"}')])
    (again,) = await store.locate(posts, ["a"])
    assert again.source == {"kind": "quote"}


@pytest.mark.parametrize(
    "fields", [{"platform": "x" * 40_000}, {"edited_at": "soon"}, {"handle": "so_it_is"}, {"answers_root": "often"}]
)
async def test_a_document_that_its_mapping_refuses_is_refused_and_the_rest_is_done(
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


async def test_a_refused_put_leaves_what_was_there(store: Store, day: str) -> None:
    index = f"reply-volume-{day}"
    await store.put([document(index, "a", 1, count=1)])
    outcomes = await store.put([document(index, "a", 2, count="many"), document(index, "b", 2, count=2)])
    assert [outcome.status for outcome in outcomes] == ["refused", "done"]
    assert [source and source["count"] for source in await read(store, Ref(index, "a"), Ref(index, "b"))] == [1, 2]


async def test_a_refused_amendment_leaves_what_was_there(store: Store, posts: str) -> None:
    await store.create([document(posts, "a")])
    (found,) = await store.get([Ref(posts, "a")])
    assert found is not None
    (outcome,) = await store.amend([(found, b'{"handle":"so_it_is"}')])
    assert outcome.status == "refused"
    assert await read(store, Ref(posts, "a")) == [{"@timestamp": 1_508_097_600_000}]


async def test_nothing_asked_is_nothing_answered(store: Store, posts: str) -> None:
    assert await store.create([]) == []
    assert await store.put([]) == []
    assert await store.amend([]) == []
    assert await store.get([]) == []
    assert await store.locate(f"{posts}*", []) == []


async def test_many_documents_have_each_their_outcome_in_order(store: Store, posts: str) -> None:
    """In Elasticsearch these are some 30 bulks, and conflicts and refusals lie in all of them."""
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


async def test_documents_are_found_by_their_fields_and_their_time_once_they_were_refreshed(
    store: Store, posts: str
) -> None:
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


async def test_a_scan_reads_every_document_of_a_time_as_it_is_now(store: Store, day: str) -> None:
    at = 1_508_097_600_000
    await store.create([document(f"posts-{day}", id_, **{"@timestamp": at + i}) for i, id_ in enumerate("abcd")])
    await store.create([document(f"reply-volume-{day}", "e", **{"@timestamp": at + 1})])
    assert await scanned(store, f"posts-{day}*,reply-volume-{day}*", at + 1, at + 3) == ["b", "c", "e"]
    assert await scanned(store, f"posts-{day}*", at, at + 60_000) == ["a", "b", "c", "d"]


async def test_a_scan_goes_on_page_after_page(store: Store, posts: str) -> None:
    await store.create([document(posts, f"{i:05}") for i in range(10_001)])
    assert await scanned(store, f"{posts}*", 1_508_097_600_000, 1_508_097_600_001) == [f"{i:05}" for i in range(10_001)]


async def test_a_scan_of_indices_that_are_not_there_finds_nothing(store: Store, day: str) -> None:
    assert await scanned(store, f"posts-{day}*,reply-volume-{day}*", 0, 9_999_999_999_999) == []


async def test_the_newest_is_told_as_it_is_now(store: Store, day: str) -> None:
    at = 1_508_097_600_000
    fields = [("a", at, 0), ("b", at + 120_000, 0), ("c", at + 240_000, 1)]
    for id_, time, partition in fields:
        kafka = {"topic": "t", "partition": partition}
        await store.put([document(f"reply-volume-{day}", id_, 1, **{"@timestamp": time, "kafka": kafka})])
    here: dict[str, str | int] = {"kafka.topic": "t", "kafka.partition": 0}
    assert await store.newest(f"reply-volume-{day}*", here) == at + 120_000
    assert await store.newest(f"reply-volume-{day}*", {"kafka.topic": "another", "kafka.partition": 0}) == -1
    assert await store.newest(f"hashtag-volume-{day}*", here) == -1
