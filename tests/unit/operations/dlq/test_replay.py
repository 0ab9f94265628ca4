import json
from collections import Counter

import pytest

from hashtide.contract.dead_letters import DeadLetter, without_payload
from hashtide.identity import Keys, Pseudonyms
from hashtide.kafka.topics import TopicInfo
from operations.dlq.index import LetterEntry
from operations.dlq.replay import LETTERS_AT_ONCE, Replay, ReplayAccount
from operations.dlq.revive import Rules
from producers.publisher import PublishFailed
from stream_jobs import enriched

AUGUST_MS = 1_785_585_642_000  # 2026-08-01T12:00:42Z


class Kafka:
    """Keeps in order what is sent, as topic, key, partition and whether it is a tombstone, and every flush."""

    def __init__(self, fails_at_flush: int = 0) -> None:
        self.log: list[tuple[str, bytes | None, int | None, bool] | str] = []
        self._fails_at = fails_at_flush
        self._flushed = 0

    def send(self, topic: str, key_: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        self.log.append((topic, key_, partition, value is None))

    def flush(self) -> None:
        self._flushed += 1
        if self._flushed == self._fails_at:
            raise PublishFailed
        self.log.append("flush")


def replay(kafka: Kafka | None, account: ReplayAccount) -> Replay:
    topics = {"posts.raw": TopicInfo("raw-life", 4), "posts.enriched": TopicInfo("this-life", 4)}
    rules = Rules(topics, names=Pseudonyms(Keys(bytes(32))), clock_ms=lambda: AUGUST_MS, matches=lambda post: True)
    return Replay(rules, kafka, account)


def buried(number: int, payload: bytes, source: str = "x", position: str = "") -> tuple[LetterEntry, DeadLetter]:
    letter = DeadLetter(
        reason="wrong-type", detail="", source=source, position=position, payload=payload, at_ms=AUGUST_MS
    )
    entry = LetterEntry(
        key=b"letter %d" % number,
        partition=3,
        offset=number,
        reason=letter.reason,
        source=source,
        at_ms=AUGUST_MS,
        size=len(payload),
    )
    return entry, letter


def native(number: int) -> bytes:
    return json.dumps({"id": str(number), "text": "hello", "created_at": AUGUST_MS, "platform": "x"}).encode()


def refused(number: int, created_at_ms: int) -> tuple[LetterEntry, DeadLetter]:
    post = enriched.EnrichedPost(
        platform="x",
        post_id=str(number),
        created_at_ms=created_at_ms,
        kind="original",
        language="en",
        language_source="detector",
        language_confidence=0.9,
        region=None,
        region_source=None,
        region_confidence=0.0,
    )
    return buried(number, enriched.encode(post), "posts.enriched", f"this-life:2:{number}")


def test_a_letter_is_taken_out_of_its_partition_after_kafka_has_what_it_became() -> None:
    kafka, account = Kafka(), ReplayAccount(selected=2)
    run = replay(kafka, account)
    run.take(*buried(1, native(1)))
    run.take(*buried(2, b"["))
    run.settle()
    assert kafka.log == [
        ("posts.raw", b"x:1", None, False),
        "flush",
        ("posts.dead", b"letter 1", 3, True),
        "flush",
    ]
    assert account == ReplayAccount(selected=2, replayed=1, sent=1, stayed=Counter({"not-json": 1}))


def test_letters_stay_when_kafka_does_not_take_what_they_became() -> None:
    kafka, account = Kafka(fails_at_flush=1), ReplayAccount()
    run = replay(kafka, account)
    run.take(*buried(1, native(1)))
    with pytest.raises(PublishFailed):
        run.settle()
    assert kafka.log == [("posts.raw", b"x:1", None, False)]
    assert account.replayed == 0


def test_each_window_of_a_partition_is_counted_again_once_behind_its_posts() -> None:
    kafka, account = Kafka(), ReplayAccount()
    run = replay(kafka, account)
    run.take(*refused(1, AUGUST_MS))
    run.take(*refused(2, AUGUST_MS + 60_000))
    run.take(*refused(3, AUGUST_MS + 1))
    run.settle()
    assert kafka.log == [
        ("posts.enriched", b"x:1", 2, False),
        ("posts.enriched", b"x:2", 2, False),
        ("posts.enriched", b"x:3", 2, False),
        ("posts.enriched", None, 2, False),
        ("posts.enriched", None, 2, False),
        "flush",
        ("posts.dead", b"letter 1", 3, True),
        ("posts.dead", b"letter 2", 3, True),
        ("posts.dead", b"letter 3", 3, True),
        "flush",
    ]
    assert (account.replayed, account.sent) == (3, 3)


def test_a_long_replay_settles_on_its_way() -> None:
    kafka, account = Kafka(), ReplayAccount()
    run = replay(kafka, account)
    for number in range(LETTERS_AT_ONCE + 1):
        run.take(*buried(number, native(number)))
    assert (account.replayed, account.sent, kafka.log.count("flush")) == (1_000, 1_000, 2)
    run.settle()
    assert (account.replayed, account.sent) == (1_001, 1_001)
    assert kafka.log[-3:] == ["flush", ("posts.dead", b"letter 1000", 3, True), "flush"]


def test_a_letter_in_which_nothing_is_wrong_any_more_is_taken_out() -> None:
    kafka, account = Kafka(), ReplayAccount()
    run = replay(kafka, account)
    run.take(*buried(1, b'{"limit": {"track": 3}}'))
    run.settle()
    assert kafka.log == ["flush", ("posts.dead", b"letter 1", 3, True), "flush"]
    assert (account.replayed, account.sent) == (1, 0)


def test_without_kafka_it_is_only_told_what_would_become_of_them() -> None:
    account = ReplayAccount()
    run = replay(None, account)
    run.take(*buried(1, native(1)))
    run.take(*buried(2, b"["))
    run.settle()
    assert account == ReplayAccount(replayed=1, sent=1, stayed=Counter({"not-json": 1}))


def test_a_letter_whose_bytes_were_not_kept_stays_and_is_told_so() -> None:
    account = ReplayAccount()
    run = replay(None, account)
    entry, letter = buried(1, native(1))
    run.take(entry, without_payload(letter))
    run.settle()
    assert (account.replayed, account.sent, account.stayed) == (0, 0, {"without-bytes": 1})
