import json
from collections.abc import Callable

import pytest

from hashtide.contract import messages
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Canary, EmptyEntry, Gap, Post, PostDelete, PostEdit, Recount
from hashtide.contract.reasons import InvalidPost, Reason
from hashtide.identity import Keys, Pseudonyms
from operations.dlq.index import LetterEntry
from operations.dlq.records import WholeLetter
from operations.dlq.revive import OutgoingRecord, Revived, Rules

AUGUST_MS = 1_785_585_642_000  # 2026-08-01T12:00:42Z
WINDOW_MS = 1_785_585_600_000
AUTHOR = "6bcf3d4b5fd7b0f1b7b1e8a2a2c8a0a76cbb4a37ee8a9cf3a67f1b5c3fb1e2a4"


def rules(matches: Callable[[Post], bool] = lambda post: False) -> Rules:
    return Rules(names=Pseudonyms(Keys(bytes(range(32)))), clock_ms=lambda: AUGUST_MS, matches=matches)


def of_producer(
    payload: bytes, *, source: str = "file:a.jsonl", position: str = "line 1", reason: Reason = "wrong-type"
) -> WholeLetter:
    letter = DeadLetter(reason=reason, detail="", source=source, position=position, payload=payload, at_ms=AUGUST_MS)
    return WholeLetter(entry(letter), letter, payload)


def of_worker(
    value: bytes, *, position: str = "topic-id:5:99", reason: Reason = "refused-by-elasticsearch"
) -> WholeLetter:
    """A worker's letter with its record, as posts.raw still has it."""
    letter = DeadLetter(reason=reason, detail="", source="posts.raw", position=position, payload=b"", at_ms=AUGUST_MS)
    return WholeLetter(entry(letter), letter, value, appended_ms=AUGUST_MS)


def entry(letter: DeadLetter) -> LetterEntry:
    return LetterEntry(
        key=b"key",
        partition=0,
        offset=0,
        reason=letter.reason,
        source=letter.source,
        at_ms=letter.at_ms,
        size=len(letter.payload),
    )


def post(created_at_ms: int = AUGUST_MS) -> Post:
    return Post(platform="x", post_id="1", created_at_ms=created_at_ms, text="hello", author=AUTHOR, source="file")


def recount(partition: int) -> OutgoingRecord:
    return OutgoingRecord("posts.raw", b"order", b'{"type":"recount/2","window_ms":1785585600000}', partition)


def native(**fields: object) -> bytes:
    return json.dumps({"id": "1", "text": "hello", "created_at": AUGUST_MS, "platform": "x"} | fields).encode()


def test_a_payload_that_is_valid_now_becomes_a_post_like_any_other() -> None:
    [record], recount = rules().revive(of_producer(native(author_id="42"), source="file:a.jsonl"))
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
    [record], _ = rules().revive(of_producer(native(), source=source))
    assert record.value is not None
    post = messages.decode(record.value)
    assert isinstance(post, Post)
    assert post.source == kind


def test_every_post_of_a_page_is_sent() -> None:
    page = b"[" + native(id="1") + b"," + native(id="2") + b"]"
    assert [record.key for record in rules().revive(of_producer(page)).records] == [b"x:1", b"x:2"]


def test_a_page_stays_if_one_of_its_posts_is_still_wrong() -> None:
    page = b"[" + native(id="1") + b"," + native(id=None) + b"]"
    with pytest.raises(InvalidPost, match="no-id"):
        rules().revive(of_producer(page))


def test_a_payload_that_is_valid_now_and_has_no_post_becomes_no_message() -> None:
    assert rules().revive(of_producer(b'{"limit": {"track": 3}}', source="x")) == Revived(())


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
def test_a_payload_that_is_still_wrong_stays_with_its_reason(payload: bytes, reason: Reason) -> None:
    with pytest.raises(InvalidPost) as caught:
        rules().revive(of_producer(payload))
    assert caught.value.reason == reason


