"""Counts compared with the ledger: differences are reported where certain, repaired where possible."""

from typing import Any

import msgspec
import pytest

from hashtide.elasticsearch.values import Document, Found
from stream_jobs.documents import counts, keys
from stream_jobs.documents.counts import Count
from stream_jobs.documents.ledger import Ledger
from stream_jobs.enriched import EnrichedPost, Position
from stream_jobs.recount import Difference, Tally, ledger_is_whole

AT_MS = 1_508_097_600_000  # 2017-10-15T20:00:00Z
HERE = Position("topic", 0, 100)
LEDGER = Ledger(b"k" * 32, "topic")


def entry(post_id: str, offset: int, partition: int = 0, *tags: str, deleted: bool = False) -> dict[str, Any]:
    """A ledger document of an English reply."""
    post = EnrichedPost(
        platform="x",
        post_id=post_id,
        created_at_ms=AT_MS + 1,
        kind="reply",
        hashtags=tags,
        campaigns=("metoo",),
        language="en",
        language_source="platform",
        language_confidence=1.0,
        region=None,
        region_source=None,
        region_confidence=0.0,
    )
    source: dict[str, Any] = msgspec.json.decode(LEDGER.document(post, Position("topic", partition, offset)).body)
    if not deleted:
        return source
    return {"@timestamp": source["@timestamp"], "ledger": source["ledger"], "deleted_at": AT_MS + 2}


def count(
    family: str, total: int, version: int = 50, by: str = "en", status: Any = "provisional", partition: int = 0
) -> Found:
    """The count document of English replies, or of a hashtag."""
    source = entry("any", 0, 0, by)
    source["language"] = by if family == "reply-volume" else "en"
    (key,) = [key for key in keys.ledger_keys(source) if key.family == family]
    document = counts.count_document(key, "topic", partition, Count(total, version, status, 0))
    return Found(document.ref, msgspec.json.decode(document.body), version, 7, 1)


def tally(entries: list[dict[str, Any]], counts: list[Found], before: Position | None = None) -> Tally:
    result = Tally()
    for source in entries:
        result.enter(source, before)
    for found in counts:
        result.hold(found, before)
    return result


def reported(result: Tally) -> list[tuple[str, int, int, bool]]:
    return [(d.family, d.counted, d.expected, d.mendable) for d in result.differences()]


def written(mended: list[Document]) -> list[tuple[int, int, str, int]]:
    bodies = [(msgspec.json.decode(document.body), document.version) for document in mended]
    return [(body["count"], version, body["status"], body["revision"]) for body, version in bodies]


def test_counts_that_agree_are_not_reported() -> None:
    result = tally(
        [entry("1", 1, 0, "metoo"), entry("2", 2)], [count("reply-volume", 2), count("hashtag-volume", 1, by="metoo")]
    )
    assert result.posts == 2
    assert result.differences() == []
    assert result.mend(HERE) == []


def test_a_count_that_is_behind_or_ahead_is_reported_and_mended() -> None:
    result = tally(
        [entry("1", 1, 0, "metoo"), entry("2", 2)], [count("reply-volume", 1), count("hashtag-volume", 4, by="metoo")]
    )
    assert reported(result) == [("hashtag-volume", 4, 1, True), ("reply-volume", 1, 2, True)]
    assert written(result.mend(HERE)) == [(1, 101, "provisional", 0), (2, 101, "provisional", 0)]


def test_a_difference_says_which_count_it_is() -> None:
    (difference,) = tally([entry("1", 1, 0)], [count("reply-volume", 2)]).differences()
    assert difference == Difference(
        topic="topic",
        partition=0,
        window_ms=AT_MS,
        family="reply-volume",
        by={
            "campaign": ["metoo"],
            "platform": "x",
            "kind": "reply",
            "answers_root": False,
            "language": "en",
            "region": "ZZ",
            "origin": "live",
        },
        counted=2,
        expected=1,
        id=count("reply-volume", 2).ref.id,
        mendable=True,
    )


def test_a_count_that_is_missing_is_made() -> None:
    result = tally([entry("1", 1), entry("2", 2)], [])
    assert reported(result) == [("reply-volume", 0, 2, True)]
    (document,) = result.mend(HERE)
    assert document.ref == count("reply-volume", 2).ref
    assert written([document]) == [(2, 101, "provisional", 0)]


def test_a_count_without_any_post_of_its_own_falls_to_zero() -> None:
    result = tally([entry("1", 1)], [count("reply-volume", 1), count("reply-volume", 5, by="fr")])
    assert reported(result) == [("reply-volume", 5, 0, True)]
    assert written(result.mend(HERE)) == [(0, 101, "provisional", 0)]


