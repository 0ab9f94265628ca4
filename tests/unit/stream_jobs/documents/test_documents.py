"""Ids are literals here: if one changed, every worker would start new counts beside the old ones."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from hashtide.contract.messages import Gap, PostDelete
from hashtide.elasticsearch.templates import packaged_templates
from hashtide.elasticsearch.values import Ref
from hashtide.identity import ledger_key
from stream_jobs.documents.counts import Count, count_document, count_ref
from stream_jobs.documents.keys import CountKey, HashtagKey, ReplyKey, count_keys
from stream_jobs.documents.ledger import Ledger, edited, emptied, ledger_position
from stream_jobs.documents.signs import gap_document
from stream_jobs.enriched import EnrichedPost, Position
from tests.fakes.store import template_refusal

TOPIC = "bUaR0mNkS2mVoTj4v0Xyzw"
KEY = ledger_key(b"0123456789abcdef0123456789abcdef")

REPLY = ReplyKey("reply-volume", 1_508_097_600_000, ("metoo",), "x", "reply", True, "en", "US", "live")
HASHTAG = HashtagKey("hashtag-volume", 1_508_097_600_000, ("metoo",), "x", "live", "metoo")

POST = EnrichedPost(
    platform="x",
    post_id="919659438700670976",
    created_at_ms=1_508_097_630_123,
    kind="reply",
    answers_root=True,
    hashtags=("metoo", "moiaussi"),
    campaigns=("metoo",),
    why={"metoo": ("tag", "root-reply")},
    language_claimed="en",
    language="fr",
    language_source="detector",
    language_confidence=0.93,
    region=None,
    region_source=None,
    region_confidence=0.0,
    author="5d41402a",
)


def test_a_post_has_one_reply_key_and_one_for_each_hashtag() -> None:
    assert list(count_keys(POST)) == [
        ReplyKey("reply-volume", 1_508_097_600_000, ("metoo",), "x", "reply", True, "fr", "ZZ", "live"),
        HashtagKey("hashtag-volume", 1_508_097_600_000, ("metoo",), "x", "live", "metoo"),
        HashtagKey("hashtag-volume", 1_508_097_600_000, ("metoo",), "x", "live", "moiaussi"),
    ]


@pytest.mark.parametrize(
    ("key", "ref"),
    [
        (REPLY, Ref("reply-volume-2017.10.15", "6663d4783bb68de29110027752e0c212")),
        (HASHTAG, Ref("hashtag-volume-2017.10.15", "661a0fa7139ed58b0b8c5130bc130259")),
    ],
)
def test_a_count_lies_where_its_key_says(key: CountKey, ref: Ref) -> None:
    assert count_ref(key, TOPIC, 0) == ref


def test_every_part_of_a_key_the_topic_and_the_partition_make_another_count() -> None:
    others: list[CountKey] = [
        REPLY,
        replace(REPLY, window_ms=1_508_097_660_000),
        replace(REPLY, campaigns=()),
        replace(REPLY, campaigns=("metoo", "timesup")),
        replace(REPLY, platform="mastodon"),
        replace(REPLY, kind="quote"),
        replace(REPLY, answers_root=False),
        replace(REPLY, language="es"),
        replace(REPLY, region="ZZ"),
        replace(REPLY, origin="backfill"),
        HASHTAG,
        replace(HASHTAG, hashtag="moiaussi"),
        replace(HASHTAG, campaigns=()),
    ]
    ids = {count_ref(key, topic, partition).id for key in others for topic in (TOPIC, "b") for partition in (0, 1, 11)}
    assert len(ids) == 13 * 2 * 3


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    one = replace(HASHTAG, campaigns=("a", "b"), platform="c")
    two = replace(HASHTAG, campaigns=("a",), platform="b")
    three = replace(HASHTAG, campaigns=('a","b',), platform="c")
    assert len({count_ref(key, TOPIC, 0).id for key in (one, two, three)}) == 3


def test_a_count_document_says_all_that_people_ask_for() -> None:
    document = count_document(REPLY, TOPIC, 3, Count(17, 42, "corrected", 3))
    assert document.ref == count_ref(REPLY, TOPIC, 3)
    assert document.version == 42
    assert json.loads(document.body) == {
        "@timestamp": 1_508_097_600_000,
        "campaign": ["metoo"],
        "platform": "x",
        "kind": "reply",
        "answers_root": True,
        "language": "en",
        "region": "US",
        "origin": "live",
        "count": 17,
        "status": "corrected",
        "revision": 3,
        "kafka": {"topic": TOPIC, "partition": 3},
    }


def test_a_count_of_a_hashtag_says_which() -> None:
    assert json.loads(count_document(HASHTAG, TOPIC, 0, Count(2, 9)).body) == {
        "@timestamp": 1_508_097_600_000,
        "campaign": ["metoo"],
        "platform": "x",
        "origin": "live",
        "hashtag": "metoo",
        "count": 2,
        "status": "provisional",
        "revision": 0,
        "kafka": {"topic": TOPIC, "partition": 0},
    }


def test_a_ledger_id_is_the_same_for_every_copy_of_a_post() -> None:
    ledger = Ledger(KEY, TOPIC)
    copy = msgspec.structs.replace(POST, created_at_ms=1, language="en", edited_at_ms=5)
    deletion = PostDelete(platform="x", post_id="919659438700670976")
    assert ledger.id(POST) == "67969f4b3a0ea9e9b29b467c987308e9"
    assert ledger.id(copy) == ledger.id(deletion) == "67969f4b3a0ea9e9b29b467c987308e9"


def test_a_ledger_id_is_another_for_another_post_platform_topic_or_key() -> None:
    ids = {
        Ledger(key, topic).id(msgspec.structs.replace(POST, platform=platform, post_id=post_id))
        for key in (KEY, KEY[::-1])
        for topic in (TOPIC, "another")
        for platform in ("x", "mastodon")
        for post_id in ("1", "2")
    }
    assert len(ids) == 16


@pytest.mark.parametrize(
    ("created_at_ms", "index"),
    [
        (1_508_111_999_999, "posts-2017.10.15"),
        (1_508_111_999_000, "posts-2017.10.15"),
        (1_508_112_000_000, "posts-2017.10.16"),
    ],
)
def test_a_ledger_document_lies_in_the_day_of_its_post(created_at_ms: int, index: str) -> None:
    assert Ledger(KEY, TOPIC).ref(msgspec.structs.replace(POST, created_at_ms=created_at_ms)).index == index


def test_a_ledger_document_holds_no_name_of_its_post() -> None:
    document = Ledger(KEY, TOPIC).document(POST, Position(TOPIC, 2, 41))
    assert b"919659438700670976" not in document.body
    assert "919659438700670976" not in document.ref.id
    assert json.loads(document.body) == {
        "@timestamp": 1_508_097_630_123,
        "platform": "x",
        "kind": "reply",
        "answers_root": True,
        "campaign": ["metoo"],
        "why": ["metoo:root-reply", "metoo:tag"],
        "hashtag": ["metoo", "moiaussi"],
        "language": "fr",
        "language_source": "detector",
        "language_claimed": "en",
        "region": "ZZ",
        "region_source": None,
        "origin": "live",
        "author": "5d41402a",
        "ledger": {"topic": TOPIC, "partition": 2, "offset": 41},
    }


def test_the_position_is_read_back_from_a_ledger_document() -> None:
    body = json.loads(Ledger(KEY, TOPIC).document(POST, Position(TOPIC, 2, 41)).body)
    assert ledger_position(body) == Position(TOPIC, 2, 41)


ENTRY = {"@timestamp": 1_000, "language": "fr", "ledger": {"topic": "t", "partition": 0, "offset": 1}}


@pytest.mark.parametrize(
    ("entry", "edited_at_ms", "noted"),
    [
        (ENTRY, 2_000, ENTRY | {"edited_at": 2_000}),
        (ENTRY | {"edited_at": 1_999}, 2_000, ENTRY | {"edited_at": 2_000}),
        (ENTRY | {"edited_at": 2_000}, 2_000, None),
        (ENTRY | {"edited_at": 2_001}, 2_000, None),
        (ENTRY | {"deleted_at": 1_500}, 2_000, None),
    ],
)
def test_an_edit_is_noted_once_and_never_on_a_deleted_post(
    entry: dict[str, object], edited_at_ms: int, noted: dict[str, object] | None
) -> None:
    body = edited(entry, msgspec.structs.replace(POST, edited_at_ms=edited_at_ms))
    assert (None if body is None else json.loads(body)) == noted


@pytest.mark.parametrize(
    ("entry", "deleted_at_ms", "left"),
    [
        (ENTRY, 2_000, {"@timestamp": 1_000, "ledger": ENTRY["ledger"], "deleted_at": 2_000}),
        (ENTRY | {"edited_at": 5}, 2_000, {"@timestamp": 1_000, "ledger": ENTRY["ledger"], "deleted_at": 2_000}),
        (ENTRY, None, {"@timestamp": 1_000, "ledger": ENTRY["ledger"], "deleted_at": 1_000}),
        ({"@timestamp": 1_000, "ledger": ENTRY["ledger"], "deleted_at": 1_500}, 2_000, None),
    ],
)
def test_a_deletion_leaves_what_dedupes_the_post_and_no_more(
    entry: dict[str, object], deleted_at_ms: int | None, left: dict[str, object] | None
) -> None:
    body = emptied(entry, deleted_at_ms)
    assert (None if body is None else json.loads(body)) == left


def test_a_gap_is_named_by_all_that_it_says_but_the_estimate() -> None:
    gap = Gap(source="mastodon:example.social", from_ms=1_508_097_600_000, to_ms=1_508_097_720_000, reason="stalled")
    document = gap_document(gap)
    assert document.ref == Ref("ingest-gaps", "e630d19796248051097ee1da7d5eaa51")
    assert json.loads(document.body) == {
        "@timestamp": 1_508_097_600_000,
        "event": {"start": 1_508_097_600_000, "end": 1_508_097_720_000, "reason": "stalled"},
        "source": "mastodon:example.social",
        "estimated_posts": None,
    }
    assert gap_document(msgspec.structs.replace(gap, estimated_posts=9)).ref == document.ref
    assert gap_document(msgspec.structs.replace(gap, to_ms=1)).ref != document.ref


def test_every_document_fits_the_template_of_its_index() -> None:
    ledger = Ledger(KEY, TOPIC).document(POST, Position(TOPIC, 2, 41))
    entry = json.loads(ledger.body)
    bodies = [
        ("reply-volume-2017.10.15", count_document(REPLY, TOPIC, 0, Count(1, 1)).body),
        ("hashtag-volume-2017.10.15", count_document(HASHTAG, TOPIC, 0, Count(1, 1)).body),
        ("posts-2017.10.15", ledger.body),
        ("posts-2017.10.15", edited(entry, msgspec.structs.replace(POST, edited_at_ms=1))),
        ("posts-2017.10.15", emptied(entry, None)),
        ("ingest-gaps", gap_document(Gap(source="x", from_ms=1, to_ms=2, reason="stalled")).body),
    ]
    for index, body in bodies:
        assert body is not None
        assert template_refusal(index, json.loads(body)) == ""
        assert template_refusal(index, json.loads(body) | {"handle": "so_it_is"}) != ""


def test_every_template_is_strict_and_has_a_version() -> None:
    assert sorted(packaged_templates()) == [
        "hashtide-canary",
        "hashtide-hashtag-volume",
        "hashtide-ingest-gaps",
        "hashtide-posts",
        "hashtide-reply-volume",
    ]
    for template in packaged_templates().values():
        assert template["version"] >= 1
        assert template["template"]["mappings"]["dynamic"] == "strict"