def test_a_private_post_stays_because_its_content_was_not_kept() -> None:
    with pytest.raises(InvalidPost, match="private: its content was not kept"):
        rules().revive(of_producer(b"", source="mastodon:example.social", reason="private"))


def test_a_payload_that_was_cut_stays_even_if_its_beginning_is_valid() -> None:
    payload = native()
    with pytest.raises(InvalidPost, match="too-large: only its beginning was kept"):
        rules().revive(of_producer(payload + b" " * (1_048_576 - len(payload))))


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
def test_from_a_source_of_all_public_posts_only_posts_of_a_campaign_are_sent(
    source: str, position: str, filtered: bool
) -> None:
    lost = of_producer(native(), source=source, position=position)
    assert len(rules(matches=lambda post: False).revive(lost).records) == (0 if filtered else 1)
    assert len(rules(matches=lambda post: post.text == "hello").revive(lost).records) == 1


@pytest.mark.parametrize(
    "message",
    [post(), PostEdit(post=post(), edited_at_ms=AUGUST_MS + 1_000)],
    ids=["post", "edit"],
)
def test_a_post_of_posts_raw_is_sent_unchanged_to_its_partition_followed_by_a_recount_of_its_window(
    message: messages.Sent,
) -> None:
    value = messages.encode(message)
    assert rules().revive(of_worker(value)) == Revived((OutgoingRecord("posts.raw", b"x:1", value, 5),), recount(5))


@pytest.mark.parametrize(
    ("message", "key"),
    [
        (PostDelete(platform="x", post_id="1"), b"x:1"),
        (Gap(source="x", from_ms=AUGUST_MS, to_ms=AUGUST_MS, reason="stalled"), b"gap:x"),
        (EmptyEntry(index="posts-2026.08.01", id="00c0ffee00c0ffee00c0ffee00c0ffee", deleted_at_ms=7), b"order"),
    ],
    ids=["deletion", "gap", "order to empty an entry"],
)
def test_other_messages_of_posts_raw_are_sent_unchanged_to_their_partition_without_a_recount(
    message: messages.Sent, key: bytes
) -> None:
    value = messages.encode(message)
    assert rules().revive(of_worker(value)) == Revived((OutgoingRecord("posts.raw", key, value, 5),))


def test_a_canary_is_not_sent_again() -> None:
    canary = messages.encode(Canary(id="00c0ffee00c0ffee", sent_at_ms=AUGUST_MS))
    assert rules().revive(of_worker(canary)) == Revived(())


def test_an_order_to_recount_is_sent_again_once_with_the_other_recounts() -> None:
    value = messages.encode(Recount(window_ms=WINDOW_MS))
    assert rules().revive(of_worker(value)) == Revived((), recount(5))


@pytest.mark.parametrize("value", [b'{"type": "pst"}', b"\xff", b""])
def test_a_record_of_posts_raw_that_still_cannot_be_decoded_stays(value: bytes) -> None:
    with pytest.raises(InvalidPost, match="undecodable"):
        rules().revive(of_worker(value, reason="undecodable"))


def test_a_record_of_a_newer_schema_stays() -> None:
    with pytest.raises(InvalidPost, match="undecodable: message has type post/3"):
        rules().revive(of_worker(b'{"type": "post/3"}', reason="undecodable"))


@pytest.mark.parametrize(
    ("created_at_ms", "reason"),
    [(1_136_073_599_999, "before-2006"), (AUGUST_MS + 300_001, "in-the-future"), (1 << 62, "in-the-future")],
)
def test_a_post_of_posts_raw_with_an_impossible_time_stays(created_at_ms: int, reason: Reason) -> None:
    with pytest.raises(InvalidPost) as caught:
        rules().revive(of_worker(messages.encode(post(created_at_ms))))
    assert caught.value.reason == reason


def test_a_letter_of_a_worker_without_a_readable_position_stays() -> None:
    with pytest.raises(InvalidPost, match=r"undecodable: the letter does not name a position in posts\.raw"):
        rules().revive(of_worker(b"", position="somewhere"))