@pytest.mark.parametrize("status", ["final", "corrected"])
def test_a_closed_count_is_corrected(status: str) -> None:
    result = tally([entry("1", 1)], [count("reply-volume", 3, status=status)])
    assert written(result.mend(HERE)) == [(1, 101, "corrected", 1)]


def test_a_window_without_any_ledger_is_recognised_and_left_alone() -> None:
    result = tally([], [count("reply-volume", 3)])
    assert result.unverified() == {AT_MS}
    assert result.differences() == []


def test_a_ledger_that_is_not_whole_says_nothing_of_any_count() -> None:
    result = tally([entry("1", 1)], [count("reply-volume", 500)])
    assert reported(result) == [("reply-volume", 500, 1, True)]
    result.whole = False
    assert result.unverified() == {AT_MS}
    assert (result.differences(), result.mend(HERE)) == ([], [])


@pytest.mark.parametrize(
    ("made", "whole"),
    [
        ({"posts-2017.10.15": 5, "reply-volume-2017.10.15": 6, "hashtag-volume-2017.10.15": 7}, True),
        ({"posts-2017.10.15": 6, "reply-volume-2017.10.15": 6}, True),
        ({"posts-2017.10.15": 7, "reply-volume-2017.10.15": 6, "hashtag-volume-2017.10.15": 9}, False),
        ({"posts-2017.10.15": 7, "reply-volume-2017.10.15": 9, "hashtag-volume-2017.10.15": 6}, False),
        ({"posts-2017.10.15": 7}, True),
        ({"reply-volume-2017.10.15": 6}, True),
        ({}, True),
    ],
)
def test_a_ledger_made_after_the_counts_is_not_the_one_that_they_were_counted_by(
    made: dict[str, int], whole: bool
) -> None:
    assert ledger_is_whole(made) == whole


def test_deleted_posts_explain_a_sum_that_is_ahead_by_their_number() -> None:
    entries = [entry("1", 1, 0, "metoo"), entry("2", 2, deleted=True), entry("3", 3, deleted=True)]
    counts = [count("reply-volume", 2), count("reply-volume", 1, by="fr"), count("hashtag-volume", 3, by="metoo")]
    result = tally(entries, counts)
    assert result.emptied == 2
    assert result.differences() == []


def test_more_or_fewer_than_the_deleted_posts_are_reported_as_a_sum_and_not_mended() -> None:
    entries = [entry("1", 1), entry("2", 2, deleted=True)]
    for total, ahead in ((1, 0), (4, 3)):
        result = tally(entries, [count("reply-volume", total)])
        assert reported(result) == [("reply-volume", ahead, 1, False)]
        assert result.mend(HERE) == []


def test_a_hashtag_ahead_by_more_than_the_deleted_posts_is_reported_and_not_mended() -> None:
    entries = [entry("1", 1, 0, "metoo"), entry("2", 2, deleted=True)]
    result = tally(entries, [count("reply-volume", 2), count("hashtag-volume", 3, by="metoo")])
    assert reported(result) == [("hashtag-volume", 3, 1, False)]
    assert result.mend(HERE) == []


def test_beside_deleted_posts_a_count_that_is_behind_is_mended_all_the_same() -> None:
    result = tally([entry("1", 1), entry("2", 2), entry("3", 3, deleted=True)], [count("reply-volume", 1)])
    assert reported(result) == [("reply-volume", 0, 1, False), ("reply-volume", 1, 2, True)]
    assert written(result.mend(HERE)) == [(2, 101, "provisional", 0)]


def test_an_order_counts_what_lies_before_it_in_its_own_partition() -> None:
    entries = [entry("1", 1), entry("2", 99), entry("3", 100), entry("4", 101), entry("5", 1, partition=1)]
    result = tally(entries, [count("reply-volume", 5), count("reply-volume", 9, partition=1)], HERE)
    assert reported(result) == [("reply-volume", 5, 2, True)]


def test_an_order_that_is_carried_out_again_leaves_alone_what_went_on_since() -> None:
    result = tally([entry("1", 1), entry("2", 2)], [count("reply-volume", 5, version=102)], HERE)
    assert result.mend(HERE) == []
    result = tally([entry("1", 1), entry("2", 2)], [count("reply-volume", 5, version=101)], HERE)
    assert written(result.mend(HERE)) == [(2, 101, "provisional", 0)]
