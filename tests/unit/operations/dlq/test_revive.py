import json
from collections.abc import Callable

import pytest

from hashtide.contract import messages
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Canary, Gap, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost, Reason
from hashtide.identity import Keys, Pseudonyms
from hashtide.kafka.topics import TopicInfo
from operations.dlq.revive import OutgoingRecord, Revived, Rules
from stream_jobs import enriched
from stream_jobs.enriched import DeletedPost, EnrichedPost, Recount

AUGUST_MS = 1_785_585_642_000  # 2026-08-01T12:00:42Z
WINDOW_MS = 1_785_585_600_000
AUTHOR = "6bcf3d4b5fd7b0f1b7b1e8a2a2c8a0a76cbb4a37ee8a9cf3a67f1b5c3fb1e2a4"
TOPICS = {"posts.raw": TopicInfo("raw-life", 4), "posts.enriched": TopicInfo("this-life", 6)}


def rules(matches: Callable[[Post], bool] = lambda post: False) -> Rules:
    return Rules(TOPICS, names=Pseudonyms(Keys(bytes(range(32)))), clock_ms=lambda: AUGUST_MS, matches=matches)


def letter(
    payload: bytes, *, source: str = "file:a.jsonl", position: str = "line 1", reason: Reason = "wrong-type"
) -> DeadLetter:
    return DeadLetter(reason=reason, detail="", source=source, position=position, payload=payload, at_ms=AUGUST_MS)


def native(**fields: object) -> bytes:
    return json.dumps({"id": "1", "text": "hello", "created_at": AUGUST_MS, "platform": "x"} | fields).encode()


def enriched_post(created_at_ms: int = AUGUST_MS) -> EnrichedPost:
    return EnrichedPost(
        platform="x",
        post_id="1",
        created_at_ms=created_at_ms,
        kind="original",
        language="en",
        language_source="detector",
        language_confidence=0.9,
        region=None,
        region_source=None,
        region_confidence=0.0,
        raw=enriched.Position("raw-life", 1, 17),
    )


def recount(partition: int, window_ms: int = WINDOW_MS) -> OutgoingRecord:
    return OutgoingRecord("posts.enriched", None, b'{"type":"recount","window_ms":%d}' % window_ms, partition)


def test_a_payload_that_can_be_read_now_goes_the_way_of_every_post() -> None:
    [record], recount = rules().revive(letter(native(author_id="42"), source="file:a.jsonl"))
    assert record.value is not None
    post = messages.decode(record.value)
    assert isinstance(post, Post)
    assert (record.topic, record.key, record.partition) == ("posts.raw", b"x:1", None)
    assert (post.text, post.created_at_ms, post.origin, post.source) == ("hello", AUGUST_MS, "replay", "file")
    assert post.author is not None
    assert len(post.author) == 64
    assert recount is None


@pytest.mark.parametrize(
    ("source", "kind"),
    [("campaign", "campaign"), ("x", "x"), ("mastodon:example.social", "mastodon"), ("stdin", "stdin")],
)
def test_a_post_keeps_the_kind_of_source_that_it_came_from(source: str, kind: str) -> None:
    [record], _ = rules().revive(letter(native(), source=source))
    assert record.value is not None
    post = messages.decode(record.value)
    assert isinstance(post, Post)
    assert post.source == kind


def test_of_a_page_every_post_goes_back() -> None:
    page = b"[" + native(id="1") + b"," + native(id="2") + b"]"
    assert [record.key for record in rules().revive(letter(page)).records] == [b"x:1", b"x:2"]


def test_a_page_with_one_post_that_is_still_bad_stays_whole() -> None:
    page = b"[" + native(id="1") + b"," + native(id=None) + b"]"
    with pytest.raises(InvalidPost, match="no-id"):
        rules().revive(letter(page))


def test_what_turns_out_to_be_no_post_and_no_fault_becomes_nothing() -> None:
    assert rules().revive(letter(b'{"limit": {"track": 3}}', source="x")) == Revived(())


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"id": "1"', "not-json"),
        (b"\xff", "not-json"),
        (b"[1]", "not-a-post"),
        (native(text=None), "no-text"),
        (native(created_at=AUGUST_MS + 300_001), "in-the-future"),
        (native(created_at=1_136_073_599), "before-2006"),
    ],
)
def test_what_is_still_wrong_stays_with_its_reason(payload: bytes, reason: Reason) -> None:
    with pytest.raises(InvalidPost) as caught:
        rules().revive(letter(payload))
    assert caught.value.reason == reason


def test_of_what_was_not_public_there_is_nothing_to_send() -> None:
    with pytest.raises(InvalidPost, match="private: nothing of it was kept"):
        rules().revive(letter(b"", source="mastodon:example.social", reason="private"))


@pytest.mark.parametrize("source", ["file:a.jsonl", "posts.raw", "posts.enriched"])
def test_what_was_cut_stays_even_if_the_rest_could_be_read(source: str) -> None:
    payload = native()
    with pytest.raises(InvalidPost, match="too-large: only its beginning was kept"):
        rules().revive(letter(payload + b" " * (1_048_576 - len(payload)), source=source))


@pytest.mark.parametrize(
    ("source", "position", "filtered"),
    [
        ("jetstream", "cursor 1785585642000000", True),
        ("mastodon:example.social", "public after 1", True),
        ("mastodon:example.social", "public/local after 1", True),
        ("mastodon:example.social", "hashtag:OpenTheHarbour after 1", False),
        ("x", "received 1785585642000", False),
        ("file:jetstream", "line 1", False),
    ],
)
def test_of_a_firehose_only_posts_of_a_campaign_go_back(source: str, position: str, filtered: bool) -> None:
    lost = letter(native(), source=source, position=position)
    assert len(rules(matches=lambda post: False).revive(lost).records) == (0 if filtered else 1)
    assert len(rules(matches=lambda post: post.text == "hello").revive(lost).records) == 1


@pytest.mark.parametrize(
    ("message", "key"),
    [
        (Post(platform="x", post_id="1", created_at_ms=AUGUST_MS, text="hello", author=AUTHOR, source="file"), b"x:1"),
        (
            PostEdit(
                post=Post(platform="x", post_id="1", created_at_ms=AUGUST_MS, text="hello"), edited_at_ms=AUGUST_MS
            ),
            b"x:1",
        ),
        (PostDelete(platform="x", post_id="1"), b"x:1"),
        (Gap(source="x", from_ms=AUGUST_MS, to_ms=AUGUST_MS, reason="stalled"), b"gap:x"),
    ],
)
def test_a_message_of_posts_raw_that_can_be_decoded_goes_there_as_it_is(message: messages.Sent, key: bytes) -> None:
    lost = letter(messages.encode(message), source="posts.raw", position="raw-life:0:7", reason="undecodable")
    assert rules().revive(lost) == Revived((OutgoingRecord("posts.raw", key, messages.encode(message)),))


@pytest.mark.parametrize("source", ["posts.raw", "posts.enriched"])
def test_a_message_that_still_can_not_be_decoded_stays(source: str) -> None:
    with pytest.raises(InvalidPost, match="undecodable"):
        rules().revive(letter(b'{"type": "pst"}', source=source, reason="undecodable"))


def test_an_enriched_post_goes_back_to_its_partition_and_its_window_is_counted_again() -> None:
    value = enriched.encode(enriched_post())
    lost = letter(value, source="posts.enriched", position="this-life:5:99", reason="refused-by-elasticsearch")
    assert rules().revive(lost) == Revived((OutgoingRecord("posts.enriched", b"x:1", value, 5),), recount(5))


@pytest.mark.parametrize(
    "position", ["earlier-life:5:99", "this-life:6:99", "this-life:-1:99", "this-life", "", f"this-life:{'9' * 5000}:1"]
)
def test_an_enriched_post_of_another_life_of_the_topic_goes_where_posts_raw_has_its_key(position: str) -> None:
    value = enriched.encode(enriched_post())
    lost = letter(value, source="posts.enriched", position=position, reason="refused-by-elasticsearch")
    assert rules().revive(lost) == Revived((OutgoingRecord("posts.enriched", b"x:1", value, 1),), recount(1))


@pytest.mark.parametrize(
    ("message", "key", "by_key"),
    [
        (DeletedPost(platform="x", post_id="2", raw=enriched.Position("raw-life", 1, 17)), b"x:2", 2),
        (Gap(source="x", from_ms=AUGUST_MS, to_ms=AUGUST_MS, reason="stalled"), b"gap:x", 0),
    ],
)
def test_a_deletion_or_a_gap_goes_back_and_no_window_is_counted_again(
    message: enriched.Enriched, key: bytes, by_key: int
) -> None:
    value = enriched.encode(message)
    for position, partition in (("this-life:5:99", 5), ("earlier-life:5:99", by_key)):
        lost = letter(value, source="posts.enriched", position=position, reason="refused-by-elasticsearch")
        assert rules().revive(lost) == Revived((OutgoingRecord("posts.enriched", key, value, partition),))


@pytest.mark.parametrize("source", ["posts.raw", "posts.enriched"])
def test_a_canary_goes_nowhere_for_nobody_waits_for_it_any_more(source: str) -> None:
    canary = messages.encode(Canary(id="00c0ffee00c0ffee", sent_at_ms=AUGUST_MS))
    assert rules().revive(letter(canary, source=source, position="this-life:3:99", reason="undecodable")) == Revived(())


def test_an_order_to_count_again_is_given_again_to_its_partition() -> None:
    value = enriched.encode(Recount(window_ms=WINDOW_MS))
    lost = letter(value, source="posts.enriched", position="this-life:3:99", reason="refused-by-elasticsearch")
    assert rules().revive(lost) == Revived((), recount(3))


def test_an_order_to_count_again_of_an_earlier_life_stays() -> None:
    lost = letter(enriched.encode(Recount(window_ms=WINDOW_MS)), source="posts.enriched", position="earlier-life:3:99")
    with pytest.raises(InvalidPost, match="of a partition that is no more"):
        rules().revive(lost)


@pytest.mark.parametrize(
    ("created_at_ms", "reason"),
    [(1_136_073_599_999, "before-2006"), (AUGUST_MS + 300_001, "in-the-future"), (1 << 62, "in-the-future")],
)
def test_an_enriched_post_of_a_time_that_can_not_be_stays(created_at_ms: int, reason: Reason) -> None:
    with pytest.raises(InvalidPost) as caught:
        rules().revive(letter(enriched.encode(enriched_post(created_at_ms)), source="posts.enriched"))
    assert caught.value.reason == reason
